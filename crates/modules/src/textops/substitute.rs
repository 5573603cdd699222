//! `subst` and its kin: `sed`-like substitutions in the message, the request URI, or any text.

use std::sync::Arc;

use cfg_vm::Str;
use cfg_vm::catalogue::Parsed;
use cfg_vm::subst::{Replacement, Subst, SubstPv};
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::{Span, Uri};

use super::name::HeaderName;
use super::search::{chosen_fields, headers_start};

/// For the table.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    Subst::parse(text).map(|subst| Arc::new(subst) as Parsed)
}

/// The text of a pseudo-variable in a replacement.
fn value_of(cx: &mut Cx<'_>, pv: &SubstPv) -> Str {
    let running = cx.running;
    match pv.bound(|text| running.bind_pv(text).ok()) {
        Some(bound) => cx.read_bound(bound).to_str(),
        None => Str::EMPTY,
    }
}

fn replacements(cx: &mut Cx<'_>, subst: &Subst, text: &[u8]) -> Vec<Replacement> {
    subst.replacements(text, &mut |pv| value_of(cx, pv))
}

/// Substitutes in a part of the message; what matches nothing at all is left alone.
fn substitute(cx: &mut Cx<'_>, subst: &Subst, span: Span) -> bool {
    // The buffer is held, so that pseudo-variables can be read meanwhile.
    let buffer = Arc::clone(cx.context.message.buffer());
    let replacements = replacements(cx, subst, span.of(&buffer));
    let start = span.start as usize;
    for Replacement { range, text } in replacements.iter().filter(|found| !found.range.is_empty()) {
        cx.context.edits.replace(Span::new(start + range.start, start + range.end), text);
    }
    replacements.iter().any(|found| !found.range.is_empty())
}

pub(super) fn subst(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(subst) = args.parsed::<Subst>(0) else { return Flow::FALSE };
    let message = &cx.context.message;
    let span = Span::new(headers_start(message), message.as_bytes().len());
    substitute(cx, subst, span).into()
}

pub(super) fn subst_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(subst) = args.parsed::<Subst>(0) else { return Flow::FALSE };
    let body = cx.context.message.index().body();
    (!body.is_empty() && substitute(cx, subst, body)).into()
}

pub(super) fn subst_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), Some(subst)) = (args.parsed::<HeaderName>(0), args.parsed::<Subst>(1)) else {
        return Flow::FALSE;
    };
    let spans: Vec<Span> = chosen_fields(&cx.context.message, name, args.text(2)).collect();
    // Every field is worked on, also after the first match.
    let found = spans.into_iter().filter(|span| substitute(cx, subst, *span)).count();
    (found > 0).into()
}

/// The new text, if anything matched.
fn applied(cx: &mut Cx<'_>, subst: &Subst, text: &[u8]) -> Option<Vec<u8>> {
    subst.apply(text, &mut |pv| value_of(cx, pv))
}

pub(super) fn subst_uri(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(subst) = args.parsed::<Subst>(0) else { return Flow::FALSE };
    let uri = cx.context.request_uri();
    match applied(cx, subst, &uri) {
        Some(new) => {
            cx.context.destination.uri = Some(new.into());
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

pub(super) fn subst_user(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(subst) = args.parsed::<Subst>(0) else { return Flow::FALSE };
    let uri = cx.context.request_uri();
    let Ok(parsed) = Uri::parse(&uri) else { return Flow::FALSE };
    let Some(new) = applied(cx, subst, parsed.user.unwrap_or_default()) else { return Flow::FALSE };
    cx.context.destination.uri = Some(with_user(&parsed, &new).into());
    Flow::TRUE
}

/// The URI with another user; without one if it is empty.
fn with_user(uri: &Uri<'_>, user: &[u8]) -> Vec<u8> {
    let start = uri.scheme_text.len() + 1;
    let before = &uri.raw[..start];
    if !uri.is_sip() {
        let rest = &uri.raw[start + uri.user.map_or(0, <[u8]>::len)..];
        return [before, user, rest].concat();
    }
    // After the user stand a password and the at sign, or the host at once.
    let rest = uri.userinfo().map_or(&uri.raw[start..], |info| &uri.raw[start + info.len() + 1..]);
    let password = uri.password.map_or_else(Vec::new, |password| [b":", password].concat());
    match user {
        [] => [before, rest].concat(),
        _ => [before, user, &password, b"@", rest].concat(),
    }
}

/// Substitutes in any text, into a variable.
pub(super) fn subst_v(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(subst), Some(target)) = (args.parsed::<Subst>(1), args.pv(2)) else { return Flow::FALSE };
    match applied(cx, subst, args.text(0)) {
        Some(new) => cx.write_pv(target, new.into()).into(),
        None => Flow::FALSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(uri: &str, user: &str) -> String {
        String::from_utf8(with_user(&Uri::parse(uri.as_bytes()).unwrap(), user.as_bytes())).unwrap()
    }

    #[test]
    fn a_user_is_put_in_its_place() {
        assert_eq!(with("sip:bob@example.com;x=1", "al"), "sip:al@example.com;x=1");
        assert_eq!(with("sip:bob:pw@example.com", "al"), "sip:al:pw@example.com");
        assert_eq!(with("sip:example.com", "al"), "sip:al@example.com");
        assert_eq!(with("sip:bob@example.com", ""), "sip:example.com");
        assert_eq!(with("tel:123;ext=1", "456"), "tel:456;ext=1");
    }
}
