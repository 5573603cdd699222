//! Where duplicates go, and through which socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cfg_vm::Str;
use engine::Listener;
use engine::forward::{Departure, Hop, Stream};
use engine::services::Services;
use transport::stream::Open;
use transport::{NextHop, Proto, Target};

use super::SipTrace;
use super::record::Place;

/// Duplicates that wait for a name to be looked up; more are dropped.
const WAITING: usize = 1000;

/// The socket that duplicates leave through, if one was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Named(Str),
    At(Place),
}

impl Socket {
    fn is(&self, listener: &Listener) -> bool {
        match self {
            Self::Named(name) => listener.name.as_ref() == Some(name),
            Self::At(place) => listener.proto == place.proto && listener.address == place.address,
        }
    }
}

/// The place that a hop names without a lookup.
pub(super) fn place_of(hop: &Hop) -> Option<Place> {
    let proto = hop.proto.unwrap_or(Proto::Udp);
    let port = hop.port.unwrap_or_else(|| proto.default_port());
    Place::parse(format!("{proto}:{}:{port}", hop.host.to_lossy()).as_bytes())
}

/// Sends bytes to a hop. Where its name has to be looked up first, they follow when the answer is there.
pub(super) fn send(services: &mut Services, trace: &SipTrace, hop: &Hop, bytes: Vec<u8>) {
    let Ok(host) = std::str::from_utf8(&hop.host) else { return };
    let question = NextHop { host, port: hop.port, proto: hop.proto, sips: hop.sips };
    if let Some(answer) = services.server.resolver.cached(&question) {
        return leave(services, trace, hop, answer.unwrap_or_default().first(), &bytes);
    }
    if trace.lookups.fetch_add(1, Ordering::Relaxed) >= WAITING {
        trace.lookups.fetch_sub(1, Ordering::Relaxed);
        tracing::error!(target: "siptrace", "{} is not resolved in time: a duplicate is lost", hop.host.escape_ascii());
        return;
    }
    let answer = services.server.resolver.lookup(&question);
    let (server, shard) = (Arc::clone(&services.server), services.index);
    let (hop, lookups) = (hop.clone(), Arc::clone(&trace.lookups));
    services.server.runtime.spawn(async move {
        let targets = answer.await.unwrap_or_default();
        lookups.fetch_sub(1, Ordering::Relaxed);
        let visit = server.visit(
            shard,
            Box::new(move |services, running| {
                if let Some(trace) = running.state::<SipTrace>() {
                    leave(services, trace, &hop, targets.first(), &bytes);
                }
            }),
        );
        if visit.is_err() {
            tracing::error!(target: "siptrace", "a busy shard has no room: a duplicate is lost");
        }
    });
}

/// A counter of lookups under way.
pub(super) type Lookups = Arc<AtomicUsize>;

fn leave(services: &mut Services, trace: &SipTrace, hop: &Hop, target: Option<&Target>, bytes: &[u8]) {
    let Some(target) = target else {
        tracing::error!(target: "siptrace", "{} cannot be resolved: a duplicate is lost", hop.host.escape_ascii());
        return;
    };
    let listeners = &services.server.listeners;
    let fits = |listener: &&Listener| {
        listener.proto == target.proto && listener.address.is_ipv4() == target.addr.is_ipv4()
    };
    let socket = match &trace.socket {
        Some(socket) => listeners.all().iter().filter(fits).find(|listener| socket.is(listener)),
        None => listeners.all().iter().find(fits),
    };
    let Some(socket) = socket else {
        tracing::error!(
            target: "siptrace",
            "no listening socket can send duplicates to {}:{}; add one, or see send_sock_addr and send_sock_name",
            target.proto,
            target.addr
        );
        return;
    };
    let stream = Stream { open: Open::IfNeeded, ..Stream::default() };
    let departure = Departure { socket: socket.id, target: *target, stream };
    if let Err(error) = services.send_unseen(departure, |out| out.extend_from_slice(bytes)) {
        tracing::error!(target: "siptrace", "a duplicate is lost: {error}");
    }
}
