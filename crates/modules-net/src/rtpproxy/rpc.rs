//! `rtpproxy.*`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::rpc::{RpcCall, RpcError, RpcValue};
use media::line;
use media::nodes::{Health, Node};
use media::relay;

use super::{Relay, Rtpproxy};

type Answer = Result<Vec<RpcValue>, RpcError>;

fn relay_of(call: &RpcCall<'_>) -> Result<Arc<Relay>, RpcError> {
    let running = call.server.running();
    let state = running.state::<Rtpproxy>();
    state
        .map(|state| Arc::clone(&state.relay))
        .ok_or_else(|| RpcError::new(500, "module rtpproxy is not loaded"))
}

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    Ok(relay_of(call)?.sets.all().map(|node| row(node)).collect())
}

fn row(node: &Node) -> RpcValue {
    let recheck = match node.health() {
        Health::Up | Health::Off => 0,
        Health::Down(until) => until.saturating_duration_since(Instant::now()).as_secs(),
    };
    RpcValue::structure([
        ("setid", RpcValue::count(node.set)),
        ("url", node.url.as_str().into()),
        ("index", RpcValue::count(node.index)),
        ("disabled", i64::from(node.health() != Health::Up).into()),
        ("weight", RpcValue::count(node.weight)),
        ("recheck", RpcValue::count(recheck)),
    ])
}

pub(super) fn enable(call: &RpcCall<'_>) -> Answer {
    let relay = relay_of(call)?;
    let (url, on) = (call.text(0)?, call.int(1)? > 0);
    let nodes: Vec<_> = relay.sets.all().filter(|node| node.url == url).collect();
    if nodes.is_empty() {
        return Err(RpcError::new(404, "RTPProxy not found"));
    }
    for node in nodes {
        if on {
            node.set_health(Health::Down(Instant::now() + Duration::from_millis(1)));
            call.wait(relay::probe(node, line::PROTOCOL, &relay.manners));
        } else {
            node.set_health(Health::Off);
        }
    }
    Ok(Vec::new())
}
