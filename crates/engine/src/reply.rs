//! Replies made here, without state (RFC 3261 §8.2.6), and the forwarding of replies (§16.7, §18.2.2).

use std::net::{IpAddr, SocketAddr};

use sip_message::{EditList, HeaderId, HeaderValue, Message, Rport, Via};
use transport::stream::{After, Open};
use transport::{ConnId, Proto, Target};

use crate::context::Context;
use crate::cx::Cx;
use crate::forward::{self, Departure, ForwardError, Hop, Stream};
use crate::module::Flow;
use crate::received;

/// A reply to the request of the context.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Status code.
    pub code: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// The tag for To, where the request has none; provisional replies below 180 get none.
    pub tag: &'a [u8],
    /// Header lines with their CRLFs; they stand before those that `append_to_reply` collected.
    pub headers: &'a [u8],
}

/// Why a reply was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplyError {
    /// Only requests can be answered.
    NotARequest,
    /// A line of the request is no header, so that what a reply must repeat is unknown.
    Unreadable,
    /// It did not leave.
    Send(ForwardError),
}

impl std::fmt::Display for ReplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotARequest => f.write_str("only requests can be answered"),
            Self::Unreadable => f.write_str("the request cannot be answered: one of its lines is no header"),
            Self::Send(error) => error.fmt(f),
        }
    }
}

/// Sends a reply to where the request's topmost Via says.
///
/// # Errors
/// Nothing was sent.
pub fn send(cx: &mut Cx<'_>, reply: &Reply<'_>) -> Result<(), ReplyError> {
    if !cx.context.message.is_request() {
        return Err(ReplyError::NotARequest);
    }
    if !received::is_readable(&cx.context.message) {
        return Err(ReplyError::Unreadable);
    }
    let departure = departure(cx);
    let mut headers = std::mem::take(&mut cx.shard.reply_buffer);
    headers.clear();
    headers.extend_from_slice(reply.headers);
    write_wishes(cx.context, &mut headers);
    let result = write_and_send(cx, reply, &headers, departure);
    cx.shard.reply_buffer = headers;
    result
}

/// How replies to the context's request leave: through the socket that it came in by, since a forced one is the request's
/// own way on.
pub fn departure(cx: &Cx<'_>) -> Departure {
    let target = target_of_request(cx);
    let socket = cx.context.received.listener;
    let wishes = cx.context.stream;
    let stream = Stream {
        connection: cx.context.received.connection,
        open: if wishes.reply_no_connect { Open::Never } else { Open::IfNeeded },
        after: if wishes.reply_close { After::Close } else { After::Keep },
        bound: false,
    };
    Departure { socket, target, stream }
}

/// Writes a reply to the context's request, with what the script collected for its replies.
///
/// # Errors
/// The request cannot be answered.
pub fn compose(cx: &mut Cx<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) -> Result<(), ReplyError> {
    if !cx.context.message.is_request() {
        return Err(ReplyError::NotARequest);
    }
    if !received::is_readable(&cx.context.message) {
        return Err(ReplyError::Unreadable);
    }
    let mut headers = std::mem::take(&mut cx.shard.reply_buffer);
    headers.clear();
    headers.extend_from_slice(reply.headers);
    write_wishes(cx.context, &mut headers);
    with_parts(cx, reply, &headers, |cx, parts| parts.write(&cx.context.message, out));
    cx.shard.reply_buffer = headers;
    Ok(())
}

/// What the script collected for its replies.
fn write_wishes(context: &Context, headers: &mut Vec<u8>) {
    headers.extend_from_slice(&context.reply.headers);
    if let Some(body) = &context.reply.body {
        headers.extend_from_slice(b"Content-Type: ");
        headers.extend_from_slice(&body.0);
        headers.extend_from_slice(b"\r\n");
    }
}

fn write_and_send(
    cx: &mut Cx<'_>,
    reply: &Reply<'_>,
    headers: &[u8],
    departure: Departure,
) -> Result<(), ReplyError> {
    with_parts(cx, reply, headers, |cx, parts| {
        let message = &cx.context.message;
        cx.shard.send_with(departure, |out| parts.write(message, out)).map(drop).map_err(ReplyError::Send)
    })
}

/// Puts together what makes a reply of the context's request.
fn with_parts<T>(
    cx: &mut Cx<'_>,
    reply: &Reply<'_>,
    headers: &[u8],
    then: impl FnOnce(&mut Cx<'_>, &sip_message::Reply<'_>) -> T,
) -> T {
    let core = &cx.running.core;
    let Context { message, received, via, reply: wishes, .. } = &*cx.context;
    let body = wishes.body.as_ref().map(|body| body.1.clone());
    let mark = message
        .top_via()
        .ok()
        .map(|top| received::Mark::of(&top, received, via.force_rport || core.force_rport));
    let mark = mark.unwrap_or_default();
    let address = mark.received.then(|| crate::listener::host_texts(received.source.ip()).1);
    let parts = sip_message::Reply {
        status: reply.code,
        reason: reply.reason,
        to_tag: Some(reply.tag),
        received: address.as_deref(),
        rport: mark.asked_rport.or(mark.forced_rport),
        headers,
        server: if core.server_signature { &core.server_header } else { b"" },
        body: body.as_ref().map_or(&b""[..], |body| body.as_bytes()),
    };
    then(cx, &parts)
}

/// Where the answer to the context's request goes.
pub fn target_of_request(cx: &Cx<'_>) -> Target {
    let received = &cx.context.received;
    let core = &cx.running.core;
    let via = cx.context.message.top_via().ok();
    let to_source = received.proto != Proto::Udp
        || cx.context.via.force_rport
        || core.force_rport
        || via.as_ref().is_some_and(|via| via.rport() != Rport::Absent);
    if to_source {
        return Target { proto: received.proto, addr: received.source };
    }
    let port = via.as_ref().and_then(|via| via.port).unwrap_or_else(|| received.proto.default_port());
    let named = via.filter(|_| core.reply_to_via).and_then(|via| host_address(via.host));
    Target {
        proto: received.proto,
        addr: SocketAddr::new(named.unwrap_or_else(|| received.source.ip()), port),
    }
}

/// An address in a Via's host or `received`, with or without brackets.
pub(crate) fn host_address(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// Takes our Via off the reply and sends it to the next one. A reply whose only Via is ours ends here. Waits where
/// that Via holds a name.
pub fn forward(cx: &mut Cx<'_>) -> Flow {
    let Some((hop, connection)) = take_top_via(cx.context) else {
        tracing::debug!(target: "core", "a reply with no Via below ours ends here");
        return Flow::FALSE;
    };
    cx.context.reply_connection = connection;
    match hop {
        ReplyHop::Address(target) => send_on(cx, target),
        ReplyHop::Name(hop) => forward::resolved(cx, &hop, send_on),
    }
}

fn send_on(cx: &mut Cx<'_>, target: Target) -> Flow {
    let Some(socket) = forward::socket_for(cx, target) else {
        tracing::error!(target: "core", "reply: {}", ForwardError::NoSocket(target));
        return Flow::FALSE;
    };
    let wishes = cx.context.stream;
    let stream = Stream {
        connection: cx.context.reply_connection,
        open: if wishes.reply_no_connect { Open::Never } else { Open::IfNeeded },
        after: if wishes.reply_close { After::Close } else { After::Keep },
        bound: false,
    };
    if cx.running.core.onsend_route_reply && !crate::onsend::allows(cx, socket, target) {
        return Flow::FALSE;
    }
    match forward::send_edited(cx, Departure { socket, target, stream }) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "core", "reply: {error}");
            Flow::FALSE
        }
    }
}

/// Writes the context's reply, with its edits and without its topmost Via, as it goes on to where its request came from:
/// whoever has kept that needs no Via to find it, and the reply may have none left, as in Kamailio.
pub fn write_onward(context: &mut Context, out: &mut Vec<u8>) {
    let Context { message, edits, .. } = context;
    let mut values = message.via_values();
    if let Some(first) = values.next() {
        remove_via(message, edits, first, values.next());
    }
    edits.write(message, out);
}

/// What a reply's next Via says about where it goes.
enum ReplyHop {
    /// An address.
    Address(Target),
    /// A name to be looked up.
    Name(Hop),
}

/// Removes the topmost Via value and reads the next one. The connection is the one that our Via's `i` names: the
/// request came over it.
fn take_top_via(context: &mut Context) -> Option<(ReplyHop, Option<ConnId>)> {
    let Context { message, edits, .. } = context;
    let mut values = message.via_values();
    let (first, second) = (values.next()?, values.next()?);
    let ours = message.via(first).ok()?;
    let below = message.via(second).ok()?;
    let connection = ours.connection_id().and_then(parse_hex).map(ConnId);
    let hop = hop_of(&below)?;
    remove_via(message, edits, first, Some(second));
    Some((hop, connection))
}

/// Removes the topmost Via value, `first`; `second` is the one below it.
fn remove_via(message: &Message, edits: &mut EditList, first: HeaderValue, second: Option<HeaderValue>) {
    match (second, message.index().first(HeaderId::Via)) {
        (Some(second), _) if first.header == second.header => {
            edits.delete(sip_message::Span { start: first.span.start, end: second.span.start });
        }
        (_, Some(field)) => edits.delete_header(field),
        (_, None) => {}
    }
}

fn hop_of(below: &Via<'_>) -> Option<ReplyHop> {
    let proto = Proto::from_bytes(below.transport)?;
    // Kamailio does not look at maddr here.
    let host = below.received().unwrap_or(below.host);
    let port = if let Rport::Port(port) = below.rport() { Some(port) } else { below.port };
    Some(match host_address(host) {
        Some(ip) => {
            let addr = SocketAddr::new(ip, port.unwrap_or_else(|| proto.default_port()));
            ReplyHop::Address(Target { proto, addr })
        }
        None => ReplyHop::Name(Hop { host: host.into(), port, proto: Some(proto), sips: false }),
    })
}

fn parse_hex(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}
