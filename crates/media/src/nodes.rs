//! Sets of relay nodes: as parameters name them, which of them answer, and which one a call gets.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where a node listens where its URL names no port.
pub const PORT: u16 = 22222;

/// Where a node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// Over IPv6.
    pub v6: bool,
}

/// Why a text names no nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNode(String);

impl fmt::Display for BadNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadNode {}

impl Endpoint {
    /// Reads `udp:host:port` or `udp6:address:port`; the port may be missing.
    ///
    /// # Errors
    /// It is another kind of URL, or its port is none.
    pub fn read(url: &str) -> Result<Self, BadNode> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let v6 = match scheme {
            "udp" => false,
            "udp6" => true,
            _ => {
                return Err(BadNode(format!(
                    "`{url}` is no node: write `udp:host:port` or `udp6:address:port`"
                )));
            }
        };
        let port = |text: &str| {
            text.parse().map_err(|_| BadNode(format!("`{text}` in `{url}` is no port (0 to 65535)")))
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':').map_or(Ok(PORT), port)?),
            None => match rest.rsplit_once(':') {
                Some((host, text)) => (host, port(text)?),
                None => (rest, PORT),
            },
        };
        if host.is_empty() {
            return Err(BadNode(format!("`{url}` names no host")));
        }
        Ok(Self { host: host.to_owned(), port, v6 })
    }
}

/// Whether a node is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is.
    Up,
    /// It did not answer: not before this time, and then with a ping first.
    Down(Instant),
    /// An operator took it out.
    Off,
}

/// A relay node.
#[derive(Debug)]
pub struct Node {
    /// As the parameter names it, without the weight.
    pub url: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its set's number.
    pub set: u32,
    /// Its number among all nodes, from 0.
    pub index: u32,
    /// Its share of new calls, relative to the other weights of its set.
    pub weight: u32,
    health: Mutex<Health>,
}

impl Node {
    /// Whether it is asked.
    pub fn health(&self) -> Health {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether it is asked.
    pub fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }
}

/// All sets, by number.
#[derive(Debug, Default)]
pub struct Sets {
    sets: Vec<(u32, Vec<Arc<Node>>)>,
}

impl Sets {
    /// Adds the nodes of one parameter: `[SET ==] URL[=WEIGHT] …`; without a set's number they are of set `default`.
    ///
    /// # Errors
    /// A number or a URL in it is none.
    pub fn add(&mut self, text: &str, default: u32) -> Result<(), BadNode> {
        let (set, urls) = match text.split_once("==") {
            Some((number, urls)) => {
                let number = number.trim();
                let set = number.parse();
                (
                    set.map_err(|_| BadNode(format!("`{number}` is no set's number: write `1 == udp:…`")))?,
                    urls,
                )
            }
            None => (default, text),
        };
        for entry in urls.split([' ', '\t', ';', ',', '\r', '\n']).filter(|entry| !entry.is_empty()) {
            let (url, weight) = match entry.split_once('=') {
                Some((url, weight)) => {
                    let number = weight.parse();
                    (url, number.map_err(|_| BadNode(format!("`{weight}` in `{entry}` is no weight")))?)
                }
                None => (entry, 1),
            };
            let endpoint = Endpoint::read(url)?;
            let index = u32::try_from(self.all().count()).unwrap_or(u32::MAX);
            let health = Mutex::new(Health::Up);
            let node = Arc::new(Node { url: url.to_owned(), endpoint, set, index, weight, health });
            match self.sets.iter_mut().find(|(number, _)| *number == set) {
                Some((_, nodes)) => nodes.push(node),
                None => self.sets.push((set, vec![node])),
            }
        }
        Ok(())
    }

    /// Nodes go on in the state that they have in `before`.
    pub fn take_over(&self, before: &Self) {
        for node in self.all() {
            if let Some(known) = before.all().find(|known| known.url == node.url && known.set == node.set) {
                node.set_health(known.health());
            }
        }
    }

    /// The nodes of a set, if there is one of that number.
    pub fn of(&self, set: u32) -> Option<&[Arc<Node>]> {
        self.sets.iter().find(|(number, _)| *number == set).map(|(_, nodes)| nodes.as_slice())
    }

    /// All nodes, set by set.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.sets.iter().flat_map(|(_, nodes)| nodes)
    }
}

/// How a call's identity becomes the number by which it is spread over nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// The sum of the Call-ID's bytes, of which the lowest eight bits count.
    #[default]
    Sum,
    /// CRC-32 of the Call-ID (ISO 3309).
    Crc32,
}

impl Spread {
    fn of(self, call: &[u8]) -> u32 {
        match self {
            Self::Sum => call.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).into(),
            Self::Crc32 => !call.iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
            }),
        }
    }
}

/// The node for a call among those that can be asked: the same one for the same call as long as those stay, in
/// proportion to their weights. None when nobody can be asked.
pub fn choose<'a>(nodes: &[&'a Arc<Node>], spread: Spread, call: &[u8]) -> Option<&'a Arc<Node>> {
    let total: u64 = nodes.iter().map(|node| u64::from(node.weight)).sum();
    let Some(mut left) = u64::from(spread.of(call)).checked_rem(total) else {
        return nodes.first().copied();
    };
    nodes.iter().copied().find(|node| {
        let weight = u64::from(node.weight);
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    })
}

const STRIPES: usize = 64;

/// Which node a call has, so that all its commands reach the same one.
#[derive(Debug)]
pub struct Calls {
    stripes: [Mutex<HashMap<Vec<u8>, Kept>>; STRIPES],
    keys: RandomState,
}

#[derive(Debug)]
struct Kept {
    node: Arc<Node>,
    until: Instant,
}

impl Default for Calls {
    fn default() -> Self {
        Self { stripes: std::array::from_fn(|_| Mutex::default()), keys: RandomState::new() }
    }
}

impl Calls {
    fn with<T>(&self, call: &[u8], work: impl FnOnce(&mut HashMap<Vec<u8>, Kept>) -> T) -> T {
        let stripe = self.keys.hash_one(call) as usize % STRIPES;
        work(&mut self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The call's node.
    pub fn get(&self, call: &[u8]) -> Option<Arc<Node>> {
        let now = Instant::now();
        self.with(call, |calls| {
            calls.get(call).filter(|kept| kept.until > now).map(|kept| Arc::clone(&kept.node))
        })
    }

    /// The call has this node, for so long. Of the table's part that it falls into, what is over goes.
    pub fn put(&self, call: &[u8], node: &Arc<Node>, life: Duration) {
        let now = Instant::now();
        self.with(call, |calls| {
            if calls.len() == calls.capacity() {
                calls.retain(|_, kept| kept.until > now);
            }
            calls.insert(call.to_vec(), Kept { node: Arc::clone(node), until: now + life });
        });
    }

    /// The call has ended.
    pub fn remove(&self, call: &[u8]) {
        self.with(call, |calls| calls.remove(call));
    }

    /// How many calls have a node.
    pub fn count(&self) -> usize {
        let now = Instant::now();
        let live = |calls: &HashMap<Vec<u8>, Kept>| calls.values().filter(|kept| kept.until > now).count();
        self.stripes.iter().map(|stripe| live(&stripe.lock().unwrap_or_else(PoisonError::into_inner))).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]
mod tests {
    use super::*;

    fn sets(lines: &[&str]) -> Sets {
        let mut sets = Sets::default();
        lines.iter().for_each(|line| sets.add(line, 0).unwrap());
        sets
    }

    #[test]
    fn parameters_name_sets_nodes_and_weights() {
        let sets = sets(&["udp:localhost:12221=2 udp:10.0.0.1", "2 == udp6:[::1]:9 udp6:fe80::9:8"]);
        let seen: Vec<_> = sets
            .all()
            .map(|n| (n.set, n.index, n.weight, n.endpoint.host.as_str(), n.endpoint.port))
            .collect();
        assert_eq!(
            seen,
            [
                (0, 0, 2, "localhost", 12221),
                (0, 1, 1, "10.0.0.1", PORT),
                (2, 2, 1, "::1", 9),
                (2, 3, 1, "fe80::9", 8)
            ]
        );
        assert!(sets.of(1).is_none());
    }

    #[test]
    fn a_text_that_names_no_node_is_told() {
        let told = |text: &str| Sets::default().add(text, 0).unwrap_err().to_string();
        assert!(told("ws://h:1/").contains("udp:host:port"));
        assert!(told("x == udp:h:1").contains("set's number"));
        assert!(told("udp:h:70000").contains("no port"));
        assert!(told("udp:h:7=two").contains("no weight"));
        assert!(told("udp::7").contains("no host"));
    }

    #[test]
    fn calls_spread_by_weight_and_stay_where_they_are() {
        let sets = sets(&["udp:a:1=2 udp:b:1=1 udp:c:1=0"]);
        let nodes: Vec<_> = sets.of(0).unwrap().iter().collect();
        let mut counts = [0; 3];
        for call in 0..3000_u32 {
            let call = format!("{call}@x");
            let node = choose(&nodes, Spread::Crc32, call.as_bytes()).unwrap();
            assert_eq!(node.index, choose(&nodes, Spread::Crc32, call.as_bytes()).unwrap().index);
            counts[node.index as usize] += 1;
        }
        assert!((1800..2200).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
        assert_eq!(Spread::Crc32.of(b"123456789"), 0xCBF4_3926);
        assert_eq!(choose(&nodes, Spread::Sum, b"c1@h").unwrap().index, 0);
    }

    #[test]
    fn a_call_keeps_its_node_until_it_ends_or_its_time_is_over() {
        let sets = sets(&["udp:a:1"]);
        let node = &sets.of(0).unwrap()[0];
        let calls = Calls::default();
        calls.put(b"one", node, Duration::from_secs(60));
        calls.put(b"two", node, Duration::ZERO);
        assert!(calls.get(b"one").is_some() && calls.get(b"two").is_none());
        assert_eq!(calls.count(), 1);
        calls.remove(b"one");
        assert_eq!(calls.count(), 0);
    }
}
