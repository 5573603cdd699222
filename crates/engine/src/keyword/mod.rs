//! Bare words in expressions, which need no module: `method`, `uri`, `src_ip`, `myself` and the rest.

mod select;

use std::net::{IpAddr, SocketAddr};

use cfg_syntax::ast::Keyword;
use cfg_vm::Value;
use cfg_vm::host::AddressPattern;
use sip_message::{NameAddr, Uri};
use transport::{NextHop, Proto};

use crate::cx::Cx;
use crate::listener::ip_text;

pub(crate) use select::select;

/// `max_len`: what Kamailio's receive buffer holds.
const MAX_LEN: i64 = 65_535;

/// A keyword's value.
pub(crate) fn read(cx: &Cx<'_>, keyword: Keyword) -> Value {
    let context = &*cx.context;
    let message = &context.message;
    match keyword {
        Keyword::Method => Value::Str(context.keep(message.method_text())),
        Keyword::Uri if message.is_request() => Value::Str(context.request_uri()),
        Keyword::Uri => Value::Null,
        Keyword::Status => message.status().map(i64::from).into(),
        Keyword::FromUri => message.from().ok().map(|from| context.keep(from.uri_text)).into(),
        Keyword::ToUri => message.to().ok().map(|to| context.keep(to.uri_text)).into(),
        // In an onsend_route it is what leaves that counts.
        Keyword::MsgLen if context.sending.is_some() => {
            Value::Int(context.edits.to_vec(message).len() as i64)
        }
        Keyword::MsgLen => Value::Int(message.buffer().len() as i64),
        Keyword::MaxLen => Value::Int(MAX_LEN),
        Keyword::SrcIp | Keyword::DstIp | Keyword::SndIp | Keyword::ToIp => {
            address(cx, keyword).map(ip_text).into()
        }
        Keyword::SrcPort => Value::Int(context.received.source.port().into()),
        Keyword::DstPort => Value::Int(context.received.destination.port().into()),
        Keyword::SndPort => sending_from(cx).map(|from| i64::from(from.port())).into(),
        Keyword::ToPort => context.sending.map(|sending| i64::from(sending.target.addr.port())).into(),
        Keyword::Proto => Value::text(context.received.proto.name()),
        Keyword::SndProto => {
            context.sending.map_or(Value::Null, |sending| Value::text(sending.target.proto.name()))
        }
        Keyword::Af => family(context.received.source.ip()),
        Keyword::SndAf => context.sending.map_or(Value::Null, |sending| family(sending.target.addr.ip())),
    }
}

fn family(ip: IpAddr) -> Value {
    Value::text(if ip.is_ipv4() { "inet" } else { "inet6" })
}

/// Our address that the message of an `onsend_route` leaves from.
fn sending_from(cx: &Cx<'_>) -> Option<SocketAddr> {
    cx.context.sending.map(|sending| cx.listeners().get(sending.socket).address)
}

/// The address that an address keyword stands for.
fn address(cx: &Cx<'_>, keyword: Keyword) -> Option<IpAddr> {
    match keyword {
        Keyword::SrcIp => Some(cx.context.received.source.ip()),
        Keyword::DstIp => Some(cx.context.received.destination.ip()),
        Keyword::SndIp => sending_from(cx).map(|from| from.ip()),
        Keyword::ToIp => cx.context.sending.map(|sending| sending.target.addr.ip()),
        _ => None,
    }
}

/// Whether what a keyword names is one of ours. A URI without a port has port 5060 (5061 with `sips`), as in
/// Kamailio; its transport does not count. An address counts whatever its port.
pub(crate) fn is_myself(cx: &Cx<'_>, keyword: Keyword) -> bool {
    let message = &cx.context.message;
    let of_name_addr = |addr: NameAddr<'_>| is_own_uri(cx, addr.uri_text);
    match keyword {
        Keyword::Uri => is_own_uri(cx, &cx.context.request_uri()),
        Keyword::FromUri => message.from().is_ok_and(of_name_addr),
        Keyword::ToUri => message.to().is_ok_and(of_name_addr),
        _ => address(cx, keyword).is_some_and(|ip| cx.listeners().is_own(&ip_text(ip), None, None)),
    }
}

fn is_own_uri(cx: &Cx<'_>, text: &[u8]) -> bool {
    Uri::parse(text).is_ok_and(|uri| cx.listeners().is_own(uri.host, Some(uri.port_or_default()), None))
}

/// Whether an address keyword lies in a network or has a host's address.
///
/// A name that is not known yet is looked up beside; until its addresses are there nothing matches, for a
/// comparison cannot wait.
pub(crate) fn address_matches(cx: &Cx<'_>, keyword: Keyword, pattern: &AddressPattern) -> bool {
    let Some(ip) = address(cx, keyword) else { return false };
    match pattern {
        AddressPattern::Net { address, prefix } => in_network(ip, *address, *prefix),
        AddressPattern::Name(name) => {
            // A port keeps SRV records out of it.
            let hop = NextHop { host: name, port: Some(5060), proto: Some(Proto::Udp), sips: false };
            let resolver = &cx.shard.server.resolver;
            match resolver.cached(&hop) {
                Some(answer) => {
                    answer.is_ok_and(|targets| targets.iter().any(|target| target.addr.ip() == ip))
                }
                None => {
                    let lookup = resolver.lookup(&hop);
                    cx.shard.server.runtime.spawn(async move {
                        // Only what it leaves in the cache is of use.
                        let _ = lookup.await;
                    });
                    false
                }
            }
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differing = u32::from(ip) ^ u32::from(network);
            differing.checked_shr(32 - u32::from(prefix.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differing = u128::from(ip) ^ u128::from(network);
            differing.checked_shr(128 - u32::from(prefix.min(128))).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_networks_that_share_its_prefix() {
        let within = |ip: &str, network: &str, prefix| {
            in_network(ip.parse().unwrap(), network.parse().unwrap(), prefix)
        };
        assert!(within("10.1.2.3", "10.0.0.0", 8));
        assert!(!within("11.1.2.3", "10.0.0.0", 8));
        assert!(within("192.0.2.1", "192.0.2.1", 32));
        assert!(!within("192.0.2.2", "192.0.2.1", 32));
        assert!(within("192.0.2.2", "10.0.0.0", 0));
        assert!(within("2001:db8::1", "2001:db8::", 32));
        assert!(!within("2001:db9::1", "2001:db8::", 32));
        assert!(!within("10.0.0.1", "::", 0));
    }
}
