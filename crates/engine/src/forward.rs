//! Stateless forwarding (RFC 3261 §16.11): from a next hop to a datagram or a stream.

use std::future::Future;
use std::pin::Pin;

use cfg_vm::Str;
use sip_message::{Scheme, Uri};
use transport::resolve::Targets;
use transport::stream::{After, Open, Outgoing};
use transport::udp::SocketIndex;
use transport::{ConnId, NextHop, Proto, Target};

use crate::branch;
use crate::context::{Context, Sending};
use crate::cx::Cx;
use crate::listener::ListenerId;
use crate::module::{Flow, Resume};

/// Where a message is to go, before names are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Host name or address; IPv6 with or without brackets.
    pub host: Str,
    /// Port; without one, SRV or the transport's default decides.
    pub port: Option<u16>,
    /// Transport, if it is given.
    pub proto: Option<Proto>,
    /// The URI asks for security.
    pub sips: bool,
}

impl Hop {
    /// The hop that a SIP URI names; `None` for a URI that is not SIP's or does not parse.
    pub fn of_uri(uri: &[u8]) -> Option<Self> {
        let parsed = Uri::parse(uri).ok()?;
        let sips = parsed.scheme == Scheme::Sips;
        if !sips && parsed.scheme != Scheme::Sip {
            return None;
        }
        // An unknown transport is as good as none: Kamailio then takes UDP.
        let proto = parsed.transport().and_then(Proto::from_bytes);
        let proto = if sips { Some(secured(proto)) } else { proto };
        Some(Self { host: Str::copy(parsed.host), port: parsed.port, proto, sips })
    }

    fn question(&self) -> Option<NextHop<'_>> {
        let host = std::str::from_utf8(&self.host).ok()?;
        Some(NextHop { host, port: self.port, proto: self.proto, sips: self.sips })
    }
}

fn secured(proto: Option<Proto>) -> Proto {
    match proto {
        Some(Proto::Ws | Proto::Wss) => Proto::Wss,
        _ => Proto::Tls,
    }
}

/// Why a message did not leave.
#[derive(Debug)]
#[non_exhaustive]
pub enum ForwardError {
    /// No listening socket has the target's transport and address family.
    NoSocket(Target),
    /// The message has no Via, or the URI is no hop.
    NoHop,
    /// The stream did not take it.
    Stream(transport::stream::SendError),
}

impl std::fmt::Display for ForwardError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSocket(target) => write!(
                f,
                "no listening socket can send to {}:{}; add a `listen={}:…` of that address family",
                target.proto, target.addr, target.proto
            ),
            Self::NoHop => f.write_str("no next hop: neither $du nor $ru is a SIP URI"),
            Self::Stream(error) => error.fmt(f),
        }
    }
}

/// The hop of the message as it stands: `$du` if set, else `$ru`.
pub fn next_hop(context: &Context) -> Option<Hop> {
    match &context.destination.uri_to_send {
        Some(uri) => Hop::of_uri(uri),
        None => Hop::of_uri(&context.request_uri()),
    }
}

/// Forwards the request to a hop, without state. Names are looked up without holding the shard. The function's
/// code is 1 when the message left, else negative as Kamailio has it.
pub fn to_hop(cx: &mut Cx<'_>, hop: &Hop) -> Flow {
    resolved(cx, hop, |cx, target| {
        let result = request_to(cx, target);
        sent(cx, result)
    })
}

/// Looks a hop up and goes on with its first target: at once where the answer is known (an address, the cache),
/// else when it comes. A hop that cannot be resolved is logged, and the function's code is -478.
pub fn resolved(cx: &mut Cx<'_>, hop: &Hop, then: fn(&mut Cx<'_>, Target) -> Flow) -> Flow {
    match lookup(cx, hop) {
        Lookup::Known(targets) => first_of(cx, hop, &targets, then),
        Lookup::Wait(targets) => {
            let hop = hop.clone();
            Flow::wait(async move {
                let targets = targets.await;
                let resume: Resume = Box::new(move |cx| first_of(cx, &hop, &targets, then));
                resume
            })
        }
    }
}

fn first_of(cx: &mut Cx<'_>, hop: &Hop, targets: &[Target], then: fn(&mut Cx<'_>, Target) -> Flow) -> Flow {
    match targets.first() {
        Some(target) => then(cx, *target),
        None => unresolved(cx, hop),
    }
}

/// What is known of a hop's targets, the one to try first in front; none when it cannot be resolved.
pub enum Lookup {
    /// It is an address, or in the cache.
    Known(Targets),
    /// It is being asked for.
    Wait(Pin<Box<dyn Future<Output = Targets> + Send>>),
}

/// Looks a hop up (RFC 3263).
pub fn lookup(cx: &Cx<'_>, hop: &Hop) -> Lookup {
    let Some(question) = hop.question() else { return Lookup::Known(Targets::new()) };
    match cx.shard.server.resolver.cached(&question) {
        Some(answer) => Lookup::Known(answer.unwrap_or_default()),
        None => {
            let answer = cx.shard.server.resolver.lookup(&question);
            Lookup::Wait(Box::pin(async move { answer.await.unwrap_or_default() }))
        }
    }
}

fn unresolved(cx: &mut Cx<'_>, hop: &Hop) -> Flow {
    tracing::error!(target: "core", "could not resolve hostname: \"{}\"", hop.host.escape_ascii());
    failed(cx, UNRESOLVABLE)
}

fn sent(cx: &mut Cx<'_>, result: Result<(), ForwardError>) -> Flow {
    let code = match result {
        Ok(()) => return Flow::TRUE,
        Err(ref error) => {
            tracing::error!(target: "core", "forward: {error}");
            match error {
                ForwardError::NoSocket(_) => NO_SOCKET,
                ForwardError::NoHop => UNRESOLVABLE,
                ForwardError::Stream(_) => SEND,
            }
        }
    };
    failed(cx, code)
}

/// Remembers why, for the reply that tells of it.
fn failed(cx: &mut Cx<'_>, code: i64) -> Flow {
    cx.context.failure = Some(code);
    Flow::Done(code)
}

/// Codes of `forward()` as Kamailio gives them.
const UNRESOLVABLE: i64 = -478;
const SEND: i64 = -477;
const NO_SOCKET: i64 = -7;

/// The socket that a message to `target` leaves through: the forced one, the one that it came in through, or the
/// first that fits.
pub fn socket_for(cx: &Cx<'_>, target: Target) -> Option<ListenerId> {
    let listeners = cx.listeners();
    let fits = |id: &ListenerId| {
        let listener = listeners.get(*id);
        listener.proto == target.proto && listener.address.is_ipv4() == target.addr.is_ipv4()
    };
    cx.context
        .destination
        .socket
        .filter(fits)
        .or_else(|| Some(cx.context.received.listener).filter(fits))
        .or_else(|| listeners.first(target.proto, target.addr.is_ipv4()))
}

/// How something leaves.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// From which socket.
    pub socket: ListenerId,
    /// Where to.
    pub target: Target,
    /// Over which stream, if it is one.
    pub stream: Stream,
}

/// Adds our Via and sends the request.
///
/// # Errors
/// It did not leave.
pub fn request_to(cx: &mut Cx<'_>, target: Target) -> Result<(), ForwardError> {
    match prepare(cx, target, None)? {
        Some(departure) => send_edited(cx, departure),
        None => Ok(()),
    }
}

/// Makes the request ready to be written: its URI, what hooks add, our Via with this branch; without one, with one that
/// is always the same for the request (RFC 3261 §16.11). Nothing when `onsend_route` keeps it.
///
/// # Errors
/// It cannot leave.
pub fn prepare(
    cx: &mut Cx<'_>,
    target: Target,
    branch: Option<&[u8]>,
) -> Result<Option<Departure>, ForwardError> {
    let Context { message, edits, destination, via, .. } = &mut *cx.context;
    match (&destination.uri, message.request_uri()) {
        (Some(uri), _) => edits.set_uri(message, uri),
        // It may have been another when the message was sent before.
        (None, Some(original)) if via.marked => edits.set_uri(message, original),
        _ => {}
    }
    let target = by_size(cx, target, branch);
    let socket = socket_for(cx, target).ok_or(ForwardError::NoSocket(target))?;
    for hook in &cx.running.hooks.before_send {
        hook(cx, socket);
    }
    branch::add_via(cx, socket, target.proto, branch);
    crate::received::mark(cx);
    if !crate::onsend::allows(cx, socket, target) {
        return Ok(None);
    }
    let wishes = cx.context.stream;
    let stream = Stream {
        connection: None,
        open: if wishes.forward_no_connect { Open::Never } else { Open::IfNeeded },
        after: if wishes.forward_close { After::Close } else { After::Keep },
        bound: cx.context.destination.socket.is_some(),
    };
    let departure = Departure { socket, target, stream };
    if !may_open(cx, departure) {
        return Ok(None);
    }
    cx.shard.connect = cx.context.connect.take().map(|connect| (target, connect));
    Ok(Some(departure))
}

/// Asks the hooks where the request needs an encrypted connection that is not there yet.
fn may_open(cx: &mut Cx<'_>, departure: Departure) -> bool {
    let Departure { socket, target, stream } = departure;
    let hooks = &cx.running.hooks.before_open;
    if hooks.is_empty() || !target.proto.is_secure() || stream.open == Open::Never {
        return true;
    }
    let wish = cx.context.connect.as_ref().map(|connect| connect.wish()).unwrap_or_default();
    let bound = stream.bound.then(|| cx.listeners().get(socket).address);
    let outgoing = Outgoing { socket: bound, wish, ..Outgoing::new(target.proto, target.addr, b"") };
    if cx.server().hub.find(&outgoing).is_some() {
        return true;
    }
    let before = cx.context.sending.replace(Sending { socket, target });
    let may = hooks.iter().all(|hook| hook(cx));
    cx.context.sending = before;
    may
}

/// The same target over another transport, where `udp_mtu` is set, the datagram would be longer, and there is a
/// socket for it (RFC 3261 §18.1.1).
fn by_size(cx: &mut Cx<'_>, target: Target, branch: Option<&[u8]>) -> Target {
    let core = &cx.running.core;
    let proto = cx.context.stream.mtu_proto.or(core.udp_mtu_try_proto);
    let (Some(proto), Proto::Udp, 1..) = (proto, target.proto, core.udp_mtu) else { return target };
    let other = Target { proto, ..target };
    let (Some(socket), Some(_)) = (socket_for(cx, target), socket_for(cx, other)) else { return target };
    let mark = cx.context.edits.mark();
    branch::add_via(cx, socket, Proto::Udp, branch);
    let length = cx.context.edits.to_vec(&cx.context.message).len();
    cx.context.edits.rollback(mark);
    if length > core.udp_mtu { other } else { target }
}

/// How a stream is used for one message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    /// The connection to use if it still lives.
    pub connection: Option<ConnId>,
    /// May one be opened?
    pub open: Open,
    /// What happens to it afterwards.
    pub after: After,
    /// It belongs to the listening socket that was named, and to no other.
    pub bound: bool,
}

/// Writes the context's message with its edits, once, and sends it.
///
/// # Errors
/// A stream did not take it. Datagrams leave with the round's batch.
pub fn send_edited(cx: &mut Cx<'_>, departure: Departure) -> Result<(), ForwardError> {
    let Context { message, edits, .. } = &mut *cx.context;
    cx.shard.send_with(departure, |out| edits.write(message, out)).map(drop)
}

impl crate::services::Services {
    /// Sends what `write` appends to a buffer; over a stream, says over which connection.
    ///
    /// # Errors
    /// A stream did not take it.
    pub fn send_with(
        &mut self,
        departure: Departure,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Option<ConnId>, ForwardError> {
        // What a hook sends is not shown to hooks.
        let Some(running) = self.watching.take() else { return self.send_unseen(departure, write) };
        let mut bytes = std::mem::take(&mut self.watched);
        bytes.clear();
        write(&mut bytes);
        let result = self.send_unseen(departure, |out| out.extend_from_slice(&bytes));
        if result.is_ok() {
            for hook in &running.hooks.sent {
                hook(self, &running, &departure, &bytes);
            }
        }
        self.watched = bytes;
        self.watching = Some(running);
        result
    }

    /// Sends what is no part of the server's traffic (duplicates for a collector): no hook sees it. Over a stream, says
    /// over which connection.
    ///
    /// # Errors
    /// A stream did not take it.
    pub fn send_unseen(
        &mut self,
        departure: Departure,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Option<ConnId>, ForwardError> {
        let Departure { socket, target, stream } = departure;
        self.server.counts.sent.add(self.index);
        if target.proto == Proto::Udp {
            self.send.queue_with(SocketIndex(socket.0 as usize), target.addr, write);
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        write(&mut bytes);
        let connect = self.connect.take_if(|(asking, _)| *asking == target);
        let outgoing = Outgoing {
            wish: connect.as_ref().map(|(_, connect)| connect.wish()).unwrap_or_default(),
            // As Kamailio: a connection of ours leaves from the listening address only where the script forces it.
            socket: stream.bound.then(|| self.server.listeners.get(socket).address),
            connection: stream.connection,
            open: stream.open,
            after: stream.after,
            ..Outgoing::new(target.proto, target.addr, &bytes)
        };
        let result = self.server.hub.send(&outgoing);
        self.scratch = bytes;
        result.map(Some).map_err(ForwardError::Stream)
    }
}
