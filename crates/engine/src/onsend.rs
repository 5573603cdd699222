//! `onsend_route`: runs just before a request leaves, and may keep it here.

use cfg_vm::Host as _;
use cfg_vm::machine::{Ended, Execution};
use transport::Target;

use crate::context::{RouteContext, Sending};
use crate::cx::Cx;
use crate::listener::ListenerId;

/// Whether the message may leave; without an `onsend_route` it may.
pub(crate) fn allows(cx: &mut Cx<'_>, socket: ListenerId, target: Target) -> bool {
    let Some(route) = cx.running.onsend_route else { return true };
    let before = (cx.context.route, cx.place);
    cx.context.route = RouteContext::OnSend;
    cx.context.sending = Some(Sending { socket, target });
    let mut execution = Execution::new();
    execution.start(&cx.running.program, route, cx.running.limits, cx.context.is_traced());
    let allowed = match execution.run(cx) {
        Ended::Finished(end) => {
            if end.code == 0 {
                cx.set_return_code(0);
            }
            !end.drop
        }
        Ended::Parked => {
            // Nothing that may wait is allowed in an onsend_route; a function that did so anyway is our mistake.
            cx.pending = None;
            tracing::error!(target: "core", "a function of onsend_route wants to wait; the message is sent");
            true
        }
        Ended::Cut(_) => true,
    };
    (cx.context.route, cx.place) = before;
    cx.context.sending = None;
    allowed
}
