//! Module `xhttp`: HTTP requests that come to the server's own TCP and TLS sockets.
//!
//! They run through `event_route[xhttp:request]`, which answers with `xhttp_reply()`. A request without a Content-Length is
//! only read with `tcp_accept_no_cl=yes`, as in Kamailio.

pub(crate) mod reply;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, PvType, Routes};
use cfg_vm::program::RouteId;
use cfg_vm::regex::{Flags, Regex};
use engine::context::RouteContext;
use engine::module::{EventRoute, Next, Run, State};
use engine::{Cx, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

/// The module's table.
pub const MODULE: Module = Module {
    name: "xhttp",
    doc: "HTTP requests that come to the server's own TCP and TLS sockets, answered by a route.",
    params: &[
        Param::text(
            "url_match",
            "",
            "The event route runs only for requests whose target fits this expression.",
        ),
        Param::text("url_skip", "", "The event route does not run for requests whose target fits this one."),
        Param::text("event_callback", "", "A function of a KEMI script in place of the event route.")
            .ignored(),
    ],
    functions: &[Function::new(
        "xhttp_reply",
        &[ArgKind::Value, ArgKind::Format, ArgKind::Format, ArgKind::Format],
        Routes::ANY,
        reply::xhttp_reply,
        "Answers the HTTP request: status, reason, type and text of the body.",
    )],
    pvs: &[Pv::new("hu", PvType::Str, target, "The target of the HTTP request: path and query.")],
    event_routes: &[EventRoute { name: "xhttp:request", doc: "An HTTP request has come." }],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Xhttp {
    route: Option<RouteId>,
    fits: Option<Regex>,
    skip: Option<Regex>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let expression = |name| {
        let param = setup.values(name).last();
        let compiled = param.map(|param| {
            let pattern = param.value.as_text().unwrap_or_default();
            Regex::posix(pattern, Flags::default())
                .map_err(|error| SetupError::at(param, format!("{name}: {error}")))
        });
        compiled.transpose()
    };
    let (fits, skip) = (expression("url_match")?, expression("url_skip")?);
    let route = setup.route(RouteKind::Event, "xhttp:request");
    if route.is_none() && setup.settings().engine.is_none() {
        return Err(SetupError::new(
            "it needs an event_route[xhttp:request]; add one, or do not load the module",
        ));
    }
    setup.hooks().foreign.push(take);
    Ok(Arc::new(Xhttp { route, fits, skip }))
}

/// Whether the message is an HTTP request.
fn is_http(cx: &Cx<'_>) -> bool {
    cx.context.message.is_request() && cx.context.message.version().starts_with(b"HTTP/1.")
}

/// Runs the event route on an HTTP request; where it asks for that, its connection ends with the answer.
fn take(cx: &mut Cx<'_>) -> Option<Next> {
    if !is_http(cx) {
        return None;
    }
    let state = cx.state::<Xhttp>();
    let target = cx.context.message.request_uri().unwrap_or_default();
    let skipped = state.skip.as_ref().is_some_and(|skip| skip.is_match(target));
    let wanted = !skipped && state.fits.as_ref().is_none_or(|fits| fits.is_match(target));
    cx.context.stream.reply_close = ends_connection(cx);
    match state.route {
        Some(route) if wanted => {
            Some(Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done }))
        }
        Some(_) => Some(Next::Done),
        None => {
            tracing::error!(target: "xhttp", "an HTTP request, and no event_route[xhttp:request] for it");
            Some(Next::Done)
        }
    }
}

/// `Connection: close`, or HTTP/1.0 without `keep-alive` (RFC 9112 §9.3).
fn ends_connection(cx: &Cx<'_>) -> bool {
    let message = &cx.context.message;
    let asks = |wish: &[u8]| {
        message.header_named(b"Connection").any(|field| {
            let mut words = message.bytes(field.value).split(|byte| *byte == b',');
            words.any(|word| word.trim_ascii().eq_ignore_ascii_case(wish))
        })
    };
    asks(b"close") || (message.version() == b"HTTP/1.0" && !asks(b"keep-alive"))
}

fn target(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    if !is_http(cx) {
        return Value::Null;
    }
    let message = &cx.context.message;
    let span = message.request_uri().and_then(|target| message.span_of(target));
    span.map_or(Value::Null, |span| Value::Str(cx.context.slice(span)))
}
