//! The event routes that see a message before `request_route` and `reply_route` do.

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::program::RouteId;
use engine::{Cx, Setup, SetupError, event, module};

/// The event routes of one configuration.
struct Events {
    received: Option<RouteId>,
    routing: Option<RouteId>,
}

/// Hangs the event routes that the configuration has into the server's work.
pub(super) fn start(setup: &mut Setup<'_>) -> Result<module::State, SetupError> {
    let asked = setup.settings().core.int("kemi.received_route_mode") != 0;
    let events = Events {
        received: setup.route(RouteKind::Event, "core:msg-received").filter(|_| asked),
        routing: setup.route(RouteKind::Event, "core:pre-routing"),
    };
    let hooks = &mut setup.hooks().before_script;
    if events.received.is_some() {
        hooks.push(received);
    }
    if events.routing.is_some() {
        hooks.push(before_routing);
    }
    Ok(Arc::new(events))
}

/// `core:msg-received`, for requests and replies; `drop` ends the message there.
fn received(cx: &mut Cx<'_>) -> bool {
    cx.state::<Events>().received.is_none_or(|route| event::run(cx, route))
}

/// `core:pre-routing`, for requests; `drop` ends the message there.
fn before_routing(cx: &mut Cx<'_>) -> bool {
    let route = cx.state::<Events>().routing.filter(|_| cx.context.message.is_request());
    route.is_none_or(|route| event::run(cx, route))
}
