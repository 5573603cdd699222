//! The functions of the script.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use engine::variables::AvpName;
use engine::{Args, Cx, Flow};
use sip_message::Uri;
use store::{Key, Query};

use super::Group;
use crate::source;

/// The user is not in the group.
const NOT_IN: Flow = Flow::Done(-6);

/// Whose groups are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    RequestUri,
    To,
    From,
    Credentials,
    Avp(AvpName),
}

/// Reads `Request-URI`, `To`, `From`, `Credentials` or `$avp(name)`.
pub(super) fn parse_who(text: &[u8]) -> Result<Parsed, String> {
    let named = [
        (&b"request-uri"[..], Who::RequestUri),
        (b"to", Who::To),
        (b"from", Who::From),
        (b"credentials", Who::Credentials),
    ];
    let known = named.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, who)| who);
    let who = match known {
        Some(who) => who,
        None => match text.strip_prefix(b"$avp(").and_then(|rest| rest.strip_suffix(b")")) {
            Some(name) => Who::Avp(AvpName::parse(name)?),
            None => return Err("Request-URI, To, From, Credentials or an $avp(name) is expected".to_owned()),
        },
    };
    Ok(Arc::new(who))
}

/// The URI of whoever is meant; credentials as `sip:user@realm`.
fn uri_of(cx: &Cx<'_>, who: &Who) -> Option<Vec<u8>> {
    let message = &cx.context.message;
    match who {
        Who::RequestUri => Some(cx.context.request_uri().to_vec()),
        Who::To => Some(message.to().ok()?.uri_text.to_vec()),
        Who::From => Some(message.from().ok()?.uri_text.to_vec()),
        Who::Credentials => {
            let (username, realm) = modules::auth::credentials(cx)?;
            let user = username.split(|&byte| byte == b'@').next().unwrap_or_default();
            Some([b"sip:", user, b"@", &realm].concat())
        }
        Who::Avp(name) => cx.context.variables.avps.all(name).next()?.as_text().map(<[u8]>::to_vec),
    }
}

/// `is_user_in(who, group)`
pub(super) fn is_user_in(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(text) = args.parsed::<Who>(0).and_then(|who| uri_of(cx, who)) else { return no_user() };
    let Ok(uri) = Uri::parse(&text) else { return no_user() };
    let state = cx.state::<Group>();
    let mut keys =
        vec![Key::eq(&state.user, uri.user.unwrap_or_default()), Key::eq(&state.group, args.text(1))];
    if state.use_domain {
        keys.push(Key::eq(&state.domain, uri.host));
    }
    let query = Query {
        table: state.table.clone(),
        columns: vec![state.group.clone()],
        keys,
        order: None,
        limit: Some(1),
    };
    source::ask("group", &state.database, query, |_, rows| match rows {
        Some(rows) if rows.is_empty() => NOT_IN,
        Some(_) => Flow::TRUE,
        None => Flow::FALSE,
    })
}

/// `get_user_group(who, variable)`
pub(super) fn get_user_group(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(text), Some(variable)) = (args.parsed::<Who>(0).and_then(|who| uri_of(cx, who)), args.pv(1))
    else {
        return no_user();
    };
    let Ok(uri) = Uri::parse(&text) else { return no_user() };
    // Expressions see scheme, user and host alone.
    let shown = [b"sip:", uri.user.unwrap_or_default(), b"@", uri.host].concat();
    let state = cx.state::<Group>();
    let kept = state.kept();
    let matching = kept.iter().filter(|(regex, _)| regex.is_match(&shown)).map(|(_, group)| *group);
    let groups: Vec<i64> = matching.take(if state.all_groups { usize::MAX } else { 1 }).collect();
    // The newest value is the first that is read: so the groups stand in the table's order.
    for group in groups.iter().rev() {
        cx.write_pv(variable, Value::Int(*group));
    }
    match i64::try_from(groups.len()) {
        Ok(0) | Err(_) => Flow::FALSE,
        Ok(count) => Flow::Done(count),
    }
}

fn no_user() -> Flow {
    tracing::error!(target: "group", "there is no URI, or no credentials that were found right, to tell the user");
    Flow::FALSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_to_ask_about_is_named() {
        let who = |text: &str| {
            parse_who(text.as_bytes()).map(|parsed| parsed.downcast_ref::<Who>().cloned().expect("who"))
        };
        assert_eq!(who("request-uri"), Ok(Who::RequestUri));
        assert_eq!(who("Credentials"), Ok(Who::Credentials));
        assert_eq!(who("$avp(i:5)"), Ok(Who::Avp(AvpName::Number(5))));
        assert!(who("$ru").is_err());
    }
}
