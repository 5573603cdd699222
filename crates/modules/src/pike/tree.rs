//! Addresses as a tree of their bytes. A node grows a child only when it is hit often, so that what is kept is where the
//! requests come from, not every address that was ever seen.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nodes kept at most; then none grows until some have gone. About 50 MB.
const MOST: usize = 1 << 20;
/// First bytes of addresses.
const ROOTS: usize = 256;

/// What is allowed, and how long what is not seen any more is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests in a sampling unit.
    pub(super) density: u32,
    /// Seconds.
    pub(super) latency: u32,
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// Its source is blocked since earlier.
    Blocked,
    /// Its source is blocked from now on; with the number that its unblocking will be told with.
    NewlyBlocked(u32),
}

/// Hits in the sampling unit before and in this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hits {
    pub(super) before: u32,
    pub(super) now: u32,
}

impl Hits {
    fn reach(self, limit: u32) -> bool {
        self.before >= limit || self.now >= limit || u32::midpoint(self.before, self.now) >= limit
    }

    fn turn(&mut self) {
        *self = Self { before: self.now, now: 0 };
    }

    fn count(&mut self) {
        self.now = self.now.saturating_add(1);
    }

    /// Half of them, for a child.
    fn split(&mut self) -> Self {
        let half = Self { before: self.before / 2, now: self.now / 2 };
        *self = Self { before: self.before - half.before, now: self.now - half.now };
        half
    }
}

#[derive(Debug)]
struct Node {
    byte: u8,
    /// Hits while addresses could not be told apart yet.
    hits: Hits,
    /// Hits of the whole address that ends here.
    leaf_hits: Hits,
    /// Told when it was blocked.
    blocked: Option<u32>,
    /// In seconds.
    expires: u32,
    /// By their bytes.
    children: Vec<Self>,
}

impl Node {
    fn new(byte: u8, hits: Hits, expires: u32) -> Self {
        Self { byte, hits, leaf_hits: Hits::default(), blocked: None, expires, children: Vec::new() }
    }

    fn child(&self, byte: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&byte, |child| child.byte)
    }
}

/// An address that has a node of its own, as RPC shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) address: IpAddr,
    pub(super) hits: Hits,
    /// Seconds until it goes if nothing comes any more.
    pub(super) expires: u32,
}

/// The tree of all shards; a lock for each first byte.
#[derive(Debug)]
pub(super) struct Tree {
    roots: Box<[Mutex<Option<Node>>]>,
    nodes: AtomicUsize,
    most: usize,
    numbers: AtomicU32,
}

impl Default for Tree {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl Tree {
    fn with_most(most: usize) -> Self {
        Self {
            roots: (0..ROOTS).map(|_| Mutex::default()).collect(),
            nodes: AtomicUsize::new(0),
            most,
            numbers: AtomicU32::new(1),
        }
    }

    fn root(&self, byte: usize) -> MutexGuard<'_, Option<Node>> {
        self.roots[byte].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a node, if there may be another.
    fn take_room(&self) -> bool {
        let taken = self.nodes.fetch_add(1, Ordering::Relaxed) < self.most;
        if !taken {
            self.nodes.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// A request from an address, at a time in seconds.
    pub(super) fn hit(&self, address: IpAddr, limits: Limits, now: u32) -> Verdict {
        match address {
            IpAddr::V4(address) => self.hit_bytes(&address.octets(), limits, now),
            IpAddr::V6(address) => self.hit_bytes(&address.octets(), limits, now),
        }
    }

    fn hit_bytes(&self, bytes: &[u8], limits: Limits, now: u32) -> Verdict {
        let Some((first, rest)) = bytes.split_first() else { return Verdict::Passed };
        let expires = now.saturating_add(limits.latency);
        let mut root = self.root(usize::from(*first));
        let Some(mut node) = root.as_mut() else {
            if self.take_room() {
                *root = Some(Node::new(*first, Hits { before: 0, now: 1 }, expires));
            }
            return Verdict::Passed;
        };
        node.expires = expires;
        for byte in rest {
            match node.child(*byte) {
                Ok(at) => node = &mut node.children[at],
                Err(at) => {
                    node.hits.count();
                    if node.hits.reach(limits.density / 4) && self.take_room() {
                        let hits = node.hits.split();
                        node.children.insert(at, Node::new(*byte, hits, expires));
                    }
                    return Verdict::Passed;
                }
            }
            node.expires = expires;
        }
        node.leaf_hits.count();
        match node.blocked {
            Some(_) => Verdict::Blocked,
            None if node.leaf_hits.reach(limits.density) => {
                let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                node.blocked = Some(number);
                Verdict::NewlyBlocked(number)
            }
            None => Verdict::Passed,
        }
    }

    /// Begins another sampling unit below one first byte: hits become those before, who no longer exceeds the limit is
    /// unblocked and told, what was not seen for long goes. How many nodes there were.
    pub(super) fn turn(
        &self,
        byte: usize,
        limits: Limits,
        now: u32,
        mut unblocked: impl FnMut(u32),
    ) -> usize {
        let mut root = self.root(byte);
        let Some(node) = root.as_mut() else { return 0 };
        let mut seen = (0, 0);
        turn(node, limits, now, &mut seen, &mut unblocked);
        if node.children.is_empty() && node.expires <= now {
            *root = None;
            seen.1 += 1;
        }
        self.nodes.fetch_sub(seen.1, Ordering::Relaxed);
        seen.0
    }

    /// All addresses with a node of their own, highest first as Kamailio lists them.
    pub(super) fn leaves(&self, now: u32) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for byte in (0..ROOTS).rev() {
            if let Some(node) = &*self.root(byte) {
                collect(node, &mut Vec::with_capacity(16), now, &mut leaves);
            }
        }
        leaves
    }
}

fn turn(
    node: &mut Node,
    limits: Limits,
    now: u32,
    (seen, gone): &mut (usize, usize),
    unblocked: &mut impl FnMut(u32),
) {
    *seen += 1;
    node.hits.turn();
    node.leaf_hits.turn();
    if !node.leaf_hits.reach(limits.density)
        && let Some(number) = node.blocked.take()
    {
        unblocked(number);
    }
    let mut counts = (0, 0);
    node.children.retain_mut(|child| {
        turn(child, limits, now, &mut counts, unblocked);
        let stays = !child.children.is_empty() || child.expires > now;
        counts.1 += usize::from(!stays);
        stays
    });
    if node.children.is_empty() {
        node.children = Vec::new();
    }
    (*seen, *gone) = (*seen + counts.0, *gone + counts.1);
}

fn collect(node: &Node, path: &mut Vec<u8>, now: u32, leaves: &mut Vec<Leaf>) {
    path.push(node.byte);
    for child in node.children.iter().rev() {
        collect(child, path, now, leaves);
    }
    let address = match path[..] {
        // Four bytes may be the beginning of a longer address: then they have no hits of their own.
        [a, b, c, d] if node.leaf_hits != Hits::default() || node.blocked.is_some() => {
            Some(IpAddr::from([a, b, c, d]))
        }
        _ => <[u8; 16]>::try_from(&path[..]).ok().map(IpAddr::from),
    };
    if let Some(address) = address {
        let expires = node.expires.saturating_sub(now);
        leaves.push(Leaf { address, hits: node.leaf_hits, expires });
    }
    path.pop();
}

impl Leaf {
    /// `HOT` at the limit, `WARM` at a quarter of it.
    pub(super) fn status(&self, density: u32) -> &'static str {
        if self.hits.reach(density) {
            "HOT"
        } else if self.hits.reach(density / 4) {
            "WARM"
        } else {
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { density: 10, latency: 4 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many requests pass before one is the first that does not.
    fn passed(tree: &Tree, source: IpAddr) -> usize {
        (0..1000).take_while(|_| tree.hit(source, LIMITS, 0) == Verdict::Passed).count()
    }

    #[test]
    fn a_flood_is_blocked_after_as_many_requests_as_in_kamailio() {
        let tree = Tree::default();
        assert_eq!(passed(&tree, address("127.0.0.5")), 13);
        assert_eq!(tree.hit(address("127.0.0.5"), LIMITS, 0), Verdict::Blocked);
        assert_eq!(passed(&tree, address("::1")), 25);
    }

    #[test]
    fn neighbours_of_a_flood_are_not_hurt() {
        let tree = Tree::default();
        passed(&tree, address("10.0.0.7"));
        for last in [6, 8, 9] {
            assert_eq!(tree.hit(IpAddr::from([10, 0, 0, last]), LIMITS, 0), Verdict::Passed);
        }
        assert_eq!(tree.hit(address("10.0.0.7"), LIMITS, 0), Verdict::Blocked);
    }

    #[test]
    fn a_source_is_unblocked_when_a_unit_passes_within_the_limit() {
        let (tree, source) = (Tree::default(), address("10.0.0.7"));
        passed(&tree, source);
        let mut told = Vec::new();
        tree.turn(10, LIMITS, 2, |number| told.push(number));
        assert_eq!(tree.hit(source, LIMITS, 2), Verdict::Blocked);
        assert_eq!(told, []);
        tree.turn(10, LIMITS, 4, |number| told.push(number));
        assert_eq!(told, [1]);
        assert_eq!(tree.hit(source, LIMITS, 4), Verdict::Passed);
    }

    #[test]
    fn what_is_not_seen_goes() {
        let tree = Tree::default();
        passed(&tree, address("10.0.0.7"));
        passed(&tree, address("fe80::1"));
        assert_eq!(tree.leaves(0).len(), 2);
        (0..256).for_each(|byte| _ = tree.turn(byte, LIMITS, 3, |_| {}));
        assert_eq!(tree.leaves(3).len(), 2);
        (0..256).for_each(|byte| _ = tree.turn(byte, LIMITS, 4, |_| {}));
        assert_eq!((tree.leaves(4).len(), tree.nodes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn a_flood_from_all_addresses_finds_an_end_of_the_room() {
        let tree = Tree::with_most(1000);
        for number in 0..200_000u32 {
            // Spread over all bytes.
            tree.hit(IpAddr::from(number.wrapping_mul(2_654_435_761).to_be_bytes()), LIMITS, 0);
        }
        assert!(tree.nodes.load(Ordering::Relaxed) <= 1000);
        let seen: usize = (0..256).map(|byte| tree.turn(byte, LIMITS, 1, |_| {})).sum();
        assert_eq!(seen, tree.nodes.load(Ordering::Relaxed));
    }

    #[test]
    fn leaves_are_shown_with_their_hits() {
        let tree = Tree::default();
        passed(&tree, address("127.0.0.5"));
        tree.hit(address("127.0.0.6"), LIMITS, 1);
        let leaves = tree.leaves(1);
        let hits = Hits { before: 0, now: 10 };
        assert_eq!(leaves, [Leaf { address: address("127.0.0.5"), hits, expires: 3 }]);
        assert_eq!(leaves[0].status(10), "HOT");
    }
}
