//! From a request to be sent to its transaction.

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use engine::context::{Received, RouteContext};
use engine::forward::{self, Departure, ForwardError};
use engine::listener::ListenerId;
use engine::services::Services;
use engine::{Context, Cx, Running, branch, event};
use sip_message::{HeaderId, Limits, Method};
use sip_transaction::{Kind, server};
use transport::{Proto, Target};

use super::compose::{HeaderFault, Headers, Own};
use super::{Id, Local, Request, SendError, Tm};
use crate::tm::current::Current;
use crate::tm::table::Table;
use crate::tm::transaction::{self, Timers, Transaction};
use crate::tm::{machine, relay};

/// A request whose parts have been checked.
pub(super) struct Ready {
    pub(super) request: Request,
    headers: Headers,
}

impl Ready {
    /// Checks what can be checked before anything is looked up.
    pub(super) fn of(running: &Running, request: Request) -> Result<Self, SendError> {
        if running.state::<Tm>().is_none() {
            return Err(SendError::NoTransactions);
        }
        if request.method.is_empty() {
            return Err(SendError::NoMethod);
        }
        if !is_uri(&request.uri) {
            return Err(SendError::BadUri);
        }
        if request.next_hop.as_ref().is_some_and(|uri| !is_uri(uri)) {
            return Err(SendError::BadNextHop);
        }
        let headers = Headers::read(&request.headers, &request.method, !request.body.is_empty());
        Ok(Self { headers: headers.map_err(SendError::Headers)?, request })
    }
}

fn is_uri(text: &[u8]) -> bool {
    sip_message::Uri::parse(text).is_ok()
}

/// Sends a request to a target. Nothing for an ACK, which begins no transaction.
pub(super) fn launch(
    services: &mut Services,
    running: &Arc<Running>,
    ready: Ready,
    target: Target,
) -> Result<Option<Id>, SendError> {
    let Ready { request, headers } = ready;
    let tm = running.state::<Tm>().ok_or(SendError::NoTransactions)?;
    let socket = socket_for(services, request.socket, target)?;
    let is_ack = Method::from_bytes(&request.method) == Method::Ack;
    let id = (!is_ack).then(|| insert(services, running, &request, tm, (socket, target)));
    let user_agent = tm.params.user_agent.clone();
    let text = written(
        services,
        running,
        &request,
        &headers,
        &Place { id, socket, proto: target.proto },
        &user_agent,
    );
    let mut context = services.kept::<Table>().spare();
    let received = as_if_from(services, socket, target.proto);
    if context.begin(Arc::new(text), received, &Limits::DEFAULT).is_err() {
        forget(services, id);
        return Err(SendError::Headers(HeaderFault::Invalid));
    }
    if let Some(id) = id {
        let table: &mut Table = services.kept();
        let call = table.call_of(&context.message);
        table.name_call(id, call);
    }
    context.destination.uri_to_send = Some(request.next_hop.unwrap_or(request.uri));
    context.destination.socket = request.socket;
    context.data.of::<Current>().id = id;
    if let Some(transaction) = id.and_then(|id| services.kept::<Table>().get_mut(id)) {
        transaction.local = Some(Box::new(Local { then: None, user_agent }));
    }
    if !is_let_out(services, running, &mut context) {
        forget(services, id);
        return Err(SendError::Dropped);
    }
    depart(services, running, context, id, socket, target).map(|()| id)
}

/// Writes and sends it. The route may have put another URI in, or chosen another socket; where the request goes has been
/// decided before, whatever `$ru` and `$du` say now, as in Kamailio.
fn depart(
    services: &mut Services,
    running: &Arc<Running>,
    mut context: Box<Context>,
    id: Option<Id>,
    first: ListenerId,
    target: Target,
) -> Result<(), SendError> {
    if let Some(uri) = context.destination.uri.clone() {
        let Context { message, edits, .. } = &mut *context;
        edits.set_uri(message, &uri);
    }
    let socket =
        socket_for(services, context.destination.socket, target).inspect_err(|_| forget(services, id))?;
    if socket != first {
        replace_via(services, running, &mut context, &Place { id, socket, proto: target.proto });
    }
    let departure = Departure { socket, target, stream: forward::Stream::default() };
    let mut bytes = Vec::with_capacity(context.message.as_bytes().len() + 64);
    context.edits.write(&context.message, &mut bytes);
    if !machine::send(services, departure, &bytes, "a request") {
        forget(services, id);
        return Err(SendError::Send(ForwardError::NoSocket(target)));
    }
    let Some(id) = id else { return Ok(()) };
    let flags = context.flags.branch;
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get_mut(id) else { return Ok(()) };
    transaction.departure = departure;
    let destination = context.destination.clone();
    transaction.branches.push(relay::begun(departure, bytes, destination, flags));
    transaction.request = transaction::Request::Home(context);
    machine::begin_branch(services, id, 0);
    Ok(())
}

/// Nothing comes of a transaction that was made.
fn forget(services: &mut Services, id: Option<Id>) {
    let Some(id) = id else { return };
    if let Some(transaction) = services.kept::<Table>().get_mut(id) {
        transaction.request = transaction::Request::Spent;
        transaction.local = None;
    }
    machine::destroy(services, id);
}

/// Runs `event_route[tm:local-request]`; false when it ended by `drop`.
fn is_let_out(services: &mut Services, running: &Arc<Running>, context: &mut Context) -> bool {
    match running.program.route(RouteKind::Event, b"tm:local-request") {
        Some(route) => event::run_as(&mut Cx::new(context, services, running), route, RouteContext::Local),
        None => true,
    }
}

fn socket_for(
    services: &Services,
    wanted: Option<ListenerId>,
    target: Target,
) -> Result<ListenerId, SendError> {
    let listeners = &services.server.listeners;
    let fits = |id: &ListenerId| {
        let listener = listeners.get(*id);
        listener.proto == target.proto && listener.address.is_ipv4() == target.addr.is_ipv4()
    };
    let socket = wanted.filter(fits).or_else(|| listeners.first(target.proto, target.addr.is_ipv4()));
    socket.ok_or(SendError::Send(ForwardError::NoSocket(target)))
}

/// As if we had sent it to ourselves, as in Kamailio.
fn as_if_from(services: &Services, socket: ListenerId, proto: Proto) -> Received {
    let address = services.server.listeners.get(socket).address;
    Received {
        proto,
        source: address,
        destination: address,
        listener: socket,
        connection: None,
        at: services.clock,
    }
}

fn insert(
    services: &mut Services,
    running: &Arc<Running>,
    request: &Request,
    tm: &Tm,
    (socket, target): (ListenerId, Target),
) -> Id {
    let method = Method::from_bytes(&request.method);
    let kind = if method == Method::Invite { Kind::Invite } else { Kind::NonInvite };
    let mut wishes = tm.params.wishes;
    if let Some(timeout) = request.timeout {
        (wishes.timing.fr, wishes.timing.fr_inv) = (timeout, timeout);
    }
    let lifetime = match kind {
        Kind::Invite => wishes.timing.max_inv_lifetime,
        Kind::NonInvite => wishes.timing.max_noninv_lifetime,
    };
    let (now, shard) = (services.now, services.index);
    let table: &mut Table = services.kept();
    let ends_at = if lifetime == 0 { u64::MAX } else { table.milliseconds(now) + u64::from(lifetime) };
    let transaction = Box::new(Transaction {
        running: Arc::clone(running),
        kind,
        method,
        key: None,
        merge_key: None,
        // It has no server's side.
        state: server::State::Terminated,
        request: transaction::Request::Away,
        departure: Departure { socket, target, stream: forward::Stream::default() },
        branches: Vec::with_capacity(1),
        first_of_round: 0,
        wishes,
        reply: Vec::new(),
        status: 0,
        timers: Timers::default(),
        ends_at,
        canceled: false,
        cancel_reason: Vec::new(),
        next_job: None,
        lent: None,
        saved: None,
        earlier: None,
        suspended: None,
        goes_on: None,
        local: None,
    });
    table.counts.get_or_insert_with(|| Arc::clone(&tm.counts)).begun(shard, true);
    // Its Call-ID is written later.
    table.insert(transaction, 0)
}

/// Where a request is to leave from, and in which transaction.
struct Place {
    id: Option<Id>,
    socket: ListenerId,
    proto: Proto,
}

fn written(
    services: &mut Services,
    running: &Arc<Running>,
    request: &Request,
    headers: &Headers,
    place: &Place,
    user_agent: &[u8],
) -> Vec<u8> {
    let (one, two) = (services.random(), services.random());
    let via = via_line(services, running, place);
    let host = services.server.listeners.get(place.socket).public_host().clone();
    let mut call_id = format!("{one:016x}-{}@", services.index).into_bytes();
    call_id.extend_from_slice(&host);
    let tag = format!("{two:016x}{:016x}", one.rotate_left(32) ^ two);
    let own = Own { via: &via, tag: tag.as_bytes(), call_id: &call_id, user_agent };
    let mut text = Vec::with_capacity(512 + request.headers.len() + request.body.len());
    headers.write(&request.method, &request.uri, &request.body, &own, &mut text);
    text
}

/// The Via line of a transaction's only branch, or of an ACK.
pub(super) fn via_of(
    services: &mut Services,
    running: &Arc<Running>,
    id: Id,
    departure: &Departure,
) -> Vec<u8> {
    via_line(
        services,
        running,
        &Place { id: Some(id), socket: departure.socket, proto: departure.target.proto },
    )
}

fn via_line(services: &mut Services, running: &Arc<Running>, place: &Place) -> Vec<u8> {
    let shard = services.index;
    let name = match place.id {
        Some(id) => services.kept::<Table>().branch_name(shard, id, 0).to_vec(),
        None => {
            let (one, two) = (services.random(), services.random());
            let rest = format!("{:02x}00.{one:016x}{two:016x}.0", shard as u8);
            [branch::COOKIE, rest.as_bytes()].concat()
        }
    };
    let mut nobody = Context::default();
    let mut via = Vec::with_capacity(128);
    let cx = Cx::new(&mut nobody, services, running);
    branch::write_via(&cx, place.socket, place.proto, Some(&name), &mut via);
    via
}

fn replace_via(services: &mut Services, running: &Arc<Running>, context: &mut Context, place: &Place) {
    let via = via_line(services, running, place);
    if let Some(field) = context.message.index().first(HeaderId::Via) {
        context.edits.replace(field.whole, &via);
    }
}
