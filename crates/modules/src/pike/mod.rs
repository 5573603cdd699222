//! Module `pike`: sources that send more requests than they may are told, so that the script can drop theirs.

mod tree;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{Flow, Rpc, State};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::services::Services;
use engine::setup::Clock;
use engine::{Args, Cx, Function, Module, Param, Running, Setup, SetupError};

use tree::{Leaf, Limits, Tree, Verdict};

/// The module's table.
pub const MODULE: Module = Module {
    name: "pike",
    doc: "Tells which sources send more requests than they may, with little memory for the others.",
    params: &[
        Param::int_in("sampling_time_unit", 1, 86_400, "2", "Seconds that requests are counted in."),
        Param::int_in(
            "reqs_density_per_unit",
            1,
            1_000_000_000,
            "30",
            "Requests that a source may send in that time.",
        ),
        Param::int_in(
            "remove_latency",
            1,
            31_536_000,
            "120",
            "Seconds that a source is remembered after its last request.",
        ),
        Param::int("pike_log_level", "0", "Level of the lines that tell of blocking and unblocking."),
    ],
    functions: &[
        Function::new(
            "pike_check_req",
            &[],
            Routes::REQUEST.or(Routes::REPLY),
            check_req,
            "Counts a request of its source: -2 when it is one too many for the first time, -1 from then on.",
        ),
        Function::new(
            "pike_check_ip",
            &[ArgKind::Format],
            Routes::REQUEST.or(Routes::REPLY),
            check_ip,
            "The same for an address; -1 for what is none.",
        ),
    ],
    rpc: &[
        Rpc {
            name: "pike.list",
            doc: "The sources of many requests: HOT (if nothing is said), WARM or ALL.",
            run: top,
        },
        Rpc {
            name: "pike.top",
            doc: "The sources of many requests: HOT (if nothing is said), WARM or ALL.",
            run: top,
        },
    ],
    start,
    ..Module::EMPTY
};

/// Nodes looked at in one go when a sampling unit begins.
const SLICE: usize = 20_000;
/// How long the shard does other things between two.
const PAUSE: Duration = Duration::from_millis(1);

/// The module under one configuration; the tree outlives a reload.
struct Pike {
    tree: Arc<Tree>,
    limits: Limits,
    unit: Duration,
    level: i64,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let number = |name: &str, default: u32| {
        setup.int(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let state = Pike {
        tree: setup.before::<Pike>().map(|before| Arc::clone(&before.tree)).unwrap_or_default(),
        limits: Limits {
            density: number("reqs_density_per_unit", 30),
            latency: number("remove_latency", 120),
        },
        unit: Duration::from_secs(number("sampling_time_unit", 2).into()),
        level: setup.int("pike_log_level").unwrap_or(0),
    };
    setup.hooks().clocks.push(Clock { next, run });
    Ok(Arc::new(state))
}

/// Seconds since the server started.
fn seconds(services: &Services) -> u32 {
    let now = services.clock.duration_since(services.server.started).unwrap_or_default();
    now.as_secs() as u32
}

fn check_req(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let source = cx.context.received.source.ip();
    check(cx, source)
}

fn check_ip(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = args.text(0);
    let bare = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    match std::str::from_utf8(bare).ok().and_then(|text| text.parse().ok()) {
        Some(address) => check(cx, address),
        None => {
            tracing::error!(target: "pike", "failed to parse ip address: {}", text.escape_ascii());
            Flow::FALSE
        }
    }
}

fn check(cx: &Cx<'_>, source: IpAddr) -> Flow {
    let state = cx.state::<Pike>();
    match state.tree.hit(source, state.limits, seconds(cx.shard)) {
        Verdict::Passed => Flow::TRUE,
        Verdict::Blocked => Flow::FALSE,
        Verdict::NewlyBlocked(number) => {
            tell(state.level, format_args!("PIKE - BLOCKing ip {source}, node=0x{number:x}"));
            Flow::Done(-2)
        }
    }
}

/// Writes a line at a level that the configuration chose.
fn tell(level: i64, text: std::fmt::Arguments<'_>) {
    if level <= engine::log::level_of(MODULE.name) {
        tracing::error!(target: "pike", severity = level, "{text}");
    }
}

/// Where a shard stands in the first bytes that fall to it.
#[derive(Default)]
struct Sampling {
    due: Option<Instant>,
    /// When the unit began that is being ended.
    began: Option<Instant>,
    byte: usize,
}

fn next(services: &Services) -> Option<Instant> {
    services.kept_if_any::<Sampling>().map_or(Some(services.now), |sampling| sampling.due)
}

/// Ends the sampling unit, a slice at a time.
fn run(services: &mut Services, running: &Arc<Running>) {
    let Some(state) = running.state::<Pike>() else { return };
    let (now, time) = (services.now, seconds(services));
    let (shard, shards) = (services.index, services.server.shards());
    let sampling = services.kept::<Sampling>();
    let Some(due) = sampling.due else {
        *sampling = Sampling { due: Some(now + state.unit), began: None, byte: shard };
        return;
    };
    if due > now {
        return;
    }
    let began = *sampling.began.get_or_insert(now);
    let mut seen = 0;
    while sampling.byte < 256 && seen < SLICE {
        seen += state.tree.turn(sampling.byte, state.limits, time, |number| {
            tell(state.level, format_args!("PIKE - UNBLOCKing node 0x{number:x}"));
        });
        sampling.byte += shards;
    }
    *sampling = match sampling.byte {
        256.. => Sampling { due: Some((began + state.unit).max(now)), began: None, byte: shard },
        byte => Sampling { due: Some(now + PAUSE), began: Some(began), byte },
    };
}

/// `pike.top [HOT|WARM|ALL]`
fn top(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let wanted = match call.arguments.first() {
        None => "HOT".to_owned(),
        Some(_) => call.text(0)?,
    };
    if !matches!(&*wanted, "HOT" | "WARM" | "ALL") {
        return Err(RpcError::new(500, "Bad argument. Select: ALL, HOT or WARM"));
    }
    let running = call.server.running();
    let state = running.state::<Pike>().ok_or_else(|| RpcError::new(500, "module pike is not loaded"))?;
    let time = call.server.started.elapsed().unwrap_or_default().as_secs() as u32;
    let density = state.limits.density;
    let leaves = state.tree.leaves(time);
    let rows: Vec<_> = leaves
        .iter()
        .filter(|leaf| wanted == "ALL" || leaf.status(density) == wanted)
        .map(|leaf| shown(leaf, density))
        .collect();
    let count = rows.len() as i64;
    Ok(vec![record([
        ("max_hits", i64::from(density).into()),
        ("list", RpcValue::List(rows)),
        ("number_of_rows", count.into()),
    ])])
}

fn shown(leaf: &Leaf, density: u32) -> RpcValue {
    record([
        ("ip_addr", leaf.address.to_string().into()),
        ("leaf_hits_prev", i64::from(leaf.hits.before).into()),
        ("leaf_hits_curr", i64::from(leaf.hits.now).into()),
        ("expires", i64::from(leaf.expires).into()),
        ("status", leaf.status(density).into()),
    ])
}

fn record<const N: usize>(fields: [(&str, RpcValue); N]) -> RpcValue {
    RpcValue::Struct(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
