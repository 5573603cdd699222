//! What a machine asks its owner to do.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of things to do after a step.
///
/// Their order is the order of the constants: messages first, then timers, then the end.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Actions(u16);

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal,)*) => {
        impl Actions {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            const NAMES: &[(Self, &str)] = &[$((Self::$name, stringify!($name)),)*];
        }
    };
}

actions! {
    /// Hand what came to the user: the response, the request, or an ACK in Accepted.
    PASS = 0,
    /// Send for the first time: the request, or the reply that the user gave.
    SEND = 1,
    /// Send once more: the request, or the last reply if there was one.
    SEND_AGAIN = 2,
    /// Send the ACK of a response other than 2xx, or send it again (RFC 3261 §17.1.1.3).
    ACK = 3,
    /// Start the retransmission timer at T1 (A, E, G).
    START_RETRANSMIT = 4,
    /// Start the retransmission timer again at [`next_retransmit`](crate::Timing::next_retransmit) of its last
    /// length; a client's non-INVITE in Proceeding at T2 (RFC 3261 §17.1.2.2).
    RESTART_RETRANSMIT = 5,
    /// Stop the retransmission timer.
    STOP_RETRANSMIT = 6,
    /// Start the timer that bounds the waiting for an answer (B, F, H; a proxy's C), or start it anew.
    START_TIMEOUT = 7,
    /// Stop that timer.
    STOP_TIMEOUT = 8,
    /// Start the timer for which a finished transaction still absorbs what comes late (D, I, J, K, L, M).
    START_WAIT = 9,
    /// Stop that timer.
    STOP_WAIT = 10,
    /// Tell the user that no answer (a client), or no ACK (a server), came in time.
    TELL_TIMEOUT = 11,
    /// Tell the user that the transport could not send.
    TELL_TRANSPORT_ERROR = 12,
    /// The transaction is over and can be forgotten. None of its timers runs any more.
    END = 13,
}

impl Actions {
    /// Nothing to do.
    pub const NONE: Self = Self(0);

    /// Whether everything in `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing to do.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together; as `|`, for constants.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Actions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOrAssign for Actions {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.and(other);
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(action, _)| self.contains(*action)).map(|(_, name)| *name);
        formatter.debug_set().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_was_put_in() {
        let set = Actions::PASS | Actions::END;
        assert!(set.contains(Actions::PASS) && set.contains(Actions::END) && set.contains(Actions::NONE));
        assert!(!set.contains(Actions::ACK) && !set.contains(Actions::PASS | Actions::ACK));
        assert!(Actions::NONE.is_empty() && !set.is_empty());
        assert_eq!(format!("{set:?}"), r#"{"PASS", "END"}"#);
    }

    #[test]
    fn every_action_has_its_own_bit() {
        let all = Actions::NAMES.iter().fold(0_u16, |all, (action, _)| {
            assert_eq!((action.0.count_ones(), all & action.0), (1, 0));
            all | action.0
        });
        assert_eq!(all.count_ones() as usize, Actions::NAMES.len());
    }
}
