//! How long a transaction's timers run.

/// Durations in milliseconds, under the names that Kamailio's `tm` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// `fr_timer`: how long a client waits for any response, and a server for the ACK (RFC 3261: B, F, H).
    pub fr: u32,
    /// `fr_inv_timer`: how long a client waits for an INVITE's final response after a provisional one (C).
    pub fr_inv: u32,
    /// `retr_timer1`: the first retransmission interval (T1).
    pub retr_t1: u32,
    /// `retr_timer2`: the longest one (T2).
    pub retr_t2: u32,
    /// `wt_timer`: how long a finished transaction absorbs what comes late (D, I, J, K, L, M).
    pub wait: u32,
    /// `delete_timer`: how long after that its memory may stay in use.
    pub delete: u32,
    /// `max_inv_lifetime`: how long an INVITE transaction may last in all; 0 for no limit.
    pub max_inv_lifetime: u32,
    /// `max_noninv_lifetime`: how long any other may last in all; 0 for no limit.
    pub max_noninv_lifetime: u32,
}

impl Timing {
    /// Kamailio's defaults.
    pub const DEFAULT: Self = Self {
        fr: 30_000,
        fr_inv: 120_000,
        retr_t1: 500,
        retr_t2: 4_000,
        wait: 5_000,
        delete: 200,
        max_inv_lifetime: 180_000,
        max_noninv_lifetime: 32_000,
    };

    /// RFC 3261's values over an unreliable transport (§17, table 4). Its timer C is "larger than 3 minutes" (§16.6 step
    /// 11), and it has no lifetimes.
    pub const RFC: Self = Self {
        fr: 64 * 500,
        fr_inv: 181_000,
        retr_t1: 500,
        retr_t2: 4_000,
        wait: 64 * 500,
        delete: 0,
        max_inv_lifetime: 0,
        max_noninv_lifetime: 0,
    };

    /// The interval after one of `previous` milliseconds: the double, up to T2.
    ///
    /// RFC 3261 §17.1.1.2 lets timer A grow without a bound, which is only seen beyond 4 seconds; Kamailio stops at T2
    /// for every method.
    pub const fn next_retransmit(&self, previous: u32) -> u32 {
        let double = previous.saturating_mul(2);
        if double < self.retr_t2 { double } else { self.retr_t2 }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_t2() {
        let timing = Timing::DEFAULT;
        let intervals: Vec<u32> =
            std::iter::successors(Some(timing.retr_t1), |&last| Some(timing.next_retransmit(last)))
                .take(6)
                .collect();
        assert_eq!(intervals, [500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(timing.next_retransmit(u32::MAX), 4000);
    }

    #[test]
    fn a_first_interval_above_t2_is_cut() {
        let timing = Timing { retr_t1: 10_000, ..Timing::DEFAULT };
        assert_eq!(timing.next_retransmit(timing.retr_t1), 4000);
    }
}
