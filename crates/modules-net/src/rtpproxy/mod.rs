//! Module `rtpproxy`: sessions go through rtpproxy, asked over its protocol of lines.

mod command;
mod rpc;

use std::sync::Arc;
use std::time::Duration;

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{NativeFn, Rpc, State};
use engine::{Function, Module, Param, Running, Server, Setup, SetupError};
use media::client::Patience;
use media::line;
use media::nodes::{Calls, Health, Sets, Spread};
use media::relay::{self, Keep, Manners};

/// How long a call keeps its node after its last command.
const CALL_LIFE: Duration = Duration::from_secs(12 * 3600);

const LETTERS: &[ArgKind] = &[ArgKind::Format];
const LETTERS_AND_ADDRESS: &[ArgKind] = &[ArgKind::Format, ArgKind::Format];

/// A function that asks the relay.
const fn asking(name: &'static str, kinds: &'static [ArgKind], run: NativeFn, doc: &'static str) -> Function {
    Function::new(name, kinds, Routes::ANY, run, doc).requires(0).waits()
}

/// The module's table.
pub const MODULE: Module = Module {
    name: "rtpproxy",
    doc: "Media through rtpproxy: its nodes in sets, asked without holding up other messages.",
    params: &[
        Param::text("rtpproxy_sock", "", "Nodes: `[SET ==] udp:HOST:PORT[=WEIGHT] …`, or `udp6:`.")
            .repeatable(),
        Param::int_in(
            "rtpproxy_disable_tout",
            0,
            86_400 * 365,
            "60",
            "Seconds that a silent node is left alone.",
        ),
        Param::int_in("rtpproxy_tout", 1, 600, "1", "Seconds to wait for an answer."),
        Param::int_in("rtpproxy_retr", 0, 100, "5", "How often a silent node is asked again."),
        Param::text("nortpproxy_str", MARK, "The line that marks a rewritten description; empty for none."),
        Param::text("extra_id_pv", "", "The variable whose value flag `b` adds to the Call-ID."),
        Param::text("rtp_inst_pvar", "", "The variable that gets the URL of the node that answered."),
    ],
    functions: &[
        Function::new(
            "set_rtp_proxy_set",
            &[ArgKind::Int],
            Routes::ANY,
            command::set_set,
            "Chooses the set for this message's commands.",
        ),
        asking(
            "rtpproxy_offer",
            LETTERS_AND_ADDRESS,
            command::offer,
            "Opens a session for what the message offers.",
        ),
        asking(
            "rtpproxy_answer",
            LETTERS_AND_ADDRESS,
            command::answer,
            "Joins the session that was offered.",
        ),
        asking(
            "rtpproxy_manage",
            LETTERS_AND_ADDRESS,
            command::manage,
            "Offers, answers or destroys, as the message asks for.",
        ),
        asking("rtpproxy_destroy", LETTERS, command::destroy, "Ends the call's session."),
        asking("unforce_rtp_proxy", LETTERS, command::destroy, "The same."),
        asking("start_recording", &[], command::start_recording, "Has the session recorded."),
    ],
    rpc: &[
        Rpc { name: "rtpproxy.list", doc: "Lists the nodes.", run: rpc::list },
        Rpc { name: "rtpproxy.enable", doc: "Takes a node in (1) or out (0).", run: rpc::enable },
    ],
    start,
    ..Module::EMPTY
};

const MARK: &str = "a=nortpproxy:yes";

/// The module under one configuration.
struct Rtpproxy {
    relay: Arc<Relay>,
    mark: String,
    extra_id: Option<BoundPv>,
    instance: Option<BoundPv>,
}

/// What commands need while they wait.
struct Relay {
    sets: Sets,
    calls: Arc<Calls>,
    manners: Manners,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let number = |name: &str, default: i64| setup.int(name).unwrap_or(default).unsigned_abs();
    let mut sets = Sets::default();
    for param in setup.values("rtpproxy_sock") {
        let text = String::from_utf8_lossy(param.value.as_text().unwrap_or_default());
        sets.add(&text, 0).map_err(|bad| SetupError::at(param, bad.to_string()))?;
    }
    let manners = Manners {
        patience: Patience {
            timeout: Duration::from_secs(number("rtpproxy_tout", 1)),
            retries: u32::try_from(number("rtpproxy_retr", 5)).unwrap_or(5),
            from: None,
        },
        down_for: Duration::from_secs(number("rtpproxy_disable_tout", 60)),
        nodes: usize::MAX,
        redetect: true,
        spread: Spread::Sum,
        keep: Keep::None,
    };
    let before = setup.before::<Rtpproxy>();
    if let Some(before) = before {
        sets.take_over(&before.relay.sets);
    }
    let calls = before.map_or_else(Arc::default, |before| Arc::clone(&before.relay.calls));
    let mark = setup.text("nortpproxy_str").unwrap_or(MARK.as_bytes());
    let state = Rtpproxy {
        mark: String::from_utf8_lossy(mark).trim().to_owned(),
        relay: Arc::new(Relay { sets, calls, manners }),
        extra_id: variable(setup, "extra_id_pv")?,
        instance: variable(setup, "rtp_inst_pvar")?,
    };
    setup.hooks().begun.push(begun);
    Ok(Arc::new(state))
}

fn variable(setup: &Setup<'_>, name: &str) -> Result<Option<BoundPv>, SetupError> {
    let Some(param) = setup.values(name).last() else { return Ok(None) };
    let text = param.value.as_text().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    setup.bind_pv(text).map(Some).map_err(|why| SetupError::at(param, why))
}

/// Finds out who is there, while messages come in already.
fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Rtpproxy>() else { return };
    for node in state.relay.sets.all().filter(|node| node.health() == Health::Up) {
        let (node, manners) = (Arc::clone(node), state.relay.manners);
        server.runtime.spawn(async move { relay::probe(&node, line::PROTOCOL, &manners).await });
    }
}
