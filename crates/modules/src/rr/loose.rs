//! Routing by Route headers (RFC 3261 §16.4, §16.6 step 6, §16.12).

use cfg_vm::Str;
use engine::{Args, Context, Cx, Flow, ListenerId};
use sip_message::{HeaderValue, Scheme, Uri};
use transport::Proto;

use super::{Double, Routing, Rr, route};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The way is known.
    Routed,
    /// There is no Route, or it cannot be read.
    Nothing,
    /// Only our own Route stood in a request outside a dialog.
    Preloaded,
}

impl Outcome {
    fn code(self) -> Flow {
        Flow::Done(match self {
            Self::Routed => 1,
            Self::Nothing => -1,
            Self::Preloaded => -3,
        })
    }
}

pub(super) fn loose_route(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let loose_only = cx.state::<Rr>().loose_only;
    route_by_headers(cx, loose_only).code()
}

pub(super) fn loose_route_mode(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let loose_only = args.int(0).is_some_and(|mode| mode & 1 != 0);
    route_by_headers(cx, loose_only).code()
}

pub(super) fn loose_route_preloaded(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (route_by_headers(cx, false) == Outcome::Preloaded).into()
}

/// Routes the request, and tells other modules of a Route of ours that it took off.
fn route_by_headers(cx: &mut Cx<'_>, loose_only: bool) -> Outcome {
    let before = cx.data::<Routing>().own_params.take();
    let outcome = by_headers(cx, loose_only);
    match cx.data::<Routing>().own_params.clone() {
        Some(params) if !params.is_empty() => cx.tell_routed(&params),
        Some(_) => {}
        None => cx.data::<Routing>().own_params = before,
    }
    outcome
}

fn by_headers(cx: &mut Cx<'_>, loose_only: bool) -> Outcome {
    let message = &cx.context.message;
    let Some(first) = message.route_values().next() else { return Outcome::Nothing };
    let Some(first) = uri_of(cx, first) else {
        tracing::error!(target: "rr", "the Route header cannot be read");
        return Outcome::Nothing;
    };
    let in_dialog = message.to().is_ok_and(|to| to.tag().is_some_and(|tag| !tag.is_empty()));
    if in_dialog && !loose_only && is_own(cx, &cx.context.request_uri()) {
        after_strict_router(cx, first)
    } else {
        after_loose_router(cx, first, in_dialog)
    }
}

/// The usual way: the topmost Route may be ours.
fn after_loose_router(cx: &mut Cx<'_>, first: Str, in_dialog: bool) -> Outcome {
    let mut count = 0;
    if is_own(cx, &first) {
        count = 1;
        let params = params_of(cx.context, &first);
        cx.data::<Routing>().own_params = Some(params);
        let second = if is_one_of_two(cx, &first) { nth_uri(cx, 1) } else { None };
        if let Some(second) = second {
            count = 2;
            send_from(cx, &second, true);
        } else if cx.state::<Rr>().force_send_socket {
            send_from(cx, &first, false);
        }
    }
    let next = if count == 0 { Some(first) } else { nth_uri(cx, count) };
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(next) = next else {
        route::remove_first(message, edits, count);
        return if in_dialog { Outcome::Routed } else { Outcome::Preloaded };
    };
    let is_loose = Uri::parse(&next).is_ok_and(|uri| uri.is_loose_router());
    route::remove_first(message, edits, if is_loose { count } else { count + 1 });
    if is_loose {
        cx.context.destination.uri_to_send = Some(next);
    } else {
        hand_to_strict_router(cx.context, next);
    }
    cx.data::<Routing>().next_hop = count > 0;
    Outcome::Routed
}

/// RFC 3261 §16.6 step 6: the strict router's URI takes the request URI's place, which becomes the last Route.
fn hand_to_strict_router(context: &mut Context, next: Str) {
    let target = context.request_uri();
    let line = [b"Route: <", &target[..], b">\r\n"].concat();
    context.edits.append_header(&context.message, &line);
    context.destination.uri = Some(next);
    context.destination.uri_to_send = None;
}

/// RFC 3261 §16.4: a strict router put our Record-Route's URI into the request URI; the target is the last Route.
fn after_strict_router(cx: &mut Cx<'_>, first: Str) -> Outcome {
    let ours = cx.context.request_uri();
    let params = params_of(cx.context, &ours);
    cx.data::<Routing>().own_params = Some(params);
    let mut count = 0;
    let mut next = first;
    if is_one_of_two(cx, &ours) && is_own(cx, &next) {
        send_from(cx, &next, true);
        count = 1;
        match nth_uri(cx, 1) {
            Some(second) => next = second,
            None => {
                remove_first(cx, 1);
                return Outcome::Routed;
            }
        }
    }
    if Uri::parse(&next).is_ok_and(|uri| uri.is_loose_router()) {
        let last = route::last_two(&cx.context.message).and_then(|(_, last)| uri_of(cx, last));
        let is_only = cx.context.message.route_values().nth(count + 1).is_none();
        let Context { message, edits, destination, .. } = &mut *cx.context;
        if is_only {
            route::remove_first(message, edits, count + 1);
        } else {
            route::remove_first(message, edits, count);
            route::remove_last(message, edits);
        }
        destination.uri = last;
        destination.uri_to_send = Some(next);
    } else {
        remove_first(cx, count + 1);
        cx.context.destination.uri = Some(next);
        cx.context.destination.uri_to_send = None;
    }
    Outcome::Routed
}

fn remove_first(cx: &mut Cx<'_>, count: usize) {
    let Context { message, edits, .. } = &mut *cx.context;
    route::remove_first(message, edits, count);
}

fn nth_uri(cx: &Cx<'_>, at: usize) -> Option<Str> {
    let value = cx.context.message.route_values().nth(at)?;
    uri_of(cx, value)
}

fn uri_of(cx: &Cx<'_>, value: HeaderValue) -> Option<Str> {
    let addr = cx.context.message.name_addr(value).ok()?;
    Some(cx.context.keep(addr.uri_text))
}

/// A URI's parameters with their first semicolon.
fn params_of(context: &Context, uri: &Str) -> Str {
    let Ok(parsed) = Uri::parse(uri) else { return Str::EMPTY };
    if parsed.params_text.is_empty() {
        return Str::EMPTY;
    }
    // The semicolon stands right before the parameters.
    let start =
        uri.len() - parsed.headers_text.map_or(0, |headers| headers.len() + 1) - parsed.params_text.len() - 1;
    context.keep(&uri[start..start + 1 + parsed.params_text.len()])
}

/// Whether a URI names this server. Its transport does not count, and without a port it is on 5060.
fn is_own(cx: &Cx<'_>, uri: &[u8]) -> bool {
    let Ok(uri) = Uri::parse(uri) else { return false };
    uri.is_sip() && cx.listeners().is_own(uri.host, Some(uri.port.unwrap_or(5060)), None)
}

/// `r2=on`: another Record-Route of ours stands beside this one.
fn is_one_of_two(cx: &Cx<'_>, uri: &[u8]) -> bool {
    cx.state::<Rr>().double != Double::Never
        && Uri::parse(uri).is_ok_and(|uri| uri.param(b"r2").is_some_and(|value| value == b"on"))
}

/// Sends from the socket that a Route of ours names.
fn send_from(cx: &mut Cx<'_>, uri: &[u8], is_second: bool) {
    let socket = socket_of(cx, uri);
    if socket.is_some() {
        cx.context.destination.socket = socket;
    } else if is_second && cx.state::<Rr>().mismatch_warning {
        tracing::warn!(target: "rr", "no socket is what our second Route names: {}", uri.escape_ascii());
    }
}

fn socket_of(cx: &Cx<'_>, uri: &[u8]) -> Option<ListenerId> {
    let uri = Uri::parse(uri).ok()?;
    if let Some(name) = uri.param(b"sn").filter(|_| cx.state::<Rr>().socket_names) {
        return cx.listeners().named(name);
    }
    let port = uri.port.unwrap_or(5060);
    let proto = uri.transport().and_then(Proto::from_bytes);
    let proto = proto.unwrap_or(if uri.scheme == Scheme::Sips { Proto::Tls } else { Proto::Udp });
    let host = uri.host_unbracketed();
    let found = cx.listeners().all().iter().find(|socket| {
        let bound = socket.bare_host.eq_ignore_ascii_case(host) && socket.address.port() == port;
        let public = socket.advertised_host.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(host))
            && socket.public_port() == port;
        socket.proto == proto && (bound || public)
    });
    found.map(|socket| socket.id)
}
