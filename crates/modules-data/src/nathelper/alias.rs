//! `;alias=ip~port~transport` in a Contact's URI: where its sender really is (as draft-ietf-sip-outbound's
//! predecessors did it; RFC 3261 leaves a URI's own parameters to whoever made it).

use std::net::SocketAddr;

use cfg_vm::{Str, Value};
use engine::{Args, Context, Cx, Flow};
use sip_message::{NameAddr, Param, Uri};
use transport::Proto;

use modules::sender::{self, parse, write_uri};

use super::Nathelper;
use super::contact::{chosen, host_port};

pub(super) fn add(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let (source, proto) = (cx.context.received.source, cx.context.received.proto);
    add_first(cx, source, proto)
}

pub(super) fn add_given(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let port = std::str::from_utf8(args.text(1)).ok().and_then(|digits| digits.parse().ok());
    match (parse(args.text(0)), port, Proto::from_bytes(args.text(2))) {
        (Some(ip), Some(port), Some(proto)) => add_first(cx, SocketAddr::new(ip, port), proto),
        _ => {
            tracing::error!(target: "nathelper", "an alias is an address, a port and a transport such as udp");
            Flow::FALSE
        }
    }
}

/// Right after host and port.
fn add_first(cx: &mut Cx<'_>, address: SocketAddr, proto: Proto) -> Flow {
    let alias = sender::alias(&cx.state::<Nathelper>().alias, address, proto);
    change(cx.context, |contact, at| {
        let split = at - contact.uri_text.as_ptr() as usize;
        let (before, after) = contact.uri_text.split_at(split);
        [before, &alias, after].concat()
    })
}

/// After the other parameters.
pub(super) fn set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (source, proto) = (cx.context.received.source, cx.context.received.proto);
    let name = &cx.state::<Nathelper>().alias;
    let alias = sender::alias(name, source, proto);
    let trims = args.int(0) == Some(1);
    change(cx.context, |contact, _| {
        let uri = contact.uri_text;
        let end = uri.iter().position(|&byte| byte == b'?').unwrap_or(uri.len());
        let kept = if trims { without(&uri[..end], name) } else { uri[..end].to_vec() };
        [&kept[..], &alias, &uri[end..]].concat()
    })
}

/// A URI, headers left out, without its parameters of a name.
fn without(uri: &[u8], name: &[u8]) -> Vec<u8> {
    let mut parts = uri.split(|&byte| byte == b';');
    let mut kept = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let own = part.split(|&byte| byte == b'=').next().unwrap_or_default();
        if !own.eq_ignore_ascii_case(name) {
            kept.push(b';');
            kept.extend_from_slice(part);
        }
    }
    kept
}

/// Puts another URI into the chosen Contact, in brackets. `make` gets the Contact and the place in memory after its
/// host and port.
fn change(context: &mut Context, make: impl FnOnce(&NameAddr<'_>, usize) -> Vec<u8>) -> Flow {
    let Context { message, edits, .. } = context;
    let Some((_, contact)) = chosen(message) else { return Flow::FALSE };
    let Some(place) = host_port(message, &contact) else {
        tracing::error!(target: "nathelper", "Contact holds no SIP URI");
        return Flow::FALSE;
    };
    let Some(span) = message.span_of(contact.uri_text) else { return Flow::FALSE };
    let after = message.as_bytes().as_ptr() as usize + place.end as usize;
    let uri = make(&contact, after);
    if contact.bracketed {
        edits.replace(span, &uri);
    } else {
        edits.replace(span, &[b"<", &uri[..], b">"].concat());
    }
    Flow::TRUE
}

/// The alias of a URI: the first, or the last.
fn find<'a>(uri: &Uri<'a>, name: &[u8], last: bool) -> Option<Param<'a>> {
    let mut aliases = uri.params().filter(|param| param.name.eq_ignore_ascii_case(name));
    if last { aliases.last() } else { aliases.next() }
}

pub(super) fn handle(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let last = args.int(0).unwrap_or_default() != 0;
    let text = cx.context.request_uri();
    let Ok(uri) = Uri::parse(&text) else { return Flow::FALSE };
    let Some(alias) = find(&uri, &cx.state::<Nathelper>().alias, last) else { return Flow::Done(2) };
    let Some((address, proto)) = alias.value.and_then(sender::read_alias) else {
        tracing::error!(target: "nathelper", "the request URI's alias is no address: {}", text.escape_ascii());
        return Flow::FALSE;
    };
    let mut hop = Vec::new();
    write_uri(address, proto, &mut hop);
    cx.context.destination.uri_to_send = Some(hop.into());
    cx.context.destination.uri = Some(cut(&text, &alias).into());
    Flow::TRUE
}

/// A URI without one of its parameters.
fn cut(uri: &Str, param: &Param<'_>) -> Vec<u8> {
    let base = uri.as_ptr() as usize;
    // The parameter was borrowed from this text, and a semicolon stands before it.
    let start = param.name.as_ptr() as usize - base - 1;
    let end = param.value.map_or(start + 1 + param.name.len(), |v| v.as_ptr() as usize - base + v.len());
    [&uri[..start], &uri[end..]].concat()
}

pub(super) fn set_to_variable(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = &cx.state::<Nathelper>().alias;
    let uri = chosen(&cx.context.message).and_then(|(_, contact)| contact.uri().ok());
    let found = uri
        .and_then(|uri| find(&uri, name, false))
        .and_then(|param| param.value)
        .and_then(sender::read_alias);
    let (Some((address, proto)), Some(pv)) = (found, args.pv(0)) else { return Flow::FALSE };
    let mut text = Vec::new();
    write_uri(address, proto, &mut text);
    cx.write_pv(pv, Value::from(text)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_cut_out_of_a_uri() {
        let text = Str::from("sip:b@h:5099;x=0;alias=1.1.1.1~1~1;y;alias=2.2.2.2~2~1?h=1");
        let uri = Uri::parse(&text).expect("a URI");
        let cut_out = |last| {
            String::from_utf8(cut(&text, &find(&uri, b"alias", last).expect("an alias"))).expect("ASCII")
        };
        assert_eq!(cut_out(false), "sip:b@h:5099;x=0;y;alias=2.2.2.2~2~1?h=1");
        assert_eq!(cut_out(true), "sip:b@h:5099;x=0;alias=1.1.1.1~1~1;y?h=1");
        assert_eq!(without(b"sip:b@h;alias=1;x;ALIAS=2", b"alias"), b"sip:b@h;x");
    }
}
