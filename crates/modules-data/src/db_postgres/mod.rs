//! Module `db_postgres`: PostgreSQL (`postgres://user:password@host/database`) for the modules that need a database.

use std::sync::Arc;
use std::time::Duration;

use engine::module::State;
use engine::{Module, Param, Setup, SetupError};
use store::{Database, Options};

/// The module's table.
pub const MODULE: Module = Module {
    name: "db_postgres",
    doc: "PostgreSQL (`postgres://user:password@host/database`) for the modules that need a database.",
    params: &[
        Param::int(
            "retries",
            "2",
            "How often a lost connection is renewed; here in the background until it works.",
        )
        .ignored(),
        Param::int_in(
            "timeout",
            0,
            3600,
            "0",
            "Seconds that a call may take; 0 for Tandem's own limit of ten.",
        ),
        Param::int(
            "tcp_keepalive",
            "0",
            "Seconds of idleness until the system probes a connection; here one is tried before use.",
        )
        .ignored(),
        Param::int("lockset", "4", "Locks for replacing rows, which is one statement here.").ignored(),
        Param::int("bytea_output_escape", "1", "How the server writes bytes, which does not matter here.")
            .ignored(),
    ],
    start,
    ..Module::EMPTY
};

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut options = Options::default();
    if let Some(seconds) =
        setup.int("timeout").and_then(|number| u64::try_from(number).ok()).filter(|&number| number > 0)
    {
        options.limit = Duration::from_secs(seconds);
        options.connect_limit = options.connect_limit.min(options.limit);
    }
    Database::set_shared_options("postgres", options.clone());
    Database::set_shared_options("postgresql", options);
    Ok(Arc::new(()))
}
