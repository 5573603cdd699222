//! Events for a transaction's machines, and what they ask for: sending, timers, the end.

use engine::forward::Departure;
use engine::services::Services;
use sip_transaction::{Actions, Kind, TimerWheel, client, server};

use super::counts;
use super::table::{Alarm, Of, Table, Timer};
use super::transaction::{Cancel, Id, Request, SentCancel, Timers};

/// How long the timers of one machine are to run, in milliseconds.
struct Durations {
    first: u32,
    next: u32,
    timeout: u32,
    wait: u32,
}

/// Tells the server's side what happened. A reply to be sent stands in the transaction.
pub(super) fn server_event(services: &mut Services, id: Id, event: server::Event) -> Actions {
    let now = services.now;
    let table: &mut Table = services.kept();
    let now = table.milliseconds(now);
    let Some((transaction, wheel)) = table.with_wheel(id) else { return Actions::NONE };
    let step = server::step(transaction.kind, transaction.is_reliable(), transaction.state, event);
    transaction.state = step.state;
    let timing = transaction.wishes.timing;
    let durations = Durations {
        first: timing.retr_t1,
        next: timing.next_retransmit(transaction.timers.interval),
        timeout: timing.fr,
        wait: timing.wait,
    };
    set_timers(wheel, now, (id, Of::Server), &mut transaction.timers, step.actions, &durations);
    let sends = step.actions.contains(Actions::SEND) || step.actions.contains(Actions::SEND_AGAIN);
    if sends && !transaction.reply.is_empty() {
        let departure = transaction.departure;
        let reply = std::mem::take(&mut transaction.reply);
        send(services, departure, &reply, "a reply");
        if let Some(transaction) = services.kept::<Table>().get_mut(id) {
            transaction.reply = reply;
        }
    }
    step.actions
}

/// Tells a branch what happened to its request. The caller does what only it can: pass, acknowledge, tell.
pub(super) fn branch_event(services: &mut Services, id: Id, number: usize, event: client::Event) -> Actions {
    let now = services.now;
    let table: &mut Table = services.kept();
    let now = table.milliseconds(now);
    let Some((transaction, wheel)) = table.with_wheel(id) else { return Actions::NONE };
    let (kind, timing, ends_at) = (transaction.kind, transaction.wishes.timing, transaction.ends_at);
    // The ACK of a 2xx to a request of our own is made of the whole.
    let may_forget = kind == Kind::Invite && transaction.local.is_none();
    let Some(branch) = transaction.branches.get_mut(number) else { return Actions::NONE };
    let step = client::step(kind, branch.is_reliable(), branch.state, event);
    let is_heard = branch.state == client::State::Calling && step.state == client::State::Proceeding;
    branch.state = step.state;
    let answered_once = kind == Kind::Invite && step.state == client::State::Proceeding;
    let timeout = if answered_once { timing.fr_inv } else { timing.fr };
    let durations = Durations {
        first: timing.retr_t1,
        next: if step.state == client::State::Proceeding {
            timing.retr_t2
        } else {
            timing.next_retransmit(branch.timers.interval)
        },
        // Nothing waits beyond the transaction's lifetime.
        timeout: u64::from(timeout).min(ends_at.saturating_sub(now)) as u32,
        wait: timing.wait,
    };
    set_timers(wheel, now, (id, Of::Branch(number as u16)), &mut branch.timers, step.actions, &durations);
    if is_heard && may_forget {
        table.forget_sent(id, number);
    } else if step.actions.contains(Actions::SEND_AGAIN) {
        let departure = branch.departure;
        let request = std::mem::take(&mut branch.request);
        send(services, departure, &request, "a request");
        if let Some(branch) = services.kept::<Table>().get_mut(id).and_then(|t| t.branches.get_mut(number)) {
            branch.request = request;
        }
    }
    step.actions
}

/// Starts a branch whose request has been sent.
pub(super) fn begin_branch(services: &mut Services, id: Id, number: usize) {
    let now = services.now;
    let table: &mut Table = services.kept();
    let now = table.milliseconds(now);
    let Some((transaction, wheel)) = table.with_wheel(id) else { return };
    let (kind, timing, ends_at) = (transaction.kind, transaction.wishes.timing, transaction.ends_at);
    let Some(branch) = transaction.branches.get_mut(number) else { return };
    let step = client::begin(kind, branch.is_reliable());
    branch.state = step.state;
    let durations = Durations {
        first: timing.retr_t1,
        next: timing.retr_t1,
        timeout: u64::from(timing.fr).min(ends_at.saturating_sub(now)) as u32,
        wait: timing.wait,
    };
    set_timers(wheel, now, (id, Of::Branch(number as u16)), &mut branch.timers, step.actions, &durations);
}

/// Tells a branch's CANCEL what happened; `begin` when it is being sent for the first time.
pub(super) fn cancel_event(services: &mut Services, id: Id, number: usize, event: Option<client::Event>) {
    let now = services.now;
    let table: &mut Table = services.kept();
    let now = table.milliseconds(now);
    let Some((transaction, wheel)) = table.with_wheel(id) else { return };
    let timing = transaction.wishes.timing;
    let Some(branch) = transaction.branches.get_mut(number) else { return };
    let reliable = branch.is_reliable();
    let departure = branch.departure;
    let Cancel::Sent(cancel) = &mut branch.cancel else { return };
    let SentCancel { state, request, timers } = &mut **cancel;
    let step = match event {
        None => client::begin(Kind::NonInvite, reliable),
        Some(event) => client::step(Kind::NonInvite, reliable, *state, event),
    };
    *state = step.state;
    let durations = Durations {
        first: timing.retr_t1,
        next: timing.next_retransmit(timers.interval),
        timeout: timing.fr,
        wait: timing.wait,
    };
    set_timers(wheel, now, (id, Of::Cancel(number as u16)), timers, step.actions, &durations);
    if step.actions.contains(Actions::SEND_AGAIN) || step.actions.contains(Actions::SEND) {
        let bytes = std::mem::take(request);
        send(services, departure, &bytes, "a CANCEL");
        let branch = services.kept::<Table>().get_mut(id).and_then(|t| t.branches.get_mut(number));
        if let Some(Cancel::Sent(cancel)) = branch.map(|branch| &mut branch.cancel) {
            cancel.request = bytes;
        }
    }
}

/// Sends bytes that a transaction keeps.
pub(super) fn send(services: &mut Services, departure: Departure, bytes: &[u8], what: &str) -> bool {
    match services.send_with(departure, |out| out.extend_from_slice(bytes)) {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(target: "tm", "{what} was not sent: {error}");
            false
        }
    }
}

fn set_timers(
    wheel: &mut TimerWheel<Alarm>,
    now: u64,
    (id, of): (Id, Of),
    timers: &mut Timers,
    actions: Actions,
    durations: &Durations,
) {
    let mut start =
        |timer, milliseconds: u32| Some(wheel.start(now, u64::from(milliseconds), Alarm { id, of, timer }));
    let mut stale = [None; 3];
    if actions.contains(Actions::START_RETRANSMIT) || actions.contains(Actions::RESTART_RETRANSMIT) {
        let first = actions.contains(Actions::START_RETRANSMIT);
        timers.interval = if first { durations.first } else { durations.next };
        stale[0] = std::mem::replace(&mut timers.retransmit, start(Timer::Retransmit, timers.interval));
    } else if actions.contains(Actions::STOP_RETRANSMIT) {
        stale[0] = timers.retransmit.take();
    }
    if actions.contains(Actions::START_TIMEOUT) {
        stale[1] = std::mem::replace(&mut timers.timeout, start(Timer::Timeout, durations.timeout));
    } else if actions.contains(Actions::STOP_TIMEOUT) {
        stale[1] = timers.timeout.take();
    }
    if actions.contains(Actions::START_WAIT) {
        stale[2] = std::mem::replace(&mut timers.wait, start(Timer::Wait, durations.wait));
    } else if actions.contains(Actions::STOP_WAIT) {
        stale[2] = timers.wait.take();
    }
    for timer in stale.into_iter().flatten() {
        wheel.stop(timer);
    }
}

/// Lets a transaction go whose machines have all come to their end, unless a route still runs on its request.
pub(super) fn remove_if_over(services: &mut Services, id: Id) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get(id) else { return };
    let branches_are_over = transaction.branches.iter().all(|branch| {
        let cancel_is_over = match &branch.cancel {
            Cancel::Sent(cancel) => cancel.state == client::State::Terminated,
            _ => true,
        };
        branch.state == client::State::Terminated && cancel_is_over
    });
    if transaction.state != server::State::Terminated
        || !branches_are_over
        || matches!(transaction.request, Request::Away)
    {
        return;
    }
    let Some(transaction) = table.remove(id) else { return };
    let status = transaction.status;
    if let Request::Home(context) = transaction.request {
        table.give_back(context);
    }
    counts::note(services, |counts, shard| counts.freed(shard, status));
}

/// Ends a transaction at once, with all its timers.
pub(super) fn destroy(services: &mut Services, id: Id) {
    let table: &mut Table = services.kept();
    let Some((transaction, wheel)) = table.with_wheel(id) else { return };
    let mut stop = |timers: &mut Timers| {
        for timer in
            [timers.retransmit.take(), timers.timeout.take(), timers.wait.take()].into_iter().flatten()
        {
            wheel.stop(timer);
        }
    };
    stop(&mut transaction.timers);
    for branch in &mut transaction.branches {
        stop(&mut branch.timers);
        branch.state = client::State::Terminated;
        if let Cancel::Sent(cancel) = &mut branch.cancel {
            stop(&mut cancel.timers);
            cancel.state = client::State::Terminated;
        }
    }
    transaction.state = server::State::Terminated;
    remove_if_over(services, id);
}
