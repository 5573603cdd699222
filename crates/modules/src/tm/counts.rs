//! Counters of transactions and replies: `tm.stats`, and the statistics of `tmx`.

use engine::services::Services;
use engine::statistics::{Counter, Statistics};

use super::table::Table;

/// The counters.
pub(crate) struct Counts {
    /// Transactions of requests that came.
    pub(crate) received_requests: Counter,
    /// Transactions of requests made here.
    pub(crate) own_requests: Counter,
    /// Transactions that are kept.
    pub(crate) in_use: Counter,
    /// Those among them that have not had their final reply.
    pub(crate) active: Counter,
    /// Transactions that ended, by the class of their final code: 2xx to 6xx.
    pub(crate) ended: [Counter; 5],
    /// Replies from branches.
    pub(crate) replies_received: Counter,
    /// Those among them that were not passed on.
    replies_absorbed: Counter,
    replies_relayed: Counter,
    /// Replies made here.
    pub(crate) replies_generated: Counter,
    /// Replies passed on and made here.
    pub(crate) replies_sent: Counter,
}

impl Counts {
    /// The counters of a group.
    pub(super) fn new(statistics: &Statistics, group: &str) -> Self {
        let counter = |name: &str| statistics.counter(group, name);
        Self {
            received_requests: counter("UAS_transactions"),
            own_requests: counter("UAC_transactions"),
            in_use: counter("inuse_transactions"),
            active: counter("active_transactions"),
            ended: [2, 3, 4, 5, 6].map(|class| counter(&format!("{class}xx_transactions"))),
            replies_received: counter("rpl_received"),
            replies_absorbed: counter("rpl_absorbed"),
            replies_relayed: counter("rpl_relayed"),
            replies_generated: counter("rpl_generated"),
            replies_sent: counter("rpl_sent"),
        }
    }

    /// A transaction begins; `is_own` when its request is made here.
    pub(super) fn begun(&self, shard: usize, is_own: bool) {
        if is_own { &self.own_requests } else { &self.received_requests }.add(shard);
        self.in_use.add(shard);
        self.active.add(shard);
    }

    /// A transaction has its final code, the first one.
    pub(super) fn ended(&self, shard: usize, code: u16) {
        self.active.take_many(shard, 1);
        if let Some(counter) = usize::from(code / 100).checked_sub(2).and_then(|class| self.ended.get(class))
        {
            counter.add(shard);
        }
    }

    /// A transaction goes, with the last code that was sent.
    pub(super) fn freed(&self, shard: usize, code: u16) {
        self.in_use.take_many(shard, 1);
        if code < 200 {
            self.active.take_many(shard, 1);
        }
    }

    /// A reply has come from a branch. It counts as absorbed until it is passed on.
    pub(super) fn received(&self, shard: usize) {
        self.replies_received.add(shard);
        self.replies_absorbed.add(shard);
    }

    /// A branch's reply has been passed on, or given to what asked for the request.
    pub(super) fn relayed(&self, shard: usize) {
        self.replies_absorbed.take_many(shard, 1);
        self.replies_relayed.add(shard);
        self.replies_sent.add(shard);
    }

    /// A reply of our own has been sent.
    pub(super) fn generated(&self, shard: usize) {
        self.replies_generated.add(shard);
        self.replies_sent.add(shard);
    }
}

/// Counts something on the shard that it happens on.
pub(super) fn note(services: &mut Services, count: impl FnOnce(&Counts, usize)) {
    let shard = services.index;
    if let Some(counts) = &services.kept::<Table>().counts {
        count(counts, shard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_is_active_until_it_ends_and_in_use_until_it_goes() {
        let statistics = Statistics::new(2);
        let counts = Counts::new(&statistics, "tmx");
        counts.begun(0, false);
        counts.begun(1, true);
        assert_eq!((counts.in_use.total(), counts.active.total()), (2, 2));
        counts.ended(0, 486);
        assert_eq!((counts.in_use.total(), counts.active.total(), counts.ended[2].total()), (2, 1, 1));
        counts.freed(0, 486);
        counts.freed(1, 100);
        assert_eq!((counts.in_use.total(), counts.active.total()), (0, 0));
        let created = counts.received_requests.total() + counts.own_requests.total();
        assert_eq!(created, 2);
    }

    #[test]
    fn replies_are_absorbed_until_they_are_passed_on() {
        let statistics = Statistics::new(1);
        let counts = Counts::new(&statistics, "tmx");
        counts.received(0);
        counts.received(0);
        counts.relayed(0);
        counts.generated(0);
        let value = |name: &str| statistics.counter("tmx", name).total();
        assert_eq!((value("rpl_received"), value("rpl_absorbed"), value("rpl_relayed")), (2, 1, 1));
        assert_eq!((value("rpl_generated"), value("rpl_sent")), (1, 2));
    }
}
