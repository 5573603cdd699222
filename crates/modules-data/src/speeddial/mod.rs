//! Module `speeddial`: short numbers of a user.

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Args, Cx, Flow, Function, Module, Param, Setup, SetupError};
use sip_message::Uri;
use store::{Database, Key, Query};

use crate::source;

/// The module's table.
pub const MODULE: Module = Module {
    name: "speeddial",
    doc: "Looks up the short numbers that users have.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("user_column", "username", "Column of the owner."),
        Param::text("domain_column", "domain", "Column of the owner's domain."),
        Param::text("sd_user_column", "sd_username", "Column of the short number."),
        Param::text("sd_domain_column", "sd_domain", "Column of the short number's domain."),
        Param::text("new_uri_column", "new_uri", "Column of what it stands for."),
        Param::int_in(
            "use_domain",
            0,
            2,
            "0",
            "1 compares the owner's domain, 2 the short number's as well.",
        ),
        Param::text("domain_prefix", "", "Taken off the front of the owner's domain."),
    ],
    functions: &[Function::new(
        "sd_lookup",
        &[ArgKind::Format, ArgKind::Format],
        Routes::REQUEST,
        sd_lookup,
        "Replaces the request URI by what it is short for, to the user in From or to another owner.",
    )
    .requires(1)
    .waits()],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Speeddial {
    database: Database,
    user: String,
    domain: String,
    short_user: String,
    short_domain: String,
    new_uri: String,
    use_domain: i64,
    domain_prefix: Vec<u8>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(Speeddial {
        database: source::database(setup)?,
        user: source::name(setup, "user_column", "username"),
        domain: source::name(setup, "domain_column", "domain"),
        short_user: source::name(setup, "sd_user_column", "sd_username"),
        short_domain: source::name(setup, "sd_domain_column", "sd_domain"),
        new_uri: source::name(setup, "new_uri_column", "new_uri"),
        use_domain: setup.int("use_domain").unwrap_or_default(),
        domain_prefix: source::text(setup, "domain_prefix", ""),
    }))
}

/// `sd_lookup(table [, owner])`
fn sd_lookup(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let state = cx.state::<Speeddial>();
    let (short, from) = (cx.context.request_uri(), cx.context.message.from());
    let owner =
        if args.len() > 1 { Some(args.text(1)) } else { from.as_ref().ok().map(|from| from.uri_text) };
    let owner = owner.and_then(|owner| Uri::parse(owner).ok());
    let (Some(owner), Ok(short)) = (owner, Uri::parse(&short)) else {
        tracing::error!(target: "speeddial", "sd_lookup: the owner or the request URI is no URI");
        return Flow::FALSE;
    };
    let query = state.query(args.text(0), &owner, &short);
    source::ask("speeddial", &state.database, query, |cx, rows| {
        let found = rows.as_ref().and_then(|rows| source::text_of(rows.first()?.first()?));
        let Some(uri) = found.and_then(complete) else { return Flow::FALSE };
        cx.context.destination.uri = Some(uri.into());
        Flow::TRUE
    })
}

impl Speeddial {
    fn query(&self, table: &[u8], owner: &Uri<'_>, short: &Uri<'_>) -> Query {
        let mut keys = vec![
            Key::eq(&self.user, owner.user.unwrap_or_default()),
            Key::eq(&self.short_user, short.user.unwrap_or_default()),
        ];
        if self.use_domain >= 1 {
            let host = owner.host.strip_prefix(&self.domain_prefix[..]).unwrap_or(owner.host);
            keys.push(Key::eq(&self.domain, host));
        }
        if self.use_domain >= 2 {
            keys.push(Key::eq(&self.short_domain, short.host));
        }
        Query {
            table: String::from_utf8_lossy(table).into_owned(),
            columns: vec![self.new_uri.clone()],
            keys,
            order: None,
            limit: Some(1),
        }
    }
}

/// What the table has, with a scheme; `None` where it is no URI.
fn complete(text: Vec<u8>) -> Option<Vec<u8>> {
    let has_scheme = [&b"sip:"[..], b"sips:", b"tel:"].iter().any(|scheme| text.starts_with(scheme));
    let uri = if has_scheme { text } else { [&b"sip:"[..], &text].concat() };
    if Uri::parse(&uri).is_err() {
        tracing::error!(target: "speeddial", "the table leads to `{}`, which is no URI", uri.escape_ascii());
        return None;
    }
    Some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_has_gets_a_scheme() {
        let complete =
            |text: &str| complete(text.as_bytes().to_vec()).map(|uri| String::from_utf8(uri).expect("text"));
        assert_eq!(complete("sip:bob@b").as_deref(), Some("sip:bob@b"));
        assert_eq!(complete("bare").as_deref(), Some("sip:bare"));
        assert_eq!(complete("bob@b;x=1").as_deref(), Some("sip:bob@b;x=1"));
        assert_eq!(complete("bob@b\r\nX: y"), None);
    }
}
