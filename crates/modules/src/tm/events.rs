//! The event routes, and the one that sees replies made here.

use engine::module::EventRoute;
use engine::{Context, Cx, event};

use super::Tm;
use super::current::Current;
use super::table::Table;
use super::transaction::Id;

/// The event routes' table.
pub(super) const ROUTES: &[EventRoute] = &[
    EventRoute {
        name: "tm:branch-failure:*",
        doc: "When a branch has failed that `t_on_branch_failure` was set for, on the request; before the failure route.",
    },
    EventRoute {
        name: "tm:local-request",
        doc: "Before a request of the server's own leaves, on it; `drop` keeps it.",
    },
    EventRoute {
        name: "tm:local-response",
        doc: "After a reply of the server's own has been sent in a transaction, on the reply.",
    },
];

/// Shows the reply that has just been sent to `event_route[tm:local-response]`.
pub(super) fn response_sent(cx: &mut Cx<'_>, id: Id) {
    let Some(route) = cx.state::<Tm>().params.on_local_response else { return };
    let bytes = cx.shard.kept::<Table>().get(id).map(|transaction| transaction.reply.clone());
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return };
    let Ok(mut reply) = Context::of_message(bytes, cx.context.received) else { return };
    reply.data.of::<Current>().id = Some(id);
    event::run_on(cx, route, &mut reply);
}
