//! The messages of one call start in the order they came: while a request's route is parked, later requests of its
//! call wait, bounded in number and time. (Kamailio lets a BYE overtake its ACK.)

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use transport::Packet;

use crate::context::Received;

/// What tells a retransmission: hash of branch, method and CSeq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestKey(pub(crate) u64);

/// A keyed hash of a Call-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey(pub(crate) u64);

/// A request that waits.
pub(crate) struct Waiting {
    pub(crate) data: Packet,
    pub(crate) received: Received,
    key: RequestKey,
    since: Instant,
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Work on it.
    Now,
    /// It has been put in its call's queue.
    Queued,
    /// The same request is parked or waits already.
    Retransmission,
    /// Too many wait.
    Full,
}

#[derive(Default)]
struct Call {
    /// Requests whose routes are parked; those of which later ones need not wait are settled.
    parked: Vec<(RequestKey, bool)>,
    waiting: VecDeque<Waiting>,
}

impl Call {
    /// Whether a later request may be worked on.
    fn is_open(&self) -> bool {
        self.parked.iter().all(|(_, settled)| *settled)
    }
}

/// Calls with parked requests.
pub(crate) struct Order {
    calls: HashMap<CallKey, Call>,
    per_call: usize,
    patience: Duration,
    next: Option<Instant>,
}

impl Order {
    pub(crate) fn new(per_call: usize, patience: Duration) -> Self {
        Self { calls: HashMap::new(), per_call, patience, next: None }
    }

    /// Nothing is parked: no request has to wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// When waiting requests may have waited too long.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Notes that a request's route is parked. Later requests of its call need not wait for a settled one; its own
    /// retransmissions are known all the same.
    pub(crate) fn park(&mut self, call: CallKey, key: RequestKey, settled: bool) {
        self.calls.entry(call).or_default().parked.push((key, settled));
    }

    /// A parked request is settled now; gives the next one of its call, which is to be worked on now.
    pub(crate) fn settle(&mut self, call: CallKey, key: RequestKey) -> Option<Waiting> {
        let entry = self.calls.get_mut(&call)?;
        entry.parked.iter_mut().filter(|(parked, _)| *parked == key).for_each(|(_, settled)| *settled = true);
        self.follow(call)
    }

    /// Decides about a request; a queued one is kept.
    pub(crate) fn turn(
        &mut self,
        call: CallKey,
        key: RequestKey,
        passes: bool,
        data: &Packet,
        received: &Received,
        now: Instant,
    ) -> Turn {
        let Some(entry) = self.calls.get_mut(&call) else { return Turn::Now };
        if entry.parked.iter().any(|(parked, _)| *parked == key)
            || entry.waiting.iter().any(|waiting| waiting.key == key)
        {
            return Turn::Retransmission;
        }
        if passes || (entry.is_open() && entry.waiting.is_empty()) {
            return Turn::Now;
        }
        if entry.waiting.len() >= self.per_call {
            return Turn::Full;
        }
        entry.waiting.push_back(Waiting { data: Packet::clone(data), received: *received, key, since: now });
        self.next.get_or_insert(now + self.patience);
        Turn::Queued
    }

    /// A parked request has ended; gives the next one of its call, which is to be worked on now.
    pub(crate) fn release(&mut self, call: CallKey, key: RequestKey) -> Option<Waiting> {
        let entry = self.calls.get_mut(&call)?;
        if let Some(at) = entry.parked.iter().position(|(parked, _)| *parked == key) {
            entry.parked.swap_remove(at);
        }
        self.follow(call)
    }

    /// The next one that waits behind a request that did not park.
    pub(crate) fn follow(&mut self, call: CallKey) -> Option<Waiting> {
        let entry = self.calls.get_mut(&call).filter(|entry| entry.is_open())?;
        let next = entry.waiting.pop_front();
        if entry.waiting.is_empty() && entry.parked.is_empty() {
            self.calls.remove(&call);
        }
        next
    }

    /// Drops what has waited too long; says how many.
    pub(crate) fn expire(&mut self, now: Instant) -> usize {
        if self.next.is_none_or(|next| now < next) {
            return 0;
        }
        let mut dropped = 0;
        self.next = None;
        for call in self.calls.values_mut() {
            let before = call.waiting.len();
            call.waiting.retain(|waiting| now.duration_since(waiting.since) < self.patience);
            dropped += before - call.waiting.len();
            if let Some(first) = call.waiting.front() {
                let due = first.since + self.patience;
                self.next = Some(self.next.map_or(due, |next| next.min(due)));
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::ListenerId;
    use std::time::SystemTime;
    use transport::Proto;

    const CALL: CallKey = CallKey(7);

    fn received() -> Received {
        let address = "127.0.0.1:5060".parse().unwrap();
        let at = SystemTime::UNIX_EPOCH;
        Received {
            proto: Proto::Udp,
            source: address,
            destination: address,
            listener: ListenerId(0),
            connection: None,
            at,
        }
    }

    fn turn(order: &mut Order, key: u64, passes: bool, now: Instant) -> Turn {
        order.turn(CALL, RequestKey(key), passes, &Packet::new(vec![key as u8]), &received(), now)
    }

    #[test]
    fn requests_of_a_call_wait_for_the_parked_one_in_order() {
        let now = Instant::now();
        let mut order = Order::new(8, Duration::from_secs(32));
        assert_eq!(turn(&mut order, 1, false, now), Turn::Now);
        order.park(CALL, RequestKey(1), false);
        assert_eq!(turn(&mut order, 1, false, now), Turn::Retransmission);
        assert_eq!(turn(&mut order, 2, true, now), Turn::Now);
        assert_eq!(turn(&mut order, 3, false, now), Turn::Queued);
        assert_eq!(turn(&mut order, 3, false, now), Turn::Retransmission);
        assert_eq!(turn(&mut order, 4, false, now), Turn::Queued);
        let next = order.release(CALL, RequestKey(1)).unwrap();
        assert_eq!(*next.data, [3]);
        let last = order.follow(CALL).unwrap();
        assert_eq!(*last.data, [4]);
        assert!(order.is_empty());
    }

    #[test]
    fn nobody_waits_for_a_settled_request_but_its_retransmission_is_known() {
        let now = Instant::now();
        let mut order = Order::new(8, Duration::from_secs(32));
        order.park(CALL, RequestKey(1), false);
        assert_eq!(turn(&mut order, 2, false, now), Turn::Queued);
        assert_eq!(*order.settle(CALL, RequestKey(1)).unwrap().data, [2]);
        assert_eq!(turn(&mut order, 3, false, now), Turn::Now);
        assert_eq!(turn(&mut order, 1, false, now), Turn::Retransmission);
        assert!(order.release(CALL, RequestKey(1)).is_none());
        assert!(order.is_empty());
    }

    #[test]
    fn the_queue_is_bounded_in_number_and_time() {
        let now = Instant::now();
        let mut order = Order::new(1, Duration::from_secs(32));
        order.park(CALL, RequestKey(1), false);
        assert_eq!(turn(&mut order, 2, false, now), Turn::Queued);
        assert_eq!(turn(&mut order, 3, false, now), Turn::Full);
        assert_eq!(order.expire(now + Duration::from_secs(31)), 0);
        assert_eq!(order.expire(now + Duration::from_secs(32)), 1);
        assert!(order.release(CALL, RequestKey(1)).is_none());
        assert!(order.is_empty());
    }
}
