//! When the branches have failed: the next address, the failure route, or the best reply (RFC 3261 §16.7 step 6).

use cfg_vm::Str;
use cfg_vm::machine::End;
use cfg_vm::program::RouteId;
use engine::context::RouteContext;
use engine::module::{Next, Run};
use engine::services::Services;
use engine::{Context, Cx};
use sip_message::{HeaderId, StartLine};

use super::current::Current;
use super::table::Table;
use super::transaction::{Branch, Id, Outcome, Request, Transaction};
use super::{Tm, answer, callbacks, machine, relay, rounds, uac};

/// A branch has come to a failure, the peer's or ours.
pub(super) fn concluded(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get(id) else { return };
    if transaction.local.is_some() {
        return uac::concluded(services, id, number);
    }
    let Some(branch) = transaction.branches.get(number) else { return };
    let may_fail_over =
        !transaction.canceled && !transaction.is_answered() && !transaction.wishes.disable_failover;
    let is_down = branch.outcome.code() == Some(503) || !branch.replied;
    if may_fail_over && is_down && !branch.next.is_empty() {
        return on_request(services, id, fail_over);
    }
    if transaction.is_answered() {
        return answer::release(services, id);
    }
    if rounds::is_any_due(transaction) {
        on_request(services, id, rounds::run);
    } else if !transaction.has_pending_branches() {
        choose(services, id);
    }
}

/// A copy has had its answer; where the script made nothing but copies and did not answer, that ends the transaction.
pub(super) fn replica_ended(services: &mut Services, id: Id, number: usize, code: u16) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    if let Some(branch) = transaction.branches.get_mut(number) {
        branch.outcome = Outcome::Gone(code);
    }
    let is_alone = transaction.branches.iter().all(|branch| branch.is_replica && !branch.is_pending());
    if is_alone && !transaction.is_answered() {
        super::end_silently(services, id, code);
    }
}

/// Makes the choice, on the request.
pub(super) fn choose(services: &mut Services, id: Id) {
    on_request(services, id, begin);
}

/// Begins something on the request, now or when the route that runs on it has ended.
pub(crate) fn on_request(services: &mut Services, id: Id, start: fn(&mut Cx<'_>) -> Next) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return };
    match std::mem::replace(&mut transaction.request, Request::Away) {
        Request::Home(context) => {
            let running = std::sync::Arc::clone(&transaction.running);
            services.begin(context, &running, start);
        }
        // The first is the one to do: what comes later follows from it.
        Request::Away => _ = transaction.next_job.get_or_insert(start),
        Request::Spent => transaction.request = Request::Spent,
    }
}

/// Brings the request of the context back to its transaction, and goes on with what has waited for it.
pub(crate) fn bring_home(cx: &mut Cx<'_>, id: Id) {
    let table: &mut Table = cx.shard.kept();
    let mut kept = table.spare();
    cx.context.swap_message(&mut kept);
    let Some(transaction) = table.get_mut(id) else { return table.give_back(kept) };
    let job = transaction.next_job.take();
    let is_needed = job.is_some() || transaction.wishes.keeps_request || transaction.has_pending_branches();
    if transaction.is_answered() && !is_needed {
        transaction.request = Request::Spent;
        table.give_back(kept);
    } else {
        // It may stay for minutes.
        kept.shrink();
        transaction.request = Request::Home(kept);
    }
    if let Some(job) = job {
        on_request(cx.shard, id, job);
    }
    machine::remove_if_over(cx.shard, id);
}

/// Tries the next address of each branch that has one and failed.
fn fail_over(cx: &mut Cx<'_>) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let table: &mut Table = cx.shard.kept();
    let count = table.get(id).map_or(0, |transaction| transaction.branches.len());
    for number in 0..count {
        let table: &mut Table = cx.shard.kept();
        let branch = table.get_mut(id).and_then(|transaction| transaction.branches.get_mut(number));
        let Some(branch) = branch.filter(|branch| !branch.is_pending() && !branch.next.is_empty()) else {
            continue;
        };
        let code = branch.outcome.code().unwrap_or(408);
        if relay::try_next(cx, id, number) {
            let table: &mut Table = cx.shard.kept();
            if let Some(branch) = table.get_mut(id).and_then(|t| t.branches.get_mut(number)) {
                // It has been replaced: its failure is out of the choice.
                branch.outcome = Outcome::Gone(code);
            }
        }
    }
    let table: &mut Table = cx.shard.kept();
    if table.get(id).is_some_and(Transaction::has_pending_branches) {
        bring_home(cx, id);
        return Next::Done;
    }
    begin(cx)
}

/// Runs the failure route, if there is one, else answers.
pub(super) fn begin(cx: &mut Cx<'_>) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let params = &cx.state::<Tm>().params;
    let (keeps_replies, faked_prio) = (params.failure_reply_mode == 0, params.faked_reply_prio);
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    if transaction.is_answered() {
        bring_home(cx, id);
        return Next::Done;
    }
    callbacks::failing(cx, id);
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    match failure_route(transaction, keeps_replies, faked_prio) {
        Some(route) => {
            cx.context.branches.clear();
            // As Kamailio: each failure route begins with the request as it was when it was relayed first, or when
            // `t_save_lumps` was called, and with where it was sent first.
            if let Some(saved) = transaction.saved {
                cx.context.edits.rollback(saved);
            }
            if let Some(first) = transaction.branches.first() {
                cx.context.destination = first.destination.clone();
            }
            Next::Run(Run { route, context: RouteContext::Failure, then: after_route })
        }
        None => finish(cx, id),
    }
}

/// The failure route that is armed. Where earlier replies stay in the choice (`failure_reply_mode` 0), the best one's branch
/// says which, so that the first branch's runs again while its reply is the best: as Kamailio.
fn failure_route(transaction: &mut Transaction, keeps_replies: bool, faked_prio: u32) -> Option<RouteId> {
    let armed = transaction.wishes.on_failure.take();
    let best = if keeps_replies { best(transaction, faked_prio) } else { None };
    best.and_then(|number| transaction.branches[number].on_failure).or(armed)
}

fn after_route(cx: &mut Cx<'_>, _: End) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get(id) else { return Next::Done };
    if transaction.is_answered() || transaction.has_pending_branches() {
        bring_home(cx, id);
        return Next::Done;
    }
    finish(cx, id)
}

/// Answers with the best of the replies.
fn finish(cx: &mut Cx<'_>, id: Id) -> Next {
    let params = &cx.state::<Tm>().params;
    let (remap, aggregate, local_prio) =
        (params.remap_503_500, params.aggregate_challenges, params.faked_reply_prio);
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    let canceled = transaction.canceled;
    match best(transaction, local_prio) {
        Some(number) => {
            let outcome = &mut transaction.branches[number].outcome;
            let code = outcome.code().unwrap_or(500);
            match std::mem::replace(outcome, Outcome::Gone(code)) {
                Outcome::Reply(mut reply) => {
                    let is_challenge = aggregate && matches!(code, 401 | 407);
                    let challenges =
                        if is_challenge { gathered_challenges(transaction, &reply) } else { None };
                    if let Some(challenges) = challenges {
                        let reason = reply.message.reason().to_vec();
                        cx.shard.kept::<Table>().give_back(reply);
                        answer::local(cx, id, code, &reason, &challenges);
                        bring_home(cx, id);
                        return Next::Done;
                    }
                    if code == 503 && remap {
                        let reason = match reply.message.start_line() {
                            StartLine::Response { reason, .. } => reply.slice(reason),
                            StartLine::Request { .. } => Str::EMPTY,
                        };
                        answer::local(cx, id, 500, &reason, b"");
                    } else {
                        answer::pass_on(cx, id, Some(&mut reply));
                    }
                    cx.shard.kept::<Table>().give_back(reply);
                }
                _ => {
                    answer::local(cx, id, code, reason_of(code), b"");
                }
            }
        }
        None if canceled => {
            answer::local(cx, id, 487, reason_of(487), b"");
        }
        None => {
            answer::local(cx, id, 500, b"Server Internal Error", b"");
        }
    }
    bring_home(cx, id);
    Next::Done
}

/// The branch of this round whose reply is the best, if one has any.
pub(crate) fn best(transaction: &Transaction, local_prio: u32) -> Option<usize> {
    let first = transaction.first_of_round;
    let candidates = transaction.branches.iter().enumerate().skip(first);
    candidates
        .filter_map(|(number, branch)| Some((priority(branch, local_prio)?, number)))
        .min()
        .map(|(_, number)| number)
}

/// Lower is better; Kamailio's order (kamailio.md 5.3).
fn priority(branch: &Branch, local_prio: u32) -> Option<u32> {
    let (code, extra) = match &branch.outcome {
        Outcome::Reply(reply) => (u32::from(reply.message.status()?), 0),
        Outcome::Local(code) => (u32::from(*code), local_prio),
        Outcome::Pending | Outcome::Gone(_) => return None,
    };
    let rest = code % 100;
    Some(
        extra
            + match code {
                ..300 => 0,
                300..400 => 3000 + rest,
                401 | 407 | 415 | 420 | 484 => 4000 + rest,
                400..500 => 4100 + rest,
                500..600 => 5000 + rest,
                _ => 1000 + rest,
            },
    )
}

/// The challenges of all branches of this round, the given reply's first; nothing when there is only that one reply's
/// (RFC 3261 §16.7 step 7).
fn gathered_challenges(transaction: &Transaction, best: &Context) -> Option<Vec<u8>> {
    let of = |reply: &Context, lines: &mut Vec<u8>| {
        for field in reply.message.headers() {
            if matches!(field.id, HeaderId::WwwAuthenticate | HeaderId::ProxyAuthenticate) {
                lines.extend_from_slice(reply.message.bytes(field.whole));
            }
        }
    };
    let mut lines = Vec::new();
    of(best, &mut lines);
    let own = lines.len();
    for branch in &transaction.branches[transaction.first_of_round..] {
        if let Outcome::Reply(other) = &branch.outcome
            && matches!(other.message.status(), Some(401 | 407))
        {
            of(other, &mut lines);
        }
    }
    (lines.len() > own).then_some(lines)
}

/// The reason of a code that is made here.
pub(crate) fn reason_of(code: u16) -> &'static [u8] {
    match code {
        408 => b"Request Timeout",
        477 => b"Unfortunately error on sending to next hop occurred (477/TM)",
        478 => b"Unresolvable destination (478/TM)",
        479 => b"Please contact your service provider (479/TM)",
        487 => b"Request Terminated",
        _ => b"Server Internal Error",
    }
}
