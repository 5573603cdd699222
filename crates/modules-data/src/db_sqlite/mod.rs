//! Module `db_sqlite`: SQLite files (`sqlite:///path`) for the modules that need a database.

use std::sync::Arc;

use engine::module::State;
use engine::{Module, Param, Setup, SetupError};
use store::{Database, Journal, Options};

/// The module's table.
pub const MODULE: Module = Module {
    name: "db_sqlite",
    doc: "SQLite files (`sqlite:///path`) for the modules that need a database.",
    params: &[
        Param::text("db_set_readonly", "", "Path of a file that is only read.").repeatable(),
        Param::text(
            "db_set_journal_mode",
            "",
            "`path=MODE`: how a file's changes are kept until they are whole; files that are not named have WAL, in which \
             readers and a writer work together.",
        )
        .repeatable(),
    ],
    start,
    ..Module::EMPTY
};

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut options = Options::default();
    for param in setup.values("db_set_readonly") {
        options.read_only.push(String::from_utf8_lossy(&param.value.to_str()).into_owned().into());
    }
    for param in setup.values("db_set_journal_mode") {
        let text = String::from_utf8_lossy(&param.value.to_str()).into_owned();
        let parsed = text
            .rsplit_once('=')
            .and_then(|(path, mode)| Some((path.into(), Journal::named(mode.trim_end_matches(';').trim())?)));
        let wrong =
            || SetupError::at(param, "this is no `path=MODE` with a mode of SQLite's, such as WAL or DELETE");
        options.journals.push(parsed.ok_or_else(wrong)?);
    }
    Database::set_shared_options("sqlite", options);
    Ok(Arc::new(()))
}
