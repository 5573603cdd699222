//! Timers of a shard's transactions.

use std::sync::Arc;
use std::time::Instant;

use engine::Running;
use engine::services::Services;
use sip_transaction::{Actions, Kind, client, server};

use super::table::{Alarm, Of, Table, Timer};
use super::transaction::{Id, Outcome};
use super::{cancel, choice, machine};

/// When the next timer may be due.
pub(super) fn next(services: &Services) -> Option<Instant> {
    let table = services.kept_if_any::<Table>()?;
    table.wheel.next().map(|milliseconds| table.instant(milliseconds))
}

/// Whether a transaction has not had its final reply, or waits for the ACK of a failure.
pub(super) fn has_unanswered(services: &Services) -> bool {
    services.kept_if_any::<Table>().is_some_and(Table::has_unanswered)
}

/// Does what is due.
pub(super) fn run(services: &mut Services, _: &Arc<Running>) {
    let now = services.now;
    let table: &mut Table = services.kept();
    let now = table.milliseconds(now);
    table.wheel.advance(now);
    while let Some(alarm) = services.kept::<Table>().wheel.expired() {
        ring(services, alarm);
    }
}

fn ring(services: &mut Services, Alarm { id, of, timer }: Alarm) {
    match of {
        Of::Server => {
            let event = match timer {
                Timer::Retransmit => server::Event::Retransmit,
                Timer::Timeout => server::Event::Timeout,
                Timer::Wait => server::Event::Wait,
            };
            machine::server_event(services, id, event);
        }
        Of::Branch(number) => {
            let number = usize::from(number);
            let event = event(timer);
            let actions = machine::branch_event(services, id, number, event);
            if actions.contains(Actions::TELL_TIMEOUT) {
                timed_out(services, id, number);
            }
        }
        Of::Cancel(number) => {
            let number = usize::from(number);
            machine::cancel_event(services, id, number, Some(event(timer)));
            // The peer does not even answer the CANCEL: its INVITE will not be answered either (RFC 3261 §9.1).
            if timer == Timer::Timeout {
                conclude(services, id, number);
            }
        }
    }
    machine::remove_if_over(services, id);
}

fn event(timer: Timer) -> client::Event {
    match timer {
        Timer::Retransmit => client::Event::Retransmit,
        Timer::Timeout => client::Event::Timeout,
        Timer::Wait => client::Event::Wait,
    }
}

/// No answer came in time: 408 takes its place, and a peer that has said something is told (RFC 3261 §16.8).
fn timed_out(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let is_invite = transaction.kind == Kind::Invite;
    let Some(branch) = transaction.branches.get_mut(number) else { return };
    if is_invite && branch.replied {
        cancel::after_timeout(services, id, number);
    }
    conclude(services, id, number);
}

fn conclude(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    let canceled = transaction.canceled;
    let Some(branch) = transaction.branches.get_mut(number) else { return };
    if branch.is_replica {
        choice::replica_ended(services, id, number, 408);
    } else if branch.is_pending() {
        branch.outcome = Outcome::Local(if canceled { 487 } else { 408 });
        choice::concluded(services, id, number);
    }
}
