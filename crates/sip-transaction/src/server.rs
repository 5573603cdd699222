//! The server machines: INVITE (RFC 3261 §17.2.1, RFC 6026 §7.1) and every other method (RFC 3261 §17.2.2).

use crate::Kind;
use crate::actions::Actions;

/// Where a server transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The request is with the user, who has not answered; not for INVITE, which starts in Proceeding.
    Trying,
    /// The user may have sent provisional responses.
    Proceeding,
    /// A final response was sent, other than a 2xx to an INVITE.
    Completed,
    /// A 2xx to an INVITE was sent: ACKs and further 2xx pass (RFC 6026 §7.1).
    Accepted,
    /// The ACK came: further ones are absorbed.
    Confirmed,
    /// Over.
    Terminated,
}

/// What happened to a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The request came again.
    Request,
    /// An ACK came.
    Ack,
    /// The user replies with a 1xx.
    Provisional,
    /// The user replies with a 2xx.
    Success,
    /// The user replies with 300 or more.
    Failure,
    /// The retransmission timer fired: G.
    Retransmit,
    /// The timer that bounds the waiting for an ACK fired: H.
    Timeout,
    /// The timer of a finished transaction fired: I, J, L.
    Wait,
    /// A reply could not be sent.
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

/// The start of a server transaction, when its request came for the first time.
///
/// `reliable` says that its transport retransmits by itself (TCP, TLS, …); here it makes no difference yet.
pub const fn begin(kind: Kind, reliable: bool) -> Step {
    let _ = reliable;
    match kind {
        Kind::Invite => Step::to(State::Proceeding, Actions::PASS),
        Kind::NonInvite => Step::to(State::Trying, Actions::PASS),
    }
}

/// One event: what it leads to. An event that means nothing in a state leaves it with nothing to do; so does a second
/// final reply, but for a further 2xx in Accepted, which is sent.
pub const fn step(kind: Kind, reliable: bool, state: State, event: Event) -> Step {
    match kind {
        Kind::Invite => invite(reliable, state, event),
        Kind::NonInvite => non_invite(reliable, state, event),
    }
}

const fn invite(reliable: bool, state: State, event: Event) -> Step {
    use Event::{Ack, Failure, Provisional, Request, Retransmit, Success, Timeout, TransportError, Wait};
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    match (state, event) {
        (Proceeding, Request) => Step::to(Proceeding, Actions::SEND_AGAIN),
        (Proceeding, Provisional) => Step::to(Proceeding, Actions::SEND),
        (Proceeding, Success) => Step::to(Accepted, Actions::SEND.and(Actions::START_WAIT)),
        (Proceeding, Failure) => Step::to(Completed, failure(reliable)),
        (Completed, Request) => Step::to(Completed, Actions::SEND_AGAIN),
        (Completed, Ack) => acknowledged(reliable),
        (Completed, Retransmit) if !reliable => {
            Step::to(Completed, Actions::SEND_AGAIN.and(Actions::RESTART_RETRANSMIT))
        }
        (Completed, Timeout) => {
            Step::to(Terminated, Actions::STOP_RETRANSMIT.and(Actions::TELL_TIMEOUT).and(Actions::END))
        }
        (Accepted, Ack) => Step::to(Accepted, Actions::PASS),
        (Accepted, Success) => Step::to(Accepted, Actions::SEND),
        (Accepted | Confirmed, Wait) => Step::to(Terminated, Actions::END),
        // The state stays, so that the request's retransmissions are still absorbed (RFC 6026 §7.1).
        (Proceeding | Completed | Accepted, TransportError) => Step::to(state, Actions::TELL_TRANSPORT_ERROR),
        (_, _) => Step::to(state, Actions::NONE),
    }
}

const fn non_invite(reliable: bool, state: State, event: Event) -> Step {
    use Event::{Failure, Provisional, Request, Success, TransportError, Wait};
    use State::{Completed, Proceeding, Terminated, Trying};
    match (state, event) {
        (Trying | Proceeding, Provisional) => Step::to(Proceeding, Actions::SEND),
        (Trying | Proceeding, Success | Failure) => answered(reliable),
        (Proceeding | Completed, Request) => Step::to(state, Actions::SEND_AGAIN),
        (Completed, Wait) => Step::to(Terminated, Actions::END),
        (Proceeding, TransportError) => Step::to(Terminated, FAILED),
        (Completed, TransportError) => Step::to(Terminated, Actions::STOP_WAIT.and(FAILED)),
        (_, _) => Step::to(state, Actions::NONE),
    }
}

/// A failure is sent until its ACK comes; a reliable transport needs to be told once.
const fn failure(reliable: bool) -> Actions {
    let actions = Actions::SEND.and(Actions::START_TIMEOUT);
    if reliable { actions } else { actions.and(Actions::START_RETRANSMIT) }
}

/// Confirmed; over a reliable transport its timer I is zero.
const fn acknowledged(reliable: bool) -> Step {
    let actions = Actions::STOP_RETRANSMIT.and(Actions::STOP_TIMEOUT);
    if reliable {
        Step::to(State::Terminated, actions.and(Actions::END))
    } else {
        Step::to(State::Confirmed, actions.and(Actions::START_WAIT))
    }
}

/// Completed; over a reliable transport its timer J is zero.
const fn answered(reliable: bool) -> Step {
    if reliable {
        Step::to(State::Terminated, Actions::SEND.and(Actions::END))
    } else {
        Step::to(State::Completed, Actions::SEND.and(Actions::START_WAIT))
    }
}

const FAILED: Actions = Actions::TELL_TRANSPORT_ERROR.and(Actions::END);

#[cfg(test)]
mod tests;
