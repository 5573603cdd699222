//! Module `kex`: what the core once had and scripts still use: script and branch flags, the destination URI, counters.

mod counts;
mod flag;
mod own;
mod rpc;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, PvType, Routes};
use engine::module::{Flow, Rpc, State};
use engine::{Args, Cx, Function, Module, Pv, PvArgs, Setup, SetupError};

use counts::Counts;

/// The module's table.
pub const MODULE: Module = Module {
    name: "kex",
    doc: "Script and branch flags, the destination URI, the log level of one worker, and the counters.",
    functions: FUNCTIONS,
    pvs: &[Pv::new("sruid", PvType::Str, sruid, "An identifier that this server gives only once.")],
    rpc: &[
        Rpc {
            name: "stats.get_statistics",
            doc: "Prints counters as `group:name = value`; `all`, `group:` or a name says which.",
            run: rpc::get_statistics,
        },
        Rpc {
            name: "pkg.info",
            doc: "Describes the memory: there is one for all threads.",
            run: rpc::memory_info,
        },
        Rpc {
            name: "pkg.stats",
            doc: "Tells the memory in use, in one row for all threads.",
            run: rpc::memory,
        },
        Rpc { name: "stats.fetch", doc: "Gives counters as a structure of texts.", run: rpc::fetch },
        Rpc { name: "stats.fetchn", doc: "Gives counters as a structure of numbers.", run: rpc::fetchn },
        Rpc { name: "stats.reset_statistics", doc: "Sets counters to 0.", run: rpc::reset },
        Rpc { name: "stats.clear_statistics", doc: "Prints counters and sets them to 0.", run: rpc::clear },
    ],
    start,
    ..Module::EMPTY
};

const FLAG: ArgKind = ArgKind::Flag;
const INT: ArgKind = ArgKind::Int;
const FORMAT: ArgKind = ArgKind::Format;
const ANY: Routes = Routes::ANY;

const FUNCTIONS: &[Function] = &[
    Function::new("setsflag", &[FLAG], ANY, flag::setsflag, "Sets a flag of the script."),
    Function::new("resetsflag", &[FLAG], ANY, flag::resetsflag, "Clears a flag of the script."),
    Function::new("issflagset", &[FLAG], ANY, flag::issflagset, "Whether a flag of the script is set."),
    Function::new(
        "setbflag",
        &[FLAG, INT],
        ANY,
        flag::setbflag,
        "Sets a flag of a branch; of the first without a number.",
    )
    .requires(1),
    Function::new(
        "resetbflag",
        &[FLAG, INT],
        ANY,
        flag::resetbflag,
        "Clears a flag of a branch; of the first without a number.",
    )
    .requires(1),
    Function::new(
        "isbflagset",
        &[FLAG, INT],
        ANY,
        flag::isbflagset,
        "Whether a flag of a branch is set; of the first without a number.",
    )
    .requires(1),
    Function::new(
        "setdsturi",
        &[FORMAT],
        ANY,
        setdsturi,
        "Sets the URI that the request goes to, as `$du` does.",
    ),
    Function::new("resetdsturi", &[], ANY, resetdsturi, "Forgets the URI that the request was to go to."),
    Function::new("isdsturiset", &[], ANY, isdsturiset, "Whether a URI is set that the request goes to."),
    Function::new("pv_printf", &[ArgKind::PvWrite, FORMAT], ANY, pv_printf, "Puts a text into a variable."),
    Function::new("avp_printf", &[ArgKind::PvWrite, FORMAT], ANY, pv_printf, "Puts a text into a variable."),
    Function::new(
        "is_myself",
        &[FORMAT],
        ANY,
        own::is_myself,
        "Whether a URI, or a host with or without a port, is this server.",
    ),
    Function::new(
        "is_myhost",
        &[FORMAT],
        ANY,
        own::is_myhost,
        "Whether a URI's host is this server's, whatever the port.",
    ),
    Function::new("setdebug", &[INT], ANY, setdebug, "Sets the log level of this worker."),
    Function::new("resetdebug", &[], ANY, resetdebug, "Gives this worker the log level of the server again."),
];

/// The module under one configuration; the number of identifiers outlives a reload.
pub(crate) struct Kex {
    counts: Counts,
    identifiers: Arc<AtomicU64>,
    started: u64,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let (identifiers, started) = match setup.before::<Kex>() {
        Some(before) => (Arc::clone(&before.identifiers), before.started),
        None => (Arc::default(), now.map_or(0, |since| since.as_secs())),
    };
    let counts = Counts::new(setup.statistics());
    setup.hooks().before_script.push(counts::received);
    setup.hooks().before_send.push(counts::forwarded);
    Ok(Arc::new(Kex { counts, identifiers, started }))
}

fn sruid(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let state = cx.state::<Kex>();
    let number = state.identifiers.fetch_add(1, Ordering::Relaxed) + 1;
    format!("srid-{:x}-{:x}-{number:x}", state.started, std::process::id()).into_bytes().into()
}

fn setdsturi(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.destination.uri_to_send = Some(args.str(0));
    Flow::TRUE
}

fn resetdsturi(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.destination.uri_to_send = None;
    Flow::TRUE
}

fn isdsturiset(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.destination.uri_to_send.is_some().into()
}

fn pv_printf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(target) = args.pv(0) else { return Flow::FALSE };
    cx.write_pv(target, args.str(1).into()).into()
}

fn setdebug(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    engine::log::set_own_threshold(args.int(0));
    Flow::TRUE
}

fn resetdebug(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    engine::log::set_own_threshold(None);
    Flow::TRUE
}
