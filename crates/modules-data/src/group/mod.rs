//! Module `group`: which groups a user is in, by a table of members or by expressions over URIs.

mod membership;

use std::sync::{Arc, PoisonError, RwLock};

use cfg_vm::catalogue::{ArgKind, Routes};
use cfg_vm::regex::{Flags, Regex};
use engine::module::State;
use engine::{Function, Module, Param, Running, Server, Setup, SetupError};
use store::{Database, Error, Query};

use crate::source;

/// The module's table.
pub const MODULE: Module = Module {
    name: "group",
    doc: "Tells which groups a user is in.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("table", "grp", "Table of members."),
        Param::text("user_column", "username", "Column of the member."),
        Param::text("domain_column", "domain", "Column of the member's domain."),
        Param::text("group_column", "grp", "Column of the group."),
        Param::int_in("use_domain", 0, 1, "0", "Whether a member of another domain is another member."),
        Param::text("re_table", "", "Table of expressions, read at start; without one there are none."),
        Param::text("re_exp_column", "reg_exp", "Column of the expression."),
        Param::text("re_gid_column", "group_id", "Column of its group's number."),
        Param::int_in("multiple_gid", 0, 1, "1", "Whether all groups that match count, not the first alone."),
    ],
    functions: &[
        Function::new(
            "is_user_in",
            &[ArgKind::Parsed(membership::parse_who), ArgKind::Format],
            ROUTES,
            membership::is_user_in,
            "Whether the user of `Request-URI`, `To`, `From`, `Credentials` or an AVP's URI is in a group: 1 yes, -6 no, \
             -1 failed.",
        )
        .waits(),
        Function::new(
            "get_user_group",
            &[ArgKind::Parsed(membership::parse_who), ArgKind::PvWrite],
            ROUTES,
            membership::get_user_group,
            "Puts the numbers of the groups whose expressions match the URI into an AVP; answers how many.",
        ),
    ],
    start,
    ..Module::EMPTY
};

const ROUTES: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::BRANCH).or(Routes::LOCAL);

/// The module under one configuration.
struct Group {
    database: Database,
    table: String,
    user: String,
    domain: String,
    group: String,
    use_domain: bool,
    /// `re_table` with its columns: expression, group.
    expressions: Option<(String, [String; 2])>,
    all_groups: bool,
    kept: RwLock<Arc<Vec<(Regex, i64)>>>,
}

impl Group {
    fn kept(&self) -> Arc<Vec<(Regex, i64)>> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self) -> Result<(), Error> {
        let Some((table, columns)) = &self.expressions else { return Ok(()) };
        let query = Query { table: table.clone(), columns: columns.to_vec(), ..Query::default() };
        let rows = self.database.query(&query).await?;
        let kept = rows.iter().filter_map(|row| {
            let text = source::text_of(row.first()?)?;
            match Regex::posix(&text, Flags::default()) {
                Ok(regex) => Some((regex, row.get(1)?.as_int()?)),
                Err(error) => {
                    tracing::error!(target: "group", "`{}` is left out: {error}", text.escape_ascii());
                    None
                }
            }
        });
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept.collect());
        Ok(())
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let re_table = source::name(setup, "re_table", "");
    let columns =
        [source::name(setup, "re_exp_column", "reg_exp"), source::name(setup, "re_gid_column", "group_id")];
    let kept = setup.before::<Group>().map(Group::kept).unwrap_or_default();
    let state = Group {
        database: source::database(setup)?,
        table: source::name(setup, "table", "grp"),
        user: source::name(setup, "user_column", "username"),
        domain: source::name(setup, "domain_column", "domain"),
        group: source::name(setup, "group_column", "grp"),
        use_domain: source::is_on(setup, "use_domain"),
        expressions: (!re_table.is_empty()).then_some((re_table, columns)),
        all_groups: setup.int("multiple_gid") != Some(0),
        kept: RwLock::new(kept),
    };
    setup.hooks().begun.push(begun);
    Ok(Arc::new(state))
}

/// Reads the expressions; where the database does not answer, they are read when it does.
fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Group>() else { return };
    let Err(error) = server.runtime.block_on(state.read()) else { return };
    tracing::error!(target: "group", "expressions could not be read: {error}");
    let running = Arc::clone(running);
    source::retry("group", Arc::clone(server), state.database.clone(), move || {
        let running = Arc::clone(&running);
        async move {
            match running.state::<Group>() {
                Some(state) => state.read().await,
                None => Ok(()),
            }
        }
    });
}
