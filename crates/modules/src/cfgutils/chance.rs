//! Events that happen by chance.

use std::sync::atomic::{AtomicI64, Ordering};

use engine::module::Flow;
use engine::{Args, Cx};

use super::CfgUtils;

/// How likely `rand_event()` is, for all messages.
pub(super) struct Chance {
    initial: i64,
    per_cent: AtomicI64,
}

impl Chance {
    pub(super) fn new(initial: i64) -> Self {
        Self { initial, per_cent: AtomicI64::new(initial) }
    }

    pub(super) fn per_cent(&self) -> i64 {
        self.per_cent.load(Ordering::Relaxed)
    }

    /// Sets it, unless it is no per cent.
    pub(super) fn set(&self, per_cent: i64) -> bool {
        let fits = (0..=100).contains(&per_cent);
        if fits {
            self.per_cent.store(per_cent, Ordering::Relaxed);
        }
        fits
    }

    pub(super) fn reset(&self) {
        self.per_cent.store(self.initial, Ordering::Relaxed);
    }

    /// Whether it happens, given a random number.
    fn happens(&self, random: u64) -> bool {
        ((random % 100) as i64) < self.per_cent()
    }
}

pub(super) fn rand_set_prob(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    args.parsed::<i64>(0).is_some_and(|per_cent| cx.state::<CfgUtils>().chance.set(*per_cent)).into()
}

pub(super) fn rand_reset_prob(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.state::<CfgUtils>().chance.reset();
    Flow::TRUE
}

pub(super) fn rand_get_prob(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    Flow::Done(cx.state::<CfgUtils>().chance.per_cent())
}

pub(super) fn rand_event(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let random = cx.shard.random();
    cx.state::<CfgUtils>().chance.happens(random).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_per_cent_always_happens_and_none_never() {
        let chance = Chance::new(10);
        assert!(chance.set(100) && (0..200).all(|random| chance.happens(random)));
        assert!(chance.set(0) && !(0..200).any(|random| chance.happens(random)));
        assert!(!chance.set(101) && !chance.set(-1));
        chance.reset();
        assert_eq!((0..100).filter(|random| chance.happens(*random)).count(), 10);
    }
}
