//! Routes that a module runs in the midst of a message's work: to their end, where nobody could wait for them, or from a
//! function that waits itself.

use cfg_syntax::Span;
use cfg_vm::Call;
use cfg_vm::machine::{Ended, Execution};
use cfg_vm::program::RouteId;

use crate::context::{Context, RouteContext};
use crate::cx::Cx;
use crate::module::{Flow, Pending, Resume};

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

/// What follows a route that ran inside a function; it is told whether the route ended otherwise than by `drop`, and its
/// answer is the function's.
pub type Follow = Box<dyn FnOnce(&mut Cx<'_>, bool) -> Flow + Send>;

/// Runs a route of another kind from a function that may wait: where a function in the route waits, the outer one does.
/// `then` follows when the route has ended.
pub fn run_then(cx: &mut Cx<'_>, route: RouteId, context: RouteContext, then: Follow) -> Flow {
    let outer = (cx.context.route, cx.place);
    cx.context.route = context;
    let mut execution = Execution::new();
    execution.start(&cx.running.program, route, cx.running.limits, cx.context.is_traced());
    let ended = execution.run(cx);
    Nested { execution, context, outer, then }.after(cx, ended)
}

/// A route inside a function.
struct Nested {
    execution: Execution,
    context: RouteContext,
    /// The route and place that the function was called from.
    outer: (RouteContext, Option<(RouteId, Span)>),
    then: Follow,
}

impl Nested {
    fn after(self, cx: &mut Cx<'_>, ended: Ended) -> Flow {
        (cx.context.route, cx.place) = self.outer;
        let dropped = match ended {
            Ended::Finished(end) => end.drop,
            Ended::Cut(_) => false,
            Ended::Parked => match cx.pending.take() {
                Some(pending) => return self.wait(pending),
                // The machine parks only when a function answered "wait", and that set it.
                None => false,
            },
        };
        (self.then)(cx, !dropped)
    }

    fn wait(self, pending: Pending) -> Flow {
        Flow::wait(async move {
            let answer = pending.await;
            let resume: Resume = Box::new(move |cx| self.go_on(cx, answer));
            resume
        })
    }

    fn go_on(mut self, cx: &mut Cx<'_>, answer: Resume) -> Flow {
        cx.context.route = self.context;
        let call = match answer(cx) {
            Flow::Wait(pending) => {
                (cx.context.route, cx.place) = self.outer;
                return self.wait(pending);
            }
            Flow::Done(code) => Call::Done(code),
            Flow::Route(route) => Call::Route(route),
            Flow::Exit => Call::Exit,
            Flow::Drop => Call::Drop,
        };
        let ended = self.execution.resume(call, cx);
        self.after(cx, ended)
    }
}

/// Runs an event route on another message, with the variables of this process (`$var`, `$shv`).
pub fn run_on(cx: &mut Cx<'_>, route: RouteId, other: &mut Context) {
    std::mem::swap(&mut cx.context.locals, &mut other.locals);
    run(&mut Cx::new(other, cx.shard, cx.running), route);
    std::mem::swap(&mut cx.context.locals, &mut other.locals);
}
