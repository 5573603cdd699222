//! Module `domain`: the domains that this server serves, and what is known of each.

mod functions;
mod rpc;
mod table;

use std::sync::{Arc, PoisonError, RwLock};

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{Rpc, State};
use engine::{Function, Module, Param, Running, Server, Setup, SetupError};
use store::{Database, Error};

use crate::source;
use table::{Columns, Domains};

/// The module's table.
pub const MODULE: Module = Module {
    name: "domain",
    doc: "Knows the domains that this server serves, from a table that it keeps in memory.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("domain_table", "domain", "Table of the domains."),
        Param::text("domain_attrs_table", "domain_attrs", "Table of what is known of them."),
        Param::text("did_col", "did", "Column of a domain's identity in both tables; none there is the domain itself."),
        Param::text("domain_col", "domain", "Column of the domain."),
        Param::text("name_col", "name", "Column of an attribute's name."),
        Param::text("type_col", "type", "Column of an attribute's type: 0 number, 2 text."),
        Param::text("value_col", "value", "Column of an attribute's value."),
        Param::int_in("register_myself", 0, 1, "0", "Whether the domains count as `myself`."),
    ],
    functions: &[
        Function::new("is_from_local", &[], ROUTES, functions::is_from_local, "Whether From's host is a domain of ours."),
        Function::new(
            "is_uri_host_local",
            &[],
            ROUTES,
            functions::is_uri_host_local,
            "Whether the request URI's host is a domain of ours; in a branch route, that branch's.",
        ),
        Function::new(
            "is_domain_local",
            &[ArgKind::Format],
            ROUTES,
            functions::is_domain_local,
            "Whether a domain is ours.",
        ),
        Function::new(
            "lookup_domain",
            &[ArgKind::Format, ArgKind::Format],
            ROUTES,
            functions::lookup_domain,
            "The same; puts what is known of it into AVPs, names with a prefix if one is given, and its identity into `did`.",
        )
        .requires(1),
    ],
    rpc: &[
        Rpc { name: "domain.reload", doc: "Reads the tables again.", run: rpc::reload },
        Rpc { name: "domain.dump", doc: "The domains in memory.", run: rpc::dump },
    ],
    start,
    ..Module::EMPTY
};

const ROUTES: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::BRANCH).or(Routes::LOCAL);

/// The module under one configuration.
struct Domain {
    database: Database,
    columns: Columns,
    /// `register_myself`
    are_own: bool,
    /// What was read last; none before the first time.
    domains: RwLock<Arc<Domains>>,
}

impl Domain {
    fn domains(&self) -> Arc<Domains> {
        Arc::clone(&self.domains.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the tables; what was known stays where that fails.
    async fn read(&self, server: &Server) -> Result<(), Error> {
        let domains = Domains::read(&self.database, &self.columns).await?;
        if self.are_own {
            server.listeners.set_own_hosts(domains.names().map(<[u8]>::to_vec).collect());
        }
        *self.domains.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(domains);
        Ok(())
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let columns = Columns {
        domain_table: source::name(setup, "domain_table", "domain"),
        attributes_table: source::name(setup, "domain_attrs_table", "domain_attrs"),
        did: source::name(setup, "did_col", "did"),
        domain: source::name(setup, "domain_col", "domain"),
        name: source::name(setup, "name_col", "name"),
        kind: source::name(setup, "type_col", "type"),
        value: source::name(setup, "value_col", "value"),
    };
    let known = setup.before::<Domain>().map(Domain::domains).unwrap_or_default();
    let state = Domain {
        database: source::database(setup)?,
        columns,
        are_own: source::is_on(setup, "register_myself"),
        domains: RwLock::new(known),
    };
    setup.hooks().begun.push(begun);
    Ok(Arc::new(state))
}

/// Reads the tables; where the database does not answer, the server starts without, and they are read when it does.
fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Domain>() else { return };
    if let Err(error) = server.runtime.block_on(state.read(server)) {
        let url = state.database.url_shown();
        tracing::error!(target: "domain", "no domain is known before {url} answers: {error}");
        let (server, running) = (Arc::clone(server), Arc::clone(running));
        source::retry("domain", Arc::clone(&server), state.database.clone(), move || {
            let (server, running) = (Arc::clone(&server), Arc::clone(&running));
            async move {
                match running.state::<Domain>() {
                    Some(state) => state.read(&server).await,
                    None => Ok(()),
                }
            }
        });
    }
}
