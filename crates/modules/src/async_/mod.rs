//! Module `async`: routes that go on later, or beside the message in hand.
//!
//! `async_route` and `async_task_route` let the transaction wait (`tm`) and go on in another route; `async_sleep` parks the
//! route itself, which costs nothing but its memory; `async_task_data` runs a route on no message.

mod later;
mod task;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::State;
use engine::setup::Clock;
use engine::{Function, Module, Param, Pv, Setup, SetupError};

/// The module's table.
pub const MODULE: Module = Module {
    name: "async",
    doc: "Routes that go on later, while the transaction waits.",
    params: &[
        Param::int("workers", "1", "Kamailio's processes; here every shard does it.").ignored(),
        Param::int_in("ms_timer", 0, 1000, "0", "Whether `async_ms_route` and `async_ms_sleep` may be used."),
        Param::int(
            "return",
            "0",
            "What the functions that let a transaction wait return; 0 ends the script.",
        ),
    ],
    functions: FUNCTIONS,
    pvs: &[Pv::new("async", PvType::Str, task::data, "What `async_task_data` handed over.")
        .inner(InnerRule::Parsed(task::parse_name))],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Async {
    has_milliseconds: bool,
    returns: i64,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    for needed in ["tm", "tmx"] {
        if !setup.is_loaded(needed) {
            return Err(SetupError::new(format!(
                "async needs {needed}: write loadmodule \"{needed}.so\" before it"
            )));
        }
    }
    let state = Async {
        has_milliseconds: setup.int("ms_timer").unwrap_or(0) > 0,
        returns: setup.int("return").unwrap_or(0),
    };
    setup.hooks().clocks.push(Clock { next: later::next, run: later::run });
    Ok(Arc::new(state))
}

const ROUTES: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::EVENT);
const ROUTE: ArgKind = ArgKind::Route(RouteKind::Named);

const FUNCTIONS: &[Function] = &[
    Function::new(
        "async_route",
        &[ROUTE, ArgKind::Int],
        ROUTES,
        later::route,
        "Lets the transaction wait for some seconds, at most 100, and goes on in a route.",
    ),
    Function::new(
        "async_ms_route",
        &[ROUTE, ArgKind::Int],
        ROUTES,
        later::route_ms,
        "The same in milliseconds, at most 30000.",
    ),
    Function::new(
        "async_sleep",
        &[ArgKind::Int],
        ROUTES,
        later::sleep,
        "Waits for some seconds, at most 100, in a transaction.",
    )
    .waits(),
    Function::new(
        "async_ms_sleep",
        &[ArgKind::Int],
        ROUTES,
        later::sleep_ms,
        "The same in milliseconds, at most 30000.",
    )
    .waits(),
    Function::new(
        "async_task_route",
        &[ROUTE],
        ROUTES,
        later::task_route,
        "Goes on in a route as soon as the script has ended.",
    ),
    Function::new(
        "async_task_group_route",
        &[ROUTE, ArgKind::Format],
        ROUTES,
        later::task_route,
        "The same; groups of workers mean nothing here.",
    ),
    Function::new(
        "async_task_data",
        &[ROUTE, ArgKind::Format],
        Routes::ANY,
        task::hand_over,
        "Runs a route on no message, with a text for `$async(data)`.",
    ),
    Function::new(
        "async_task_group_data",
        &[ROUTE, ArgKind::Format, ArgKind::Format],
        Routes::ANY,
        task::hand_over_to_group,
        "The same; groups of workers mean nothing here.",
    ),
];
