//! The table of hosts (`/etc/hosts`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::record::{Absence, Answer, Name, Question, RecordKind, RecordSet, name};

/// Names with their addresses, several of each family in the order of the file.
#[derive(Debug)]
pub(super) struct Hosts {
    names: HashMap<Box<str>, Host>,
}

#[derive(Debug)]
struct Host {
    v4: Answer,
    v6: Answer,
}

impl Hosts {
    pub(super) fn parse(text: &str) -> Self {
        let mut found: HashMap<Name, Vec<IpAddr>> = HashMap::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let Some(ip) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for host in words.filter_map(name) {
                let addresses = found.entry(host).or_default();
                if !addresses.contains(&ip) {
                    addresses.push(ip);
                }
            }
        }
        let names = found.into_iter().map(|(host, addresses)| (host.as_str().into(), Host::new(&addresses)));
        Self { names: names.collect() }
    }

    /// The table's answer. It speaks for the whole name: what it lists, the name servers are not asked about.
    pub(super) fn answer(&self, question: &Question) -> Option<Answer> {
        let name = question.name.as_str();
        match question.kind {
            RecordKind::A => self.names.get(name).map(|host| host.v4.clone()),
            RecordKind::Aaaa => self.names.get(name).map(|host| host.v6.clone()),
            RecordKind::Srv => {
                let host = name.splitn(3, '.').nth(2)?;
                self.names.contains_key(host).then_some(Err(Absence::NotThere))
            }
            RecordKind::Naptr => self.names.contains_key(name).then_some(Err(Absence::NotThere)),
            RecordKind::Ptr => None,
        }
    }
}

impl Host {
    fn new(addresses: &[IpAddr]) -> Self {
        let family = |wanted: fn(&IpAddr) -> bool| {
            let addresses: Vec<_> = addresses.iter().filter(|ip| wanted(ip)).copied().collect();
            if addresses.is_empty() {
                Err(Absence::NotThere)
            } else {
                Ok(Arc::new(RecordSet::Address(addresses)))
            }
        };
        Self { v4: family(IpAddr::is_ipv4), v6: family(IpAddr::is_ipv6) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_all_its_addresses_in_order() {
        let hosts = Hosts::parse(
            "127.0.0.1 localhost\n# 192.0.2.9 gw\n192.0.2.2\tGW gw.example.org # the gateway\n192.0.2.1 gw\n\
             2001:db8::1 gw\nnonsense gw\n192.0.2.2 gw\n",
        );
        let ask = |host: &str, kind| hosts.answer(&Question { name: name(host).unwrap(), kind });
        let addresses = |texts: &[&str]| {
            let parsed = texts.iter().map(|text| text.parse().unwrap()).collect();
            Some(Ok(Arc::new(RecordSet::Address(parsed))))
        };
        assert_eq!(ask("gw", RecordKind::A), addresses(&["192.0.2.2", "192.0.2.1"]));
        assert_eq!(ask("gw", RecordKind::Aaaa), addresses(&["2001:db8::1"]));
        assert_eq!(ask("gw.example.org", RecordKind::A), addresses(&["192.0.2.2"]));
        assert_eq!(ask("localhost", RecordKind::Aaaa), Some(Err(Absence::NotThere)));
        assert_eq!(ask("_sip._udp.gw", RecordKind::Srv), Some(Err(Absence::NotThere)));
        assert_eq!(ask("other", RecordKind::A), None);
        assert_eq!(ask("_sip._udp.other", RecordKind::Srv), None);
    }
}
