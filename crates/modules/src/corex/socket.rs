//! Listening sockets by address and name: choosing, describing, taking apart.

use std::net::SocketAddr;

use cfg_vm::Value;
use cfg_vm::catalogue::{TransformArgs, TransformDecl};
use engine::listener::{Listener, ListenerId, OwnDomain};
use engine::module::Flow;
use engine::{Args, Cx, PvArgs};
use transport::{Proto, SocketName};

use crate::core::socket_named;

/// A socket that is not there is told of, and changes nothing; the code is 1 all the same, as in Kamailio.
fn found(name: &[u8], socket: Option<ListenerId>) -> Option<ListenerId> {
    if socket.is_none() {
        tracing::warn!(target: "corex", "there is no listening socket {}", name.escape_ascii());
    }
    socket
}

pub(super) fn set_send_socket(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let socket = socket_named(cx, args.text(0));
    send_through(cx, args, socket)
}

pub(super) fn set_send_socket_name(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let socket = cx.listeners().named(args.text(0));
    send_through(cx, args, socket)
}

fn send_through(cx: &mut Cx<'_>, args: &Args<'_>, socket: Option<ListenerId>) -> Flow {
    if let Some(socket) = found(args.text(0), socket) {
        cx.context.destination.socket = Some(socket);
    }
    Flow::TRUE
}

pub(super) fn set_recv_socket(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let socket = socket_named(cx, args.text(0));
    receive_through(cx, args, socket)
}

pub(super) fn set_recv_socket_name(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let socket = cx.listeners().named(args.text(0));
    receive_through(cx, args, socket)
}

fn receive_through(cx: &mut Cx<'_>, args: &Args<'_>, socket: Option<ListenerId>) -> Flow {
    if let Some(socket) = found(args.text(0), socket) {
        let address = cx.listeners().get(socket).address;
        cx.context.received.listener = socket;
        cx.context.received.destination = address;
    }
    Flow::TRUE
}

pub(super) fn set_source_address(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match source(args.text(0)) {
        Some(source) => {
            cx.context.received.source = source;
            Flow::TRUE
        }
        None => {
            tracing::error!(
                target: "corex",
                "set_source_address: \"{}\" is no address, such as udp:192.0.2.1:5060",
                args.text(0).escape_ascii()
            );
            Flow::FALSE
        }
    }
}

/// An address as a socket's is written. Without a port it is 0, as in Kamailio.
fn source(text: &[u8]) -> Option<SocketAddr> {
    let parts = Parts::of(text)?;
    let name: SocketName = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(SocketAddr::new(name.addr.ip(), parts.port.map_or(0, |_| name.addr.port())))
}

pub(super) fn is_socket_name(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.listeners().named(args.text(0)).is_some().into()
}

/// `$lsock(n/NAME/listen)`, `$lsock(l/udp:192.0.2.1:5060/name)`.
pub(super) fn described(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let mut parts = args.name().split(|&byte| byte == b'/');
    let (Some(key), Some(value), Some(wanted), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return not_described(args);
    };
    let socket = match key {
        b"n" => cx.listeners().named(value),
        b"l" => socket_named(cx, value),
        _ => return not_described(args),
    };
    let Some(socket) = socket.map(|id| cx.listeners().get(id)) else { return Value::Null };
    match wanted.first() {
        Some(b'l') => socket.text().into_bytes().into(),
        Some(b'n') => socket.name.clone().unwrap_or_default().into(),
        Some(b'a') => advertised(socket).into(),
        _ => not_described(args),
    }
}

fn not_described(args: &PvArgs<'_>) -> Value {
    tracing::error!(
        target: "corex",
        "$lsock({}): n/NAME/… or l/ADDRESS/… with listen, name or advertise at its end is expected",
        args.name().escape_ascii()
    );
    Value::Null
}

/// What the socket calls itself outside; empty if that does not differ.
fn advertised(socket: &Listener) -> Vec<u8> {
    match &socket.advertised_host {
        Some(host) => format!("{}:{}:{}", socket.proto, host.to_lossy(), socket.public_port()).into_bytes(),
        None => Vec::new(),
    }
}

/// A domain of `alias_subdomains`.
pub(super) fn parse_domain(text: &[u8]) -> Result<OwnDomain, String> {
    let parts = Parts::of(text).filter(|parts| !parts.host.is_empty());
    match parts {
        Some(Parts { proto, host, port }) => Ok(OwnDomain { domain: host.into(), port, proto }),
        None => Err(format!(
            "\"{}\" is no domain, such as example.com or udp:example.com:5060",
            text.escape_ascii()
        )),
    }
}

/// `[proto:]host[:port]`, taken apart; the host may be a name.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    proto: Option<Proto>,
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let colon = text.iter().position(|&byte| byte == b':');
        let proto = colon.and_then(|colon| Proto::from_bytes(&text[..colon]));
        let rest = match (proto, colon) {
            (Some(_), Some(colon)) => &text[colon + 1..],
            _ => text,
        };
        let after_bracket = rest.iter().rposition(|&byte| byte == b']').map_or(0, |at| at + 1);
        let (host, port) = match rest[after_bracket..].iter().position(|&byte| byte == b':') {
            Some(at) => {
                let digits = &rest[after_bracket + at + 1..];
                (&rest[..after_bracket + at], Some(std::str::from_utf8(digits).ok()?.parse().ok()?))
            }
            None => (rest, None),
        };
        Some(Self { proto, host, port })
    }
}

/// `{sock.host}`, `{sock.port}`, `{sock.proto}`, `{sock.touri}`.
pub(super) const TRANSFORMS: [TransformDecl; 4] = [
    transform("sock.host", host_of),
    transform("sock.port", port_of),
    transform("sock.proto", proto_of),
    transform("sock.touri", uri_of),
];

type Run = fn(&Value, &TransformArgs<'_>) -> Value;

const fn transform(name: &'static str, run: Run) -> TransformDecl {
    TransformDecl { name, required: 0, most: 0, parse: None, run }
}

/// Shows something of an address; no text where it is none, or lacks that.
fn show(address: &Value, part: impl FnOnce(&Parts<'_>) -> Option<Vec<u8>>) -> Value {
    Parts::of(&address.to_str()).and_then(|parts| part(&parts)).unwrap_or_default().into()
}

fn host_of(address: &Value, _: &TransformArgs<'_>) -> Value {
    show(address, |parts| Some(parts.host.to_vec()))
}

fn port_of(address: &Value, _: &TransformArgs<'_>) -> Value {
    show(address, |parts| parts.port.map(|port| port.to_string().into_bytes()))
}

fn proto_of(address: &Value, _: &TransformArgs<'_>) -> Value {
    show(address, |parts| parts.proto.map(|proto| proto.name().into()))
}

fn uri_of(address: &Value, _: &TransformArgs<'_>) -> Value {
    show(address, |parts| Some(uri(parts)))
}

fn uri(parts: &Parts<'_>) -> Vec<u8> {
    let mut uri = [b"sip:", parts.host].concat();
    if let Some(port) = parts.port {
        uri.extend_from_slice(format!(":{port}").as_bytes());
    }
    if let Some(proto) = parts.proto {
        uri.extend_from_slice(b";transport=");
        uri.extend_from_slice(proto.name().as_bytes());
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let shown = |run: Run, text: &str| {
            let args = TransformArgs { values: &[], parsed: None };
            run(&Value::Str(text.into()), &args).to_str().to_lossy().into_owned()
        };
        let all = |text: &str| [host_of, port_of, proto_of, uri_of].map(|run: Run| shown(run, text));
        assert_eq!(
            all("udp:127.0.0.1:5070"),
            ["127.0.0.1", "5070", "udp", "sip:127.0.0.1:5070;transport=udp"]
        );
        assert_eq!(
            all("tls:[2001:db8::1]:5061"),
            ["[2001:db8::1]", "5061", "tls", "sip:[2001:db8::1]:5061;transport=tls"]
        );
        assert_eq!(all("a"), ["a", "", "", "sip:a"]);
        assert_eq!(all("sip:127.0.0.1:5060"), ["", "", "", ""]);
    }

    #[test]
    fn a_source_without_port_has_none() {
        let shown = |text: &str| source(text.as_bytes()).map(|source| source.to_string());
        assert_eq!(shown("127.0.0.1:5070"), Some("127.0.0.1:5070".into()));
        assert_eq!(shown("tcp:127.0.0.1:5070"), Some("127.0.0.1:5070".into()));
        assert_eq!(shown("127.0.0.1"), Some("127.0.0.1:0".into()));
        assert_eq!(shown("example.com"), None);
    }

    #[test]
    fn domains_may_have_protocol_and_port() {
        let parsed = |text: &str| parse_domain(text.as_bytes()).map(|domain| (domain.proto, domain.port));
        assert_eq!(parsed("example.com"), Ok((None, None)));
        assert_eq!(parsed("udp:example.com:5060"), Ok((Some(Proto::Udp), Some(5060))));
        assert!(parsed("udp:").is_err());
    }
}
