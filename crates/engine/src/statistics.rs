//! Counters, one cell a shard so that counting never contends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A shard's cell on a cache line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Cell(AtomicU64);

/// A counter. Clones are the same counter.
#[derive(Clone)]
pub struct Counter(Arc<[Cell]>);

impl Counter {
    /// Adds one, on a shard.
    pub fn add(&self, shard: usize) {
        self.add_many(shard, 1);
    }

    /// Adds several, on a shard.
    pub fn add_many(&self, shard: usize, count: u64) {
        self.0[shard % self.0.len()].0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes several away, on any shard, not only the one that added them: what is counted is a number of things there are.
    pub fn take_many(&self, shard: usize, count: u64) {
        self.0[shard % self.0.len()].0.fetch_sub(count, Ordering::Relaxed);
    }

    /// The sum over all shards.
    pub fn total(&self) -> u64 {
        // A cell that gave more than it got has wrapped; the sum wraps back.
        self.0.iter().map(|cell| cell.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    /// Each shard's share.
    pub fn per_shard(&self) -> Vec<u64> {
        self.0.iter().map(|cell| cell.0.load(Ordering::Relaxed)).collect()
    }

    /// Starts again from nothing.
    pub fn reset(&self) {
        for cell in self.0.iter() {
            cell.0.store(0, Ordering::Relaxed);
        }
    }
}

/// All counters by group and name, as `stats.get_statistics` and `$stat(name)` know them.
pub struct Statistics {
    shards: usize,
    counters: RwLock<BTreeMap<(String, String), Counter>>,
}

impl Statistics {
    /// For a number of shards.
    pub fn new(shards: usize) -> Self {
        Self { shards: shards.max(1), counters: RwLock::default() }
    }

    /// How many shards count.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// The counter of a group and name; made when first asked for, so that it outlives reloads.
    pub fn counter(&self, group: &str, name: &str) -> Counter {
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        let key = (group.to_owned(), name.to_owned());
        counters
            .entry(key)
            .or_insert_with(|| Counter((0..self.shards).map(|_| Cell::default()).collect()))
            .clone()
    }

    /// A counter by name alone, as `$stat(name)` looks it up.
    pub fn named(&self, name: &str) -> Option<Counter> {
        let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        counters.iter().find(|((_, known), _)| known == name).map(|(_, counter)| counter.clone())
    }

    /// All of them in order: group, name, total.
    pub fn all(&self) -> Vec<(String, String, u64)> {
        let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        counters
            .iter()
            .map(|((group, name), counter)| (group.clone(), name.clone(), counter.total()))
            .collect()
    }
}
