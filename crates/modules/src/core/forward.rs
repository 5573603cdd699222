//! `forward()` in all its forms.

use std::sync::Arc;

use cfg_vm::Str;
use cfg_vm::catalogue::Parsed;
use engine::forward::{Hop, next_hop, to_hop};
use engine::{Args, Cx, Flow};
use sip_message::Uri;
use transport::Proto;

/// The host that a call names.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    /// A name or address.
    Named(Str),
    /// `uri:host`: the request URI's.
    OfUri,
}

/// The port that a call names.
#[derive(Debug, PartialEq, Eq)]
enum Port {
    /// A number; 0 leaves it open.
    Number(u16),
    /// `uri:port`: the request URI's.
    OfUri,
}

/// Reads the first argument.
pub(super) fn parse_host(text: &[u8]) -> Result<Parsed, String> {
    Ok(Arc::new(match text {
        b"uri:host" => Host::OfUri,
        _ if is_host(text) => Host::Named(Str::copy(text)),
        _ => {
            let text = String::from_utf8_lossy(text);
            return Err(format!(
                "\"{text}\" is no host: give a name or address alone, and the port as second argument, or set $du \
                 and call forward()"
            ));
        }
    }))
}

/// Reads the second argument.
pub(super) fn parse_port(text: &[u8]) -> Result<Parsed, String> {
    if text == b"uri:port" {
        return Ok(Arc::new(Port::OfUri));
    }
    let number = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok());
    let port = number.map(Port::Number).ok_or("a port is a number up to 65535, or uri:port")?;
    Ok(Arc::new(port))
}

/// A name or an address without port.
fn is_host(text: &[u8]) -> bool {
    let bare = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]")).unwrap_or(text);
    let is_ipv6 = std::str::from_utf8(bare).is_ok_and(|t| t.parse::<std::net::Ipv6Addr>().is_ok());
    is_ipv6
        || (!text.is_empty()
            && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')))
}

/// `forward(…)`: over the transport of the URI, or UDP.
pub(super) fn forward(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    over(cx, args, None)
}

pub(super) fn forward_udp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    over(cx, args, Some(Proto::Udp))
}

pub(super) fn forward_tcp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    over(cx, args, Some(Proto::Tcp))
}

pub(super) fn forward_tls(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    over(cx, args, Some(Proto::Tls))
}

pub(super) fn forward_sctp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    over(cx, args, Some(Proto::Sctp))
}

fn over(cx: &mut Cx<'_>, args: &Args<'_>, proto: Option<Proto>) -> Flow {
    let Some(mut hop) = hop(cx, args) else {
        tracing::error!(target: "core", "forward: bad_uri dropping packet");
        return Flow::FALSE;
    };
    if proto.is_some() {
        hop.proto = proto;
    }
    to_hop(cx, &hop)
}

/// Where the arguments send the message; with none, where `$du` or the request URI says.
fn hop(cx: &Cx<'_>, args: &Args<'_>) -> Option<Hop> {
    let port = args.parsed::<Port>(1);
    match args.parsed::<Host>(0) {
        None => next_hop(cx.context),
        Some(Host::OfUri) => {
            let mut hop = Hop::of_uri(&cx.context.request_uri())?;
            if let Some(Port::Number(number)) = port {
                hop.port = Some(*number).filter(|&number| number != 0);
            }
            Some(hop)
        }
        Some(Host::Named(host)) => {
            let port = match port {
                None => None,
                Some(Port::Number(number)) => Some(*number).filter(|&number| number != 0),
                Some(Port::OfUri) => Uri::parse(&cx.context.request_uri()).ok()?.port,
            };
            Some(Hop { host: host.clone(), port, proto: None, sips: false })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_alone() {
        for host in ["192.0.2.1", "proxy.example", "::1", "[2001:db8::1]", "uri:host"] {
            assert!(parse_host(host.as_bytes()).is_ok(), "{host}");
        }
        for other in ["192.0.2.1:5060", "sip:192.0.2.1", "", "a b"] {
            assert!(parse_host(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_port_is_a_number_or_the_uris() {
        let port =
            |text: &str| parse_port(text.as_bytes()).ok().and_then(|parsed| parsed.downcast::<Port>().ok());
        assert_eq!(port("5060").as_deref(), Some(&Port::Number(5060)));
        assert_eq!(port("uri:port").as_deref(), Some(&Port::OfUri));
        assert_eq!(port("65536"), None);
    }
}
