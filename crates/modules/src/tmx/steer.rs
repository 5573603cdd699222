//! Functions about the route that runs, and about a transaction's branches.

use engine::context::RouteContext;
use engine::{Args, Cx, Flow};

use crate::tm::current::{self, Current};
use crate::tm::table::Table;
use crate::tm::transaction::Request;
use crate::tm::{cancel, end_silently};

/// `t_is_failure_route()`.
pub(super) fn is_failure_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (cx.context.route == RouteContext::Failure).into()
}

/// `t_is_branch_route()`.
pub(super) fn is_branch_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (cx.context.route == RouteContext::Branch).into()
}

/// `t_is_reply_route()`.
pub(super) fn is_reply_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    matches!(cx.context.route, RouteContext::Reply | RouteContext::CoreReply).into()
}

/// `t_is_request_route()`.
pub(super) fn is_request_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (cx.context.route == RouteContext::Request).into()
}

/// `t_flush_flags()`. A reply route has the request's flags in hand and gives them back at its end.
pub(super) fn flush_flags(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    current::id(cx).is_some().into()
}

/// `t_flush_xflags()`.
pub(super) fn flush_xflags(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let extended = cx.context.flags.extended;
    let Some(transaction) = current::transaction(cx) else { return Flow::FALSE };
    if let Request::Home(request) = &mut transaction.request {
        request.flags.extended = extended;
    }
    Flow::TRUE
}

/// `t_cancel_branches("all" | "others" | "this")`: the first letter decides.
pub(super) fn cancel_branches(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Current { id: Some(id), branch: Some(this), .. } = *cx.data::<Current>() else { return Flow::FALSE };
    let count = cx.shard.kept::<Table>().get(id).map_or(0, |transaction| transaction.branches.len());
    let is_meant: fn(usize, usize) -> bool = match args.text(0).first() {
        Some(b'a' | b'A') => |_, _| true,
        Some(b'o' | b'O') => |number, this| number != this,
        Some(b't' | b'T') => |number, this| number == this,
        _ => {
            tracing::error!(target: "tmx", "t_cancel_branches: the branches are all, others or this");
            return Flow::FALSE;
        }
    };
    for number in (0..count).filter(|number| is_meant(*number, this)) {
        cancel::branch(cx.shard, id, number);
    }
    Flow::TRUE
}

/// `t_precheck_trans()`: the same request is in its route elsewhere, which is never so: while a route waits, the request's
/// repetitions are absorbed before any route.
pub(super) fn precheck_trans(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    Flow::FALSE
}

/// `t_drop([code])`: nobody is told; 500 without a code.
pub(super) fn drop(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let code = match args.int(0) {
        None => 500,
        Some(code) => match u16::try_from(code) {
            Ok(code @ 300..700) => code,
            _ => {
                tracing::error!(target: "tmx", "t_drop: the code is none of a failure, 300 to 699");
                return Flow::FALSE;
            }
        },
    };
    let Some(id) = current::id(cx) else {
        tracing::error!(target: "tmx", "t_drop: the message has no transaction");
        return Flow::FALSE;
    };
    end_silently(cx.shard, id, code);
    Flow::TRUE
}
