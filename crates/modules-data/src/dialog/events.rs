//! The module's event routes: on the message that made it happen, or on a made-up one where there is none.

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::program::RouteId;
use engine::context::RouteContext;
use engine::module::{Next, Run};
use engine::services::Services;
use engine::{Context, Cx, Running, Setup, event};

use super::call::Dialog;
use super::current::Current;
use super::state::State;

/// Those that the configuration has.
pub(super) struct Events {
    pub(super) start: Option<RouteId>,
    pub(super) end: Option<RouteId>,
    pub(super) failed: Option<RouteId>,
}

impl Events {
    pub(super) fn of(setup: &Setup<'_>) -> Self {
        let route = |name| setup.route(RouteKind::Event, name);
        Self { start: route("dialog:start"), end: route("dialog:end"), failed: route("dialog:failed") }
    }
}

/// On the message in hand.
pub(super) fn run(cx: &mut Cx<'_>, route: RouteId) {
    event::run(cx, route);
}

/// What runs on a made-up message.
#[derive(Default)]
struct Due(Option<RouteId>);

fn alone(dialog: &Arc<Dialog>, seen: State) -> Box<Context> {
    let mut context = Box::<Context>::default();
    context.made_up = true;
    context.route = RouteContext::Event;
    let current = context.data.of::<Current>();
    (current.dialog, current.seen) = (Some(Arc::clone(dialog)), Some(seen));
    context
}

/// Where there is no message: when the one in hand is done with. The route sees the state that the dialog had.
pub(super) fn begin(
    services: &mut Services,
    running: &Arc<Running>,
    route: Option<RouteId>,
    dialog: &Arc<Dialog>,
    seen: State,
) {
    if route.is_none() {
        return;
    }
    let mut context = alone(dialog, seen);
    context.data.of::<Due>().0 = route;
    services.begin(context, running, |cx| match cx.data::<Due>().0 {
        Some(route) => Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done }),
        None => Next::Done,
    });
}

/// Now, from a function of a route that runs on another message.
pub(super) fn run_alone(cx: &mut Cx<'_>, route: RouteId, dialog: &Arc<Dialog>) {
    let seen = dialog.live().state;
    event::run_on(cx, route, &mut alone(dialog, seen));
}
