//! Replies to the caller: those made here, and those of branches passed on.

use engine::context::Destination;
use engine::reply::{self, Reply};
use engine::services::Services;
use engine::{Context, Cx};
use sip_transaction::Kind;
use sip_transaction::server::Event;

use super::counts::{self, Counts};
use super::table::Table;
use super::transaction::{Cancel, Id, Outcome, Request};
use super::{callbacks, machine};

/// Replies with a code of our own, on the request. Whether it was a reply that could be sent.
pub(crate) fn local(cx: &mut Cx<'_>, id: Id, code: u16, reason: &[u8], headers: &[u8]) -> bool {
    tagged(cx, id, id, &Reply { code, reason, tag: b"", headers })
}

/// Answers a CANCEL with 200: with the To tag that its INVITE's answer has (RFC 3261 §9.2).
pub(super) fn to_cancel(cx: &mut Cx<'_>, id: Id, invite: Id, reason: &[u8]) {
    tagged(cx, id, invite, &Reply { code: 200, reason, tag: b"", headers: b"" });
}

fn tagged(cx: &mut Cx<'_>, id: Id, tag_of: Id, reply: &Reply<'_>) -> bool {
    let code = reply.code;
    if !may_send(cx, id, code) {
        return false;
    }
    let index = cx.shard.index;
    let table: &mut Table = cx.shard.kept();
    let own = table.tag(index, tag_of);
    let tag = if reply.tag.is_empty() { &own } else { reply.tag };
    let mut bytes = std::mem::take(&mut table.buffer);
    bytes.clear();
    let composed = reply::compose(cx, &Reply { tag, ..*reply }, &mut bytes);
    if let Err(error) = &composed {
        tracing::error!(target: "tm", "no reply was made: {error}");
        bytes.clear();
    }
    put(cx, id, code, &bytes);
    cx.shard.kept::<Table>().buffer = bytes;
    counts::note(cx.shard, Counts::generated);
    super::events::response_sent(cx, id);
    callbacks::replied_here(cx, code, tag);
    composed.is_ok()
}

/// Replies on the request from a route that has a reply in hand.
pub(super) fn from_reply_route(cx: &mut Cx<'_>, id: Id, code: u16, reason: &[u8]) -> bool {
    on_resting(cx, id, &Reply { code, reason, tag: b"", headers: b"" })
}

/// Replies on a request that no route runs on, from a place that has another message in hand, or none. Without a tag it is
/// the transaction's.
pub(super) fn on_resting(cx: &mut Cx<'_>, id: Id, reply: &Reply<'_>) -> bool {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return false };
    let mut request = match std::mem::replace(&mut transaction.request, Request::Away) {
        Request::Home(request) => request,
        other => {
            transaction.request = other;
            tracing::error!(target: "tm", "a route runs on the request, so that it cannot be answered from here");
            return false;
        }
    };
    cx.context.swap_message(&mut request);
    let sent = tagged(cx, id, id, reply);
    cx.context.swap_message(&mut request);
    if let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) {
        transaction.request = Request::Home(request);
    }
    sent
}

/// Passes a branch's reply on.
pub(super) fn pass_on(cx: &mut Cx<'_>, id: Id, mut received: Option<&mut Context>) {
    let passing = callbacks::passing(cx, id, received.as_deref());
    let context = match &mut received {
        Some(context) => &mut **context,
        None => &mut *cx.context,
    };
    let Some(code) = context.message.status() else { return };
    let mut bytes = std::mem::take(&mut cx.shard.kept::<Table>().buffer);
    bytes.clear();
    reply::write_onward(context, &mut bytes);
    put(cx, id, code, &bytes);
    cx.shard.kept::<Table>().buffer = bytes;
    counts::note(cx.shard, Counts::relayed);
    if let Some(passing) = passing {
        passing.done(cx, id, code, received.as_deref());
    }
}

/// A final reply goes out once, but for 2xx to an INVITE.
fn may_send(cx: &mut Cx<'_>, id: Id, code: u16) -> bool {
    let table: &mut Table = cx.shard.kept();
    match table.get(id) {
        Some(transaction) if transaction.is_answered() => {
            tracing::error!(target: "tm", "{code} is not sent: the transaction has had its final reply, {}", transaction.status);
            false
        }
        // A request of our own has nobody to be answered.
        Some(transaction) => transaction.local.is_none(),
        None => false,
    }
}

fn put(cx: &mut Cx<'_>, id: Id, code: u16, bytes: &[u8]) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if transaction.reply.capacity() < bytes.len() {
        // It may be kept for minutes: no more room than it needs.
        transaction.reply = bytes.to_vec();
    } else {
        transaction.reply.clear();
        transaction.reply.extend_from_slice(bytes);
    }
    let late = transaction.is_answered();
    transaction.status = code;
    if late {
        // A 2xx after a failure of ours has been sent, or another 2xx (RFC 3261 §16.7 step 5): the machine may be past
        // sending, the caller is not past hearing.
        let (departure, reply) = (transaction.departure, std::mem::take(&mut transaction.reply));
        machine::send(cx.shard, departure, &reply, "a reply");
        if let Some(transaction) = cx.shard.kept::<Table>().get_mut(id) {
            transaction.reply = reply;
        }
        return;
    }
    let event = match code {
        ..200 => Event::Provisional,
        200..300 => Event::Success,
        _ => Event::Failure,
    };
    machine::server_event(cx.shard, id, event);
    if code >= 200 {
        counts::note(cx.shard, |counts, shard| counts.ended(shard, code));
        forget_replies(cx, id);
    }
}

/// Once a final reply is out, the replies that were kept for the choice are not needed any more.
fn forget_replies(cx: &mut Cx<'_>, id: Id) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let mut kept = Vec::new();
    for branch in &mut transaction.branches {
        if let Some(code) = branch.outcome.code()
            && let Outcome::Reply(context) = std::mem::replace(&mut branch.outcome, Outcome::Gone(code))
        {
            kept.push(context);
        }
        if matches!(branch.cancel, Cancel::None) && !branch.is_pending() {
            branch.next.clear();
        }
    }
    for context in kept {
        table.give_back(context);
    }
    release(cx.shard, id);
}

/// Once the caller has its final reply and no branch is open, nobody needs the request any more, nor what was sent: what
/// is left waits for repetitions only, and its memory is better used again while it is still in the processor's cache.
pub(super) fn release(services: &mut Services, id: Id) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if !transaction.is_answered() || transaction.has_pending_branches() || transaction.next_job.is_some() {
        return;
    }
    for branch in &mut transaction.branches {
        branch.destination = Destination::default();
        // The ACK of an INVITE's failure is made of it, each time that the failure comes.
        if transaction.kind == Kind::NonInvite || matches!(branch.status, 200..300) {
            branch.request = Vec::new();
        }
    }
    if !transaction.wishes.keeps_request
        && matches!(transaction.request, Request::Home(_))
        && let Request::Home(context) = std::mem::replace(&mut transaction.request, Request::Spent)
    {
        table.give_back(context);
    }
}
