//! Module `uri_db`: whether URIs may be used by whoever authenticated, and whether they exist.

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Args, Cx, Flow, Function, Module, Param, Setup, SetupError};
use sip_message::Uri;
use store::{Database, Key, Query};

use crate::source;

/// The module's table.
pub const MODULE: Module = Module {
    name: "uri_db",
    doc: "Tells whether URIs exist, and whether whoever authenticated may use them.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("db_table", "subscriber", "Table of users, or of URIs with `use_uri_table`."),
        Param::text("user_column", "username", "Column of the user."),
        Param::text("domain_column", "domain", "Column of the user's domain."),
        Param::text("uriuser_column", "uri_user", "Column of the user part that a user may use."),
        Param::int_in("use_uri_table", 0, 1, "0", "Whether the table says which URIs a user may use."),
        Param::int_in("use_domain", 0, 1, "0", "Whether `does_uri_exist` compares domains."),
    ],
    functions: &[
        Function::new(
            "check_to",
            &[],
            Routes::REQUEST,
            check_to,
            "Whether To's user is one that whoever authenticated may use: 1 yes, -2 nobody has authenticated, -9 or -10 no.",
        )
        .waits(),
        Function::new("check_from", &[], Routes::REQUEST, check_from, "The same for From.").waits(),
        Function::new(
            "check_uri",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            check_uri,
            "The same for any URI; user and realm may be given in place of the credentials'.",
        )
        .requires(1)
        .waits(),
        Function::new(
            "does_uri_exist",
            &[],
            Routes::REQUEST.or(Routes::LOCAL),
            does_uri_exist,
            "Whether the request URI's user is in the table: 1 yes, -5 no, -1 failed.",
        )
        .waits(),
    ],
    start,
    ..Module::EMPTY
};

/// Nobody has authenticated.
const NOBODY: Flow = Flow::Done(-2);
/// There is no such user.
const NO_SUCH_USER: Flow = Flow::Done(-5);
/// The table does not let the user use it.
const NOT_LISTED: Flow = Flow::Done(-9);
/// It is not the user's own.
const ANOTHERS: Flow = Flow::Done(-10);

/// The module under one configuration.
struct UriDb {
    database: Database,
    table: String,
    user: String,
    domain: String,
    uri_user: String,
    lists_uris: bool,
    use_domain: bool,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(UriDb {
        database: source::database(setup)?,
        table: source::name(setup, "db_table", "subscriber"),
        user: source::name(setup, "user_column", "username"),
        domain: source::name(setup, "domain_column", "domain"),
        uri_user: source::name(setup, "uriuser_column", "uri_user"),
        lists_uris: source::is_on(setup, "use_uri_table"),
        use_domain: source::is_on(setup, "use_domain"),
    }))
}

fn check_to(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let uri = cx.context.message.to().map(|to| to.uri_text.to_vec());
    check(cx, uri.as_deref().unwrap_or_default(), modules::auth::credentials(cx))
}

fn check_from(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let uri = cx.context.message.from().map(|from| from.uri_text.to_vec());
    check(cx, uri.as_deref().unwrap_or_default(), modules::auth::credentials(cx))
}

/// `check_uri(uri [, user, realm])`
fn check_uri(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let who = match args.len() {
        1 => modules::auth::credentials(cx),
        _ => Some((args.text(1).to_vec(), args.text(2).to_vec())),
    };
    check(cx, args.text(0), who)
}

/// Whether a user of a realm may use a URI.
fn check(cx: &Cx<'_>, text: &[u8], who: Option<(Vec<u8>, Vec<u8>)>) -> Flow {
    let Ok(uri) = Uri::parse(text) else {
        tracing::error!(target: "uri_db", "`{}` is no URI to check", text.escape_ascii());
        return Flow::FALSE;
    };
    let Some((username, realm)) = who else {
        tracing::error!(target: "uri_db", "nobody has authenticated: call auth_check or its kin before");
        return NOBODY;
    };
    let user = username.split(|&byte| byte == b'@').next().unwrap_or_default();
    let state = cx.state::<UriDb>();
    let uri_user = uri.user.unwrap_or_default();
    if !state.lists_uris {
        return if uri_user.eq_ignore_ascii_case(user) { Flow::TRUE } else { ANOTHERS };
    }
    let keys = vec![
        Key::eq(&state.user, user),
        Key::eq(&state.domain, &realm[..]),
        Key::eq(&state.uri_user, uri_user),
    ];
    state.ask(keys, NOT_LISTED)
}

/// `does_uri_exist()`
fn does_uri_exist(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let text = cx.context.request_uri();
    let Ok(uri) = Uri::parse(&text) else {
        tracing::error!(target: "uri_db", "does_uri_exist: the request URI cannot be read");
        return Flow::FALSE;
    };
    let state = cx.state::<UriDb>();
    let column = if state.lists_uris { &state.uri_user } else { &state.user };
    let mut keys = vec![Key::eq(column, uri.user.unwrap_or_default())];
    if state.use_domain {
        keys.push(Key::eq(&state.domain, uri.host));
    }
    state.ask(keys, NO_SUCH_USER)
}

impl UriDb {
    /// True where a row meets the keys, else `otherwise`.
    fn ask(&self, keys: Vec<Key>, otherwise: Flow) -> Flow {
        let query = Query {
            table: self.table.clone(),
            columns: vec![self.user.clone()],
            keys,
            order: None,
            limit: Some(1),
        };
        source::ask("uri_db", &self.database, query, |_, rows| match rows {
            Some(rows) if rows.is_empty() => otherwise,
            Some(_) => Flow::TRUE,
            None => Flow::FALSE,
        })
    }
}
