//! A bad line: it loses, doubles and delays datagrams, each as its seed says.

use std::time::Duration;

/// What a line does to the datagrams that pass it. Shares are in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seed: u64,
    /// Datagrams that never arrive.
    pub(crate) lost: u32,
    /// Datagrams that arrive twice.
    pub(crate) doubled: u32,
    /// The longest delay; each copy has one of its own, so datagrams overtake each other.
    pub(crate) delay: Duration,
}

/// A way across the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    FromCaller,
    ToCaller,
    FromAnswerer,
    ToAnswerer,
}

impl Line {
    /// A line without a fault.
    pub(crate) const GOOD: Self = Self { seed: 0, lost: 0, doubled: 0, delay: Duration::ZERO };

    /// When the copies of a call's nth datagram this way arrive. The answer hangs on the arguments alone, so a
    /// run can be repeated although the two sides' threads never meet in the same order again.
    pub(crate) fn copies(self, way: Way, call: u32, nth: u32) -> impl Iterator<Item = Duration> {
        let fate = Fate(self.seed ^ (u64::from(call) << 32 | u64::from(nth) << 2 | way as u64));
        let count = match (fate.below(1, 1000) < self.lost, fate.below(2, 1000) < self.doubled) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        };
        let longest = u32::try_from(self.delay.as_micros()).unwrap_or(u32::MAX);
        (0..count).map(move |copy| match longest {
            0 => Duration::ZERO,
            longest => Duration::from_micros(fate.below(3 + copy, longest).into()),
        })
    }
}

/// Numbers that look random, by index.
#[derive(Clone, Copy)]
struct Fate(u64);

impl Fate {
    fn below(self, index: u64, limit: u32) -> u32 {
        let bits = mixed(mixed(self.0).wrapping_add(index));
        (((bits >> 32) * u64::from(limit)) >> 32) as u32
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Line = Line { seed: 1, lost: 50, doubled: 20, delay: Duration::from_millis(30) };

    #[test]
    fn a_line_loses_and_doubles_the_share_it_is_told_to() {
        let counts: Vec<usize> =
            (0..100_000).map(|call| BAD.copies(Way::ToCaller, call, 3).count()).collect();
        let of = |count| counts.iter().filter(|&&found| found == count).count();
        assert!((4_500..5_500).contains(&of(0)), "{} lost", of(0));
        assert!((1_500..2_300).contains(&of(2)), "{} doubled", of(2));
    }

    #[test]
    fn the_same_seed_makes_the_same_line_and_another_seed_another() {
        let of = |line: Line| -> Vec<Vec<Duration>> {
            (0..500).map(|nth| line.copies(Way::FromCaller, 9, nth).collect()).collect()
        };
        assert_eq!(of(BAD), of(BAD));
        assert_ne!(of(BAD), of(Line { seed: 2, ..BAD }));
        assert!(of(BAD).iter().flatten().all(|delay| *delay < BAD.delay));
    }

    #[test]
    fn a_good_line_brings_everything_once_and_at_once() {
        let copies: Vec<Duration> = Line::GOOD.copies(Way::FromAnswerer, 1, 1).collect();
        assert_eq!(copies, [Duration::ZERO]);
    }
}
