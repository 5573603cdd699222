//! One connection: the part that shards touch, and the task that reads and writes.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::counts::count;
use super::event::{CloseReason, ConnInfo, Direction, ReceivedStream, SendError, StreamEvent};
use super::framing::{Frame, Framing, FramingError};
use super::hub::Shared;
use super::layer::LayerGroup;
use super::outbox::{Ending, Outbox, Posted};

/// How long a peer that has closed its own direction may wait for the answer to what it sent.
const HALF_CLOSED: Duration = Duration::from_millis(500);
/// When a sink that had no room is asked again.
const DELIVER_AGAIN: Duration = Duration::from_millis(2);
/// Reads in one go before other connections get their turn.
const READS_AT_ONCE: usize = 16;

/// What shards and the connection's task share.
pub(super) struct Connection {
    info: ConnInfo,
    group: LayerGroup,
    /// Our address, once the connection stands.
    local: OnceLock<SocketAddr>,
    stream: OnceLock<TcpStream>,
    outbox: Mutex<Outbox>,
    wake: Notify,
    /// Milliseconds since the hub's epoch.
    last_used: AtomicU64,
    lifetime: AtomicU64,
    /// The peer has sent a message and nothing was sent to it since.
    unanswered: AtomicBool,
}

/// How a connection begins.
pub(super) enum Start {
    /// It has to be opened.
    Open,
    /// It has been accepted.
    Accepted(TcpStream),
}

impl Connection {
    pub(super) fn new(info: ConnInfo, outbox: Outbox, group: LayerGroup, shared: &Shared) -> Self {
        Self {
            info,
            group,
            local: OnceLock::new(),
            stream: OnceLock::new(),
            outbox: Mutex::new(outbox),
            wake: Notify::new(),
            last_used: AtomicU64::new(millis(shared.epoch.elapsed())),
            lifetime: AtomicU64::new(millis(shared.options.lifetime)),
            unanswered: AtomicBool::new(false),
        }
    }

    pub(super) fn info(&self) -> ConnInfo {
        ConnInfo { local: self.local.get().copied().unwrap_or(self.info.local), ..self.info }
    }

    /// Whether a message that asks for this group may go over it.
    pub(super) fn is_of(&self, group: LayerGroup) -> bool {
        self.info.direction == Direction::Accepted || self.group == group
    }

    pub(super) fn shakes_hands(&self) -> bool {
        Shared::lock(&self.outbox).shakes_hands()
    }

    pub(super) fn facts(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Shared::lock(&self.outbox).facts()
    }

    /// When its lifetime ends, since the hub's epoch.
    pub(super) fn idle_until(&self) -> Duration {
        let last = self.last_used.load(Ordering::Relaxed);
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        Duration::from_millis(last.saturating_add(lifetime).min(FOREVER))
    }

    pub(super) fn waiting(&self) -> usize {
        Shared::lock(&self.outbox).waiting()
    }

    /// Ends it because others need the room, if its handshake is not done.
    pub(super) fn crowd_out(&self) {
        let mut outbox = Shared::lock(&self.outbox);
        if outbox.shakes_hands() {
            outbox.ending = Ending::Crowded;
            drop(outbox);
            self.wake.notify_one();
        }
    }

    pub(super) fn set_lifetime(&self, lifetime: Duration) {
        self.lifetime.store(millis(lifetime), Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Takes a message for sending.
    pub(super) fn post(&self, message: &[u8], shared: &Shared) -> Result<Posted, SendError> {
        let posted =
            Shared::lock(&self.outbox).post(message, self.stream.get(), &shared.options, &shared.queued)?;
        self.touch(shared);
        self.unanswered.store(false, Ordering::Relaxed);
        if !matches!(posted, Posted::Written) {
            self.wake.notify_one();
        }
        Ok(posted)
    }

    /// Ends the connection once what waits has been written.
    pub(super) fn finish(&self) {
        Shared::lock(&self.outbox).finish();
        self.wake.notify_one();
    }

    fn touch(&self, shared: &Shared) {
        self.last_used.store(millis(shared.epoch.elapsed()), Ordering::Relaxed);
    }

    /// The connection's life, from opening to the end.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>, start: Start) {
        let reason = match self.live(&shared, start).await {
            Err(reason) | Ok(reason) => reason,
        };
        let reason = match reason {
            CloseReason::Asked if shared.is_stopping() => CloseReason::Shutdown,
            reason => reason,
        };
        if matches!(reason, CloseReason::ConnectFailed(_) | CloseReason::ConnectTimeout) {
            count(&shared.counters.connect_failed);
        }
        shared.registry_mut().remove(self.info.id);
        let lost = Shared::lock(&self.outbox).abandon(&shared.queued);
        let info = self.info();
        if lost > 0 {
            shared.sink.event(StreamEvent::SendFailed { conn: info, bytes: lost });
        }
        shared.sink.event(StreamEvent::Closed(info, reason));
    }

    async fn live(&self, shared: &Shared, start: Start) -> Result<CloseReason, CloseReason> {
        let stream = match start {
            Start::Accepted(stream) => stream,
            Start::Open => match timeout(shared.options.connect_timeout, connect(&self.info, shared)).await {
                Ok(connected) => connected.map_err(CloseReason::ConnectFailed)?,
                Err(_) => return Err(CloseReason::ConnectTimeout),
            },
        };
        let local = stream.local_addr().map_err(CloseReason::Broken)?;
        // Set once, here: the connection's one task is the only caller.
        let _ = self.local.set(local);
        let stream = self.stream.get_or_init(|| stream);
        self.touch(shared);
        let started = Shared::lock(&self.outbox).start(&shared.queued);
        shared.sink.event(StreamEvent::Connected(self.info()));
        started.map_err(|error| CloseReason::Layer(error.0))?;
        Flow::new(self, shared, stream).run().await
    }
}

/// Opens the TCP connection, from the address of the socket it belongs to.
async fn connect(info: &ConnInfo, shared: &Shared) -> io::Result<TcpStream> {
    let socket = if info.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let named = !info.socket.ip().is_unspecified();
    if shared.options.reuse_port && info.socket.port() != 0 {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(info.socket)?;
    } else if named && info.socket.is_ipv4() == info.remote.is_ipv4() {
        socket.bind(SocketAddr::new(info.socket.ip(), 0))?;
    }
    let stream = socket.connect(info.remote).await?;
    prepare(&stream, shared)?;
    Ok(stream)
}

/// Sets what every connection has set.
pub(super) fn prepare(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(wanted) = shared.options.keepalive {
        let mut keepalive = socket2::TcpKeepalive::new();
        if let Some(idle) = wanted.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = wanted.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = wanted.count {
            keepalive = keepalive.with_retries(count);
        }
        let socket = socket2::SockRef::from(stream);
        socket.set_keepalive(true)?;
        if wanted != super::options::Keepalive::default() {
            socket.set_tcp_keepalive(&keepalive)?;
        }
    }
    Ok(())
}

/// The reading and writing of a connection that stands.
struct Flow<'a> {
    connection: &'a Connection,
    shared: &'a Shared,
    stream: &'a TcpStream,
    framing: Box<dyn Framing>,
    received: BytesMut,
    plain: BytesMut,
    /// When the message at the front of `plain` began.
    message_since: Option<Instant>,
    /// A message that the sink had no room for.
    undelivered: Option<ReceivedStream>,
    /// When the connection ends because the peer has closed its direction.
    half_closed_until: Option<Instant>,
    /// When the connection ends because the layer's handshake is not done.
    handshake_until: Option<Instant>,
}

impl<'a> Flow<'a> {
    fn new(connection: &'a Connection, shared: &'a Shared, stream: &'a TcpStream) -> Self {
        let handshake_until =
            connection.shakes_hands().then(|| Instant::now() + shared.options.handshake_timeout);
        Self {
            connection,
            shared,
            stream,
            framing: (shared.framing)(&connection.info()),
            received: BytesMut::new(),
            plain: BytesMut::new(),
            message_since: None,
            undelivered: None,
            half_closed_until: None,
            handshake_until,
        }
    }

    async fn run(mut self) -> Result<CloseReason, CloseReason> {
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        loop {
            let writing = self.write()?;
            if let Some(reason) = self.is_over() {
                return Ok(reason);
            }
            let reading = self.half_closed_until.is_none() && self.undelivered.is_none();
            timer.as_mut().reset(self.deadline());
            tokio::select! {
                ready = self.stream.readable(), if reading => {
                    ready.map_err(CloseReason::Broken)?;
                    self.read().await?;
                }
                ready = self.stream.writable(), if writing => ready.map_err(CloseReason::Broken)?,
                () = self.connection.wake.notified() => {}
                () = &mut timer => {
                    self.deliver_again();
                    self.take_messages()?;
                }
            }
        }
    }

    /// Writes what waits; returns whether something still does.
    fn write(&self) -> Result<bool, CloseReason> {
        let mut outbox = Shared::lock(&self.connection.outbox);
        outbox.flush(self.stream, &self.shared.queued).map_err(CloseReason::Broken)?;
        Ok(outbox.has_wire())
    }

    /// Whether, and why, the connection ends now.
    fn is_over(&self) -> Option<CloseReason> {
        let now = Instant::now();
        let (ending, waiting_since, written) = {
            let outbox = Shared::lock(&self.connection.outbox);
            (outbox.ending, outbox.waiting_since, outbox.is_written())
        };
        match ending {
            Ending::Broken => return Some(CloseReason::Broken(io::ErrorKind::BrokenPipe.into())),
            Ending::Crowded => return Some(CloseReason::HandshakesCrowded),
            Ending::Done => return Some(CloseReason::Asked),
            Ending::WhenWritten if written => return Some(CloseReason::Asked),
            _ => {}
        }
        let options = &self.shared.options;
        let passed = |since: Option<Instant>, time| since.is_some_and(|since| now >= since + time);
        if passed(waiting_since, options.send_timeout) {
            Some(CloseReason::SendTimeout)
        } else if self.handshake_until.is_some_and(|until| now >= until) {
            Some(CloseReason::HandshakeTimeout)
        } else if self.half_closed_until.is_some_and(|until| now >= until) {
            Some(CloseReason::Peer)
        } else if passed(self.message_since, options.message_timeout) {
            Some(CloseReason::MessageTimeout)
        } else if now >= self.idle_deadline() {
            Some(CloseReason::Idle)
        } else {
            None
        }
    }

    fn idle_deadline(&self) -> Instant {
        self.shared.epoch + self.connection.idle_until()
    }

    /// When something has to be done even if nothing happens.
    fn deadline(&self) -> Instant {
        let options = &self.shared.options;
        let waiting_since = Shared::lock(&self.connection.outbox).waiting_since;
        [
            waiting_since.map(|since| since + options.send_timeout),
            self.message_since.map(|since| since + options.message_timeout),
            self.half_closed_until,
            self.handshake_until,
            self.undelivered.as_ref().map(|_| Instant::now() + DELIVER_AGAIN),
        ]
        .into_iter()
        .flatten()
        .fold(self.idle_deadline(), Instant::min)
    }

    /// Reads what has come.
    async fn read(&mut self) -> Result<(), CloseReason> {
        for _ in 0..READS_AT_ONCE {
            self.received.reserve(self.shared.options.read_size);
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => return self.peer_closed(),
                Ok(_) => {
                    self.connection.touch(self.shared);
                    if self.handshake_until.is_some() {
                        self.shake_hands().await?;
                    } else {
                        self.decode()?;
                    }
                    self.take_messages()?;
                    if self.undelivered.is_some() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.give_buffers_back();
                    return Ok(());
                }
                Err(error) => return Err(CloseReason::Broken(error)),
            }
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// A connection that waits for its peer holds no buffers.
    fn give_buffers_back(&mut self) {
        if self.received.is_empty() && self.plain.is_empty() {
            self.received = BytesMut::new();
            self.plain = BytesMut::new();
        }
    }

    /// Lets the layer go on with its handshake, where its arithmetic keeps no message waiting.
    async fn shake_hands(&mut self) -> Result<(), CloseReason> {
        // The hub lives as long as its connections, and its turns are never closed.
        let turn = self.shared.handshakes.turns.acquire().await.expect("turns are never closed");
        if let Some(reason) = self.is_over() {
            return Err(reason);
        }
        let Some(mut layer) = Shared::lock(&self.connection.outbox).lend() else { return Ok(()) };
        let (mut received, mut plain) = (self.received.split(), BytesMut::new());
        let worked = tokio::task::spawn_blocking(move || {
            let mut answer = BytesMut::new();
            let decoded = layer.decode(&mut received, &mut plain, &mut answer);
            (layer, decoded, plain, answer)
        })
        .await;
        drop(turn);
        let (layer, decoded, plain, answer) =
            worked.map_err(|_| CloseReason::Layer("the handshake could not be computed".to_owned()))?;
        self.plain.unsplit(plain);
        let mut outbox = Shared::lock(&self.connection.outbox);
        if layer.is_ready() {
            self.handshake_until = None;
        }
        let carried = outbox.give_back(layer, &answer, &self.shared.queued);
        if decoded.is_err() {
            // The layer's last words; if they do not get through, that is the same end.
            let _ = outbox.flush(self.stream, &self.shared.queued);
        }
        decoded.and(carried).map_err(|error| CloseReason::Layer(error.0))
    }

    /// The peer sends nothing more. If it waits for an answer it gets some time for it, but nothing new is sent there.
    fn peer_closed(&mut self) -> Result<(), CloseReason> {
        let waits = self.connection.unanswered.load(Ordering::Relaxed);
        if !waits && Shared::lock(&self.connection.outbox).waiting() == 0 {
            return Err(CloseReason::Peer);
        }
        self.shared.registry_mut().unlink(self.connection.info.id);
        self.message_since = None;
        self.half_closed_until = Some(Instant::now() + HALF_CLOSED);
        Ok(())
    }

    fn decode(&mut self) -> Result<(), CloseReason> {
        let mut outbox = Shared::lock(&self.connection.outbox);
        let decoded = outbox.decode(&mut self.received, &mut self.plain, &self.shared.queued);
        if decoded.is_err() {
            // The layer's last words; if they do not get through, that is the same end.
            let _ = outbox.flush(self.stream, &self.shared.queued);
        }
        decoded.map_err(|error| CloseReason::Layer(error.0))
    }

    /// Cuts messages off what has come and delivers them.
    fn take_messages(&mut self) -> Result<(), CloseReason> {
        while self.undelivered.is_none() {
            let between = self.take_keepalives()?;
            if self.plain.is_empty() || between == Between::Unclear {
                self.message_since = None;
                return Ok(());
            }
            match self.framing.feed(&mut self.plain) {
                Frame::Message(message) if message.len() > self.shared.options.max_message => {
                    return Err(CloseReason::Framing(FramingError::TooLong));
                }
                Frame::Message(message) => {
                    count(&self.shared.counters.received);
                    self.message_since = None;
                    self.connection.unanswered.store(true, Ordering::Relaxed);
                    let conn = self.connection.info();
                    self.undelivered = Some(ReceivedStream { conn, data: Arc::new(message) });
                    self.deliver_again();
                }
                Frame::More if self.plain.len() > self.shared.options.max_message => {
                    return Err(CloseReason::Framing(FramingError::TooLong));
                }
                Frame::More => {
                    self.message_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Frame::Broken(error) => return Err(CloseReason::Framing(error)),
            }
        }
        Ok(())
    }

    fn deliver_again(&mut self) {
        if let Some(received) = self.undelivered.take() {
            self.undelivered = self.shared.sink.deliver(received).err();
        }
    }

    /// Takes line ends before a message off: a double one asks for a single one (RFC 5626 §3.5.1), a single one is
    /// such an answer.
    fn take_keepalives(&mut self) -> Result<Between, CloseReason> {
        loop {
            match &self.plain[..] {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.plain.advance(4);
                    if self.shared.options.crlf_ping {
                        count(&self.shared.counters.pings);
                        self.connection.post(b"\r\n", self.shared).ok();
                    }
                }
                [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(Between::Unclear),
                [b'\r', b'\n', ..] => self.plain.advance(2),
                _ => return Ok(Between::Clear),
            }
        }
    }
}

/// Whether what stands before the next message has been understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// A message begins here, or nothing has come.
    Clear,
    /// Half of a keep-alive.
    Unclear,
}

/// A hundred years, beyond which an instant may not reach.
const FOREVER: u64 = 100 * 365 * 86_400_000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
