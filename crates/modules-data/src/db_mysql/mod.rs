//! Module `db_mysql`: MySQL and MariaDB (`mysql://user:password@host/database`) for the modules that need a database.

use std::sync::Arc;
use std::time::Duration;

use engine::module::State;
use engine::{Module, Param, Setup, SetupError};
use store::{Database, Options};

/// Kamailio's driver library tries so often within one call.
const TRIES: u64 = 3;

/// The module's table.
pub const MODULE: Module = Module {
    name: "db_mysql",
    doc: "MySQL and MariaDB (`mysql://user:password@host/database`) for the modules that need a database.",
    params: &[
        Param::int(
            "ping_interval",
            "300",
            "Seconds between signs of life; here a connection that lay idle is tried before use.",
        )
        .ignored(),
        Param::int_in("timeout_interval", 1, 3600, "2", "A third of the seconds that a call may take."),
        Param::int("auto_reconnect", "1", "Whether lost connections are renewed; here they always are.")
            .ignored(),
        Param::int("insert_delayed", "0", "Whether inserts are delayed, which newer servers no longer do.")
            .ignored(),
        Param::int(
            "update_affected_found",
            "0",
            "Whether an update counts the rows that it finds rather than those that it changes, for `$sqlrows`.",
        ),
        Param::int(
            "opt_ssl_mode",
            "0",
            "Encryption: 0 or 1 for none, 2 for none unless the server wants it.",
        )
        .check(no_encryption),
    ],
    start,
    ..Module::EMPTY
};

fn no_encryption(value: &cfg_vm::Value) -> Result<(), String> {
    match value.as_int() {
        Some(0..=2) => Ok(()),
        _ => {
            Err("encrypted connections to databases are not here; reach the server over loopback or a tunnel"
                .into())
        }
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut options = Options::default();
    let seconds = setup.int("timeout_interval").and_then(|number| u64::try_from(number).ok()).unwrap_or(2);
    options.limit = Duration::from_secs(seconds * TRIES);
    options.connect_limit = Duration::from_secs(seconds.max(1));
    Database::set_shared_options("mysql", options);
    Ok(Arc::new(()))
}

/// Whether scripts' own updates are to count the rows that they find.
pub(crate) fn counts_found(setup: &Setup<'_>) -> bool {
    let given = setup.settings().params.iter().rev();
    let mut given =
        given.filter(|param| param.module == MODULE.name && param.name == "update_affected_found");
    given.next().and_then(|param| param.value.as_int()).is_some_and(|number| number != 0)
}
