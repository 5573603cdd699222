//! From a request to its transaction: the one that it belongs to, or a new one.

use engine::{Cx, reply};
use sip_message::Method;
use sip_transaction::{Kind, matching, server};

use super::current::{self, Current};
use super::table::Table;
use super::transaction::{Id, Request, Timers, Transaction};
use super::{Tm, answer, callbacks, machine, merged};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A transaction was made for it.
    New(Id),
    /// It has had its transaction before in this route.
    Own(Id),
    /// It came before, or is the ACK of a failure: it has been dealt with.
    Absorbed,
    /// An ACK that belongs to no transaction here: of a 2xx.
    StrayAck,
    /// It lacks what a transaction is known by.
    Unusable,
}

/// The transaction of the request being worked on.
pub(crate) fn find_or_create(cx: &mut Cx<'_>) -> Found {
    if let Some(id) = current::id(cx) {
        return Found::Own(id);
    }
    if cx.context.message.method() == Method::Ack {
        return acknowledged(cx);
    }
    if let Some(id) = known(cx) {
        repeated(cx, id);
        return Found::Absorbed;
    }
    let Some(id) = create(cx) else { return Found::Unusable };
    if cx.state::<Tm>().params.refuse_merged && merged::is_copy(cx, id) {
        answer::local(cx, id, 482, b"Merged Request", b"");
        return Found::Absorbed;
    }
    Found::New(id)
}

/// The transaction that this request has already, from an earlier sending of it.
pub(crate) fn known(cx: &mut Cx<'_>) -> Option<Id> {
    let table: &mut Table = cx.shard.kept();
    let key = matching::request_key(&table.key, &cx.context.message)?;
    table.find(key)
}

/// Whether the request belongs to a transaction that is there.
pub(super) fn is_known(cx: &mut Cx<'_>) -> bool {
    known(cx).is_some() || invite(cx).is_some()
}

/// The INVITE transaction that an ACK or CANCEL is about.
pub(crate) fn invite(cx: &mut Cx<'_>) -> Option<Id> {
    let table: &mut Table = cx.shard.kept();
    let key = matching::invite_key(&table.key, &cx.context.message)?;
    table.find(key)
}

/// A request came again: its last reply goes out again.
pub(crate) fn repeated(cx: &mut Cx<'_>, id: Id) {
    let actions = machine::server_event(cx.shard, id, server::Event::Request);
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    // As Kamailio, a 2xx as well: the caller's next hop may have lost it, and nobody else repeats it so soon.
    if actions.is_empty() && transaction.state == server::State::Accepted && !transaction.reply.is_empty() {
        let (departure, reply) = (transaction.departure, std::mem::take(&mut transaction.reply));
        machine::send(cx.shard, departure, &reply, "a reply");
        if let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) {
            transaction.reply = reply;
        }
    }
}

fn acknowledged(cx: &mut Cx<'_>) -> Found {
    let Some(id) = invite(cx) else {
        callbacks::acknowledged(cx);
        return Found::StrayAck;
    };
    let state = cx.shard.kept::<Table>().get(id).map(|transaction| transaction.state);
    match state {
        Some(server::State::Completed | server::State::Confirmed) => {
            machine::server_event(cx.shard, id, server::Event::Ack);
            machine::remove_if_over(cx.shard, id);
            Found::Absorbed
        }
        _ => {
            callbacks::acknowledged(cx);
            Found::StrayAck
        }
    }
}

fn create(cx: &mut Cx<'_>) -> Option<Id> {
    let method = cx.context.message.method();
    let kind = if method == Method::Invite { Kind::Invite } else { Kind::NonInvite };
    let wishes = current::take_wishes(cx);
    let departure = reply::departure(cx);
    let now = cx.shard.now;
    let table: &mut Table = cx.shard.kept();
    let key = matching::request_key(&table.key, &cx.context.message)?;
    let lifetime = match kind {
        Kind::Invite => wishes.timing.max_inv_lifetime,
        Kind::NonInvite => wishes.timing.max_noninv_lifetime,
    };
    let ends_at = match lifetime {
        0 => u64::MAX,
        lifetime => table.milliseconds(now) + u64::from(lifetime),
    };
    let call = table.call_of(&cx.context.message);
    let transaction = Box::new(Transaction {
        running: std::sync::Arc::clone(cx.running),
        kind,
        method,
        key: Some(key),
        merge_key: None,
        state: server::begin(kind, departure.target.proto != transport::Proto::Udp).state,
        request: Request::Away,
        departure,
        // Most requests go to one place.
        branches: Vec::with_capacity(1),
        first_of_round: 0,
        wishes,
        reply: Vec::new(),
        status: 0,
        timers: Timers::default(),
        ends_at,
        canceled: false,
        cancel_reason: Vec::new(),
        next_job: None,
        lent: None,
        saved: None,
        earlier: None,
        suspended: None,
        goes_on: None,
        local: None,
    });
    let id = table.insert(transaction, call);
    let shard = cx.shard.index;
    let tm = cx.running.state::<Tm>();
    let table: &mut Table = cx.shard.kept();
    if let (None, Some(tm)) = (&table.counts, tm) {
        table.counts = Some(std::sync::Arc::clone(&tm.counts));
    }
    if let Some(counts) = &table.counts {
        counts.begun(shard, false);
    }
    cx.data::<Current>().id = Some(id);
    cx.context.settled = true;
    callbacks::created(cx);
    Some(id)
}
