//! Questions about the message as a whole.

use cfg_vm::Str;
use engine::{Args, Cx, Flow};
use sip_message::{Date, HeaderId, Message, NameAddr};

/// The user whose credentials were verified; set by the module that did so.
#[derive(Debug, Default)]
pub struct VerifiedUser(pub Option<Str>);

pub(super) fn is_user(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let verified = cx.context.data.get::<VerifiedUser>().and_then(|user| user.0.as_deref());
    (verified == Some(args.text(0))).into()
}

pub(super) fn has_totag(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let to = cx.context.message.to();
    to.is_ok_and(|to| to.tag().is_some_and(|tag| !tag.is_empty())).into()
}

pub(super) fn is_request(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.message.is_request().into()
}

pub(super) fn is_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (!cx.context.message.is_request()).into()
}

pub(super) fn is_sip(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    speaks(&cx.context.message, b"SIP/").into()
}

pub(super) fn is_http(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    speaks(&cx.context.message, b"HTTP/").into()
}

fn speaks(message: &Message, protocol: &[u8]) -> bool {
    message.version().get(..protocol.len()).is_some_and(|start| start.eq_ignore_ascii_case(protocol))
}

pub(super) fn sip_parse_headers(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (!cx.context.message.index().has(HeaderId::Malformed)).into()
}

pub(super) fn cmp_hdr_name(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    same_header(args.text(0), args.text(1)).into()
}

fn same_header(left: &[u8], right: &[u8]) -> bool {
    match (HeaderId::lookup(left), HeaderId::lookup(right)) {
        (HeaderId::Other | HeaderId::Malformed, _) => left.eq_ignore_ascii_case(right),
        (one, other) => one == other,
    }
}

/// A request of a user agent has one Via. A reply comes from one when the topmost Record-Route is ours, or there is
/// none: nobody below us recorded itself.
pub(super) fn is_first_hop(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    if message.is_request() {
        return (message.via_values().nth(1).is_none()).into();
    }
    let Some(top) = message.record_route_values().next() else { return Flow::TRUE };
    let takes_names = args.int(0) == Some(1);
    let Some(uri) = message.name_addr(top).ok().and_then(|addr: NameAddr<'_>| addr.uri().ok()) else {
        return Flow::FALSE;
    };
    let is_address =
        std::str::from_utf8(uri.host_unbracketed()).is_ok_and(|h| h.parse::<std::net::IpAddr>().is_ok());
    let is_own = |port| cx.listeners().is_own(uri.host, port, None);
    let ours = is_own(Some(uri.port.unwrap_or(5060))) && (takes_names || is_address);
    let source = cx.context.received.source;
    // A reply from our own address has come through us before: a loop within this host.
    let looped = !takes_names && cx.listeners().all().iter().any(|socket| socket.address == source);
    (ours && !looped).into()
}

pub(super) fn hdr_date_check(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(allowed) = args.int(0) else { return Flow::FALSE };
    let Some(date) = cx.context.message.value(HeaderId::Date).and_then(|value| Date::parse(value).ok())
    else {
        return Flow::FALSE;
    };
    let sent = i64::try_from(date.unix).unwrap_or(i64::MAX);
    let is_fresh = cx.shard.unix_time().saturating_sub(allowed) <= sent;
    if is_fresh { Flow::TRUE } else { Flow::Done(-4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_compared_as_headers() {
        assert!(same_header(b"f", b"From"));
        assert!(same_header(b"X-Own", b"x-own"));
        assert!(!same_header(b"X-Own", b"X-Other"));
        assert!(!same_header(b"From", b"To"));
    }
}
