//! `{uri.…}`

use cfg_vm::catalogue::TransformArgs;
use cfg_vm::{Str, Value};
use sip_message::{Uri, UriBuf, unquote};
use transport::Proto;

use super::text;
use crate::pv::uri as parts;

/// Reads something of the input URI; what is none gives no bytes, and what is undefined stays so.
fn of(input: &Value, read: impl FnOnce(&Uri<'_>) -> Value) -> Value {
    match input {
        Value::Str(raw) => parts::parse(raw).map_or_else(|| text(None), |uri| read(&uri)),
        Value::Null => Value::Null,
        Value::Int(_) => text(None),
    }
}

/// A parameter's value without quotes.
fn parameter(input: &Value, name: &[u8]) -> Value {
    of(input, |uri| Value::Str(Str::copy(&unquote(uri.param(name).unwrap_or_default()))))
}

pub(super) fn user(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(parts::user(uri)))
}

pub(super) fn host(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(parts::host(uri)))
}

pub(super) fn password(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(uri.password))
}

pub(super) fn port(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(uri.port_text))
}

pub(super) fn scheme(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(Some(uri.scheme_text)))
}

pub(super) fn params(input: &Value, _: &TransformArgs<'_>) -> Value {
    // Those of a telephone number are no URI parameters to Kamailio.
    of(input, |uri| text(uri.is_sip().then_some(uri.params_text)))
}

pub(super) fn headers(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| text(uri.headers_text))
}

pub(super) fn param(input: &Value, args: &TransformArgs<'_>) -> Value {
    let name = args.values.first().map(Value::to_str).unwrap_or_default();
    parameter(input, &name)
}

pub(super) fn transport(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"transport")
}

pub(super) fn ttl(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"ttl")
}

pub(super) fn user_param(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"user")
}

pub(super) fn maddr(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"maddr")
}

pub(super) fn method(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"method")
}

pub(super) fn loose(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"lr")
}

pub(super) fn double(input: &Value, _: &TransformArgs<'_>) -> Value {
    parameter(input, b"r2")
}

pub(super) fn remove_param(input: &Value, args: &TransformArgs<'_>) -> Value {
    let name = args.values.first().map(Value::to_str).unwrap_or_default();
    of(input, |uri| {
        let mut changed = UriBuf::new(uri.raw);
        match changed.remove_param(&name) {
            Ok(()) => Value::Str(changed.into_bytes().into()),
            Err(_) => text(None),
        }
    })
}

/// `{uri.saor}`
pub(super) fn address_of_record(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| Value::Str(composed(uri, &[Piece::User]).into()))
}

/// `{uri.suri}`
pub(super) fn simple(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| Value::Str(composed(uri, &[Piece::User, Piece::Port, Piece::Transport]).into()))
}

/// `{uri.duri}`
pub(super) fn destination(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| Value::Str(composed(uri, &[Piece::Port, Piece::Transport]).into()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    User,
    Port,
    Transport,
}

/// Scheme, host and what is asked for of the rest.
fn composed(uri: &Uri<'_>, pieces: &[Piece]) -> Vec<u8> {
    let mut out = [uri.scheme_text, b":"].concat();
    if let Some(user) = uri.user.filter(|_| pieces.contains(&Piece::User)) {
        out.extend_from_slice(user);
        if !uri.host.is_empty() {
            out.push(b'@');
        }
    }
    out.extend_from_slice(uri.host);
    if let Some(port) = uri.port_text.filter(|_| pieces.contains(&Piece::Port)) {
        out.push(b':');
        out.extend_from_slice(port);
    }
    if let Some(transport) = uri.transport().filter(|_| pieces.contains(&Piece::Transport)) {
        out.extend_from_slice(b";transport=");
        out.extend_from_slice(transport);
    }
    out
}

/// `{uri.tosocket}`: nothing without a transport.
pub(super) fn socket(input: &Value, _: &TransformArgs<'_>) -> Value {
    of(input, |uri| {
        let Some(proto) = uri.transport().and_then(Proto::from_bytes) else { return text(None) };
        let port = Str::decimal(uri.port.filter(|port| *port != 0).unwrap_or(5060).into());
        Value::Str([proto.name().as_bytes(), b":", uri.host, b":", port.as_bytes()].concat().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(transform: fn(&Value, &TransformArgs<'_>) -> Value, uri: &str, argument: &str) -> String {
        let values = [Value::Str(argument.into())];
        let args = TransformArgs { values: &values, parsed: None };
        transform(&Value::Str(uri.into()), &args).to_str().to_lossy().into_owned()
    }

    const FULL: &str =
        "sip:alice:pw@ex.com:5070;transport=tcp;lr;x=1;user=phone;ttl=5;maddr=1.2.3.4;r2=on?Subject=hi";

    #[test]
    fn parts_of_a_uri() {
        assert_eq!(run(user, FULL, ""), "alice");
        assert_eq!(run(password, FULL, ""), "pw");
        assert_eq!(run(host, FULL, ""), "ex.com");
        assert_eq!(run(port, FULL, ""), "5070");
        assert_eq!(run(scheme, FULL, ""), "sip");
        assert_eq!(run(headers, FULL, ""), "Subject=hi");
        assert_eq!(run(port, "sip:1.2.3.4", ""), "");
        assert_eq!(run(host, "sip:bob@[2001:db8::1]:5062", ""), "[2001:db8::1]");
        assert_eq!(run(user, "tel:+1234;phone-context=x", ""), "+1234");
        assert_eq!(run(params, "tel:+1234;phone-context=x", ""), "");
        for transform in [user, host, scheme, params, socket] {
            assert_eq!(run(transform, "notauri", ""), "");
            assert_eq!(run(transform, "sip:@x", ""), "");
        }
    }

    #[test]
    fn parameters_of_a_uri() {
        assert_eq!(run(transport, FULL, ""), "tcp");
        assert_eq!(run(param, FULL, "X"), "1");
        assert_eq!(run(param, FULL, "none"), "");
        assert_eq!(run(loose, FULL, ""), "");
        assert_eq!(run(loose, "sips:1.2.3.4:5061;lr=on", ""), "on");
        assert_eq!(run(double, FULL, ""), "on");
        assert_eq!(run(param, "sip:u@x;r=\"x\"", "r"), "x");
        assert_eq!(run(remove_param, "sip:u@x;p=1;q?h=1", "p"), "sip:u@x;q?h=1");
    }

    #[test]
    fn shorter_uris() {
        assert_eq!(run(address_of_record, FULL, ""), "sip:alice@ex.com");
        assert_eq!(run(simple, FULL, ""), "sip:alice@ex.com:5070;transport=tcp");
        assert_eq!(run(destination, FULL, ""), "sip:ex.com:5070;transport=tcp");
        assert_eq!(run(address_of_record, "tel:+1", ""), "tel:+1");
    }

    #[test]
    fn a_socket_needs_a_transport() {
        assert_eq!(run(socket, FULL, ""), "tcp:ex.com:5070");
        assert_eq!(run(socket, "sip:a@1.2.3.4;transport=tcp", ""), "tcp:1.2.3.4:5060");
        assert_eq!(run(socket, "sips:1.2.3.4;transport=tls", ""), "tls:1.2.3.4:5060");
        assert_eq!(run(socket, "sip:1.2.3.4:5062", ""), "");
        assert_eq!(run(socket, "sip:1.2.3.4;transport=bad", ""), "");
    }
}
