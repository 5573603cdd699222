//! CANCEL: the caller's, and those that we send to branches (RFC 3261 §9, §16.10; Reason by RFC 3326).

use engine::services::Services;
use engine::{Cx, Flow};
use sip_message::{HeaderId, Message};
use sip_transaction::client;
use sip_transaction::hop::Copied;

use super::table::Table;
use super::transaction::{Branch, Cancel, Id, SentCancel, Timers, Transaction};
use super::{Tm, answer, machine, params, parked};

/// A CANCEL from the caller: answered here, and sent to every branch that has no final reply.
pub(super) fn end_to_end(cx: &mut Cx<'_>, id: Id, invite: Id) -> Flow {
    if parked::end_wait(cx.shard, invite) {
        parked::answer_resting(cx, invite, 487, b"Request canceled");
    }
    let is_over = cx.shard.kept::<Table>().get(invite).is_none_or(Transaction::is_answered);
    let reason: &[u8] = if is_over { b"ok -- no more pending branches" } else { b"canceling" };
    answer::to_cancel(cx, id, invite, reason);
    let mut reason = Vec::new();
    for field in cx.context.message.headers().iter().filter(|field| field.id == HeaderId::Reason) {
        reason.extend_from_slice(cx.context.message.bytes(field.whole));
    }
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(invite) else { return Flow::TRUE };
    if transaction.is_answered() {
        return Flow::TRUE;
    }
    transaction.canceled = true;
    if !transaction.wishes.no_cancel_reason {
        transaction.cancel_reason = reason;
    }
    pending(cx.shard, invite);
    Flow::TRUE
}

/// Cancels what is left after a branch has decided the call: the reason says so (RFC 3326), unless that is turned off.
pub(super) fn completed(cx: &mut Cx<'_>, id: Id, status: u16) {
    let gives_reason = cx.state::<Tm>().params.local_cancel_reason;
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if !transaction.has_pending_branches() {
        return;
    }
    if gives_reason && transaction.cancel_reason.is_empty() {
        let text = if status < 300 { ";text=\"Call completed elsewhere\"" } else { "" };
        transaction.cancel_reason = format!("Reason: SIP;cause={status}{text}\r\n").into_bytes();
    }
    pending(cx.shard, id);
}

/// Cancels every branch that has no final reply.
pub(crate) fn pending(services: &mut Services, id: Id) {
    let count = services.kept::<Table>().get(id).map_or(0, |transaction| transaction.branches.len());
    for number in 0..count {
        branch(services, id, number);
    }
}

/// Cancels a branch: now if a provisional reply has come, else when one comes.
pub(crate) fn branch(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if transaction.method != sip_message::Method::Invite {
        return;
    }
    let reason = std::mem::take(&mut transaction.cancel_reason);
    let mut is_new = false;
    let copied = params::copied(&transaction.running);
    if let Some(branch) = transaction.branches.get_mut(number)
        && branch.is_pending()
        && matches!(branch.cancel, Cancel::None | Cancel::Waiting)
    {
        branch.cancel = Cancel::Waiting;
        is_new = branch.state == client::State::Proceeding && write(branch, copied, &reason);
    }
    transaction.cancel_reason = reason;
    if is_new {
        machine::cancel_event(services, id, number, None);
    }
}

/// Cancels a branch whose peer rang and never answered.
pub(super) fn after_timeout(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(Transaction { running, branches, .. }) = table.get_mut(id) else { return };
    let branch = branches.get_mut(number);
    let Some(branch) = branch.filter(|branch| matches!(branch.cancel, Cancel::None | Cancel::Waiting)) else {
        return;
    };
    if write(branch, params::copied(running), b"") {
        machine::cancel_event(services, id, number, None);
    }
}

fn write(branch: &mut Branch, copied: Copied<'_>, reason: &[u8]) -> bool {
    let Ok(request) = Message::from_bytes(branch.request.clone()) else { return false };
    let mut bytes = Vec::with_capacity(512);
    copied.write_cancel(&request, reason, &mut bytes);
    let sent = SentCancel { state: client::State::Calling, request: bytes, timers: Timers::default() };
    branch.cancel = Cancel::Sent(Box::new(sent));
    true
}
