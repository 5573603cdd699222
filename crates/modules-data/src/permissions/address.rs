//! Groups of addresses, networks and domain names, from a table or a file.

use std::collections::HashMap;
use std::net::IpAddr;

use cfg_vm::Str;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its group, from 1.
    pub(super) group: i64,
    /// Whom it is about.
    pub(super) whom: Whom,
    /// The only port; 0 for any.
    pub(super) port: u16,
    /// What scripts get to know of it.
    pub(super) tag: Option<Str>,
}

/// Whom an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whom {
    /// One address.
    Address(IpAddr),
    /// All addresses of a network: its first one, and how many bits it has.
    Network(IpAddr, u8),
    /// A name, compared as text; nothing is looked up.
    Domain(Vec<u8>),
}

impl Whom {
    /// Reads an address, with or without brackets, or a name. A mask of 0 or of all bits is one address.
    ///
    /// # Errors
    /// The mask has more bits than the address.
    pub(super) fn parse(text: &[u8], mask: i64) -> Result<Self, String> {
        let Some(ip) = parse_ip(text) else { return Ok(Self::Domain(text.to_ascii_lowercase())) };
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        match u8::try_from(mask) {
            Ok(0) => Ok(Self::Address(ip)),
            Ok(mask) if mask == bits => Ok(Self::Address(ip)),
            Ok(mask) if mask < bits => Ok(Self::Network(first_of(ip, mask), mask)),
            _ => Err(format!("{ip} has {bits} bits, not {mask}")),
        }
    }
}

/// An address, with or without brackets.
pub(super) fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()
}

fn first_of(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    }
}

/// All entries, found by address in a time that does not grow with their number, but for networks: for those it grows with
/// the number of different masks.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    entries: Vec<Entry>,
    /// Numbers of entries, in the order of their groups.
    by_whom: HashMap<Whom, Vec<usize>>,
    /// Masks that networks have, for IPv4 and IPv6, in the order in which the first network of each came.
    masks: [Vec<u8>; 2],
}

impl Addresses {
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.group);
        let mut addresses = Self::default();
        for (number, entry) in entries.iter().enumerate() {
            if let Whom::Network(ip, mask) = entry.whom {
                let masks = &mut addresses.masks[usize::from(ip.is_ipv6())];
                if !masks.contains(&mask) {
                    masks.push(mask);
                }
            }
            addresses.by_whom.entry(entry.whom.clone()).or_default().push(number);
        }
        addresses.entries = entries;
        addresses
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry for an address or name and a port: single addresses before networks, then by group, then in
    /// the table's order.
    pub(super) fn find(&self, who: &[u8], port: u16, group: Option<i64>) -> Option<&Entry> {
        match parse_ip(who) {
            Some(ip) => self.find_ip(ip, port, group),
            None => {
                self.first(&Whom::Domain(who.to_ascii_lowercase()), port, group).map(|at| &self.entries[at])
            }
        }
    }

    /// The same for an address.
    pub(super) fn find_ip(&self, ip: IpAddr, port: u16, group: Option<i64>) -> Option<&Entry> {
        let single = self.first(&Whom::Address(ip), port, group);
        let network = || {
            let masks = self.masks[usize::from(ip.is_ipv6())].iter();
            masks.filter_map(|&mask| self.first(&Whom::Network(first_of(ip, mask), mask), port, group)).min()
        };
        single.or_else(network).map(|at| &self.entries[at])
    }

    fn first(&self, whom: &Whom, port: u16, group: Option<i64>) -> Option<usize> {
        let fits = |entry: &Entry| {
            (entry.port == 0 || port == 0 || entry.port == port)
                && group.is_none_or(|group| group == entry.group)
        };
        self.by_whom.get(whom)?.iter().copied().find(|&at| fits(&self.entries[at]))
    }
}

/// Reads a file: a line for each entry, `group address [mask [port [tag]]]`, `#` before comments.
///
/// # Errors
/// The number of the line, and what is wrong in it.
pub(super) fn parse_file(text: &[u8]) -> Result<Vec<Entry>, String> {
    let lines = text.split(|&byte| byte == b'\n').enumerate();
    let entries = lines.filter_map(|(number, line)| {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let entry = (!words.is_empty()).then(|| parse_words(&words))?;
        Some(entry.map_err(|reason| format!("line {}: {reason}", number + 1)))
    });
    entries.collect()
}

fn parse_words(words: &[&[u8]]) -> Result<Entry, String> {
    let number = |at: usize, what: &str| match words.get(at) {
        None => Ok(0),
        Some(word) => std::str::from_utf8(word)
            .ok()
            .and_then(|digits| digits.parse::<i64>().ok())
            .ok_or_else(|| format!("`{}` is no {what}", word.escape_ascii())),
    };
    let group = number(0, "group")?;
    let address = words.get(1).ok_or("the address is missing")?;
    let whom = Whom::parse(address, number(2, "mask")?)?;
    entry(group, whom, number(3, "port")?, words.get(4).map(|tag| Str::copy(tag)))
}

/// An entry whose numbers may be.
pub(super) fn entry(group: i64, whom: Whom, port: i64, tag: Option<Str>) -> Result<Entry, String> {
    if group < 1 {
        return Err(format!("{group} is no group; they begin with 1"));
    }
    let port = u16::try_from(port).map_err(|_| format!("{port} is no port"))?;
    Ok(Entry { group, whom, port, tag })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"# who may call\n1 127.0.0.1 32 0 t1\n1 10.0.0.0 8 0 net # the plant\n\n\
        2 10.1.0.0 16 5060 net2\r\n2 10.2.3.4 32 5070\n3 [2001:db8::] 32\n4 Example.com\n5 10.9.9.9 0 0 zero\n";

    fn found(who: &str, port: u16, group: Option<i64>) -> Option<i64> {
        let addresses = Addresses::new(parse_file(FILE).expect("well-formed"));
        addresses.find(who.as_bytes(), port, group).map(|entry| entry.group)
    }

    #[test]
    fn addresses_networks_and_names_are_found_in_their_groups() {
        assert_eq!(found("127.0.0.1", 1, Some(1)), Some(1));
        assert_eq!(found("127.0.0.2", 1, Some(1)), None);
        assert_eq!(found("10.5.5.5", 1, Some(1)), Some(1));
        assert_eq!(found("10.1.5.5", 5060, Some(2)), Some(2));
        assert_eq!(found("10.1.5.5", 5061, Some(2)), None);
        assert_eq!(found("10.2.3.4", 5071, Some(2)), None);
        assert_eq!(found("[2001:db8::1]", 9, Some(3)), Some(3));
        assert_eq!(found("2001:db9::1", 9, Some(3)), None);
        assert_eq!(found("EXAMPLE.com", 9, Some(4)), Some(4));
        assert_eq!(found("10.9.9.9", 9, Some(5)), Some(5));
        assert_eq!(found("", 9, None), None);
    }

    #[test]
    fn without_a_group_single_addresses_come_before_networks_and_lower_groups_before_higher() {
        assert_eq!(found("10.2.3.4", 5070, None), Some(2));
        assert_eq!(found("10.9.9.9", 5070, None), Some(5));
        assert_eq!(found("10.1.5.5", 5060, None), Some(1));
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        let error = |text: &str| parse_file(text.as_bytes()).expect_err("a mistake");
        assert_eq!(error("\n1 10.0.0.1 33"), "line 2: 10.0.0.1 has 32 bits, not 33");
        assert_eq!(error("x 10.0.0.1"), "line 1: `x` is no group");
        assert_eq!(error("0 10.0.0.1"), "line 1: 0 is no group; they begin with 1");
        assert_eq!(error("1"), "line 1: the address is missing");
        assert_eq!(error("1 10.0.0.1 32 70000"), "line 1: 70000 is no port");
    }
}
