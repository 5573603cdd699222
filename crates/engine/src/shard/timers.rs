//! Routes that run at intervals, each on one shard.

use std::time::Instant;

use crate::running::Running;
use crate::setup::Timer;

/// This shard's timers.
pub(crate) struct Timers {
    all: Vec<(Instant, Timer)>,
}

impl Timers {
    /// Those of a configuration that fall to this shard.
    pub(crate) fn new(running: &Running, shard: usize, shards: usize, now: Instant) -> Self {
        let mine = |timer: &&Timer| timer.number as usize % shards.max(1) == shard;
        Self {
            all: running
                .hooks
                .timers
                .iter()
                .filter(mine)
                .map(|timer| (now + timer.interval, *timer))
                .collect(),
        }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.all.iter().map(|(due, _)| *due).min()
    }

    /// One that is due, and its next time is set. A shard that fell behind does not catch up.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (due, timer) = self.all.iter_mut().find(|(due, _)| *due <= now)?;
        *due = (*due + timer.interval).max(now);
        Some(*timer)
    }
}
