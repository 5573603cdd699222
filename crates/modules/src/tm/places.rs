//! Functions that name where a request goes: `t_relay` and its kin, `t_forward_nonack`, `t_replicate`.

use cfg_vm::Str;
use engine::context::RouteContext;
use engine::forward::{self, Hop};
use engine::{Args, Cx, Flow};
use transport::Proto;

use super::{Tm, contacts, current, relay};

/// `t_relay()`, `t_relay("host", "port")`.
pub(super) fn t_relay(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let forced = hop(args, None);
    if forced.is_none()
        && cx.context.route == RouteContext::Failure
        && cx.state::<Tm>().params.auto_next_contacts
        && contacts::take_next(cx) == contacts::Taken::None
    {
        return Flow::FALSE;
    }
    relay::relay(cx, forced)
}

/// `t_relay_to_udp()`, `t_relay_to_udp("host", "port")`.
pub(super) fn t_relay_to_udp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let forced = over(cx, args, Proto::Udp);
    relay::relay(cx, forced)
}

/// The same over TCP.
pub(super) fn t_relay_to_tcp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let forced = over(cx, args, Proto::Tcp);
    relay::relay(cx, forced)
}

/// The same over TLS.
pub(super) fn t_relay_to_tls(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let forced = over(cx, args, Proto::Tls);
    relay::relay(cx, forced)
}

/// `t_relay_to(["proxy"][, flags])`: 1 for no 100, 4 for no failover to further addresses. 2, no reply when it fails, does
/// nothing, as in Kamailio.
pub(super) fn t_relay_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let proxy = args.text(0);
    let is_flags = !proxy.is_empty() && number(proxy).is_some();
    // As Kamailio 5.6.3: flags without a proxy change nothing.
    let flags = number(args.text(1)).unwrap_or(0);
    let forced = if proxy.is_empty() || is_flags { None } else { Some(proxy) };
    let forced = match forced.map(proxy_of) {
        Some(None) => {
            tracing::error!(target: "tm", "t_relay_to: the proxy is [proto:]host[:port]");
            return Flow::FALSE;
        }
        forced => forced.flatten(),
    };
    let wishes = current::wishes(cx);
    wishes.auto_100 &= flags & 1 == 0;
    wishes.disable_failover |= flags & 4 != 0;
    relay::relay(cx, forced)
}

/// `t_forward_nonack()`, `t_forward_nonack("host", "port")`: a transaction must be there, and no 100 is sent.
pub(super) fn forward_nonack(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    relay::forward(cx, hop(args, None))
}

/// `t_forward_nonack_uri()`: to the request URI.
pub(super) fn forward_nonack_uri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let forced = Hop::of_uri(&cx.context.request_uri());
    relay::forward(cx, forced)
}

/// `t_forward_nonack_udp("host", "port")`.
pub(super) fn forward_nonack_udp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    relay::forward(cx, hop(args, Some(Proto::Udp)))
}

/// The same over TCP.
pub(super) fn forward_nonack_tcp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    relay::forward(cx, hop(args, Some(Proto::Tcp)))
}

/// The same over TLS.
pub(super) fn forward_nonack_tls(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    relay::forward(cx, hop(args, Some(Proto::Tls)))
}

/// `t_forward_nonack_to("proxy", flags)`.
pub(super) fn forward_nonack_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match proxy_of(args.text(0)) {
        Some(hop) => relay::forward(cx, Some(hop)),
        None => Flow::FALSE,
    }
}

/// `t_replicate("uri")`, `t_replicate("host", "port")`: a copy whose replies nobody gets.
pub(super) fn replicate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let forced = if args.len() > 1 { hop(args, None) } else { Hop::of_uri(args.text(0)) };
    replicate_to_hop(cx, forced)
}

/// `t_replicate_udp("host", "port")`.
pub(super) fn replicate_udp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replicate_to_hop(cx, hop(args, Some(Proto::Udp)))
}

/// The same over TCP.
pub(super) fn replicate_tcp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replicate_to_hop(cx, hop(args, Some(Proto::Tcp)))
}

/// The same over TLS.
pub(super) fn replicate_tls(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replicate_to_hop(cx, hop(args, Some(Proto::Tls)))
}

/// `t_replicate_to("proxy", flags)`.
pub(super) fn replicate_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replicate_to_hop(cx, proxy_of(args.text(0)))
}

fn replicate_to_hop(cx: &mut Cx<'_>, hop: Option<Hop>) -> Flow {
    let Some(hop) = hop else {
        tracing::error!(target: "tm", "t_replicate: there is no place to send the copy to");
        return Flow::FALSE;
    };
    relay::replicate(cx, hop)
}

fn over(cx: &Cx<'_>, args: &Args<'_>, proto: Proto) -> Option<Hop> {
    hop(args, Some(proto))
        .or_else(|| forward::next_hop(cx.context).map(|hop| Hop { proto: Some(proto), ..hop }))
}

fn hop(args: &Args<'_>, proto: Option<Proto>) -> Option<Hop> {
    let host = args.str(0);
    let port = args
        .int(1)
        .and_then(|port| u16::try_from(port).ok())
        .or_else(|| std::str::from_utf8(args.text(1)).ok()?.parse().ok())
        .filter(|port| *port != 0);
    (!host.is_empty()).then_some(Hop { host, port, proto, sips: false })
}

/// `[proto:]host[:port]`; IPv6 in brackets.
fn proxy_of(text: &[u8]) -> Option<Hop> {
    let text = text.trim_ascii();
    let (proto, rest) = match text.iter().position(|byte| *byte == b':') {
        Some(colon) => match Proto::from_bytes(&text[..colon]) {
            Some(proto) => (Some(proto), &text[colon + 1..]),
            None => (None, text),
        },
        None => (None, text),
    };
    let end = if rest.first() == Some(&b'[') {
        rest.iter().position(|byte| *byte == b']')? + 1
    } else {
        rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len())
    };
    let (host, port) = rest.split_at(end);
    let port = match port.strip_prefix(b":") {
        Some(digits) => Some(std::str::from_utf8(digits).ok()?.parse().ok()?),
        None if port.is_empty() => None,
        None => return None,
    };
    (!host.is_empty()).then(|| Hop { host: Str::copy(host), port, proto, sips: false })
}

/// Flags, decimal or with `0x`.
fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_transport_and_a_port_if_it_says_so() {
        let of = |text: &[u8]| proxy_of(text).map(|hop| (hop.proto, hop.host.to_vec(), hop.port));
        assert_eq!(of(b"udp:192.0.2.1:5070"), Some((Some(Proto::Udp), b"192.0.2.1".to_vec(), Some(5070))));
        assert_eq!(of(b"proxy.example:5070"), Some((None, b"proxy.example".to_vec(), Some(5070))));
        assert_eq!(of(b"tls:[2001:db8::1]"), Some((Some(Proto::Tls), b"[2001:db8::1]".to_vec(), None)));
        assert_eq!(of(b"proxy.example"), Some((None, b"proxy.example".to_vec(), None)));
        assert_eq!(of(b"udp:"), None);
        assert_eq!(of(b"udp:host:99999"), None);
        assert_eq!(number(b"0x05"), Some(5));
        assert_eq!(number(b"host"), None);
    }
}
