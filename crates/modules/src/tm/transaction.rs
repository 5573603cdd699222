//! A transaction: the server's side towards the caller, and a client's side for each branch.

use std::sync::Arc;

use cfg_vm::program::RouteId;
use engine::context::Destination;
use engine::forward::Departure;
use engine::module::Next;
use engine::{Context, Cx, Running};
use sip_message::Method;
use sip_transaction::{Kind, ServerKey, TimerId, client, server};
use transport::Proto;
use transport::resolve::Targets;

/// Which transaction of its shard. One that has ended is not found again under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// What a script asks of a transaction, before it is there or while it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    pub(super) on_reply: Option<RouteId>,
    pub(super) on_failure: Option<RouteId>,
    pub(super) on_branch: Option<RouteId>,
    pub(super) on_branch_failure: Option<RouteId>,
    /// Durations in milliseconds.
    pub(super) timing: sip_transaction::Timing,
    pub(super) auto_100: bool,
    pub(super) disable_6xx: bool,
    pub(super) disable_failover: bool,
    pub(super) no_cancel_reason: bool,
}

/// One transaction.
pub(super) struct Transaction {
    /// The configuration that it began with: its routes are that one's.
    pub(super) running: Arc<Running>,
    pub(super) kind: Kind,
    pub(super) method: Method,
    pub(super) key: Option<ServerKey>,
    pub(super) state: server::State,
    pub(super) request: Request,
    /// How replies leave.
    pub(super) departure: Departure,
    pub(super) branches: Vec<Branch>,
    /// Branches before this one were there before the last failure route began.
    pub(super) first_of_round: usize,
    pub(super) wishes: Wishes,
    /// The last reply that was sent, for retransmissions.
    pub(super) reply: Vec<u8>,
    /// Its code; 0 before the first.
    pub(super) status: u16,
    pub(super) timers: Timers,
    /// In milliseconds of the shard's clock: nothing waits beyond it.
    pub(super) ends_at: u64,
    /// The caller cancelled it.
    pub(super) canceled: bool,
    /// Reason headers of the CANCEL, to be handed on.
    pub(super) cancel_reason: Vec<u8>,
    /// Something is to be done on the request as soon as no route runs on it any more.
    pub(super) next_job: Option<fn(&mut Cx<'_>) -> Next>,
}

/// The request with all that the script made of it.
pub(super) enum Request {
    /// Kept here.
    Home(Box<Context>),
    /// A route runs on it.
    Away,
    /// Nobody will need it any more.
    Spent,
}

/// The timers of one machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    pub(super) retransmit: Option<TimerId>,
    pub(super) timeout: Option<TimerId>,
    pub(super) wait: Option<TimerId>,
    /// The last retransmission interval in milliseconds.
    pub(super) interval: u32,
}

/// A client's side.
pub(super) struct Branch {
    pub(super) state: client::State,
    pub(super) departure: Departure,
    /// The request as sent.
    pub(super) request: Vec<u8>,
    /// Where it went, as the script had it.
    pub(super) destination: Destination,
    pub(super) flags: u32,
    pub(super) on_reply: Option<RouteId>,
    pub(super) on_branch_failure: Option<RouteId>,
    pub(super) timers: Timers,
    /// The newest code that came; 0 before the first.
    pub(super) status: u16,
    /// Something came from the peer, not only a timeout of ours.
    pub(super) replied: bool,
    pub(super) outcome: Outcome,
    pub(super) cancel: Cancel,
    /// Addresses to be tried when this one fails.
    pub(super) next: Targets,
}

/// What a branch came to.
pub(super) enum Outcome {
    /// Nothing yet.
    Pending,
    /// A final reply, kept until it is chosen or dropped.
    Reply(Box<Context>),
    /// A code of ours, where the peer gave none.
    Local(u16),
    /// A final reply that was passed on, or was dropped by the script.
    Gone(u16),
}

impl Outcome {
    /// The final code, if there is one.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Pending => None,
            Self::Reply(reply) => reply.message.status(),
            Self::Local(code) | Self::Gone(code) => Some(*code),
        }
    }
}

/// Where a branch's CANCEL stands.
#[derive(Debug, Default)]
pub(super) enum Cancel {
    /// Nobody wants it.
    #[default]
    None,
    /// To be sent when a provisional reply has come (RFC 3261 §9.1).
    Waiting,
    /// Sent; a non-INVITE client transaction of its own.
    Sent { state: client::State, request: Vec<u8>, timers: Timers },
}

impl Branch {
    pub(super) fn is_reliable(&self) -> bool {
        self.departure.target.proto != Proto::Udp
    }

    /// No final reply has come, and none was made.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending)
    }
}

impl Transaction {
    pub(super) fn is_reliable(&self) -> bool {
        self.departure.target.proto != Proto::Udp
    }

    /// A final reply has been sent.
    pub(super) fn is_answered(&self) -> bool {
        self.status >= 200
    }

    pub(super) fn has_pending_branches(&self) -> bool {
        self.branches.iter().any(Branch::is_pending)
    }
}
