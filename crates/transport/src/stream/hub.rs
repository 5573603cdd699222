//! The face of the streams: listening, sending, and what shards ask.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connection::{Connection, Start};
use super::counts::{Counters, StreamCounts, count};
use super::event::{ConnId, ConnInfo, Direction, SendError, StreamSink};
use super::framing::NewFraming;
use super::handshakes::Handshakes;
use super::layer::{LayerGroup, LayerSource, Side, Wish};
use super::listener;
use super::options::StreamOptions;
use super::outbox::{Outbox, Posted};
use super::registry::Registry;
use crate::address::{Proto, SocketName};

/// Whether a message may open a connection (`set_forward_no_connect`, `set_reply_no_connect`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Open {
    /// If there is none.
    #[default]
    IfNeeded,
    /// No.
    Never,
}

/// What happens to the connection after a message (`set_forward_close`, `set_reply_close`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum After {
    /// It stays open.
    #[default]
    Keep,
    /// It is closed once the message has been written.
    Close,
}

/// One message to send.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The protocol.
    pub proto: Proto,
    /// The peer.
    pub remote: SocketAddr,
    /// Our listening socket that it must leave through, if that matters.
    pub socket: Option<SocketAddr>,
    /// The connection to use if it still lives, whoever its peer is: where a request came from, for its response.
    pub connection: Option<ConnId>,
    /// What is asked of a connection that has to be opened.
    pub wish: Wish<'a>,
    /// Whether a connection may be opened.
    pub open: Open,
    /// What happens to the connection afterwards.
    pub after: After,
    /// The message.
    pub data: &'a [u8],
}

impl<'a> Outgoing<'a> {
    /// A message to a peer, with nothing special about it.
    pub fn new(proto: Proto, remote: SocketAddr, data: &'a [u8]) -> Self {
        Self {
            proto,
            remote,
            socket: None,
            connection: None,
            wish: Wish::default(),
            open: Open::default(),
            after: After::default(),
            data,
        }
    }
}

/// Why an alias was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasError {
    /// There is no such connection.
    NoConnection,
    /// The port leads to another connection of the same peer address; a newcomer does not take it away.
    Taken(ConnId),
}

/// All stream connections of a server. Clones are the same hub.
#[derive(Clone)]
pub struct StreamHub {
    shared: Arc<Shared>,
}

/// What the hub, its listeners and its connections share.
pub(super) struct Shared {
    pub(super) runtime: Handle,
    pub(super) options: StreamOptions,
    pub(super) framing: NewFraming,
    pub(super) sink: Arc<dyn StreamSink>,
    pub(super) counters: Counters,
    pub(super) queued: AtomicUsize,
    pub(super) stopping: AtomicBool,
    pub(super) epoch: Instant,
    registry: RwLock<Registry>,
    pub(super) handshakes: Handshakes,
    layers: RwLock<Vec<(Proto, Arc<dyn LayerSource>)>>,
    listeners: Mutex<Vec<AbortHandle>>,
}

impl StreamHub {
    /// A hub whose connections live on `runtime`, which must have its input/output and time drivers on.
    pub fn new(
        runtime: Handle,
        options: StreamOptions,
        framing: NewFraming,
        sink: Arc<dyn StreamSink>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                runtime,
                handshakes: Handshakes::new(options.max_handshakes, options.handshake_threads),
                options,
                framing,
                sink,
                counters: Counters::default(),
                queued: AtomicUsize::new(0),
                stopping: AtomicBool::new(false),
                epoch: Instant::now(),
                registry: RwLock::default(),
                layers: RwLock::default(),
                listeners: Mutex::default(),
            }),
        }
    }

    /// Sets up what stands between TCP and the messages of `proto`. Plain TCP needs none.
    pub fn set_layer(&self, proto: Proto, layer: Arc<dyn LayerSource>) {
        let mut layers = self.shared.layers.write().unwrap_or_else(PoisonError::into_inner);
        layers.retain(|(known, _)| *known != proto);
        layers.push((proto, layer));
    }

    /// Accepts connections on a socket from now on. Returns the address it is bound to.
    ///
    /// # Errors
    /// The address cannot be bound, or the protocol has no layer set up.
    pub fn listen(&self, socket: SocketName) -> io::Result<SocketAddr> {
        if !self.shared.carries(socket.proto) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, SendError::Unsupported(socket.proto)));
        }
        let (local, task) = listener::start(&self.shared, socket)?;
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(local)
    }

    /// Sends one message: over the connection named, or over one that reaches the peer, or over a new one. Never
    /// blocks; callable from any thread. Returns the connection that took it.
    ///
    /// # Errors
    /// Nothing was sent. What is lost later, because a connection breaks, comes as
    /// [`SendFailed`](super::StreamEvent::SendFailed).
    pub fn send(&self, outgoing: &Outgoing<'_>) -> Result<ConnId, SendError> {
        let result = self.shared.send(outgoing);
        match result {
            Ok(_) => count(&self.shared.counters.sent),
            Err(SendError::ConnectionQueueFull | SendError::TotalQueueFull) => {
                count(&self.shared.counters.queue_full)
            }
            Err(_) => {}
        }
        result
    }

    /// Closes a connection once what waits has been written. Returns whether there was one.
    pub fn close(&self, id: ConnId) -> bool {
        let connection = self.shared.registry().get(id).map(Arc::clone);
        connection.inspect(|connection| connection.finish()).is_some()
    }

    /// Lets messages to `port` of the peer's address use this connection too (`;alias`, RFC 5923 §5;
    /// `force_tcp_alias`).
    ///
    /// # Errors
    /// There is no such connection, or the port leads to another one.
    pub fn add_alias(&self, id: ConnId, port: u16) -> Result<(), AliasError> {
        let added = self.shared.registry_mut().add_alias(id, port);
        added.map_err(|taken| taken.map_or(AliasError::NoConnection, AliasError::Taken))
    }

    /// Changes how long a connection may be idle. Returns whether there is such a connection.
    pub fn set_lifetime(&self, id: ConnId, lifetime: Duration) -> bool {
        let connection = self.shared.registry().get(id).map(Arc::clone);
        connection.inspect(|connection| connection.set_lifetime(lifetime)).is_some()
    }

    /// What is known of a connection, while it lives.
    pub fn info(&self, id: ConnId) -> Option<ConnInfo> {
        self.shared.registry().get(id).map(|connection| connection.info())
    }

    /// The connection that a message like this would use, if there is one.
    pub fn find(&self, outgoing: &Outgoing<'_>) -> Option<ConnId> {
        let registry = self.shared.registry();
        let named = outgoing.connection.and_then(|id| registry.get(id));
        let named = named.filter(|found| found.info().proto == outgoing.proto);
        let found = named.or_else(|| {
            registry.find(outgoing.proto, outgoing.remote, outgoing.socket, self.shared.group(outgoing))
        });
        found.map(|connection| connection.info().id)
    }

    /// What the handshake of a connection's layer has made known, if it is of this type.
    pub fn facts<T: Send + Sync + 'static>(&self, id: ConnId) -> Option<Arc<T>> {
        let connection = self.shared.registry().get(id).map(Arc::clone)?;
        connection.facts()?.downcast().ok()
    }

    /// How long a connection may still be idle.
    pub fn idle(&self, id: ConnId) -> Option<Duration> {
        let connection = self.shared.registry().get(id).map(Arc::clone)?;
        Some(connection.idle_until().saturating_sub(self.shared.epoch.elapsed()))
    }

    /// Bytes that wait for a connection's peer, beyond what the kernel holds.
    pub fn waiting(&self, id: ConnId) -> Option<usize> {
        let connection = self.shared.registry().get(id).map(Arc::clone)?;
        Some(connection.waiting())
    }

    /// All connections, by number.
    pub fn connections(&self) -> Vec<ConnInfo> {
        self.shared.registry().infos()
    }

    /// What was counted.
    pub fn counts(&self) -> StreamCounts {
        self.shared.counters.read(self.shared.registry().len(), self.shared.queued.load(Ordering::Relaxed))
    }

    /// Stops accepting and opening, and closes each connection once what waits has been written.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for listener in self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            listener.abort();
        }
        let connections = self.shared.registry().connections();
        for connection in connections {
            connection.finish();
        }
    }
}

impl Shared {
    pub(super) fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn layer_source(&self, proto: Proto) -> Option<Arc<dyn LayerSource>> {
        let layers = self.layers.read().unwrap_or_else(PoisonError::into_inner);
        layers.iter().find(|(known, _)| *known == proto).map(|(_, source)| Arc::clone(source))
    }

    fn carries(&self, proto: Proto) -> bool {
        proto == Proto::Tcp || (proto.is_stream() && self.layer_source(proto).is_some())
    }

    /// The group that a connection for this message must be of, if that matters.
    fn group(&self, outgoing: &Outgoing<'_>) -> Option<LayerGroup> {
        let matters = self.options.match_group && outgoing.proto.is_secure();
        let source = matters.then(|| self.layer_source(outgoing.proto)).flatten()?;
        Some(source.group(outgoing.remote, outgoing.wish))
    }

    /// Counts a new connection among those that shake hands, if it is one.
    pub(super) fn begin_handshake(&self, connection: &Arc<Connection>) {
        if connection.shakes_hands() {
            self.handshakes.begin(connection);
        }
    }

    /// An outbox with the layer that the connection's protocol asks for.
    pub(super) fn outbox(&self, info: &ConnInfo, side: Side<'_>) -> Result<Outbox, SendError> {
        if !self.carries(info.proto) {
            return Err(SendError::Unsupported(info.proto));
        }
        let made = self.layer_source(info.proto).map(|source| source.layer(info, side));
        let layer = made.transpose().map_err(|_| SendError::Layer)?;
        Ok(Outbox::new(layer))
    }

    fn send(self: &Arc<Self>, outgoing: &Outgoing<'_>) -> Result<ConnId, SendError> {
        if let Some(id) = outgoing.connection {
            let named =
                self.registry().get(id).filter(|found| found.info().proto == outgoing.proto).map(Arc::clone);
            if let Some(id) = named.map_or(Ok(None), |found| self.post(&found, outgoing))? {
                return Ok(id);
            }
        }
        let group = self.group(outgoing);
        let found =
            self.registry().find(outgoing.proto, outgoing.remote, outgoing.socket, group).map(Arc::clone);
        if let Some(id) = found.map_or(Ok(None), |found| self.post(&found, outgoing))? {
            return Ok(id);
        }
        if self.is_stopping() {
            return Err(SendError::Shutdown);
        }
        match outgoing.open {
            Open::Never => Err(SendError::NoConnection),
            Open::IfNeeded => self.open(outgoing, group),
        }
    }

    /// Gives a message to a connection; `None` if it is ending.
    fn post(&self, connection: &Connection, outgoing: &Outgoing<'_>) -> Result<Option<ConnId>, SendError> {
        let posted = connection.post(outgoing.data, self)?;
        if matches!(posted, Posted::Gone) {
            return Ok(None);
        }
        if outgoing.after == After::Close {
            connection.finish();
        }
        Ok(Some(connection.info().id))
    }

    /// Opens a connection and gives it the message, to be written once it stands.
    fn open(
        self: &Arc<Self>,
        outgoing: &Outgoing<'_>,
        group: Option<LayerGroup>,
    ) -> Result<ConnId, SendError> {
        let unbound = SocketAddr::new(
            if outgoing.remote.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() },
            0,
        );
        let mut registry = self.registry_mut();
        // Another shard may have opened one since this one looked.
        let found = registry.find(outgoing.proto, outgoing.remote, outgoing.socket, group).map(Arc::clone);
        if let Some(id) = found.map_or(Ok(None), |found| self.post(&found, outgoing))? {
            return Ok(id);
        }
        let is_full = outgoing.proto.is_secure() && registry.secure() >= self.options.max_secure;
        if is_full || registry.len() >= self.options.max_connections {
            count(&self.counters.refused_total);
            return Err(SendError::TooManyConnections);
        }
        let info = ConnInfo {
            id: registry.next_id(),
            proto: outgoing.proto,
            remote: outgoing.remote,
            local: outgoing.socket.unwrap_or(unbound),
            socket: outgoing.socket.unwrap_or(unbound),
            direction: Direction::Opened,
        };
        let outbox = self.outbox(&info, Side::Client(outgoing.wish))?;
        let connection = Arc::new(Connection::new(info, outbox, group.unwrap_or_default(), self));
        let posted = self.post(&connection, outgoing);
        if posted.is_ok() {
            registry.insert(Arc::clone(&connection));
        }
        drop(registry);
        posted?;
        self.begin_handshake(&connection);
        count(&self.counters.opened);
        self.runtime.spawn(connection.run(Arc::clone(self), Start::Open));
        Ok(info.id)
    }

    /// Locks what another thread may have panicked in: the state is valid at every step.
    pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StreamHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHub").field("counts", &self.counts()).finish()
    }
}
