//! Module `acc`: accounts transactions in the log and in a database, by flags that the script sets.

mod database;
mod extra;
mod functions;
mod moment;
mod params;
mod reason;
mod record;
mod watch;

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Function, Module, Setup, SetupError};

use database::Database;
use params::Params;

/// The module's table.
pub const MODULE: Module = Module {
    name: "acc",
    doc: "Accounts transactions in the log and in a database: answered, acknowledged, missed.",
    params: params::PARAMS,
    functions: &[
        Function::new(
            "acc_log_request",
            &[ArgKind::Format],
            Routes::ANY,
            functions::log_request,
            "Accounts the request in the log, with a code and reason, `404 not found`.",
        ),
        Function::new(
            "acc_db_request",
            &[ArgKind::Format, ArgKind::Format],
            Routes::ANY,
            functions::db_request,
            "Accounts the request in a table of the database.",
        )
        .waits(),
        Function::new(
            "acc_request",
            &[ArgKind::Format, ArgKind::Format],
            Routes::ANY,
            functions::request,
            "Accounts the request in the log and in a table.",
        )
        .waits(),
    ],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
pub(crate) struct Acc {
    params: Params,
    database: Option<Database>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if !setup.is_loaded("tm") {
        return Err(SetupError::new("acc hears of transactions from module tm: load tm before it"));
    }
    let before = setup.before::<Acc>().and_then(|before| before.database.as_ref());
    let state = Acc { params: Params::of(setup)?, database: Database::of(setup, before)? };
    let hooks = setup.hooks();
    hooks.watchers.push(Box::new(watch::WATCHER));
    hooks.after_route.push(watch::after_route);
    hooks.begun.push(database::begun);
    hooks.ended.push(database::ended);
    Ok(Arc::new(state))
}
