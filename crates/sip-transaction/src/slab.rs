//! The wheel's nodes: numbered places in chunks, linked into rings, given back to the allocator chunk by chunk.
//!
//! A node never moves while it is in use, so a number names it. New nodes are taken from the lowest chunk that has room,
//! which lets the upper chunks of a burst run empty; an empty chunk is freed as soon as another one is empty already.

use std::num::NonZeroU32;

/// How many nodes are allocated at once. At some 40 bytes each, a chunk is some 40 KB.
const CHUNK: usize = 1024;
/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// A node: a timer in a ring, or a free place.
#[derive(Clone, Debug)]
pub(crate) struct Node<T> {
    /// The tick in which the timer fires.
    pub(crate) deadline: u64,
    /// Neighbours in the ring; `next` alone in the list of free places.
    pub(crate) next: u32,
    pub(crate) previous: u32,
    /// Which ring the node is in.
    pub(crate) ring: u16,
    /// Tells this use of the place from others; none while it is free.
    pub(crate) serial: Option<NonZeroU32>,
    /// None while the place is free.
    pub(crate) value: Option<T>,
}

#[derive(Clone, Debug)]
struct Chunk<T> {
    /// Empty when it was given back.
    nodes: Vec<Node<T>>,
    used: u32,
    free: u32,
}

/// All nodes of one wheel.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// One bit for each chunk that has room, given back or not.
    roomy: Vec<u64>,
    /// No word of `roomy` before this one has a bit.
    first_roomy: usize,
    /// Empty chunks that still have their memory.
    spare: usize,
    used: usize,
    serial: NonZeroU32,
}

impl<T: Copy> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            roomy: Vec::new(),
            first_roomy: 0,
            spare: 0,
            used: 0,
            serial: NonZeroU32::MIN,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Places that have memory, in use or not.
    pub(crate) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.nodes.len()).sum()
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Node<T>> {
        let (chunk, place) = split(index);
        self.chunks.get(chunk)?.nodes.get(place)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Node<T>> {
        let (chunk, place) = split(index);
        self.chunks.get_mut(chunk)?.nodes.get_mut(place)
    }

    /// A node in no ring, and its number and serial.
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> (u32, NonZeroU32) {
        let at = self.roomy_chunk();
        let base = u32::try_from(at * CHUNK).unwrap_or(NONE);
        let chunk = &mut self.chunks[at];
        if chunk.nodes.is_empty() {
            chunk.grow(base);
        } else if chunk.used == 0 {
            self.spare -= 1;
        }
        let index = chunk.free;
        let serial = self.serial;
        self.serial = serial.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let node = &mut chunk.nodes[split(index).1];
        chunk.free = node.next;
        *node =
            Node { deadline, next: NONE, previous: NONE, ring: 0, serial: Some(serial), value: Some(value) };
        chunk.used += 1;
        if chunk.free == NONE {
            self.roomy[at / 64] &= !(1 << (at % 64));
        }
        self.used += 1;
        (index, serial)
    }

    /// Frees a place and gives back what was in it. The caller has taken it out of its ring.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let (at, place) = split(index);
        let chunk = self.chunks.get_mut(at)?;
        let node = chunk.nodes.get_mut(place)?;
        let value = node.value.take()?;
        node.serial = None;
        node.next = chunk.free;
        chunk.free = index;
        chunk.used -= 1;
        self.used -= 1;
        if chunk.used == 0 {
            if self.spare == 0 {
                self.spare = 1;
            } else {
                chunk.nodes = Vec::new();
            }
        }
        self.roomy[at / 64] |= 1 << (at % 64);
        self.first_roomy = self.first_roomy.min(at / 64);
        Some(value)
    }

    /// The lowest chunk with room; a new one at the end when all are full.
    fn roomy_chunk(&mut self) -> usize {
        while let Some(&word) = self.roomy.get(self.first_roomy) {
            if word != 0 {
                return self.first_roomy * 64 + word.trailing_zeros() as usize;
            }
            self.first_roomy += 1;
        }
        let at = self.chunks.len();
        self.chunks.push(Chunk { nodes: Vec::new(), used: 0, free: NONE });
        self.roomy.resize(at / 64 + 1, 0);
        self.roomy[at / 64] |= 1 << (at % 64);
        self.first_roomy = at / 64;
        at
    }
}

impl<T> Chunk<T> {
    /// Takes memory, and strings all places into the list of free ones.
    fn grow(&mut self, base: u32) {
        let last = base + CHUNK as u32 - 1;
        self.nodes = (base..=last)
            .map(|index| Node {
                deadline: 0,
                next: if index == last { NONE } else { index + 1 },
                previous: NONE,
                ring: 0,
                serial: None,
                value: None,
            })
            .collect();
        self.free = base;
    }
}

const fn split(index: u32) -> (usize, usize) {
    (index as usize / CHUNK, index as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_gives_its_memory_back() {
        let mut slab = Slab::new();
        let burst: Vec<u32> = (0..100 * CHUNK).map(|value| slab.insert(0, value).0).collect();
        assert_eq!((slab.len(), slab.capacity()), (100 * CHUNK, 100 * CHUNK));
        for (value, &index) in burst.iter().enumerate() {
            assert_eq!(slab.remove(index), Some(value));
        }
        assert_eq!((slab.len(), slab.capacity()), (0, CHUNK));
        assert_eq!(slab.remove(burst[0]), None);
    }

    #[test]
    fn new_nodes_fill_the_lowest_chunks_first() {
        let mut slab = Slab::new();
        let burst: Vec<u32> = (0..80 * CHUNK).map(|value| slab.insert(0, value).0).collect();
        for &index in &burst[CHUNK..] {
            slab.remove(index);
        }
        slab.remove(burst[5]);
        assert_eq!(slab.insert(0, 0).0, burst[5]);
        assert_eq!(slab.insert(0, 0).0 as usize / CHUNK, 1);
        assert_eq!(slab.capacity(), 2 * CHUNK);
    }

    #[test]
    fn serials_are_not_used_twice_in_a_place() {
        let mut slab = Slab::new();
        let (index, first) = slab.insert(0, ());
        slab.remove(index);
        let (again, second) = slab.insert(0, ());
        assert_eq!(index, again);
        assert_ne!(first, second);
    }
}
