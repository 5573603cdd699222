//! Module `alias_db`: other names of users, looked up in a table.

mod lookup;

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Function, Module, Param, Setup, SetupError};
use store::Database;

use crate::source;

/// The module's table.
pub const MODULE: Module = Module {
    name: "alias_db",
    doc: "Looks users up by their other names.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("user_column", "username", "Column of the user."),
        Param::text("domain_column", "domain", "Column of the user's domain."),
        Param::text("alias_user_column", "alias_username", "Column of the other name."),
        Param::text("alias_domain_column", "alias_domain", "Column of the other name's domain."),
        Param::int_in("use_domain", 0, 1, "0", "Whether names of another domain are other names."),
        Param::text("domain_prefix", "", "Taken off the front of the domain that is looked up."),
        Param::int_in("append_branches", 0, 1, "0", "Whether further users of a name become branches."),
    ],
    functions: &[
        Function::new(
            "alias_db_lookup",
            &[ArgKind::Format, ArgKind::Parsed(lookup::parse_flags)],
            Routes::REQUEST.or(Routes::FAILURE),
            lookup::alias_db_lookup,
            "Puts the user that the request URI is another name of into the request URI. Flags: d without, u with the \
             domain, r from the user to the other name.",
        )
        .requires(1)
        .waits(),
        Function::new(
            "alias_db_find",
            &[ArgKind::Format, ArgKind::Format, ArgKind::PvWrite, ArgKind::Parsed(lookup::parse_flags)],
            Routes::ANY,
            lookup::alias_db_find,
            "The same for any URI; the result goes into a variable.",
        )
        .requires(3)
        .waits(),
    ],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct AliasDb {
    database: Database,
    user: String,
    domain: String,
    alias_user: String,
    alias_domain: String,
    use_domain: bool,
    domain_prefix: Vec<u8>,
    append_branches: bool,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(AliasDb {
        database: source::database(setup)?,
        user: source::name(setup, "user_column", "username"),
        domain: source::name(setup, "domain_column", "domain"),
        alias_user: source::name(setup, "alias_user_column", "alias_username"),
        alias_domain: source::name(setup, "alias_domain_column", "alias_domain"),
        use_domain: source::is_on(setup, "use_domain"),
        domain_prefix: source::text(setup, "domain_prefix", ""),
        append_branches: source::is_on(setup, "append_branches"),
    }))
}
