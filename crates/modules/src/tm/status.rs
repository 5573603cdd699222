//! Functions that tell how a transaction stands.

use cfg_vm::Value;
use cfg_vm::regex::Regex;
use engine::context::RouteContext;
use engine::{Args, Cx, Flow};

use super::current::{self, Current};
use super::table::Table;
use super::transaction::{Branch, Outcome};
use super::{Tm, choice};

/// The code that a route is about: the reply's own, the best of a failure route's, or what has been sent.
pub(crate) fn code(cx: &mut Cx<'_>) -> Option<u16> {
    let current = *cx.data::<Current>();
    let faked_prio = cx.state::<Tm>().params.faked_reply_prio;
    let route = cx.context.route;
    if let (RouteContext::CoreReply | RouteContext::Reply, status) = (route, cx.context.message.status()) {
        return status;
    }
    let transaction = cx.shard.kept::<Table>().get(current.id?)?;
    match route {
        RouteContext::Failure => {
            let best = choice::best(transaction, faked_prio)?;
            transaction.branches[best].outcome.code()
        }
        RouteContext::BranchFailure => transaction.branches.get(current.branch?)?.outcome.code(),
        _ => Some(transaction.status).filter(|status| *status > 0),
    }
}

/// `t_check_status(re)`.
pub(super) fn check_status(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(code) = code(cx) else { return Flow::FALSE };
    let Some(pattern) = args.parsed::<Regex>(0) else { return Flow::FALSE };
    pattern.is_match(code.to_string().as_bytes()).into()
}

/// `t_grep_status(code)`: any branch.
pub(super) fn grep_status(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let wanted = args.int(0);
    any_branch(cx, |branch| {
        let code = match branch.before {
            Some((status, _)) => status,
            None => branch.outcome.code().unwrap_or(branch.status),
        };
        Some(i64::from(code)) == wanted
    })
}

/// `t_get_status_code()`.
pub(super) fn get_status_code(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    code(cx).map_or(Flow::FALSE, |code| Flow::Done(i64::from(code)))
}

/// `t_any_timeout()`.
pub(super) fn any_timeout(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    any_branch(cx, |branch| matches!(branch.outcome, Outcome::Local(408)))
}

/// `t_any_replied()`.
pub(super) fn any_replied(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    any_branch(cx, has_replied)
}

/// As Kamailio: what a failure route follows from is not yet counted.
fn has_replied(branch: &Branch) -> bool {
    branch.before.map_or(branch.replied, |(_, replied)| replied)
}

/// `t_branch_timeout()`: of the branch that was chosen.
pub(super) fn branch_timeout(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    chosen(cx, |branch| matches!(branch.outcome, Outcome::Local(408)))
}

/// `t_branch_replied()`.
pub(super) fn branch_replied(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    chosen(cx, has_replied)
}

/// `t_is_canceled()`.
pub(super) fn is_canceled(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    current::transaction(cx).is_some_and(|transaction| transaction.canceled).into()
}

/// `t_is_expired()`: the transaction's lifetime is over.
pub(super) fn is_expired(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let now = cx.shard.now;
    let now = cx.shard.kept::<Table>().milliseconds(now);
    current::transaction(cx).is_some_and(|transaction| transaction.ends_at <= now).into()
}

fn any_branch(cx: &mut Cx<'_>, is_it: impl Fn(&Branch) -> bool) -> Flow {
    current::transaction(cx).is_some_and(|transaction| transaction.branches.iter().any(is_it)).into()
}

fn chosen(cx: &mut Cx<'_>, is_it: impl Fn(&Branch) -> bool) -> Flow {
    let faked_prio = cx.state::<Tm>().params.faked_reply_prio;
    let number = cx.data::<Current>().branch;
    let Some(transaction) = current::transaction(cx) else { return Flow::FALSE };
    let number = number.or_else(|| choice::best(transaction, faked_prio));
    number.and_then(|number| transaction.branches.get(number)).is_some_and(is_it).into()
}

/// `$T_reply_code`: 0 where there is no transaction.
pub(crate) fn reply_code(cx: &mut Cx<'_>) -> Value {
    Value::Int(code(cx).map_or(0, i64::from))
}

/// `$T_branch_idx`.
pub(crate) fn branch_index(cx: &mut Cx<'_>) -> Value {
    let current = *cx.data::<Current>();
    match cx.context.route {
        RouteContext::Branch | RouteContext::Reply | RouteContext::BranchFailure => {
            current.branch.map_or(Value::Int(-1), |branch| Value::Int(branch as i64))
        }
        RouteContext::Failure => {
            let there = current::transaction(cx).map_or(0, |transaction| transaction.branches.len());
            Value::Int((there + cx.context.branches.len()) as i64)
        }
        // Before a transaction sees it.
        RouteContext::CoreReply => Value::Int(-1),
        _ => Value::Int(cx.context.branches.len() as i64),
    }
}
