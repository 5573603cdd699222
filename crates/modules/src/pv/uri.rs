//! `$ru`, `$ou`, `$du`, `$nh` and their parts.

use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::{Cx, PvArgs};
use sip_message::{Scheme, Uri};

use crate::core::change_request_uri;
use crate::core::rewrite::Change;

/// A URI, if it is one that Kamailio takes apart: of a known scheme, and with a user where there is an `@`.
pub(super) fn parse(text: &[u8]) -> Option<Uri<'_>> {
    let uri = Uri::parse(text).ok()?;
    (uri.scheme != Scheme::Other && uri.user != Some(b"")).then_some(uri)
}

/// The user; a telephone number without the parameters in it.
pub(super) fn user<'a>(uri: &Uri<'a>) -> Option<&'a [u8]> {
    let user = uri.user?;
    let end = if uri.is_phone() { user.iter().position(|&byte| byte == b';') } else { None };
    Some(&user[..end.unwrap_or(user.len())])
}

/// The host; `tel` has none.
pub(super) fn host<'a>(uri: &Uri<'a>) -> Option<&'a [u8]> {
    (!uri.host.is_empty()).then_some(uri.host)
}

/// The port; without one 5061 if the transport is TLS, else 5060.
fn port(uri: &Uri<'_>) -> i64 {
    let is_tls = uri.transport().is_some_and(|transport| transport.eq_ignore_ascii_case(b"tls"));
    uri.port.unwrap_or(if is_tls { 5061 } else { 5060 }).into()
}

fn transport(cx: &Cx<'_>, uri: &Uri<'_>) -> Value {
    uri.transport().map_or(Value::text("UDP"), |transport| Value::Str(cx.context.keep(transport)))
}

fn scheme(uri: &Uri<'_>) -> Value {
    Value::text(match uri.scheme {
        Scheme::Sip if uri.is_phone() => "tel",
        Scheme::Sips if uri.is_phone() => "tels",
        Scheme::Sip => "sip",
        Scheme::Sips => "sips",
        Scheme::Tel => "tel",
        Scheme::Urn | Scheme::Other => "urn",
    })
}

/// What stands for a URI in a read: none in a reply.
fn request_uri(cx: &Cx<'_>) -> Option<Str> {
    cx.context.message.is_request().then(|| cx.context.request_uri())
}

fn original_uri(cx: &Cx<'_>) -> Option<Str> {
    cx.context.message.is_request().then(|| cx.context.original_uri())
}

fn destination_uri(cx: &Cx<'_>) -> Option<Str> {
    cx.context.destination.uri_to_send.clone()
}

fn next_hop(cx: &Cx<'_>) -> Option<Str> {
    destination_uri(cx).or_else(|| request_uri(cx))
}

/// Reads something of a URI; undefined where it does not parse.
fn of_uri(text: Option<Str>, what: &str, read: impl FnOnce(&Uri<'_>) -> Value) -> Value {
    let Some(text) = text else { return Value::Null };
    match parse(&text) {
        Some(uri) => read(&uri),
        None => {
            tracing::error!(target: "pv", "failed to parse the {what}");
            Value::Null
        }
    }
}

fn kept(cx: &Cx<'_>, part: Option<&[u8]>) -> Value {
    part.map(|part| cx.context.keep(part)).into()
}

fn length(part: Option<&[u8]>) -> Value {
    Value::Int(part.map_or(0, <[u8]>::len) as i64)
}

const R_URI: &str = "R-URI";
const DST_URI: &str = "dst uri";

pub(super) fn ruri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let text = request_uri(cx);
    of_uri(text.clone(), R_URI, |_| text.into())
}

pub(super) fn ruri_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| length(Some(uri.raw)))
}

pub(super) fn ruri_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| kept(cx, user(uri)))
}

pub(super) fn ruri_user_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| length(user(uri)))
}

pub(super) fn ruri_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| kept(cx, host(uri)))
}

pub(super) fn ruri_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| Value::Int(port(uri)))
}

pub(super) fn ruri_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, |uri| transport(cx, uri))
}

pub(super) fn ruri_scheme(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(request_uri(cx), R_URI, scheme)
}

pub(super) fn original(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let text = original_uri(cx);
    of_uri(text.clone(), R_URI, |_| text.into())
}

pub(super) fn original_user(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(original_uri(cx), R_URI, |uri| kept(cx, user(uri)))
}

pub(super) fn original_user_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(original_uri(cx), R_URI, |uri| length(user(uri)))
}

pub(super) fn original_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(original_uri(cx), R_URI, |uri| kept(cx, host(uri)))
}

pub(super) fn original_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(original_uri(cx), R_URI, |uri| Value::Int(port(uri)))
}

pub(super) fn original_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(original_uri(cx), R_URI, |uri| transport(cx, uri))
}

pub(super) fn destination(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    destination_uri(cx).into()
}

pub(super) fn destination_host(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(destination_uri(cx), DST_URI, |uri| kept(cx, host(uri)))
}

pub(super) fn destination_port(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(destination_uri(cx), DST_URI, |uri| Value::Int(port(uri)))
}

pub(super) fn destination_transport(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    of_uri(destination_uri(cx), DST_URI, |uri| transport(cx, uri))
}

/// What `$nh(…)` asks for of the next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextHopPart {
    Uri,
    User,
    Host,
    Port,
    Transport,
}

/// Names in `$nh(…)`.
pub(super) const NEXT_HOP_PARTS: &[(&str, NextHopPart)] = &[
    ("u", NextHopPart::Uri),
    ("U", NextHopPart::User),
    ("d", NextHopPart::Host),
    ("p", NextHopPart::Port),
    ("P", NextHopPart::Transport),
];

/// `$nh(part)`
pub(super) fn next_hop_part(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let text = next_hop(cx);
    match args.parsed::<NextHopPart>() {
        None | Some(NextHopPart::Uri) => text.into(),
        Some(NextHopPart::User) => of_uri(text, R_URI, |uri| kept(cx, user(uri))),
        Some(NextHopPart::Host) => of_uri(text, R_URI, |uri| kept(cx, host(uri))),
        Some(NextHopPart::Port) => of_uri(text, R_URI, |uri| Value::Int(uri.port.unwrap_or(5060).into())),
        Some(NextHopPart::Transport) => of_uri(text, R_URI, |uri| transport(cx, uri)),
    }
}

/// The text of a value that has to be one.
pub(super) fn text_of(value: Value, what: &str) -> Result<Str, WriteError> {
    match value {
        Value::Str(text) => Ok(text),
        Value::Int(_) | Value::Null => Err(WriteError::Unfit(format!("{what} is set to a string"))),
    }
}

/// `$ru = …`: any text is taken.
pub(super) fn set_ruri(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let text = text_of(value, "the request URI")?;
    if !cx.context.message.is_request() {
        return Err(WriteError::NotHere);
    }
    cx.context.destination.uri = Some(text);
    Ok(())
}

/// `$rU = …`: undefined or empty takes the user away.
pub(super) fn set_user(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let user = if value.is_null() { Str::EMPTY } else { text_of(value, "the URI's user")? };
    changed(cx, Change::User(&user))
}

/// `$rd = …`
pub(super) fn set_host(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let host = text_of(value, "the URI's host")?;
    changed(cx, Change::Host(&host))
}

/// `$rp = …`: undefined or empty takes the port away.
pub(super) fn set_port(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    changed(cx, Change::Port(&value.to_str()))
}

/// `$du = …`: undefined or empty clears it.
pub(super) fn set_destination(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let uri = if value.is_null() { Str::EMPTY } else { text_of(value, "the destination URI")? };
    cx.context.destination.uri_to_send = Some(uri).filter(|uri| !uri.is_empty());
    Ok(())
}

fn changed(cx: &mut Cx<'_>, change: Change<'_>) -> Result<(), WriteError> {
    if change_request_uri(cx, change) {
        Ok(())
    } else {
        Err(WriteError::Unfit("the request URI cannot be taken apart".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_schemes_and_empty_users_are_not_taken_apart() {
        assert!(parse(b"sip:@biloxi.example").is_none());
        assert!(parse(b"http://www.example.com").is_none());
        assert!(parse(b"sip:biloxi.example").is_some());
        assert!(parse(b"urn:service:sos").is_some());
    }

    #[test]
    fn a_telephone_number_with_a_host_loses_its_parameters() {
        let of = |text: &'static str| user(&Uri::parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(of("sip:123;x=1@h;user=phone"), b"123");
        assert_eq!(of("sip:user;par=u%40example.net@example.com"), b"user;par=u%40example.net");
    }

    #[test]
    fn the_default_port_follows_the_transport_alone() {
        let of = |text: &'static str| port(&Uri::parse(text.as_bytes()).unwrap());
        assert_eq!(of("sip:a@b;transport=tls"), 5061);
        assert_eq!(of("sips:a@b"), 5060);
        assert_eq!(of("sip:a@b:7;transport=tls"), 7);
    }
}
