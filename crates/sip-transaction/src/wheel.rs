//! A hierarchical timer wheel: starting and stopping take the same short time however many timers run.
//!
//! Time is counted in ticks. A timer stands in the ring for the highest group of six bits in which its tick differs from
//! the present one, at the place that those bits name: so each ring of level 0 is one tick, each of level 1 is 64, and
//! what stands on a lower level fires before all that stands on a higher one. When the present reaches a higher ring, its
//! timers go down a level. Eleven levels hold every 64-bit tick.

use std::num::NonZeroU32;

use crate::slab::{NONE, Slab};

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// The ring of timers that have fired and were not yet taken.
const EXPIRED: usize = LEVELS * SLOTS;

/// Names a running timer. After the timer has fired or was stopped, it names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    index: u32,
    serial: NonZeroU32,
}

/// Timers that each carry a value. The caller gives the time, in milliseconds from any fixed point.
///
/// A timer never fires early, and late by less than a tick plus what `advance` comes late; but a delay of 0 may take a
/// whole tick. Memory follows the number of timers up and down, in steps of 1024 timers: what is kept is one spare step,
/// the partly filled ones, and some 40 bytes for each step there ever was.
#[derive(Clone, Debug)]
pub struct TimerWheel<T> {
    tick_ms: u64,
    start_ms: u64,
    /// The present: all timers up to this tick have fired.
    tick: u64,
    /// The first node of each ring.
    rings: Box<[u32]>,
    /// Which rings of a level have nodes.
    occupied: [u64; LEVELS],
    slab: Slab<T>,
}

impl<T: Copy> TimerWheel<T> {
    /// A wheel without timers whose ticks last `tick_ms` milliseconds (1 when 0 is given), at the time `now_ms`.
    pub fn new(tick_ms: u32, now_ms: u64) -> Self {
        Self {
            tick_ms: u64::from(tick_ms.max(1)),
            start_ms: now_ms,
            tick: 0,
            rings: vec![NONE; EXPIRED + 1].into_boxed_slice(),
            occupied: [0; LEVELS],
            slab: Slab::new(),
        }
    }

    /// Starts a timer that fires `delay_ms` milliseconds after `now_ms`.
    pub fn start(&mut self, now_ms: u64, delay_ms: u64, value: T) -> TimerId {
        let after_start = now_ms.saturating_sub(self.start_ms).saturating_add(delay_ms);
        let deadline = after_start.div_ceil(self.tick_ms).max(self.tick + 1);
        let (index, serial) = self.slab.insert(deadline, value);
        self.place(index, deadline);
        TimerId { index, serial }
    }

    /// Stops a timer and gives its value back; `None` when it has fired and was taken, or was stopped before.
    pub fn stop(&mut self, timer: TimerId) -> Option<T> {
        if self.slab.get(timer.index)?.serial != Some(timer.serial) {
            return None;
        }
        self.unlink(timer.index);
        self.slab.remove(timer.index)
    }

    /// Goes on to `now_ms`; [`TimerWheel::expired`] then gives what has fired. A time before the present changes nothing.
    pub fn advance(&mut self, now_ms: u64) {
        let target = now_ms.saturating_sub(self.start_ms) / self.tick_ms;
        while let Some((level, slot, tick)) = self.next_ring().filter(|(_, _, tick)| *tick <= target) {
            self.tick = tick;
            self.empty_ring(level * SLOTS + slot);
        }
        self.tick = self.tick.max(target);
    }

    /// Takes the next timer that has fired, in the order of their ticks. A timer stopped in between does not come out.
    pub fn expired(&mut self) -> Option<T> {
        let index = self.rings[EXPIRED];
        if index == NONE {
            return None;
        }
        self.unlink(index);
        self.slab.remove(index)
    }

    /// The earliest time at which a timer may fire, in milliseconds: never too late, but for a timer of more than 64 ticks
    /// maybe earlier than it will. `None` when no timer runs.
    pub fn next(&self) -> Option<u64> {
        let tick = if self.rings[EXPIRED] == NONE { self.next_ring()?.2 } else { self.tick };
        Some(self.start_ms.saturating_add(tick.saturating_mul(self.tick_ms)))
    }

    /// How many timers run, with those that have fired and were not yet taken.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many timers the memory in use has room for.
    pub fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// The ring that the present reaches first: its level, its place there, and its first tick.
    fn next_ring(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&rings| rings != 0)?;
        // No place before the present's own has nodes: they would have been reached.
        let slot = self.occupied[level].trailing_zeros();
        let shift = BITS * level as u32;
        let above = self.tick.checked_shr(shift + BITS).unwrap_or(0);
        let tick = above.checked_shl(shift + BITS).unwrap_or(0) | u64::from(slot) << shift;
        Some((level, slot as usize, tick))
    }

    /// Sends a ring's timers where they belong by now: down a level, or out.
    fn empty_ring(&mut self, ring: usize) {
        while self.rings[ring] != NONE {
            let index = self.rings[ring];
            self.unlink(index);
            let Some(deadline) = self.slab.get(index).map(|node| node.deadline) else { return };
            if deadline <= self.tick {
                self.link(index, EXPIRED);
            } else {
                self.place(index, deadline);
            }
        }
    }

    /// Links a timer of a later tick than the present into its ring.
    fn place(&mut self, index: u32, deadline: u64) {
        let highest = (deadline ^ self.tick).checked_ilog2().unwrap_or(0);
        let level = highest / BITS;
        let slot = (deadline >> (level * BITS)) as usize % SLOTS;
        self.link(index, level as usize * SLOTS + slot);
    }

    /// Puts a node at the end of a ring.
    fn link(&mut self, index: u32, ring: usize) {
        let first = self.rings[ring];
        let (next, previous) = match self.slab.get_mut(first) {
            None => {
                self.rings[ring] = index;
                if ring != EXPIRED {
                    self.occupied[ring / SLOTS] |= 1 << (ring % SLOTS);
                }
                (index, index)
            }
            Some(node) => (first, std::mem::replace(&mut node.previous, index)),
        };
        if let Some(node) = self.slab.get_mut(index) {
            (node.next, node.previous, node.ring) = (next, previous, ring as u16);
        }
        if previous != index
            && let Some(node) = self.slab.get_mut(previous)
        {
            node.next = index;
        }
    }

    /// Takes a node out of its ring.
    fn unlink(&mut self, index: u32) {
        let Some(node) = self.slab.get(index) else { return };
        let (next, previous, ring) = (node.next, node.previous, usize::from(node.ring));
        if next == index {
            self.rings[ring] = NONE;
            if ring != EXPIRED {
                self.occupied[ring / SLOTS] &= !(1 << (ring % SLOTS));
            }
            return;
        }
        if let Some(node) = self.slab.get_mut(next) {
            node.previous = previous;
        }
        if let Some(node) = self.slab.get_mut(previous) {
            node.next = next;
        }
        if self.rings[ring] == index {
            self.rings[ring] = next;
        }
    }
}

#[cfg(test)]
mod tests;
