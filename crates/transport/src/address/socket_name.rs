//! `udp:127.0.0.1:5060`: how configurations and scripts name a socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::Proto;

/// A protocol and an address, written `udp:127.0.0.1:5060` or `tls:[2001:db8::1]:5061`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketName {
    /// The protocol.
    pub proto: Proto,
    /// Address and port.
    pub addr: SocketAddr,
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.proto, self.addr)
    }
}

/// Why a text names no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketNameError {
    /// The part before the first colon is no protocol.
    Proto,
    /// The host is no IP address.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
}

impl fmt::Display for SocketNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proto => "unknown protocol; write udp, tcp, tls, sctp, ws or wss before the address",
            Self::Host => "not an IP address; write 192.0.2.1 or [2001:db8::1]",
            Self::Port => "not a port from 1 to 65535",
        })
    }
}

impl std::error::Error for SocketNameError {}

impl FromStr for SocketName {
    type Err = SocketNameError;

    /// Reads `[proto:]address[:port]`; UDP and the protocol's default port are assumed.
    fn from_str(text: &str) -> Result<Self, SocketNameError> {
        let (proto, rest) = split_proto(text)?;
        let proto = proto.unwrap_or(Proto::Udp);
        let (host, port) = split_port(rest)?;
        let ip = parse_ip(host).ok_or(SocketNameError::Host)?;
        Ok(Self { proto, addr: SocketAddr::new(ip, port.unwrap_or_else(|| proto.default_port())) })
    }
}

/// An IP address, an IPv6 one with or without brackets.
pub(crate) fn parse_ip(host: &str) -> Option<IpAddr> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    if host.contains(':') {
        return host.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// Takes `proto:` off the front. What stands before the first colon is a protocol only when an address
/// follows, so that a bare `::1` or `host:5060` is left whole.
fn split_proto(text: &str) -> Result<(Option<Proto>, &str), SocketNameError> {
    let Some((front, rest)) = text.split_once(':') else { return Ok((None, text)) };
    if let Ok(proto) = front.parse() {
        return Ok((Some(proto), rest));
    }
    let names_a_protocol = front.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && front.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.parse::<Ipv6Addr>().is_err()
        && rest.contains([':', '.']);
    if names_a_protocol { Err(SocketNameError::Proto) } else { Ok((None, text)) }
}

/// Splits `host[:port]`; the colons of an IPv6 address count as a port's only after brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), SocketNameError> {
    let (host, port) = if let Some(end) = text.rfind(']') {
        let (host, rest) = text.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(SocketNameError::Host),
        }
    } else if text.bytes().filter(|&b| b == b':').count() > 1 {
        (text, None)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|&p| p != 0).ok_or(SocketNameError::Port)?),
        None => None,
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_name_reads_back_as_itself() {
        for text in ["udp:127.0.0.1:5060", "tls:[2001:db8::1]:5061", "wss:192.0.2.1:443", "tcp:[::1]:7"] {
            let name: SocketName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn what_is_left_out_is_assumed() {
        let name = |text: &str| text.parse::<SocketName>().unwrap().to_string();
        assert_eq!(name("192.0.2.1"), "udp:192.0.2.1:5060");
        assert_eq!(name("tls:192.0.2.1"), "tls:192.0.2.1:5061");
        assert_eq!(name("::1"), "udp:[::1]:5060");
        assert_eq!(name("abcd::1"), "udp:[abcd::1]:5060");
        assert_eq!(name("TCP:[::1]"), "tcp:[::1]:5060");
    }

    #[test]
    fn a_mistake_is_told_by_its_part() {
        let error = |text: &str| text.parse::<SocketName>().unwrap_err();
        assert_eq!(error("dccp:192.0.2.1:5060"), SocketNameError::Proto);
        assert_eq!(error("udp:example.org:5060"), SocketNameError::Host);
        assert_eq!(error("udp:192.0.2.1:65536"), SocketNameError::Port);
        assert_eq!(error("udp:192.0.2.1:0"), SocketNameError::Port);
        assert_eq!(error(""), SocketNameError::Host);
    }
}
