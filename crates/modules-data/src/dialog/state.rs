//! What a dialog goes through, as a table (RFC 3261 §12).
//!
//! The names and numbers are those that Kamailio's scripts, commands and tables show.

/// How far a dialog has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The INVITE has no answer.
    Unconfirmed = 1,
    /// It rings.
    Early = 2,
    /// Answered with a 2xx whose ACK has not come.
    Unacknowledged = 3,
    /// In conversation.
    Confirmed = 4,
    /// Over. It is kept for a while, so that what comes late still finds it.
    Deleted = 5,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A provisional reply with a To tag or 180 and the like: anything above 100.
    Provisional,
    /// A 2xx.
    Answer,
    /// Another final reply.
    Rejection,
    /// The ACK of the 2xx.
    Ack,
    /// A BYE of either side, or ours.
    Bye,
    /// Any other request within.
    Request,
    /// Its time is over, or an operator ends it.
    Expiry,
}

/// What the change means to the rest of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing new.
    Same,
    /// It has begun to ring.
    Rings,
    /// It has been answered.
    Started,
    /// The answer has been acknowledged.
    Acknowledged,
    /// It ended after it had been answered.
    Ended,
    /// It never was answered.
    Failed,
}

impl State {
    /// The state of a number in a table or command.
    pub(super) fn of_number(number: i64) -> Option<Self> {
        [Self::Unconfirmed, Self::Early, Self::Unacknowledged, Self::Confirmed, Self::Deleted]
            .into_iter()
            .find(|state| *state as i64 == number)
    }

    /// Whether it has been answered and is not over.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::Confirmed)
    }

    /// What follows an event.
    pub(super) fn after(self, event: Event) -> (Self, Meaning) {
        use {Event as E, Meaning as M};
        match (self, event) {
            (Self::Unconfirmed, E::Provisional) => (Self::Early, M::Rings),
            (Self::Unconfirmed | Self::Early, E::Answer) => (Self::Unacknowledged, M::Started),
            (Self::Unconfirmed | Self::Early, E::Rejection | E::Expiry) => (Self::Deleted, M::Failed),
            (Self::Unacknowledged, E::Ack) => (Self::Confirmed, M::Acknowledged),
            (Self::Unacknowledged | Self::Confirmed, E::Bye | E::Expiry) => (Self::Deleted, M::Ended),
            // Another branch's 2xx, a late reply, a repeated ACK or BYE, a request that changes nothing. A BYE before the
            // answer is the INVITE's business: its final reply tells how it ended (RFC 3261 §15.1.2).
            (state, _) => (state, M::Same),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(events: &[Event]) -> (State, Vec<Meaning>) {
        let mut state = State::Unconfirmed;
        let meanings = events
            .iter()
            .map(|event| {
                let (next, meaning) = state.after(*event);
                state = next;
                meaning
            })
            .collect();
        (state, meanings)
    }

    #[test]
    fn a_call_rings_is_answered_acknowledged_and_ended() {
        use Event::{Ack, Answer, Bye, Provisional};
        let (state, meanings) = walk(&[Provisional, Provisional, Answer, Ack, Bye]);
        assert_eq!(state, State::Deleted);
        assert_eq!(
            meanings,
            [Meaning::Rings, Meaning::Same, Meaning::Started, Meaning::Acknowledged, Meaning::Ended]
        );
    }

    #[test]
    fn a_second_branch_that_answers_changes_nothing() {
        use Event::{Ack, Answer, Provisional};
        let (state, meanings) = walk(&[Provisional, Answer, Answer, Provisional, Ack, Answer]);
        assert_eq!(state, State::Confirmed);
        assert_eq!(meanings.iter().filter(|meaning| **meaning == Meaning::Started).count(), 1);
    }

    #[test]
    fn a_rejected_call_fails_once_and_stays_over() {
        use Event::{Ack, Answer, Bye, Expiry, Rejection};
        let (state, meanings) = walk(&[Rejection, Ack, Answer, Bye, Expiry]);
        assert_eq!(state, State::Deleted);
        assert_eq!(meanings[0], Meaning::Failed);
        assert!(meanings[1..].iter().all(|meaning| *meaning == Meaning::Same));
    }

    #[test]
    fn a_bye_may_come_before_the_ack_and_again_and_from_both_sides() {
        use Event::{Ack, Answer, Bye};
        let (state, meanings) = walk(&[Answer, Bye, Ack, Bye, Bye]);
        assert_eq!(state, State::Deleted);
        assert_eq!(meanings.iter().filter(|meaning| **meaning == Meaning::Ended).count(), 1);
    }

    #[test]
    fn a_bye_before_the_answer_leaves_the_end_to_the_final_reply() {
        assert_eq!(State::Early.after(Event::Bye), (State::Early, Meaning::Same));
        assert_eq!(State::Early.after(Event::Rejection), (State::Deleted, Meaning::Failed));
    }

    #[test]
    fn every_number_is_one_state() {
        for number in 1..=5 {
            assert_eq!(State::of_number(number).map(|state| state as i64), Some(number));
        }
        assert_eq!(State::of_number(0), None);
        assert_eq!(State::of_number(6), None);
    }
}
