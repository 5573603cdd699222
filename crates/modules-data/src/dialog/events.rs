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

/// Where there is no message: when the one in hand is done with.
pub(super) fn begin(
    services: &mut Services,
    running: &Arc<Running>,
    route: Option<RouteId>,
    dialog: &Arc<Dialog>,
) {
    if route.is_none() {
        return;
    }
    let mut context = Box::<Context>::default();
    context.made_up = true;
    context.route = RouteContext::Event;
    context.data.of::<Current>().dialog = Some(Arc::clone(dialog));
    context.data.of::<Due>().0 = route;
    services.begin(context, running, |cx| match cx.data::<Due>().0 {
        Some(route) => Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done }),
        None => Next::Done,
    });
}
