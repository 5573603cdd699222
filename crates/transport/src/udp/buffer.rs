//! Reused message buffers.

use std::fmt;
use std::sync::Arc;

/// The bytes of one received message. Cheap to clone, free to keep; once every clone is gone the buffer is used
/// again.
pub type Packet = Arc<Vec<u8>>;

/// Lends buffers of about the size of what is to go in, and takes them back when nobody else holds them any more:
/// transactions and parked routes keep their message, and must not keep the room of the longest one with it.
pub struct BufferPool {
    /// The shortest first.
    classes: Vec<Class>,
}

/// Up to `STEPPED` bytes, each class of buffers has so many bytes more room than the one before.
const STEP: usize = 256;
/// Beyond it each has twice the room of the one before.
const STEPPED: usize = 2048;

impl BufferPool {
    /// A pool of buffers for at most `longest` bytes each, of which it keeps at most `keep` of a size for reuse.
    pub fn new(longest: usize, keep: usize) -> Self {
        let mut classes = Vec::new();
        let mut size = STEP;
        while size < longest {
            classes.push(Class::new(size, keep));
            size += if size < STEPPED { STEP } else { size };
        }
        classes.push(Class::new(longest, keep));
        Self { classes }
    }

    /// The room of the longest buffers in bytes.
    pub fn longest(&self) -> usize {
        self.classes.last().map_or(0, |class| class.size)
    }

    /// How many buffers have been allocated since the start: constant in a steady state.
    pub fn allocated(&self) -> u64 {
        self.classes.iter().map(|class| class.allocated).sum()
    }

    /// A copy of these bytes, in a buffer that comes back by itself.
    pub(super) fn lend(&mut self, bytes: &[u8]) -> Packet {
        let at = self.classes.iter().position(|class| bytes.len() <= class.size);
        let class = &mut self.classes[at.unwrap_or(0)];
        let mut packet = class.take();
        if let Some(room) = Arc::get_mut(&mut packet) {
            room.extend_from_slice(bytes);
        }
        class.lend(&packet);
        packet
    }
}

/// The buffers of one size.
///
/// There is no giving back: the pool keeps a clone of what it lent, and a buffer whose only holder is the pool is
/// free. In a steady state nothing is allocated. Looking through what is lent is done so rarely that it costs a
/// constant time a buffer, however many are held by parked routes; those held longest are let go when there are too
/// many, and freed by their holder.
struct Class {
    size: usize,
    keep: usize,
    free: Vec<Packet>,
    /// Lent since the last sweep.
    lent: Vec<Packet>,
    /// Still in use at the last sweep, the longest held first.
    held: Vec<Packet>,
    allocated: u64,
}

/// Buffers lent between two sweeps, at least.
const SWEEP_AFTER: usize = 16;

impl Class {
    fn new(size: usize, keep: usize) -> Self {
        Self { size, keep, free: Vec::new(), lent: Vec::new(), held: Vec::new(), allocated: 0 }
    }

    /// An empty buffer that nobody else holds.
    fn take(&mut self) -> Packet {
        // The one lent last, if it has come back already, is still in the processor's cache.
        if let Some(packet) = self.lent.pop_if(|packet| Arc::get_mut(packet).is_some()) {
            self.free.push(packet);
        }
        if self.free.is_empty() && self.lent.len() >= SWEEP_AFTER.max(self.held.len()) {
            self.sweep();
        }
        while let Some(mut packet) = self.free.pop() {
            if let Some(bytes) = Arc::get_mut(&mut packet) {
                bytes.clear();
                return packet;
            }
        }
        self.allocated += 1;
        Arc::new(Vec::with_capacity(self.size))
    }

    /// Notes a buffer that goes out to a caller, so that it can come back.
    fn lend(&mut self, packet: &Packet) {
        if self.lent.len() + self.held.len() >= self.keep {
            self.sweep();
            self.free.truncate(self.keep / 2);
            self.held.drain(..self.held.len().saturating_sub(self.keep / 2));
        }
        self.lent.push(Arc::clone(packet));
    }

    /// Moves what has come back to the free ones.
    fn sweep(&mut self) {
        self.held.append(&mut self.lent);
        self.free.extend(self.held.extract_if(.., |packet| Arc::strong_count(packet) == 1));
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.classes).finish()
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Class")
            .field("size", &self.size)
            .field("free", &self.free.len())
            .field("lent", &(self.lent.len() + self.held.len()))
            .field("allocated", &self.allocated)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lend(pool: &mut Class) -> Packet {
        let packet = pool.take();
        pool.lend(&packet);
        packet
    }

    #[test]
    fn a_buffer_is_about_as_long_as_what_goes_in() {
        let mut pool = BufferPool::new(65_536, 64);
        let packets: Vec<_> = [1, 1024, 1025, 5000, 65_536].iter().map(|n| pool.lend(&vec![7; *n])).collect();
        let rooms: Vec<_> = packets.iter().map(|packet| packet.capacity()).collect();
        assert_eq!(rooms, [256, 1024, 1280, 8192, 65_536]);
        assert!(packets.iter().all(|packet| packet.iter().all(|byte| *byte == 7)));
        assert_eq!(pool.longest(), 65_536);
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let mut pool = Class::new(2048, 64);
        for _ in 0..100 {
            let packets: Vec<_> = (0..8).map(|_| lend(&mut pool)).collect();
            assert!(packets.iter().all(|packet| packet.is_empty() && packet.capacity() >= 2048));
        }
        assert!(pool.allocated <= 32, "allocated {}", pool.allocated);
    }

    #[test]
    fn a_held_buffer_is_never_lent_twice() {
        let mut pool = Class::new(16, 64);
        let held = lend(&mut pool);
        for _ in 0..50 {
            let other = lend(&mut pool);
            assert!(!Arc::ptr_eq(&held, &other));
        }
        drop(held);
        assert!(pool.allocated <= 17, "allocated {}", pool.allocated);
    }

    #[test]
    fn what_many_hold_for_long_is_let_go_and_the_rest_is_still_reused() {
        let mut pool = Class::new(16, 64);
        let parked: Vec<_> = (0..1000).map(|_| lend(&mut pool)).collect();
        let before = pool.allocated;
        for _ in 0..1000 {
            lend(&mut pool);
        }
        assert!(pool.allocated - before <= 64, "allocated {}", pool.allocated - before);
        assert!(parked.iter().filter(|packet| Arc::strong_count(packet) > 1).count() <= 64);
    }

    #[test]
    fn the_pool_keeps_no_more_than_told() {
        let mut pool = Class::new(16, 4);
        let burst: Vec<_> = (0..100).map(|_| lend(&mut pool)).collect();
        drop(burst);
        for _ in 0..100 {
            lend(&mut pool);
        }
        assert!(pool.free.len() + pool.lent.len() + pool.held.len() <= 8, "{pool:?}");
    }
}
