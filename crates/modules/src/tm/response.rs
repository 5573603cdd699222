//! Replies from branches (RFC 3261 §16.7).

use std::sync::Arc;

use cfg_vm::machine::End;
use engine::context::RouteContext;
use engine::module::{Next, Run};
use engine::{Context, Cx};
use sip_message::{Message, Method};
use sip_transaction::client::{Event, State};
use sip_transaction::{Actions, Kind};

use super::counts::{self, Counts};
use super::current::Current;
use super::table::Table;
use super::transaction::{Cancel, Id, Outcome};
use super::{Tm, answer, cancel, choice, machine, params, shared, uac};

/// Takes a reply that a branch of ours brought; nothing when it is none.
pub(super) fn take(cx: &mut Cx<'_>) -> Option<Next> {
    let message = &cx.context.message;
    let index = cx.shard.index;
    let via = message.top_via().ok()?;
    let (id, number) = cx.shard.kept::<Table>().read_branch(index, via.branch()?)?;
    let status = message.status()?;
    let method = message.cseq().ok()?.method;
    let event = match status {
        ..200 => Event::Provisional,
        200..300 => Event::Success,
        _ => Event::Failure,
    };
    let transaction = cx.shard.kept::<Table>().get(id)?;
    let (branch, own_method) = (transaction.branches.get(number)?, transaction.method);
    if !Arc::ptr_eq(&transaction.running, cx.running) {
        return Some(under_its_configuration(cx, id));
    }
    if method == Method::Cancel && !matches!(branch.cancel, Cancel::None) {
        machine::cancel_event(cx.shard, id, number, Some(event));
        machine::remove_if_over(cx.shard, id);
        return Some(Next::Done);
    }
    // A reply to something else that this transaction never sent is not its own.
    if method != own_method {
        return None;
    }
    let (state, is_replica) = (branch.state, branch.is_replica);
    counts::note(cx.shard, Counts::received);
    cx.data::<Current>().id = Some(id);
    cx.data::<Current>().branch = Some(number);
    if event == Event::Provisional && is_replica {
        machine::branch_event(cx.shard, id, number, event);
        return Some(Next::Done);
    }
    if event == Event::Provisional {
        // Its timer starts after the reply's route, which may set its length.
        return Some(match state {
            State::Calling | State::Proceeding => {
                note(cx, id, number, status);
                routes(cx, id, number)
            }
            _ => Next::Done,
        });
    }
    let actions = machine::branch_event(cx.shard, id, number, event);
    // A branch that was given up gets the ACK of a late failure as well, while it is remembered: its peer would repeat it.
    let is_late = event == Event::Failure && state == State::Terminated && own_method == Method::Invite;
    if actions.contains(Actions::ACK) || is_late {
        acknowledge(cx, id, number);
    }
    let next = if actions.contains(Actions::PASS) {
        note(cx, id, number, status);
        if is_replica {
            choice::replica_ended(cx.shard, id, number, status);
            machine::remove_if_over(cx.shard, id);
            return Some(Next::Done);
        }
        routes(cx, id, number)
    } else {
        Next::Done
    };
    machine::remove_if_over(cx.shard, id);
    Some(next)
}

/// A transaction stays on the routes that it began with: its reply is taken again, under that configuration.
fn under_its_configuration(cx: &mut Cx<'_>, id: Id) -> Next {
    let table: &mut Table = cx.shard.kept();
    let mut reply = table.spare();
    cx.context.swap_message(&mut reply);
    if let Some(running) = table.get(id).map(|transaction| Arc::clone(&transaction.running)) {
        cx.shard.begin(reply, &running, |cx| take(cx).unwrap_or(Next::Done));
    }
    Next::Done
}

fn note(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    let table: &mut Table = cx.shard.kept();
    for other in table.get_mut(id).into_iter().flat_map(|transaction| &mut transaction.branches) {
        other.before = None;
    }
    if let Some(branch) = table.get_mut(id).and_then(|t| t.branches.get_mut(number)) {
        branch.before = (status >= 300).then_some((branch.status, branch.replied));
        branch.status = status;
        branch.replied = true;
    }
}

/// The ACK of a failure is hop by hop (RFC 3261 §17.1.1.3).
fn acknowledge(cx: &mut Cx<'_>, id: Id, number: usize) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return };
    let Some(branch) = transaction.branches.get(number) else { return };
    let departure = branch.departure;
    let Ok(request) = Message::from_bytes(branch.request.clone()) else { return };
    let mut bytes = Vec::with_capacity(512);
    params::copied(&transaction.running).write_ack(&request, &cx.context.message, &mut bytes);
    machine::send(cx.shard, departure, &bytes, "an ACK");
}

/// Runs the branch's reply route, then the transaction's, if there are any.
fn routes(cx: &mut Cx<'_>, id: Id, number: usize) -> Next {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return Next::Done };
    let of_branch = transaction.branches.get(number).and_then(|branch| branch.on_reply);
    let Some(route) = of_branch.or(transaction.wishes.on_reply) else { return decide(cx) };
    let then = if of_branch.is_some() { after_branch_route } else { after_route };
    shared::swap(cx.shard, cx.context, id);
    Next::Run(Run { route, context: RouteContext::Reply, then })
}

fn after_branch_route(cx: &mut Cx<'_>, end: End) -> Next {
    let id = cx.data::<Current>().id;
    let table: &mut Table = cx.shard.kept();
    let route = id.and_then(|id| table.get(id)).and_then(|transaction| transaction.wishes.on_reply);
    match route {
        Some(route) if !end.drop => Next::Run(Run { route, context: RouteContext::Reply, then: after_route }),
        _ => after_route(cx, end),
    }
}

/// A reply route that drops keeps a provisional reply from the caller; a final one goes on all the same, as in Kamailio.
fn after_route(cx: &mut Cx<'_>, end: End) -> Next {
    let current = *cx.data::<Current>();
    let (Some(id), Some(number)) = (current.id, current.branch) else { return Next::Done };
    shared::swap(cx.shard, cx.context, id);
    if end.drop && cx.context.message.status().is_some_and(|status| status < 200) {
        machine::branch_event(cx.shard, id, number, Event::Provisional);
        return Next::Done;
    }
    decide(cx)
}

/// Goes on with a reply whose route will not be ended.
pub(super) fn go_on(cx: &mut Cx<'_>) {
    // Nothing follows a reply's routes.
    let _ = after_route(cx, End { code: 1, drop: false, exit: true });
}

/// Passes the reply on, keeps it, or makes the choice among all that were kept.
fn decide(cx: &mut Cx<'_>) -> Next {
    let current = *cx.data::<Current>();
    let (Some(id), Some(number)) = (current.id, current.branch) else { return Next::Done };
    let Some(status) = cx.context.message.status() else { return Next::Done };
    if cx.shard.kept::<Table>().get(id).is_some_and(|transaction| transaction.local.is_some()) {
        uac::decide(cx, id, number, status);
        return Next::Done;
    }
    match status {
        ..200 => provisional(cx, id, number, status),
        200..300 => success(cx, id, number, status),
        _ => failure(cx, id, number, status),
    }
    Next::Done
}

fn provisional(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    machine::branch_event(cx.shard, id, number, Event::Provisional);
    let relays_100 = cx.state::<Tm>().params.relay_100;
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return };
    let is_waiting = transaction.branches.get(number).is_some_and(|b| matches!(b.cancel, Cancel::Waiting));
    let is_cancelled = transaction.canceled || is_waiting;
    let passes = !transaction.is_answered() && !is_cancelled && (status > 100 || relays_100);
    if is_waiting {
        cancel::branch(cx.shard, id, number);
    }
    if passes {
        answer::pass_on(cx, id, None);
    }
}

fn success(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if let Some(branch) = transaction.branches.get_mut(number) {
        branch.outcome = Outcome::Gone(status);
    }
    let passes = transaction.kind == Kind::Invite || !transaction.is_answered();
    if passes {
        answer::pass_on(cx, id, None);
    }
    cancel::completed(cx, id, status);
    answer::release(cx.shard, id);
    machine::remove_if_over(cx.shard, id);
}

fn failure(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    let table: &mut Table = cx.shard.kept();
    let mut kept: Box<Context> = table.spare();
    cx.context.swap_message(&mut kept);
    let Some(transaction) = table.get_mut(id) else { return table.give_back(kept) };
    let ends_all = status >= 600 && !transaction.wishes.disable_6xx;
    if let Some(branch) = transaction.branches.get_mut(number) {
        branch.outcome = Outcome::Reply(kept);
    }
    if ends_all {
        cancel::completed(cx, id, status);
    }
    choice::concluded(cx.shard, id, number);
}
