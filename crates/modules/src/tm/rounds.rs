//! What scripts say about branches that have failed: what follows from one, and which replies are out of the choice.

use cfg_syntax::ast::RouteKind;
use cfg_vm::machine::End;
use engine::context::RouteContext;
use engine::module::{Next, Run};
use engine::{Args, Cx, Flow};

use super::choice;
use super::current::{self, Current};
use super::table::Table;
use super::transaction::{Branch, Transaction};

/// What becomes of earlier replies when a failure route makes a new branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// They stay in the choice.
    Kept,
    /// Those of the round before are out of it.
    LastDropped,
    /// All are out of it.
    Dropped,
}

/// `t_drop_replies(["n" | "l" | "a"])`: none, the last, all. It takes effect when there is a new branch.
pub(super) fn drop_replies(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let earlier = match args.text(0).first() {
        Some(b'n') => Earlier::Kept,
        Some(b'l') => Earlier::LastDropped,
        _ => Earlier::Dropped,
    };
    let Some(transaction) = current::transaction(cx) else { return Flow::FALSE };
    transaction.earlier = Some(earlier);
    Flow::TRUE
}

/// `t_on_branch_failure(name)`: `event_route[tm:branch-failure:name]` runs when a branch fails; set in a branch route, for
/// that branch alone.
pub(super) fn on_branch_failure(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.text(0);
    let event = [b"tm:branch-failure:", name].concat();
    let route = cx.program().route(RouteKind::Event, &event);
    if route.is_none() && !matches!(name, b"" | b"0") {
        tracing::error!(target: "tm", "t_on_branch_failure: there is no event_route[{}]", event.escape_ascii());
        return Flow::FALSE;
    }
    if cx.context.route == RouteContext::Branch {
        cx.data::<Current>().branch_routes.on_branch_failure = route;
    } else {
        current::wishes(cx).on_branch_failure = route;
    }
    Flow::TRUE
}

/// Whether a branch has failed whose own route has not run.
pub(super) fn is_any_due(transaction: &Transaction) -> bool {
    transaction.branches.iter().any(is_due)
}

fn is_due(branch: &Branch) -> bool {
    !branch.is_pending() && branch.on_branch_failure.is_some()
}

/// Runs the routes of the branches that have failed, one after the other; then what follows from all branches.
pub(super) fn run(cx: &mut Cx<'_>) -> Next {
    let Some(id) = cx.data::<Current>().id else { return Next::Done };
    let table: &mut Table = cx.shard.kept();
    let Some(transaction) = table.get_mut(id) else { return Next::Done };
    if transaction.is_answered() {
        choice::bring_home(cx, id);
        return Next::Done;
    }
    let due = transaction.branches.iter().position(is_due);
    let route = due.and_then(|number| transaction.branches[number].on_branch_failure.take());
    if let Some(route) = route {
        // It is armed anew for the branches that this route makes.
        transaction.wishes.on_branch_failure = None;
        cx.data::<Current>().branch = due;
        return Next::Run(Run { route, context: RouteContext::BranchFailure, then: after_route });
    }
    if transaction.has_pending_branches() {
        choice::bring_home(cx, id);
        return Next::Done;
    }
    choice::begin(cx)
}

fn after_route(cx: &mut Cx<'_>, _: End) -> Next {
    cx.data::<Current>().branch = None;
    run(cx)
}
