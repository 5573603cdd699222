//! Addresses as text: which form they have, and whether two are the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `192.0.2.1`
    V4(Ipv4Addr),
    /// `2001:db8::1`
    V6(Ipv6Addr),
    /// `[2001:db8::1]`, as URIs have it (RFC 3986 §3.2.2).
    Reference(Ipv6Addr),
}

impl Written {
    /// Reads an address; nothing may stand around it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        if let Some(inside) = text.strip_prefix(b"[") {
            return v6(inside.strip_suffix(b"]")?).map(Self::Reference);
        }
        v4(text).map(Self::V4).or_else(|| v6(text).map(Self::V6))
    }

    /// The address, however it was written.
    pub(super) fn address(self) -> IpAddr {
        match self {
            Self::V4(address) => address.into(),
            Self::V6(address) | Self::Reference(address) => address.into(),
        }
    }

    /// The address, if it stands without brackets.
    pub(super) fn pure(self) -> Option<IpAddr> {
        (!matches!(self, Self::Reference(_))).then(|| self.address())
    }
}

/// An IPv4 address; leading zeros are refused.
pub(super) fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn v6(text: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An IPv6 address with or without brackets; the closing one may be missing, as in Kamailio.
pub(super) fn v6_in_brackets(text: &[u8]) -> Option<Ipv6Addr> {
    match text.strip_prefix(b"[") {
        Some(inside) => v6(inside.strip_suffix(b"]").unwrap_or(inside)),
        None => v6(text),
    }
}

/// Whether both are the same address, with or without brackets.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let address = |text| Written::parse(text).map(Written::address);
    address(one).is_some_and(|one| address(other) == Some(one))
}

/// Whether both are the same address, and none has brackets.
pub(super) fn same_pure(one: &[u8], other: &[u8]) -> bool {
    let address = |text| Written::parse(text).and_then(Written::pure);
    address(one).is_some_and(|one| address(other) == Some(one))
}

/// Whether the text begins as a private IPv4 address (RFC 1918 §3). What follows its last byte does not count, as in
/// Kamailio: `10.0.0.1:5060` is private.
pub(super) fn begins_private(text: &[u8]) -> bool {
    let mut parts = text.splitn(4, |&byte| byte == b'.');
    let mut octet = || parts.next().and_then(octet);
    match (octet(), octet(), octet()) {
        (Some(first), Some(second), Some(_)) => {
            Ipv4Addr::new(first, second, 0, 0).is_private()
                && parts.next().and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn octet(text: &[u8]) -> Option<u8> {
    let plain = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told() {
        let form = |text: &str| match Written::parse(text.as_bytes()) {
            Some(Written::V4(_)) => 4,
            Some(Written::V6(_)) => 6,
            Some(Written::Reference(_)) => 7,
            None => 0,
        };
        for (text, expected) in [
            ("10.1.2.3", 4),
            ("2001:DB8:0::1", 6),
            ("::ffff:10.1.2.3", 6),
            ("1:2:3:4:5:6:7::", 6),
            ("[2001:db8::1]", 7),
            ("[2001:db8::1", 0),
            ("[10.1.2.3]", 0),
            ("010.1.2.3", 0),
            ("10.1.2", 0),
            ("10.1.2.300", 0),
            ("1::2::3", 0),
            ("::1:2:3:4:5:6:7:8", 0),
            ("fe80::1%eth0", 0),
            (" 1.2.3.4", 0),
            ("", 0),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn brackets_count_for_pure_comparison_only() {
        assert!(same(b"2001:db8::1", b"[2001:DB8:0:0::1]"));
        assert!(!same(b"10.1.2.3", b"::ffff:10.1.2.3"));
        assert!(!same(b"x", b"x"));
        assert!(same_pure(b"2001:db8::1", b"2001:DB8:0::1"));
        assert!(!same_pure(b"2001:db8::1", b"[2001:db8::1]"));
    }

    #[test]
    fn a_private_address_may_be_followed_by_anything() {
        for text in ["10.1.2.3", "10.1.2.300", "10.1.2.3:5060", "192.168.1.1.1.1", "172.16.0.1", "172.31.0.1"]
        {
            assert!(begins_private(text.as_bytes()), "{text}");
        }
        for text in ["172.32.0.1", "10.1.2", "10.1.2.", "10.1.2.x", "010.001.002.003", "10.example.com", ""] {
            assert!(!begins_private(text.as_bytes()), "{text}");
        }
    }
}
