//! A transaction: the server's side towards the caller, and a client's side for each branch.

use std::sync::Arc;

use cfg_vm::program::RouteId;
use engine::context::Destination;
use engine::forward::Departure;
use engine::module::Next;
use engine::{Context, Cx, Running};
use sip_message::{Mark, Message, Method};
use sip_transaction::matching::MergeKey;
use sip_transaction::{Kind, ServerKey, TimerId, client, hop, server};
use transport::{ConnId, Proto};

use super::parked::GoOn;
use super::rounds::Earlier;
use super::shared::Lent;
use super::uac::Local;

/// Which transaction of its shard. One that has ended is not found again under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What a script asks of a transaction, before it is there or while it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub(crate) on_reply: Option<RouteId>,
    pub(crate) on_failure: Option<RouteId>,
    pub(crate) on_branch: Option<RouteId>,
    pub(crate) on_branch_failure: Option<RouteId>,
    /// Durations in milliseconds.
    pub(crate) timing: sip_transaction::Timing,
    pub(crate) auto_100: bool,
    pub(crate) disable_6xx: bool,
    pub(crate) disable_failover: bool,
    pub(crate) no_cancel_reason: bool,
    /// What cannot be relayed is answered by the script alone.
    pub(crate) no_internal_reply: bool,
    /// The request is kept after its answer, for a variable that reads it then.
    pub(crate) keeps_request: bool,
}

/// One transaction.
pub(crate) struct Transaction {
    /// The configuration that it began with: its routes are that one's.
    pub(crate) running: Arc<Running>,
    pub(crate) kind: Kind,
    pub(crate) method: Method,
    pub(crate) key: Option<ServerKey>,
    /// What its request's copies by other ways would be known by, where they are refused.
    pub(crate) merge_key: Option<MergeKey>,
    pub(crate) state: server::State,
    pub(crate) request: Request,
    /// How replies leave.
    pub(crate) departure: Departure,
    pub(crate) branches: Vec<Branch>,
    /// Branches before this one were there before the last failure route began.
    pub(crate) first_of_round: usize,
    pub(crate) wishes: Wishes,
    /// The last reply that was sent, for retransmissions.
    pub(crate) reply: Vec<u8>,
    /// Its code; 0 before the first.
    pub(crate) status: u16,
    pub(crate) timers: Timers,
    /// In milliseconds of the shard's clock: nothing waits beyond it.
    pub(crate) ends_at: u64,
    /// The caller cancelled it.
    pub(crate) canceled: bool,
    /// Reason headers of the CANCEL, to be handed on.
    pub(crate) cancel_reason: Vec<u8>,
    /// Something is to be done on the request as soon as no route runs on it any more.
    pub(crate) next_job: Option<fn(&mut Cx<'_>) -> Next>,
    /// The AVPs of the request while the route on it waits.
    pub(crate) lent: Option<Box<Lent>>,
    /// How far the changes of the request go that failure routes begin with.
    pub(crate) saved: Option<Mark>,
    /// What the failure route said about replies from before.
    pub(crate) earlier: Option<Earlier>,
    /// The branch that stands for a wait.
    pub(crate) suspended: Option<usize>,
    /// The route that goes on after a wait.
    pub(crate) goes_on: Option<Box<GoOn>>,
    /// Set for a request that was made here: it has no server's side.
    pub(crate) local: Option<Box<Local>>,
}

/// The request with all that the script made of it.
pub(crate) enum Request {
    /// Kept here.
    Home(Box<Context>),
    /// A route runs on it.
    Away,
    /// Nobody will need it any more.
    Spent,
}

/// The timers of one machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timers {
    pub(crate) retransmit: Option<TimerId>,
    pub(crate) timeout: Option<TimerId>,
    pub(crate) wait: Option<TimerId>,
    /// The last retransmission interval in milliseconds.
    pub(crate) interval: u32,
}

/// A client's side.
pub(crate) struct Branch {
    pub(crate) state: client::State,
    pub(crate) departure: Departure,
    /// Over which connection it went, if over one.
    pub(crate) connection: Option<ConnId>,
    /// The request as sent; what its CANCEL and ACK are made of, once it will not be sent again.
    pub(crate) request: Vec<u8>,
    /// Where it went, as the script had it.
    pub(crate) destination: Destination,
    pub(crate) flags: u32,
    pub(crate) on_reply: Option<RouteId>,
    pub(crate) on_branch_failure: Option<RouteId>,
    /// The failure route that was armed when it began.
    pub(crate) on_failure: Option<RouteId>,
    pub(crate) timers: Timers,
    /// The newest code that came; 0 before the first.
    pub(crate) status: u16,
    /// Something came from the peer, not only a timeout of ours.
    pub(crate) replied: bool,
    /// `status` and `replied` before the failure that has just come: what a failure route that follows from it sees.
    pub(crate) before: Option<(u16, bool)>,
    /// A copy: nobody gets its replies, and nobody waits for them.
    pub(crate) is_replica: bool,
    pub(crate) outcome: Outcome,
    pub(crate) cancel: Cancel,
    /// Addresses to be tried when this one fails.
    pub(crate) next: Vec<transport::Target>,
}

/// What a branch came to.
pub(crate) enum Outcome {
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
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Pending => None,
            Self::Reply(reply) => reply.edits.new_status().or_else(|| reply.message.status()),
            Self::Local(code) | Self::Gone(code) => Some(*code),
        }
    }
}

/// Where a branch's CANCEL stands.
#[derive(Debug, Default)]
pub(crate) enum Cancel {
    /// Nobody wants it.
    #[default]
    None,
    /// To be sent when a provisional reply has come (RFC 3261 §9.1).
    Waiting,
    /// Sent; a non-INVITE client transaction of its own.
    Sent(Box<SentCancel>),
}

/// A CANCEL that was sent.
#[derive(Debug)]
pub(crate) struct SentCancel {
    pub(crate) state: client::State,
    pub(crate) request: Vec<u8>,
    pub(crate) timers: Timers,
}

impl Branch {
    pub(crate) fn is_reliable(&self) -> bool {
        self.departure.target.proto != Proto::Udp
    }

    /// The first provisional reply to an INVITE has come: it is not repeated from now on (RFC 3261 §17.1.1.2), so only what
    /// its CANCEL and ACK are made of stays.
    pub(crate) fn heard(&mut self, copied: hop::Copied<'_>, buffer: &mut Vec<u8>) {
        let Ok(request) = Message::from_bytes(std::mem::take(&mut self.request)) else { return };
        buffer.clear();
        copied.write_remainder(&request, buffer);
        self.request = buffer.to_vec();
    }

    /// No final reply has come, and none was made.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.outcome, Outcome::Pending)
    }
}

impl Transaction {
    pub(crate) fn is_reliable(&self) -> bool {
        self.departure.target.proto != Proto::Udp
    }

    /// A final reply has been sent.
    pub(crate) fn is_answered(&self) -> bool {
        self.status >= 200
    }

    pub(crate) fn has_pending_branches(&self) -> bool {
        self.branches.iter().any(|branch| branch.is_pending() && !branch.is_replica)
    }
}
