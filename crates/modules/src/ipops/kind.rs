//! What an address is for, by IANA's registries of special addresses (RFC 6890) as Kamailio reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::subnet::Subnet;

/// Networks in the order in which they are looked at.
const V4: [(Ipv4Addr, u8, &str); 16] = [
    (Ipv4Addr::new(255, 255, 255, 255), 32, "BROADCAST"),
    (Ipv4Addr::new(0, 0, 0, 0), 8, "PRIVATE"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "PRIVATE"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "SHARED"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "LOOPBACK"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "LINK-LOCAL"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "PRIVATE"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "RESERVED"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "TEST-NET"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6TO4-RELAY"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "PRIVATE"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "RESERVED"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "TEST-NET"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "TEST-NET"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "MULTICAST"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "RESERVED"),
];

/// Networks in the order in which they are looked at; what is in none is reserved.
const V6: [(Ipv6Addr, u8, &str); 13] = [
    (Ipv6Addr::UNSPECIFIED, 128, "UNSPECIFIED"),
    (Ipv6Addr::LOCALHOST, 128, "LOOPBACK"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "IPV4MAP"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "DISCARD"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "TEREDO"),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "BMWG"),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, "ORCHID"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "DOCUMENTATION"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6TO4"),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, "GLOBAL-UNICAST"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "UNIQUE-LOCAL-UNICAST"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "LINK-LOCAL-UNICAST"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "MULTICAST"),
];

/// The kind's name.
pub(super) fn of(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => first(&V4, address).unwrap_or("PUBLIC"),
        IpAddr::V6(_) => first(&V6, address).unwrap_or("RESERVED"),
    }
}

fn first<A: Into<IpAddr> + Copy>(
    networks: &[(A, u8, &'static str)],
    address: IpAddr,
) -> Option<&'static str> {
    let found = networks
        .iter()
        .find(|(network, prefix, _)| Subnet { address: (*network).into(), prefix: *prefix }.has(address));
    found.map(|(_, _, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_kinds_that_kamailio_tells() {
        for (text, expected) in [
            ("0.1.2.3", "PRIVATE"),
            ("100.127.255.255", "SHARED"),
            ("100.128.0.0", "PUBLIC"),
            ("172.31.255.255", "PRIVATE"),
            ("192.0.0.255", "RESERVED"),
            ("192.0.1.0", "PUBLIC"),
            ("198.19.255.255", "RESERVED"),
            ("239.255.255.255", "MULTICAST"),
            ("255.255.255.254", "RESERVED"),
            ("255.255.255.255", "BROADCAST"),
            ("::2", "RESERVED"),
            ("::1.2.3.4", "RESERVED"),
            ("::ffff:1.2.3.4", "IPV4MAP"),
            ("100:0:0:1::1", "RESERVED"),
            ("2001:1::1", "GLOBAL-UNICAST"),
            ("2001:2::1", "BMWG"),
            ("2001:2:1::1", "GLOBAL-UNICAST"),
            ("2001:1f::1", "ORCHID"),
            ("2001:20::1", "GLOBAL-UNICAST"),
            ("3fff::1", "GLOBAL-UNICAST"),
            ("4000::1", "RESERVED"),
            ("fdff::1", "UNIQUE-LOCAL-UNICAST"),
            ("febf::1", "LINK-LOCAL-UNICAST"),
            ("fec0::1", "RESERVED"),
            ("ff02::1", "MULTICAST"),
        ] {
            assert_eq!(of(text.parse().unwrap()), expected, "{text}");
        }
    }
}
