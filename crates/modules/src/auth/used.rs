//! What is remembered of the latest nonces: how far their uses were counted, and which were used.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Highest use of a nonce that is counted; a client that goes on needs another nonce.
const MOST_USES: u32 = u8::MAX as u32;

/// The latest nonces. Each array holds a power of two of them; a newer nonce takes the place of an older one.
pub(super) struct Used {
    /// Highest `nc` that was accepted.
    counts: Box<[AtomicU8]>,
    /// One bit a nonce: it was used.
    once: Box<[AtomicU32]>,
    next: AtomicU32,
    process: [u8; 8],
}

/// Why a use of a nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is no longer remembered, or its count does not go on.
    Stale,
    /// It may be used once, and was.
    Reused,
}

/// How a nonce is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// For the `nc`th time, as the client counts.
    Counted(u32),
    /// Once only.
    Once,
    /// As often as the client likes.
    Free,
}

impl Used {
    /// Room for this many counted nonces and nonces for one use; both are rounded down to a power of two.
    pub(super) fn new(counted: u32, once: u32) -> Self {
        let counted = size(counted);
        let once = size(once).max(32);
        Self {
            counts: (0..counted).map(|_| AtomicU8::new(0)).collect(),
            once: (0..once / 32).map(|_| AtomicU32::new(0)).collect(),
            next: AtomicU32::new(0),
            process: RandomState::new().hash_one(0_u8).to_be_bytes(),
        }
    }

    /// Whether it has this much room.
    pub(super) fn has_room_for(&self, counted: u32, once: u32) -> bool {
        self.counts.len() == size(counted) as usize && self.once.len() * 32 == size(once).max(32) as usize
    }

    /// Tells this process's numbers from others'.
    pub(super) fn process(&self) -> &[u8] {
        &self.process
    }

    /// The number of a new nonce.
    pub(super) fn issue(&self) -> u32 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number == u32::MAX {
            // That number says "none".
            return self.issue();
        }
        self.counts[number as usize % self.counts.len()].store(0, Ordering::Relaxed);
        let (word, bit) = self.place(number);
        self.once[word].fetch_and(!bit, Ordering::Relaxed);
        number
    }

    /// Whether a use would be accepted now.
    pub(super) fn check(&self, number: u32, how: Use) -> Result<(), Refused> {
        match how {
            Use::Free => Ok(()),
            Use::Counted(count) => {
                let known = self.count_of(number)?.load(Ordering::Acquire);
                goes_on(known, count).map(|_| ())
            }
            Use::Once => {
                let (word, bit) = self.once_of(number)?;
                let used = self.once[word].load(Ordering::Acquire) & bit != 0;
                if used { Err(Refused::Reused) } else { Ok(()) }
            }
        }
    }

    /// Uses it: of several at once that would be accepted, one is.
    pub(super) fn take(&self, number: u32, how: Use) -> Result<(), Refused> {
        match how {
            Use::Free => Ok(()),
            Use::Counted(count) => {
                let place = self.count_of(number)?;
                let taken = place
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, |known| goes_on(known, count).ok());
                taken.map(|_| ()).map_err(|_| Refused::Stale)
            }
            Use::Once => {
                let (word, bit) = self.once_of(number)?;
                let before = self.once[word].fetch_or(bit, Ordering::AcqRel);
                if before & bit == 0 { Ok(()) } else { Err(Refused::Reused) }
            }
        }
    }

    fn count_of(&self, number: u32) -> Result<&AtomicU8, Refused> {
        self.remembers(number, self.counts.len())?;
        Ok(&self.counts[number as usize % self.counts.len()])
    }

    fn once_of(&self, number: u32) -> Result<(usize, u32), Refused> {
        self.remembers(number, self.once.len() * 32)?;
        Ok(self.place(number))
    }

    fn remembers(&self, number: u32, room: usize) -> Result<(), Refused> {
        let age = self.next.load(Ordering::Acquire).wrapping_sub(number);
        if age == 0 || age as usize > room { Err(Refused::Stale) } else { Ok(()) }
    }

    fn place(&self, number: u32) -> (usize, u32) {
        let at = number as usize % (self.once.len() * 32);
        (at / 32, 1 << (at % 32))
    }
}

/// The count to be kept, if it is higher than the one that is.
fn goes_on(known: u8, count: u32) -> Result<u8, Refused> {
    if count <= u32::from(known) || count > MOST_USES {
        return Err(Refused::Stale);
    }
    u8::try_from(count).map_err(|_| Refused::Stale)
}

fn size(wanted: u32) -> u32 {
    1 << wanted.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_only_goes_up_and_ends_at_255() {
        let used = Used::new(16, 16);
        let number = used.issue();
        let take = |count| used.take(number, Use::Counted(count));
        assert_eq!(take(0), Err(Refused::Stale));
        assert_eq!(take(1), Ok(()));
        assert_eq!(take(1), Err(Refused::Stale));
        assert_eq!(take(5), Ok(()));
        assert_eq!(take(4), Err(Refused::Stale));
        assert_eq!(used.check(number, Use::Counted(6)), Ok(()));
        assert_eq!(take(255), Ok(()));
        assert_eq!(take(256), Err(Refused::Stale));
    }

    #[test]
    fn one_use_is_one_use_also_when_many_try_at_once() {
        let used = Used::new(16, 1024);
        let number = used.issue();
        let accepted: usize = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..8).map(|_| scope.spawn(|| used.take(number, Use::Once).is_ok())).collect();
            tries.into_iter().map(|try_| usize::from(try_.join().expect("no panic"))).sum()
        });
        assert_eq!(accepted, 1);
        assert_eq!(used.check(number, Use::Once), Err(Refused::Reused));
    }

    #[test]
    fn what_newer_nonces_displaced_is_stale_and_so_is_what_was_never_issued() {
        let used = Used::new(4, 32);
        let first = used.issue();
        assert_eq!(used.take(first, Use::Once), Ok(()));
        for _ in 0..4 {
            used.issue();
        }
        assert_eq!(used.check(first, Use::Counted(1)), Err(Refused::Stale));
        assert_eq!(used.check(first, Use::Once), Err(Refused::Reused));
        for _ in 0..32 {
            used.issue();
        }
        assert_eq!(used.check(first, Use::Once), Err(Refused::Stale));
        assert_eq!(used.check(1000, Use::Once), Err(Refused::Stale));
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!([0, 1, 3, 4, 1_000_000].map(size), [1, 1, 2, 4, 524_288]);
        assert!(Used::new(1000, 1000).has_room_for(512, 1023));
        assert!(!Used::new(1000, 1000).has_room_for(1024, 512));
    }
}
