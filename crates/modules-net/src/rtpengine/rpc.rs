//! `rtpengine.*`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::rpc::{RpcCall, RpcError, RpcValue};
use media::ng;
use media::nodes::{Health, Node};
use media::relay;

use super::{Relay, Rtpengine};

type Answer = Result<Vec<RpcValue>, RpcError>;

fn relay_of(call: &RpcCall<'_>) -> Result<Arc<Relay>, RpcError> {
    let running = call.server.running();
    let state = running.state::<Rtpengine>();
    state
        .map(|state| Arc::clone(&state.relay))
        .ok_or_else(|| RpcError::new(500, "module rtpengine is not loaded"))
}

/// The nodes of the first argument's URL, or all.
fn named(call: &RpcCall<'_>, relay: &Relay) -> Result<(String, Vec<Arc<Node>>), RpcError> {
    let text = call.text(0)?;
    // Two colons before a URL keep kamcmd from taking it for something else.
    let url = text.strip_prefix("::").unwrap_or(&text);
    let nodes: Vec<_> = relay.sets.all().filter(|node| url == "all" || node.url == url).cloned().collect();
    if nodes.is_empty() {
        return Err(RpcError::new(404, "Instance not found"));
    }
    Ok((url.to_owned(), nodes))
}

pub(super) fn show(call: &RpcCall<'_>) -> Answer {
    let (_, nodes) = named(call, &*relay_of(call)?)?;
    Ok(nodes.iter().map(|node| row(node)).collect())
}

fn row(node: &Node) -> RpcValue {
    let (disabled, recheck) = match node.health() {
        Health::Up => (0.into(), 0.into()),
        Health::Off => ("1(permanent)".into(), "N/A".into()),
        Health::Down(until) => {
            (1.into(), RpcValue::count(until.saturating_duration_since(Instant::now()).as_secs()))
        }
    };
    RpcValue::structure([
        ("url", node.url.as_str().into()),
        ("set", RpcValue::count(node.set)),
        ("index", RpcValue::count(node.index)),
        ("weight", RpcValue::count(node.weight)),
        ("disabled", disabled),
        ("recheck_ticks", recheck),
    ])
}

fn status(url: String, status: &str) -> Answer {
    Ok(vec![RpcValue::structure([("url", url.into()), ("status", status.into())])])
}

/// Whether all nodes answer.
fn probe(call: &RpcCall<'_>, relay: &Relay, nodes: &[Arc<Node>]) -> bool {
    call.wait(async {
        let mut there = true;
        for node in nodes {
            there &= relay::probe(node, ng::PROTOCOL, &relay.manners).await;
        }
        there
    })
}

pub(super) fn ping(call: &RpcCall<'_>) -> Answer {
    let relay = relay_of(call)?;
    let (url, nodes) = named(call, &relay)?;
    let asked: Vec<_> = nodes.into_iter().filter(|node| node.health() != Health::Off).collect();
    let there = probe(call, &relay, &asked);
    status(url, if there { "success" } else { "fail" })
}

pub(super) fn enable(call: &RpcCall<'_>) -> Answer {
    let relay = relay_of(call)?;
    let (url, nodes) = named(call, &relay)?;
    if call.int(1)? <= 0 {
        nodes.iter().for_each(|node| node.set_health(Health::Off));
        return status(url, "disable");
    }
    // One that does not answer is left alone for a while, but no longer taken out.
    let now = Instant::now() + Duration::from_millis(1);
    nodes
        .iter()
        .filter(|node| node.health() == Health::Off)
        .for_each(|node| node.set_health(Health::Down(now)));
    let there = probe(call, &relay, &nodes);
    status(url, if there { "enable" } else { "fail" })
}

pub(super) fn hash_total(call: &RpcCall<'_>) -> Answer {
    Ok(vec![RpcValue::count(relay_of(call)?.calls.count())])
}

pub(super) fn reload(call: &RpcCall<'_>) -> Answer {
    relay_of(call)?;
    Err(RpcError::new(500, "No Database URL"))
}
