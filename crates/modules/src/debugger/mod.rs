//! Module `debugger`: shows what the script does.
//!
//! Breakpoints, which hold a process of Kamailio's until an operator lets it go, do not hold anything here: a shard
//! serves many calls.

mod action;
mod dump;
mod message;
mod modules;
mod rpc;
mod trace;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{Flow, Rpc, State};
use engine::{Args, Cx, Function, Module, Param, Setup, SetupError};

use crate::xlog::{self, level};
use dump::Named;
use trace::Trace;

/// The module's table.
pub const MODULE: Module = Module {
    name: "debugger",
    doc: "Traces the script's statements, and shows variables and the message as they are.",
    params: PARAMS,
    functions: FUNCTIONS,
    rpc: RPC,
    start,
    ..Module::EMPTY
};

const LEVEL: ArgKind = ArgKind::ParsedOrValue(xlog::parse_level);
const FACILITY: ArgKind = ArgKind::Parsed(xlog::parse_facility);

const PARAMS: &[Param] = &[
    Param::int(
        "cfgtrace",
        "0",
        "Writes a line for each statement from the start on; `dbg.trace` changes it.",
    ),
    Param::int("cfgtrace_format", "0", "1 leaves the file's path out of the trace."),
    Param::int_in("log_level", -5, 3, "-1", "Level of the trace's lines."),
    Param::text("log_level_name", "", "The trace's lines carry their level's own name.").ignored(),
    Param::text("log_facility", "", "Syslog facility of the trace's lines, such as `LOG_LOCAL1`.")
        .check(xlog::is_facility),
    Param::text("log_prefix", "*** cfgtrace:", "What the trace's lines begin with."),
    Param::int("log_assign", "0", "Writes each assignment and its value at level L_DBG."),
    Param::int("mod_hash_size", "0", "Room for the modules' levels is made as it is needed.").ignored(),
    Param::int("mod_level_mode", "0", "1 puts `mod_level` in force."),
    Param::text("mod_level", "", "Level of one module's lines, `module=level`.")
        .repeatable()
        .check(|value| modules::level(value.as_text().unwrap_or_default()).map(drop)),
    Param::int("mod_facility_mode", "0", "1 puts `mod_facility` in force."),
    Param::text("mod_facility", "", "Syslog facility of one module's lines, `module=facility`.")
        .repeatable()
        .check(|value| modules::facility(value.as_text().unwrap_or_default()).map(drop)),
    Param::int("breakpoint", "0", "Nothing is ever held at a breakpoint.").ignored(),
    Param::int("step_usleep", "100000", "Nothing is ever held at a breakpoint.").ignored(),
    Param::int("step_loops", "200", "Nothing is ever held at a breakpoint.").ignored(),
    Param::int("cfgpkgcheck", "0", "There is no private memory to check.").ignored(),
    Param::int("reset_msgid", "0", "Numbers of messages are never set back.").ignored(),
    Param::int("cfgtest", "0", "Belongs to Kamailio's module `cfgt`.").ignored(),
];

const FUNCTIONS: &[Function] = &[
    Function::new(
        "dbg_breakpoint",
        &[ArgKind::Int],
        Routes::ANY,
        breakpoint,
        "Tells at level L_DBG that the script came by here, when its argument is 1; nothing is held.",
    ),
    Function::new(
        "dbg_pv_dump",
        &[ArgKind::Int, LEVEL],
        Routes::ANY,
        pv_dump,
        "Writes the variables that the configuration names as JSON, by a mask (31) and at a level (L_DBG).",
    )
    .requires(0),
    Function::new(
        "dbg_sip_msg",
        &[LEVEL, FACILITY],
        Routes::REQUEST.or(Routes::REPLY),
        sip_msg,
        "Writes the message as it would leave now and what was changed in it, at a level (L_DBG).",
    )
    .requires(0),
];

const RPC: &[Rpc] = &[
    Rpc { name: "dbg.ls", doc: "Tells whether the script is traced.", run: rpc::list },
    Rpc { name: "dbg.trace", doc: "Turns the trace `on` or `off`.", run: rpc::trace },
    Rpc { name: "dbg.get_mod_level", doc: "Tells the log level of a module.", run: rpc::level },
    Rpc { name: "dbg.set_mod_level", doc: "Sets the log level of a module.", run: rpc::set_level },
    Rpc { name: "dbg.get_mod_facility", doc: "Tells the syslog facility of a module.", run: rpc::facility },
    Rpc {
        name: "dbg.set_mod_facility",
        doc: "Sets the syslog facility of a module.",
        run: rpc::set_facility,
    },
];

/// The module under one configuration.
struct Debugger {
    trace: Trace,
    named: Vec<Named>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let is_on = |name: &str| setup.int(name).is_some_and(|value| value != 0);
    let trace = Trace {
        on: AtomicBool::new(is_on("cfgtrace")),
        assignments: is_on("log_assign"),
        short: is_on("cfgtrace_format"),
        level: setup.int("log_level").unwrap_or(level::ERROR),
        facility: setup.text("log_facility").and_then(level::facility),
        prefix: setup.text("log_prefix").unwrap_or(b"*** cfgtrace:").to_vec(),
    };
    set_modules(setup)?;
    let named = dump::named(setup);
    setup.hooks().on_step = Some(trace::step);
    Ok(Arc::new(Debugger { trace, named }))
}

/// Puts the levels and facilities of single modules in force.
fn set_modules(setup: &Setup<'_>) -> Result<(), SetupError> {
    let is_on = |name: &str| setup.int(name).is_some_and(|value| value != 0);
    engine::log::clear_modules();
    for param in setup.values("mod_level").filter(|_| is_on("mod_level_mode")) {
        let text = param.value.as_text().unwrap_or_default();
        let (module, level) = modules::level(text).map_err(|error| SetupError::at(param, error))?;
        engine::log::set_level_of(module, level);
    }
    for param in setup.values("mod_facility").filter(|_| is_on("mod_facility_mode")) {
        let text = param.value.as_text().unwrap_or_default();
        let (module, facility) = modules::facility(text).map_err(|error| SetupError::at(param, error))?;
        engine::log::set_facility_of(module, facility);
    }
    Ok(())
}

fn breakpoint(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if args.int(0) == Some(1)
        && let Some((file, line)) = cx.file_and_line()
    {
        tracing::debug!(target: "debugger", "breakpoint at {}:{line}", file.display());
    }
    Flow::TRUE
}

fn pv_dump(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mask = if args.is_empty() { Some(dump::ALL) } else { args.int(0) };
    let (Some(mask), Some(level)) = (mask, level_of(args, 1)) else { return Flow::FALSE };
    if engine::log::enabled(level) {
        let state = cx.state::<Debugger>();
        let json = dump::json(cx, &state.named, mask);
        engine::log::script(level, None, b"debugger: dbg_dump_json(): ", &[json.as_bytes(), b"\n"].concat());
    }
    Flow::TRUE
}

fn sip_msg(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(level) = level_of(args, 0) else { return Flow::FALSE };
    if engine::log::enabled(level) {
        let facility = args.parsed::<&'static str>(1).copied();
        engine::log::script(level, facility, b"debugger: ", &message::text(cx));
    }
    Flow::TRUE
}

/// The level that an argument names; L_DBG where it was left out.
fn level_of(args: &Args<'_>, at: usize) -> Option<i64> {
    if args.len() <= at {
        return Some(level::DEBUG);
    }
    let level = args.parsed::<i64>(at).copied().or_else(|| args.int(at));
    if level.is_none() {
        tracing::error!(target: "debugger", "the level given is no number from -5 to 3");
    }
    level
}
