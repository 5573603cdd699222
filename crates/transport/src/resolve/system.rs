//! The system's resolver configuration (`/etc/resolv.conf`, resolv.conf(5)).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::record::{Name, name};

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemConfig {
    pub(super) servers: Vec<IpAddr>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: usize,
    pub(super) rotate: bool,
}

/// The bounds that resolv.conf(5) names.
const MAX_NDOTS: usize = 15;
const MAX_TIMEOUT: u64 = 30;
const MAX_ATTEMPTS: usize = 5;

impl SystemConfig {
    pub(super) fn parse(text: &str) -> Self {
        let mut config = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => config.servers.extend(words.next().and_then(server)),
                // The last of these lines counts.
                Some("search") => config.search = words.filter_map(name).collect(),
                Some("domain") => config.search = words.next().and_then(name).into_iter().collect(),
                Some("options") => words.for_each(|word| config.option(word)),
                _ => {}
            }
        }
        if config.servers.is_empty() {
            config.servers.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        config
    }

    fn option(&mut self, word: &str) {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        match key {
            "ndots" => self.ndots = value.parse().map_or(self.ndots, |dots: usize| dots.min(MAX_NDOTS)),
            "timeout" => {
                if let Ok(seconds) = value.parse::<u64>() {
                    self.timeout = Duration::from_secs(seconds.clamp(1, MAX_TIMEOUT));
                }
            }
            "attempts" => {
                self.attempts =
                    value.parse().map_or(self.attempts, |times: usize| times.clamp(1, MAX_ATTEMPTS))
            }
            "rotate" => self.rotate = true,
            _ => {}
        }
    }

    /// The names to ask for in turn: with few dots in the search domains first, with enough as it stands first.
    pub(super) fn candidates(&self, asked: &Name, use_search_list: bool) -> Vec<Name> {
        if !use_search_list || self.search.is_empty() {
            return vec![*asked];
        }
        let extended = self.search.iter().filter_map(|domain| {
            let mut long = *asked;
            long.try_push('.').ok()?;
            long.try_push_str(domain).ok()?;
            Some(long)
        });
        if asked.bytes().filter(|&b| b == b'.').count() >= self.ndots {
            std::iter::once(*asked).chain(extended).collect()
        } else {
            extended.chain(std::iter::once(*asked)).collect()
        }
    }
}

/// An address, without the zone that a link-local one may carry.
fn server(word: &str) -> Option<IpAddr> {
    word.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_its_manual_says() {
        let config = SystemConfig::parse(
            "# comment\nnameserver 192.0.2.53\nnameserver 2001:db8::53\ndomain example.net\n\
             search Example.org lab.example.org. ; trailing\noptions ndots:2 timeout:1 attempts:9 rotate edns0\n",
        );
        assert_eq!(config.servers.len(), 2);
        assert_eq!(
            config.search.iter().map(Name::as_str).collect::<Vec<_>>(),
            ["example.org", "lab.example.org"]
        );
        assert_eq!((config.ndots, config.timeout.as_secs(), config.attempts, config.rotate), (2, 1, 5, true));
    }

    #[test]
    fn an_empty_file_means_this_machine() {
        assert_eq!(SystemConfig::parse("").servers, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn dots_decide_whether_the_search_list_comes_first() {
        let config = SystemConfig::parse("search a.example b.example\noptions ndots:1\n");
        let candidates = |host: &str| {
            let names = config.candidates(&name(host).unwrap(), true);
            names.iter().map(Name::to_string).collect::<Vec<_>>()
        };
        assert_eq!(candidates("gw"), ["gw.a.example", "gw.b.example", "gw"]);
        assert_eq!(candidates("gw.lab"), ["gw.lab", "gw.lab.a.example", "gw.lab.b.example"]);
        assert_eq!(config.candidates(&name("gw").unwrap(), false), [name("gw").unwrap()]);
    }
}
