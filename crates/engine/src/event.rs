//! Routes that a module runs in the midst of a message's work: to their end, since nobody could wait for them.

use cfg_vm::machine::{Ended, Execution};
use cfg_vm::program::RouteId;

use crate::context::{Context, RouteContext};
use crate::cx::Cx;

/// Runs an event route on the message being worked on; false when it ended by `drop`. A function in it that wants to
/// wait ends it.
pub fn run(cx: &mut Cx<'_>, route: RouteId) -> bool {
    run_as(cx, route, RouteContext::Event)
}

/// Runs a route of another kind in the same way.
pub fn run_as(cx: &mut Cx<'_>, route: RouteId, context: RouteContext) -> bool {
    let before = (cx.context.route, cx.place);
    cx.context.route = context;
    let mut execution = Execution::new();
    execution.start(&cx.running.program, route, cx.running.limits, cx.context.is_traced());
    let dropped = match execution.run(cx) {
        Ended::Finished(end) => end.drop,
        Ended::Cut(_) => false,
        Ended::Parked => {
            cx.pending = None;
            tracing::error!(target: "core", "a function wants to wait in a route that cannot; the route ends there");
            false
        }
    };
    (cx.context.route, cx.place) = before;
    !dropped
}

/// Runs an event route on another message, with the variables of this process (`$var`, `$shv`).
pub fn run_on(cx: &mut Cx<'_>, route: RouteId, other: &mut Context) {
    std::mem::swap(&mut cx.context.locals, &mut other.locals);
    run(&mut Cx::new(other, cx.shard, cx.running), route);
    std::mem::swap(&mut cx.context.locals, &mut other.locals);
}
