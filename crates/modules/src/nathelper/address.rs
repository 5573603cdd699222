//! Addresses that only mean something behind a translator, and how addresses are written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use transport::Proto;

/// Which addresses count as private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// RFC 1918, RFC 6598 and the eight addresses of RFC 7335.
    Private,
    /// These and all of 192.0.0.0/24 (RFC 6890).
    PrivateAndReserved,
}

impl Ranges {
    /// Whether a host is a private address; a name is not.
    pub(super) fn contain(self, host: &[u8]) -> bool {
        matches!(parse(host), Some(IpAddr::V4(ip)) if self.contain_v4(ip))
    }

    /// The same for an address.
    pub(super) fn contain_ip(self, ip: IpAddr) -> bool {
        matches!(ip, IpAddr::V4(ip) if self.contain_v4(ip))
    }

    fn contain_v4(self, ip: Ipv4Addr) -> bool {
        let [a, b, c, d] = ip.octets();
        let is_shared = a == 100 && b & 0xc0 == 64;
        let is_reserved = [a, b, c] == [192, 0, 0] && (self == Self::PrivateAndReserved || d < 8);
        ip.is_private() || is_shared || is_reserved
    }
}

/// An address, IPv6 with or without brackets.
pub(crate) fn parse(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// `ip:port`, or with another character between them; IPv6 in brackets.
pub(crate) fn write(address: SocketAddr, between: char, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // A Vec takes everything.
    let _ = match address.ip() {
        IpAddr::V4(ip) => write!(out, "{ip}{between}{}", address.port()),
        IpAddr::V6(ip) => write!(out, "[{ip}]{between}{}", address.port()),
    };
}

/// `sip:ip:port`, with `;transport=…` for all but UDP.
pub(crate) fn write_uri(address: SocketAddr, proto: Proto, out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.extend_from_slice(b"sip:");
    write(address, ':', out);
    if proto != Proto::Udp {
        // A Vec takes everything.
        let _ = write!(out, ";transport={proto}");
    }
}

/// Transports by their numbers in aliases, from 1.
const PROTOS: [Proto; 6] = [Proto::Udp, Proto::Tcp, Proto::Tls, Proto::Sctp, Proto::Ws, Proto::Wss];

/// A transport's number in aliases.
pub(crate) fn number_of(proto: Proto) -> usize {
    PROTOS.iter().position(|known| *known == proto).map_or(0, |at| at + 1)
}

/// The transport of a number in aliases.
pub(crate) fn proto_of(number: &[u8]) -> Option<Proto> {
    let number: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    PROTOS.get(number.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ranges() {
        let all = Ranges::PrivateAndReserved;
        for host in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "192.0.0.170"] {
            assert!(all.contain(host.as_bytes()), "{host}");
        }
        for host in ["172.32.0.1", "100.128.0.1", "127.0.0.1", "192.0.2.1", "example.com", "::1", ""] {
            assert!(!all.contain(host.as_bytes()), "{host}");
        }
        assert!(Ranges::Private.contain(b"192.0.0.7"));
        assert!(!Ranges::Private.contain(b"192.0.0.8"));
    }

    #[test]
    fn uris_of_addresses() {
        let written = |address: &str, proto| {
            let mut out = Vec::new();
            write_uri(address.parse().expect("an address"), proto, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(written("192.0.2.1:5060", Proto::Udp), "sip:192.0.2.1:5060");
        assert_eq!(written("[::1]:5061", Proto::Tls), "sip:[::1]:5061;transport=tls");
    }

    #[test]
    fn transports_have_numbers() {
        assert_eq!(number_of(Proto::Udp), 1);
        assert_eq!(proto_of(b"2"), Some(Proto::Tcp));
        assert_eq!(proto_of(b"0"), None);
        assert_eq!(proto_of(b"7"), None);
    }
}
