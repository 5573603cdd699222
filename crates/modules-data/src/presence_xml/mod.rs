//! Module `presence_xml`: the event packages `presence` (RFC 3856) and `presence.winfo` (RFC 3857) for module `presence`.

mod document;
mod watchers;

use std::sync::Arc;

use engine::module::State;
use engine::{Module, Param, Setup, SetupError};

pub(crate) use document::{aggregate, closed, is_well_formed};
pub(crate) use watchers::{Watcher, watcher_info};

/// The module's table.
pub const MODULE: Module = Module {
    name: "presence_xml",
    doc: "Presence documents and lists of watchers for module presence.",
    params: &[
        Param::text("db_url", "", "The database with rules (XCAP documents).").ignored(),
        Param::text("xcap_table", "xcap", "The table of XCAP documents.").ignored(),
        Param::int_in(
            "force_active",
            0,
            1,
            "0",
            "1 lets everybody watch. 0 asks the presentity's rules, which are not here yet.",
        ),
    ],
    start,
    ..Module::EMPTY
};

/// That the packages are there.
pub(crate) struct PresenceXml;

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if setup.int("force_active") == Some(1) {
        return Ok(Arc::new(PresenceXml));
    }
    let why = "rules of who may watch (XCAP documents) are not in Tandem yet; set force_active to 1 to let everybody watch";
    Err(setup
        .values("force_active")
        .last()
        .map_or_else(|| SetupError::new(why), |param| SetupError::at(param, why)))
}
