//! The client machines: INVITE (RFC 3261 §17.1.1, RFC 6026 §7.2) and every other method (RFC 3261 §17.1.2).

use crate::Kind;
use crate::actions::Actions;

/// Where a client transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The request was sent and nothing came back. The RFC calls this Trying for other methods than INVITE.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A final response came, other than a 2xx to an INVITE, or an INVITE's timeout in Proceeding took its place. What
    /// comes again is absorbed, for an INVITE with the ACK once more.
    Completed,
    /// A 2xx to an INVITE came: further ones are passed (RFC 6026 §7.2).
    Accepted,
    /// Over.
    Terminated,
}

/// What happened to a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A 1xx came.
    Provisional,
    /// A 2xx came.
    Success,
    /// A response of 300 or more came.
    Failure,
    /// The retransmission timer fired: A, E.
    Retransmit,
    /// The timer that bounds the waiting fired: B, F, or a proxy's C (RFC 3261 §16.8).
    Timeout,
    /// The timer of a finished transaction fired: D, K, M.
    Wait,
    /// The request or the ACK could not be sent.
    TransportError,
}

/// The state after an event, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The next state.
    pub state: State,
    /// What to do.
    pub actions: Actions,
}

impl Step {
    const fn to(state: State, actions: Actions) -> Self {
        Self { state, actions }
    }
}

/// The start of a client transaction; `reliable` says that its transport retransmits by itself (TCP, TLS, …).
pub const fn begin(kind: Kind, reliable: bool) -> Step {
    let _ = kind;
    let actions = Actions::SEND.and(Actions::START_TIMEOUT);
    Step::to(State::Calling, if reliable { actions } else { actions.and(Actions::START_RETRANSMIT) })
}

/// One event: what it leads to. An event that means nothing in a state leaves it with nothing to do.
///
/// A provisional response to an INVITE starts the timeout anew: from there on it is a proxy's timer C (RFC 3261 §16.7
/// step 2), whose length is the caller's choice; so is leaving it alone on a 100. When it fires in Proceeding, the
/// transaction goes on as Completed, so that the answer to the CANCEL that the user owes (§16.8) is acknowledged.
pub const fn step(kind: Kind, reliable: bool, state: State, event: Event) -> Step {
    match kind {
        Kind::Invite => invite(reliable, state, event),
        Kind::NonInvite => non_invite(reliable, state, event),
    }
}

const fn invite(reliable: bool, state: State, event: Event) -> Step {
    use Event::{Failure, Provisional, Retransmit, Success, Timeout, TransportError, Wait};
    use State::{Accepted, Calling, Completed, Proceeding, Terminated};
    match (state, event) {
        (Calling, Provisional) => {
            Step::to(Proceeding, Actions::PASS.and(Actions::STOP_RETRANSMIT).and(Actions::START_TIMEOUT))
        }
        (Proceeding, Provisional) => Step::to(Proceeding, Actions::PASS.and(Actions::START_TIMEOUT)),
        (Calling | Proceeding, Success) => {
            Step::to(Accepted, Actions::PASS.and(ANSWERED).and(Actions::START_WAIT))
        }
        // A 2xx is never a retransmission of another answer, and a proxy forwards every one (RFC 3261 §16.7 step 5).
        (Completed | Accepted, Success) => Step::to(state, Actions::PASS),
        (Calling | Proceeding, Failure) => linger(reliable, Actions::PASS.and(Actions::ACK).and(ANSWERED)),
        (Completed, Failure) => Step::to(Completed, Actions::ACK),
        (Calling, Retransmit) if !reliable => Step::to(Calling, AGAIN),
        (Calling, Timeout) => {
            Step::to(Terminated, Actions::STOP_RETRANSMIT.and(Actions::TELL_TIMEOUT).and(Actions::END))
        }
        (Proceeding, Timeout) => Step::to(Completed, Actions::TELL_TIMEOUT.and(Actions::START_WAIT)),
        (Completed | Accepted, Wait) => Step::to(Terminated, Actions::END),
        (Calling | Proceeding, TransportError) => Step::to(Terminated, ANSWERED.and(FAILED)),
        (Completed, TransportError) => Step::to(Terminated, Actions::STOP_WAIT.and(FAILED)),
        (_, _) => Step::to(state, Actions::NONE),
    }
}

const fn non_invite(reliable: bool, state: State, event: Event) -> Step {
    use Event::{Failure, Provisional, Retransmit, Success, Timeout, TransportError, Wait};
    use State::{Calling, Completed, Proceeding, Terminated};
    match (state, event) {
        (Calling | Proceeding, Provisional) => Step::to(Proceeding, Actions::PASS),
        (Calling | Proceeding, Success | Failure) => linger(reliable, Actions::PASS.and(ANSWERED)),
        (Calling | Proceeding, Retransmit) if !reliable => Step::to(state, AGAIN),
        (Calling | Proceeding, Timeout) => {
            Step::to(Terminated, Actions::STOP_RETRANSMIT.and(Actions::TELL_TIMEOUT).and(Actions::END))
        }
        (Completed, Wait) => Step::to(Terminated, Actions::END),
        (Calling | Proceeding, TransportError) => Step::to(Terminated, ANSWERED.and(FAILED)),
        (_, _) => Step::to(state, Actions::NONE),
    }
}

/// Completed; over a reliable transport its timer (D, K) is zero.
const fn linger(reliable: bool, actions: Actions) -> Step {
    if reliable {
        Step::to(State::Terminated, actions.and(Actions::END))
    } else {
        Step::to(State::Completed, actions.and(Actions::START_WAIT))
    }
}

const AGAIN: Actions = Actions::SEND_AGAIN.and(Actions::RESTART_RETRANSMIT);
const ANSWERED: Actions = Actions::STOP_RETRANSMIT.and(Actions::STOP_TIMEOUT);
const FAILED: Actions = Actions::TELL_TRANSPORT_ERROR.and(Actions::END);

#[cfg(test)]
mod tests;
