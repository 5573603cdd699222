//! Module `cfgutils`: chance, waiting, global flags, locks, hashes, and routes that may not exist.

mod chance;
mod gflag;
mod hash;
pub mod lock;
mod route;
mod rpc;

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, Parsed, PvType, Routes};
use engine::module::{Rpc, State};
use engine::{Cx, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use chance::Chance;
use gflag::GlobalFlags;
use lock::Locks;

/// The module's table.
pub const MODULE: Module = Module {
    name: "cfgutils",
    doc: "Chance, waiting, flags that all messages share, locks, hashes, and routes that may not exist.",
    params: &[
        Param::int_in(
            "initial_probability",
            0,
            100,
            "10",
            "Per cent of the calls of `rand_event()` that are true.",
        ),
        Param::int("initial_gflags", "0", "Mask of the global flags that are set at the start."),
        Param::text(
            "hash_file",
            "",
            "File whose MD5 is taken at the start, so that changes can be seen later.",
        ),
        Param::int(
            "lock_set_size",
            "0",
            "Turns locks on when it is not 0. Each key has a lock of its own, so that their number does not matter.",
        ),
    ],
    functions: FUNCTIONS,
    pvs: &[Pv::new("RANDOM", PvType::Int, random, "A random number from 0 to 2147483647.")],
    rpc: &[
        Rpc {
            name: "cfgutils.rand_set_prob",
            doc: "Sets the per cent of `rand_event()`.",
            run: rpc::rand_set_prob,
        },
        Rpc {
            name: "cfgutils.rand_reset_prob",
            doc: "Sets the per cent of `rand_event()` to what it was at the start.",
            run: rpc::rand_reset_prob,
        },
        Rpc {
            name: "cfgutils.rand_get_prob",
            doc: "Tells the per cent of `rand_event()`.",
            run: rpc::rand_get_prob,
        },
        Rpc {
            name: "cfgutils.check_config_hash",
            doc: "Tells whether `hash_file` is what it was at the start.",
            run: rpc::check_config_hash,
        },
        Rpc {
            name: "cfgutils.get_config_hash",
            doc: "Tells the hash of `hash_file`.",
            run: rpc::get_config_hash,
        },
        Rpc { name: "cfgutils.set_gflag", doc: "Sets the global flags of a mask.", run: rpc::set_gflag },
        Rpc {
            name: "cfgutils.reset_gflag",
            doc: "Clears the global flags of a mask.",
            run: rpc::reset_gflag,
        },
        Rpc {
            name: "cfgutils.is_gflag",
            doc: "Tells whether all global flags of a mask are set.",
            run: rpc::is_gflag,
        },
        Rpc { name: "cfgutils.get_gflags", doc: "Tells the mask of the global flags.", run: rpc::get_gflags },
    ],
    start,
    ..Module::EMPTY
};

const INT: ArgKind = ArgKind::Int;
const FORMAT: ArgKind = ArgKind::Format;
const PERCENT: ArgKind = ArgKind::Parsed(|text| number(text, 0, 100, "per cent"));
const GLOBAL_FLAG: ArgKind = ArgKind::Parsed(|text| number(text, 0, 31, "a global flag"));
const ANY: Routes = Routes::ANY;

const FUNCTIONS: &[Function] = &[
    Function::new(
        "rand_set_prob",
        &[PERCENT],
        ANY,
        chance::rand_set_prob,
        "Sets the per cent of `rand_event()`.",
    ),
    Function::new(
        "rand_reset_prob",
        &[],
        ANY,
        chance::rand_reset_prob,
        "Sets the per cent of `rand_event()` to what it was at the start.",
    ),
    Function::new(
        "rand_get_prob",
        &[],
        ANY,
        chance::rand_get_prob,
        "The per cent of `rand_event()`; 0 of them end the script, as any 0 does.",
    ),
    Function::new("rand_event", &[], ANY, chance::rand_event, "True by chance."),
    Function::new("sleep", &[INT], ANY, route::sleep, "Waits for seconds.").waits(),
    Function::new("usleep", &[INT], ANY, route::usleep, "Waits for microseconds.").waits(),
    Function::new(
        "abort",
        &[],
        ANY,
        route::abort,
        "Ends the script with a line in the log; the server goes on.",
    ),
    Function::new("pkg_status", &[], ANY, route::log_memory, "Logs how much memory the server has."),
    Function::new("pkg_summary", &[], ANY, route::log_memory, "Logs how much memory the server has."),
    Function::new("shm_status", &[], ANY, route::log_memory, "Logs how much memory the server has."),
    Function::new("shm_summary", &[], ANY, route::log_memory, "Logs how much memory the server has."),
    Function::new("set_gflag", &[GLOBAL_FLAG], ANY, gflag::set_gflag, "Sets a flag that all messages share."),
    Function::new(
        "reset_gflag",
        &[GLOBAL_FLAG],
        ANY,
        gflag::reset_gflag,
        "Clears a flag that all messages share.",
    ),
    Function::new(
        "is_gflag",
        &[GLOBAL_FLAG],
        ANY,
        gflag::is_gflag,
        "Whether a flag that all messages share is set.",
    ),
    Function::new(
        "lock",
        &[FORMAT, FORMAT],
        ANY,
        lock::lock,
        "Takes the lock of a key, or waits for it; it is given back at the route's end.",
    )
    .requires(1)
    .waits(),
    Function::new("trylock", &[FORMAT, FORMAT], ANY, lock::trylock, "Takes the lock of a key if it is free.")
        .requires(1),
    Function::new("unlock", &[FORMAT, FORMAT], ANY, lock::unlock, "Gives the lock of a key back.")
        .requires(1),
    Function::new(
        "core_hash",
        &[FORMAT, FORMAT, INT],
        ANY,
        hash::core_hash,
        "A hash of one or two texts, from 1 to two to the power of a number.",
    ),
    Function::new(
        "check_route_exists",
        &[FORMAT],
        ANY,
        route::check_route_exists,
        "Whether there is a `route[…]`.",
    ),
    Function::new(
        "route_if_exists",
        &[FORMAT],
        ANY,
        route::route_if_exists,
        "Runs a `route[…]` if there is one.",
    ),
];

/// The module under one configuration. What scripts and commands set outlives a reload.
pub(crate) struct CfgUtils {
    chance: Arc<Chance>,
    flags: Arc<GlobalFlags>,
    locks: Option<Arc<Locks>>,
    file: Option<hash::HashedFile>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let before = setup.before::<CfgUtils>();
    let chance = before.map(|before| Arc::clone(&before.chance));
    let flags = before.map(|before| Arc::clone(&before.flags));
    let locks = before.and_then(|before| before.locks.clone());
    let initial = setup.int("initial_gflags").unwrap_or(0) as u32;
    let wants_locks = setup.int("lock_set_size").unwrap_or(0) > 0;
    let file = match setup.text("hash_file") {
        Some(path) if !path.is_empty() => Some(hash::HashedFile::read(path).map_err(SetupError::new)?),
        _ => None,
    };
    let state = CfgUtils {
        chance: chance
            .unwrap_or_else(|| Arc::new(Chance::new(setup.int("initial_probability").unwrap_or(10)))),
        flags: flags.unwrap_or_else(|| Arc::new(GlobalFlags::new(initial))),
        locks: wants_locks.then(|| locks.unwrap_or_default()),
        file,
    };
    setup.hooks().after_route.push(lock::release_all);
    Ok(Arc::new(state))
}

/// A number of a constant argument, within a range.
fn number(text: &[u8], least: i64, most: i64, what: &str) -> Result<Parsed, String> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<i64>().ok());
    match number.filter(|number| (least..=most).contains(number)) {
        Some(number) => Ok(Arc::new(number)),
        None => Err(format!("\"{}\" is not {what}: a number from {least} to {most} is", text.escape_ascii())),
    }
}

fn random(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int((cx.shard.random() & 0x7fff_ffff) as i64)
}
