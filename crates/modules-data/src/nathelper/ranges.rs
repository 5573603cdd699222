//! Addresses that only mean something behind a translator.

use std::net::{IpAddr, Ipv4Addr};

use modules::sender::parse;

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
}
