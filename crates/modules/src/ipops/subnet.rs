//! Lists of networks, `10.0.0.0/8,192.0.2.1`.

use std::net::IpAddr;
use std::sync::Arc;

use cfg_vm::catalogue::Parsed;

use super::address::Written;

/// A network; a single address is one of full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

impl Subnet {
    /// Reads `address/length` or `address`, without brackets. Where the length is no number it is 0, as in Kamailio.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (address, length) = match text.iter().rposition(|&byte| byte == b'/') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let address = Written::parse(address)?.pure()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match length {
            None => longest,
            Some(length) => leading_number(length).filter(|number| *number <= longest)?,
        };
        Some(Self { address, prefix })
    }

    /// Whether an address is in it.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

/// The number that a text begins with; 0 if it begins with none.
fn leading_number(text: &[u8]) -> Option<u8> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.copied().try_fold(0u8, |number, digit| number.checked_mul(10)?.checked_add(digit - b'0'))
}

/// Networks of a list.
pub(super) type Subnets = Vec<Subnet>;

/// Reads a list. What is no network is passed over, as in Kamailio.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    let subnets: Subnets = text.split(|&byte| byte == b',').filter_map(Subnet::parse).collect();
    Ok(Arc::new(subnets))
}

/// Whether an address written without brackets is in one of the networks.
pub(super) fn any_has(subnets: &[Subnet], address: &[u8]) -> bool {
    let address = Written::parse(address).and_then(Written::pure);
    address.is_some_and(|address| subnets.iter().any(|subnet| subnet.has(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(address: &str, list: &str) -> bool {
        let parsed = parse(list.as_bytes()).unwrap();
        any_has(parsed.downcast_ref::<Subnets>().unwrap(), address.as_bytes())
    }

    #[test]
    fn any_network_of_the_list_will_do() {
        for list in [
            "0.0.0.0/0",
            "10.1.2.3",
            "192.168.0.0/16, 10.0.0.0/8",
            "garbage,10.0.0.0/8",
            "10.0.0.0/33,10.0.0.0/8",
            ",10.0.0.0/8",
            "10.0.0.0/08",
            "10.0.0.0/x",
        ] {
            assert!(is_in("10.1.2.3", list), "{list}");
        }
        for list in ["10.1.2.4", "10.1.2.0/24;10.0.0.0/8", "10.0.0.0/255.0.0.0", "", "::/0"] {
            assert!(!is_in("10.1.2.3", list), "{list}");
        }
    }

    #[test]
    fn ipv6_takes_no_brackets() {
        assert!(is_in("2001:db8::1", "10.0.0.0/8,2001:db8::/32"));
        assert!(is_in("2001:db8::1", "2001:db8::1"));
        assert!(is_in("2001:db8::1", "::/0"));
        assert!(!is_in("2001:db8::1", "[2001:db8::]/32"));
        assert!(!is_in("[2001:db8::1]", "::/0"));
        assert!(!is_in("2001:db8::1", "2001:db8::/129"));
    }
}
