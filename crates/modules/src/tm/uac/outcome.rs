//! What comes back for a request that was made here.

use std::sync::Arc;

use engine::forward::{self, Departure, Hop};
use engine::services::Services;
use engine::{Context, Cx};
use sip_message::Message;
use transport::Target;

use super::ack::Path;
use super::{Failed, Outcome, SendError, Then, launch, to_hop};
use crate::tm::table::Table;
use crate::tm::transaction::{self, Id};
use crate::tm::{cancel, counts, machine};

/// Keeps what is to be done in the end of a request that has just been sent.
pub(super) fn awaited(services: &mut Services, id: Option<Id>, then: Option<Then>) {
    let transaction = id.and_then(|id| services.kept::<Table>().get_mut(id));
    if let Some(local) = transaction.and_then(|transaction| transaction.local.as_mut()) {
        local.then = then;
    }
}

/// Takes a reply whose routes have run.
pub(in crate::tm) fn decide(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    match status {
        ..200 => provisional(cx, id, number),
        200..300 => success(cx, id, number, status),
        _ => failure(cx, id, number),
    }
}

fn provisional(cx: &mut Cx<'_>, id: Id, number: usize) {
    machine::branch_event(cx.shard, id, number, sip_transaction::client::Event::Provisional);
    let branch = cx.shard.kept::<Table>().get(id).and_then(|transaction| transaction.branches.get(number));
    if branch.is_some_and(|branch| matches!(branch.cancel, transaction::Cancel::Waiting)) {
        cancel::branch(cx.shard, id, number);
    }
}

/// Each 2xx of an INVITE is acknowledged, those that come again as well; the first one ends the request.
fn success(cx: &mut Cx<'_>, id: Id, number: usize, status: u16) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let is_invite = transaction.method == sip_message::Method::Invite;
    if let Some(branch) = transaction.branches.get_mut(number) {
        branch.outcome = transaction::Outcome::Gone(status);
    }
    if is_invite {
        acknowledge(cx, id, number);
    }
    let mut reply = cx.shard.kept::<Table>().spare();
    cx.context.swap_message(&mut reply);
    end(cx.shard, id, status, Some(reply));
}

fn failure(cx: &mut Cx<'_>, id: Id, number: usize) {
    let table: &mut Table = cx.shard.kept();
    let mut reply = table.spare();
    cx.context.swap_message(&mut reply);
    let Some(branch) = table.get_mut(id).and_then(|transaction| transaction.branches.get_mut(number)) else {
        return table.give_back(reply);
    };
    branch.outcome = transaction::Outcome::Reply(reply);
    concluded(cx.shard, id, number);
}

/// A branch has come to a failure, the peer's or ours.
pub(in crate::tm) fn concluded(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(branch) = table.get_mut(id).and_then(|transaction| transaction.branches.get_mut(number)) else {
        return;
    };
    let code = branch.outcome.code().unwrap_or(408);
    let outcome = std::mem::replace(&mut branch.outcome, transaction::Outcome::Gone(code));
    let reply = match outcome {
        transaction::Outcome::Reply(reply) => Some(reply),
        _ => None,
    };
    end(services, id, code, reply);
}

/// Tells what came of the request, once.
fn end(services: &mut Services, id: Id, code: u16, reply: Option<Box<Context>>) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let is_first = !transaction.is_answered();
    if is_first {
        transaction.status = code;
    }
    let then = transaction.local.as_mut().and_then(|local| local.then.take());
    let running = Arc::clone(&transaction.running);
    if is_first {
        let has_come = reply.is_some();
        counts::note(services, |counts, shard| {
            counts.ended(shard, code);
            if has_come {
                counts.relayed(shard);
            }
        });
    }
    let table: &mut Table = services.kept();
    match then.filter(|_| is_first) {
        Some(then) => then(services, &running, Outcome { code, reply }),
        None => {
            if let Some(reply) = reply {
                table.give_back(reply);
            }
        }
    }
    machine::remove_if_over(services, id);
}

/// Sends the ACK of the 2xx in hand (RFC 3261 §13.2.2.4), with the branch of its INVITE as Kamailio does.
fn acknowledge(cx: &mut Cx<'_>, id: Id, number: usize) {
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return };
    let Some(branch) = transaction.branches.get(number) else { return };
    let Ok(invite) = Message::from_bytes(branch.request.clone()) else { return };
    let departure = branch.departure;
    let user_agent = transaction.local.as_ref().map(|local| local.user_agent.clone()).unwrap_or_default();
    let mode = cx.state::<super::Tm>().params.local_ack_mode;
    let Some(path) = Path::of(&invite, &cx.context.message) else { return };
    let via = launch::via_of(cx.shard, cx.running, id, &departure);
    let mut bytes = Vec::with_capacity(512);
    path.write(&invite, &cx.context.message, &via, &user_agent, &mut bytes);
    match mode {
        // Where the INVITE went, or where its answer came from.
        1 => _ = machine::send(cx.shard, departure, &bytes, "an ACK"),
        2 => {
            let target = Target { addr: cx.context.received.source, ..departure.target };
            machine::send(cx.shard, Departure { target, ..departure }, &bytes, "an ACK");
        }
        _ => by_its_path(cx, &path, departure, bytes),
    }
}

fn by_its_path(cx: &mut Cx<'_>, path: &Path, departure: Departure, bytes: Vec<u8>) {
    let Some(hop) = Hop::of_uri(&path.next) else {
        tracing::error!(target: "tm", "the ACK of a 2xx cannot be sent: its Contact or Record-Route is no SIP URI");
        return;
    };
    let sent = to_hop(cx.shard, cx.running, hop, move |services, _, target| {
        let failed = |error| Failed { error, then: None };
        let Some(target) = target else { return Err(failed(SendError::Unresolvable)) };
        // Another transport than the INVITE's has another socket.
        let listeners = &services.server.listeners;
        let stays = departure.target.proto == target.proto
            && departure.target.addr.is_ipv4() == target.addr.is_ipv4();
        let other = || listeners.first(target.proto, target.addr.is_ipv4());
        let socket = if stays { Some(departure.socket) } else { other() };
        let Some(socket) = socket else {
            return Err(failed(SendError::Send(forward::ForwardError::NoSocket(target))));
        };
        machine::send(services, Departure { socket, target, ..departure }, &bytes, "an ACK");
        Ok(())
    });
    if let Err(error) = sent {
        tracing::error!(target: "tm", "the ACK of a 2xx was not sent: {error}");
    }
}
