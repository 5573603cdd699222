//! Module `cfg_rpc`: parameters and the script's own variables, told and changed while the server runs.
//!
//! What can be changed is the log level (`core.debug`) and the script's own variables. The other parameters are told but
//! not changed: the server read them once.

mod rpc;
mod variable;

use std::sync::{Arc, Mutex};

use cfg_vm::Value;
use engine::module::{Rpc, State};
use engine::rpc::RpcFn;
use engine::{Module, Setup, SetupError};

/// The module's table.
pub const MODULE: Module = Module {
    name: "cfg_rpc",
    doc: "Tells parameters and the script's own variables, and changes those that can change while the server runs.",
    rpc: &[
        rpc("cfg.commit", rpc::commit, "Puts all delayed changes in force."),
        rpc("cfg.diff", rpc::diff, "Lists the delayed changes."),
        rpc("cfg.get", rpc::get, "Tells a variable, or all of a group: group [name]."),
        rpc("cfg.help", rpc::help, "Describes a variable: group, name."),
        rpc("cfg.list", rpc::list, "Lists the variables, of all groups or one."),
        rpc("cfg.reset", rpc::reset, "Gives a group of the script's own variables the file's values again."),
        rpc("cfg.rollback", rpc::rollback, "Forgets all delayed changes."),
        rpc("cfg.set", rpc::set, "Changes a variable at once: group, name, value."),
        rpc("cfg.set_delayed", rpc::set_delayed, "Keeps a change for cfg.commit: group, name, value."),
        rpc("cfg.set_delayed_int", rpc::set_delayed_int, "Keeps a change to a number for cfg.commit."),
        rpc("cfg.set_delayed_string", rpc::set_delayed_text, "Keeps a change to a text for cfg.commit."),
        rpc("cfg.set_now_int", rpc::set_int, "Changes a number at once: group, name, value."),
        rpc("cfg.set_now_string", rpc::set_text, "Changes a text at once: group, name, value."),
        rpc("cfg.seti", rpc::set_int, "Changes a number at once: group, name, value."),
        rpc("cfg.sets", rpc::set_text, "Changes a text at once: group, name, value."),
    ],
    start,
    ..Module::EMPTY
};

const fn rpc(name: &'static str, run: RpcFn, doc: &'static str) -> Rpc {
    Rpc { name, doc, run }
}

/// The module under one configuration; changes that wait end with it.
#[derive(Default)]
struct CfgRpc {
    waiting: Mutex<Vec<Change>>,
}

/// A change to a variable.
#[derive(Clone)]
struct Change {
    group: String,
    name: String,
    value: Value,
}

fn start(_: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(CfgRpc::default()))
}
