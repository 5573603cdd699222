//! When a datagram that may have been lost is sent again (RFC 3261 §17.1.1.1).

use std::time::Duration;

/// The round trip that is reckoned with.
pub(super) const T1: Duration = Duration::from_millis(500);
/// The longest interval of all but INVITE requests.
pub(super) const T2: Duration = Duration::from_secs(4);
/// Timers B, F and H: 64 × T1.
pub(super) const GIVE_UP: Duration = Duration::from_secs(32);

/// Timers A and B, E and F, or G and H.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeats {
    next: Duration,
    interval: Duration,
    until: Duration,
}

impl Repeats {
    /// From the first sending on.
    pub(super) fn new(now: Duration) -> Self {
        Self { next: now + T1, interval: T1, until: now + GIVE_UP }
    }

    /// After a repeat: the interval doubles, up to `longest`.
    pub(super) fn doubled(self, now: Duration, longest: Duration) -> Self {
        self.every(now, (self.interval * 2).min(longest))
    }

    /// With another interval.
    pub(super) fn every(self, now: Duration, interval: Duration) -> Self {
        Self { next: now + interval, interval, ..self }
    }

    /// When something is due.
    pub(super) fn due(self) -> Duration {
        self.next.min(self.until)
    }

    /// Whether it has been repeated long enough.
    pub(super) fn over(self, now: Duration) -> bool {
        now >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sendings(longest: Duration) -> Vec<u64> {
        let mut again = Repeats::new(Duration::ZERO);
        let mut sent = vec![0];
        while !again.over(again.due()) {
            let now = again.due();
            sent.push(now.as_millis().try_into().expect("below 64 × T1"));
            again = again.doubled(now, longest);
        }
        sent
    }

    #[test]
    fn an_invite_is_sent_seven_times_in_all() {
        assert_eq!(sendings(GIVE_UP), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    }

    #[test]
    fn any_other_request_is_sent_eleven_times_in_all() {
        assert_eq!(sendings(T2), [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    }
}
