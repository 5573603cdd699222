//! Transactions that wait: their request rests until somebody lets a route go on with it.
//!
//! What waits is a branch that nothing is sent for. Its timer bounds the wait as it would that of a silent peer, and ends it
//! in the failure route or with a 408.

use std::sync::Arc;

use cfg_vm::machine::End;
use cfg_vm::program::RouteId;
use engine::context::RouteContext;
use engine::module::{Next, Resume, Run};
use engine::services::Services;
use engine::{Cx, Flow, Running};
use sip_transaction::{Kind, client};
use tokio::sync::oneshot;

use super::create::{self, Found};
use super::current::{self, Current};
use super::table::{Alarm, Of, Table, Timer};
use super::transaction::{Branch, Cancel, Id, Outcome, Transaction};
use super::{Tm, answer, choice, machine, relay};

/// What is to go on.
pub(crate) struct GoOn {
    route: RouteId,
    /// Told when the route has ended.
    done: Option<oneshot::Sender<()>>,
}

impl Id {
    /// `$T(id_index)` and `$T(id_label)`: the shard is in the first.
    pub(crate) fn public(self, shard: usize, shards: usize) -> (i64, i64) {
        let index = u64::from(self.slot) * shards as u64 + shard as u64;
        (index as i64, i64::from(self.generation))
    }

    /// The shard and the name that these two stand for.
    pub(crate) fn of_public(index: i64, label: i64, shards: usize) -> Option<(usize, Self)> {
        let (index, shards) = (u64::try_from(index).ok()?, shards as u64);
        let id = Self { slot: u32::try_from(index / shards).ok()?, generation: u32::try_from(label).ok()? };
        Some(((index % shards) as usize, id))
    }
}

/// Makes the request's transaction if there is none, for a route that is going to wait; an INVITE is answered with 100.
pub(crate) fn hold(cx: &mut Cx<'_>) -> bool {
    held(cx).is_some()
}

fn held(cx: &mut Cx<'_>) -> Option<Id> {
    let (Found::New(id) | Found::Own(id)) = create::find_or_create(cx) else { return None };
    let transaction = cx.shard.kept::<Table>().get(id)?;
    if transaction.is_answered() || transaction.canceled {
        tracing::error!(target: "tm", "the transaction is answered or cancelled: it cannot wait");
        return None;
    }
    if transaction.kind == Kind::Invite && transaction.status == 0 && transaction.wishes.auto_100 {
        let reason = cx.state::<Tm>().params.auto_100_reason.clone();
        answer::local(cx, id, 100, &reason, b"");
    }
    Some(id)
}

/// Lets the request's transaction wait, which is made if there is none; an INVITE is answered with 100.
pub(crate) fn suspend(cx: &mut Cx<'_>) -> Option<Id> {
    let id = held(cx)?;
    let transaction = cx.shard.kept::<Table>().get(id)?;
    let waits = transaction.suspended.and_then(|number| transaction.branches.get(number));
    if waits.is_some_and(Branch::is_pending) {
        tracing::error!(target: "tm", "the transaction waits already");
        return None;
    }
    relay::push_waiting(cx, id);
    let now = cx.shard.now;
    let table: &mut Table = cx.shard.kept();
    let now = table.milliseconds(now);
    let (transaction, wheel) = table.with_wheel(id)?;
    let number = transaction.branches.len() - 1;
    transaction.suspended = Some(number);
    let timeout = u64::from(transaction.wishes.timing.fr).min(transaction.ends_at.saturating_sub(now));
    let alarm = Alarm { id, of: Of::Branch(number as u16), timer: Timer::Timeout };
    transaction.branches[number].timers.timeout = Some(wheel.start(now, timeout, alarm));
    Some(id)
}

/// Ends the wait without going on; whether there was one.
pub(crate) fn end_wait(services: &mut Services, id: Id) -> bool {
    let table: &mut Table = services.kept();
    let Some((transaction, wheel)) = table.with_wheel(id) else { return false };
    let Some(number) = transaction.suspended.take() else { return false };
    let Some(branch) = transaction.branches.get_mut(number).filter(|branch| branch.is_pending()) else {
        return false;
    };
    branch.state = client::State::Terminated;
    branch.cancel = Cancel::None;
    branch.outcome = Outcome::Gone(0);
    if let Some(timer) = branch.timers.timeout.take() {
        wheel.stop(timer);
    }
    true
}

/// Answers a request that rests, from a route that has another in hand.
pub(super) fn answer_resting(cx: &mut Cx<'_>, id: Id, code: u16, reason: &[u8]) {
    answer::from_reply_route(cx, id, code, reason);
    machine::remove_if_over(cx.shard, id);
}

/// Runs a route of a configuration on the request of a transaction of this shard; whether it was one that waits.
pub(crate) fn go_on(services: &mut Services, id: Id, route: RouteId, of: &Arc<Running>) -> bool {
    begin(services, id, route, of, None)
}

fn begin(
    services: &mut Services,
    id: Id,
    route: RouteId,
    of: &Arc<Running>,
    done: Option<oneshot::Sender<()>>,
) -> bool {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return false };
    let Some(route) = same_route(transaction, route, of) else { return false };
    if !end_wait(services, id) {
        return false;
    }
    let table: &mut Table = services.kept();
    if let Some(transaction) = table.get_mut(id) {
        transaction.goes_on = Some(Box::new(GoOn { route, done }));
    }
    choice::on_request(services, id, run);
    true
}

/// The route in the configuration that the transaction began with.
fn same_route(transaction: &Transaction, route: RouteId, of: &Arc<Running>) -> Option<RouteId> {
    if Arc::ptr_eq(&transaction.running, of) {
        return Some(route);
    }
    let info = of.program.info(route);
    transaction.running.program.route(info.kind, info.name)
}

/// The same for a transaction of any shard, named by `$T(id_index)` and `$T(id_label)`. True when the route has run.
pub(crate) fn go_on_anywhere(cx: &mut Cx<'_>, index: i64, label: i64, route: RouteId) -> Flow {
    let Some((shard, id)) = Id::of_public(index, label, cx.server().shards()) else { return Flow::FALSE };
    let of = Arc::clone(cx.running);
    let (done, end) = oneshot::channel();
    if shard == cx.shard.index {
        // A route must not wait for itself.
        let is_own = current::id(cx) == Some(id);
        if !begin(cx.shard, id, route, &of, Some(done).filter(|_| !is_own)) {
            return Flow::FALSE;
        }
        if is_own {
            return Flow::TRUE;
        }
    } else {
        let visit = Box::new(move |services: &mut Services, _: &Arc<Running>| {
            begin(services, id, route, &of, Some(done));
        });
        if cx.server().visit(shard, visit).is_err() {
            tracing::error!(target: "tm", "t_continue: the other shard's inbox is full");
            return Flow::FALSE;
        }
    }
    Flow::wait(async move {
        let has_run = end.await.is_ok();
        let resume: Resume = Box::new(move |_| has_run.into());
        resume
    })
}

fn run(cx: &mut Cx<'_>) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    match &transaction.goes_on {
        Some(goes_on) if !transaction.is_answered() => {
            let route = goes_on.route;
            // As Kamailio, which runs it as it runs failure routes.
            Next::Run(Run { route, context: RouteContext::Failure, then: ended })
        }
        _ => {
            transaction.goes_on = None;
            choice::bring_home(cx, id);
            Next::Done
        }
    }
}

fn ended(cx: &mut Cx<'_>, _: End) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let failed = cx.data::<Current>().failed;
    let released = cx.data::<Current>().released;
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    let done = transaction.goes_on.take().and_then(|goes_on| goes_on.done);
    let is_idle = !transaction.is_answered() && !transaction.has_pending_branches();
    if is_idle && !released {
        let code = failed.and_then(|failed| u16::try_from(-failed).ok()).filter(|code| *code >= 400);
        let code = code.unwrap_or(500);
        answer::local(cx, id, code, choice::reason_of(code), b"");
    }
    choice::bring_home(cx, id);
    if let Some(done) = done {
        // Nobody may be waiting any more.
        let _ = done.send(());
    }
    Next::Done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_label_name_a_transaction_of_one_shard() {
        let id = Id { slot: 77, generation: 5 };
        for shard in 0..4 {
            let (index, label) = id.public(shard, 4);
            assert_eq!(Id::of_public(index, label, 4), Some((shard, id)));
        }
        assert_eq!(Id::of_public(-1, 5, 4), None);
        assert_eq!(Id::of_public(1, i64::MAX, 4), None);
    }
}
