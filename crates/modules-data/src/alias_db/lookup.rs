//! From other names to users, and back.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use engine::context::Branch;
use engine::{Args, Cx, Flow};
use sip_message::Uri;
use store::{Key, Query, Row};

use super::AliasDb;
use crate::source;

/// How a lookup differs from the parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    /// `d` or `u`, if given.
    use_domain: Option<bool>,
    /// `r`
    reverse: bool,
}

/// Reads `d`, `u` and `r`.
pub(super) fn parse_flags(text: &[u8]) -> Result<Parsed, String> {
    let mut flags = Flags::default();
    for &letter in text {
        match letter {
            b'd' => flags.use_domain = Some(false),
            b'u' => flags.use_domain = Some(true),
            b'r' => flags.reverse = true,
            b' ' => {}
            other => return Err(format!("flag `{}`: d, u and r are known", other.escape_ascii())),
        }
    }
    Ok(Arc::new(flags))
}

/// `alias_db_lookup(table [, flags])`
pub(super) fn alias_db_lookup(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let uri = cx.context.request_uri();
    let flags = args.parsed::<Flags>(1).copied().unwrap_or_default();
    look_up(cx, args.text(0), &uri, flags, |cx, mut found| {
        let others = found.split_off(1);
        for first in found {
            cx.context.destination.uri = Some(first.into());
        }
        if cx.state::<AliasDb>().append_branches {
            let branches = others.into_iter().map(|uri| Branch { uri: uri.into(), ..Branch::default() });
            cx.context.branches.extend(branches);
        }
        Flow::TRUE
    })
}

/// `alias_db_find(table, uri, variable [, flags])`
pub(super) fn alias_db_find(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let flags = args.parsed::<Flags>(3).copied().unwrap_or_default();
    let Some(variable) = args.pv(2) else { return Flow::FALSE };
    look_up(cx, args.text(0), args.text(1), flags, move |cx, found| {
        let first = found.into_iter().next().map_or(Value::Null, Value::from);
        cx.write_pv(variable, first).into()
    })
}

/// Asks for a URI; goes on with at least one that was found.
fn look_up(
    cx: &Cx<'_>,
    table: &[u8],
    uri: &[u8],
    flags: Flags,
    then: impl FnOnce(&mut Cx<'_>, Vec<Vec<u8>>) -> Flow + Send + 'static,
) -> Flow {
    let Ok(uri) = Uri::parse(uri) else {
        tracing::error!(target: "alias_db", "`{}` is no URI to look up", uri.escape_ascii());
        return Flow::FALSE;
    };
    let state = cx.state::<AliasDb>();
    let Some(user) = uri.user.filter(|user| !user.is_empty()) else { return Flow::FALSE };
    let names = (&state.user, &state.domain);
    let others = (&state.alias_user, &state.alias_domain);
    let (wanted, known) = if flags.reverse { (others, names) } else { (names, others) };
    let mut keys = vec![Key::eq(known.0, user)];
    if flags.use_domain.unwrap_or(state.use_domain) {
        let host = uri.host.strip_prefix(&state.domain_prefix[..]).unwrap_or(uri.host);
        keys.push(Key::eq(known.1, host));
    }
    let query = Query {
        table: String::from_utf8_lossy(table).into_owned(),
        columns: vec![wanted.0.clone(), wanted.1.clone()],
        keys,
        ..Query::default()
    };
    source::ask("alias_db", &state.database, query, |cx, rows| {
        let found: Vec<_> = rows.iter().flatten().filter_map(uri_of).collect();
        if found.is_empty() { Flow::FALSE } else { then(cx, found) }
    })
}

fn uri_of(row: &Row) -> Option<Vec<u8>> {
    let part = |at: usize| source::text_of(row.get(at)?).filter(|text| !text.is_empty());
    let uri = [b"sip:", &part(0)?[..], b"@", &part(1)?[..]].concat();
    // What is no URI would fail later, where nobody sees why.
    if Uri::parse(&uri).is_err() {
        tracing::error!(target: "alias_db", "the table leads to `{}`, which is no URI", uri.escape_ascii());
        return None;
    }
    Some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_letters() {
        let flags =
            |text: &[u8]| parse_flags(text).map(|parsed| *parsed.downcast_ref::<Flags>().expect("flags"));
        assert_eq!(flags(b""), Ok(Flags::default()));
        assert_eq!(flags(b"rd"), Ok(Flags { use_domain: Some(false), reverse: true }));
        assert_eq!(flags(b"u"), Ok(Flags { use_domain: Some(true), reverse: false }));
        assert!(flags(b"x").is_err());
    }

    #[test]
    fn a_row_becomes_a_uri_only_if_it_is_one() {
        let row = |user: &str, domain: &str| Row(vec![user.into(), domain.into()]);
        assert_eq!(uri_of(&row("alice", "a.example")), Some(b"sip:alice@a.example".to_vec()));
        assert_eq!(uri_of(&row("", "a.example")), None);
        assert_eq!(uri_of(&row("alice", "a example")), None);
    }
}
