//! Replies made here, without state (RFC 3261 §8.2.6), and the forwarding of replies (§16.7, §18.2.2).

use std::net::{IpAddr, SocketAddr};

use sip_message::{ReplyParts, Via};
use transport::stream::{After, Open};
use transport::{ConnId, Proto, Target};

use crate::cx::Cx;
use crate::forward::{ForwardError, Stream};
use crate::received;

/// A reply to the request of the context.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Status code.
    pub code: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// The tag for To, where the request has none; no tag for 100.
    pub tag: &'a [u8],
    /// Further header lines with their CRLFs, beside what `append_to_reply` collected; they stand before it.
    pub headers: &'a [u8],
}

/// Why a reply was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplyError {
    /// The request cannot be answered: a header that every reply needs is broken.
    Unanswerable(sip_message::HeaderError),
    /// Requests only.
    NotARequest,
    /// It did not leave.
    Send(ForwardError),
}

impl std::fmt::Display for ReplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unanswerable(error) => write!(f, "the request cannot be answered: {error}"),
            Self::NotARequest => f.write_str("only requests can be answered"),
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
    let target = target_of_request(cx);
    let socket = cx.context.destination.socket.filter(|id| cx.listeners().get(*id).proto == target.proto);
    let socket = socket.unwrap_or(cx.context.received.listener);
    let wishes = cx.context.stream;
    let stream = Stream {
        connection: cx.context.received.connection,
        open: if wishes.reply_no_connect { Open::Never } else { Open::IfNeeded },
        after: if wishes.reply_close { After::Close } else { After::Keep },
    };
    let running = cx.running;
    let server: &[u8] = if running.core.server_signature { &running.core.server_header } else { b"" };
    let mut via_parameters = received::Mark::of(cx);
    let wishes = &cx.context.reply;
    let parts = ReplyParts {
        code: reply.code,
        reason: reply.reason,
        to_tag: reply.tag,
        via_parameters: via_parameters.as_parts(),
        headers: &[reply.headers, &wishes.headers],
        server,
        body: wishes.body.as_ref().map(|(kind, body)| (kind.as_bytes(), body.as_bytes())),
    };
    let mut text = std::mem::take(&mut cx.shard.reply_buffer);
    text.clear();
    let written = parts.write(&cx.context.message, &mut text);
    let result = match written {
        Err(error) => Err(ReplyError::Unanswerable(error)),
        Ok(()) => cx
            .shard
            .send_with(socket, target, stream, |out| out.extend_from_slice(&text))
            .map_err(ReplyError::Send),
    };
    cx.shard.reply_buffer = text;
    result
}

/// Where the answer to the context's request goes.
pub fn target_of_request(cx: &Cx<'_>) -> Target {
    let received = &cx.context.received;
    let via = cx.context.message.top_via().ok();
    let wants_rport = cx.context.via.force_rport
        || cx.running.core.force_rport
        || via.as_ref().is_some_and(|via| via.has_rport());
    if received.proto != Proto::Udp || wants_rport {
        return Target { proto: received.proto, addr: received.source };
    }
    let port = via.as_ref().and_then(|via| via.port()).unwrap_or(received.proto.default_port());
    let ip = via
        .filter(|_| cx.running.core.reply_to_via)
        .and_then(|via| host_address(via.host()))
        .unwrap_or(received.source.ip());
    Target { proto: received.proto, addr: SocketAddr::new(ip, port) }
}

/// An address in a Via's host or `received`, with or without brackets.
pub(crate) fn host_address(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// What a reply's next Via says about where it goes.
pub(crate) enum ReplyHop {
    /// An address.
    Address(Target, Option<ConnId>),
    /// A name to be looked up.
    Name(crate::forward::Hop),
}

/// Reads the hop out of the Via below ours. `ours` is the Via that we added: its `i` names the connection that the
/// request came over.
pub(crate) fn hop_below(ours: &Via<'_>, below: &Via<'_>) -> Option<ReplyHop> {
    let proto = Proto::from_bytes(below.transport())?;
    let connection = ours.param(b"i").and_then(|text| parse_hex(text)).map(ConnId);
    let host = below.received().or_else(|| below.maddr()).unwrap_or(below.host());
    let rport = below.rport();
    let port = rport.or(below.port());
    match host_address(host) {
        Some(ip) => {
            let addr = SocketAddr::new(ip, port.unwrap_or(proto.default_port()));
            Some(ReplyHop::Address(Target { proto, addr }, connection))
        }
        None => Some(ReplyHop::Name(crate::forward::Hop { host: host.into(), port, proto: Some(proto), sips: false })),
    }
}

fn parse_hex(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}
