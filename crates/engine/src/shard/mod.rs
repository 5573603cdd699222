//! A shard: a thread with an event loop of its own, its sockets and the messages that are its.
//!
//! One round: poll, read what came in batches, hand over what is another's, take what others handed over, run due
//! timers, send everything, wake who was handed something.

mod intake;
mod order;
mod parked;
mod steering;
mod timers;
mod work;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Interest, Poll, Token};
use transport::stream::ReceivedStream;
use transport::udp::{BufferPool, ReceiveBatch, SendBatch, SendBatchLimits, UdpSocket};
use transport::{Inbox, InboxSender, Packet, Proto};

use crate::context::Received;
use crate::listener::ListenerId;
use crate::module::Resume;
use crate::running::Running;
use crate::server::Server;
use crate::services::{Random, Services};

pub(crate) use steering::{Steering, peek};

use order::Order;
use parked::ParkedRoutes;
use timers::Timers;
use work::Work;

/// Datagrams a system call.
const BATCH: usize = 64;
/// Batches of one socket in one round, so that no socket starves the others.
const BATCHES_A_ROUND: usize = 4;
/// Things taken from the inbox in one round.
const INBOX_A_ROUND: usize = 1024;
/// Room of an inbox.
const INBOX: usize = 16_384;
/// Buffers kept for reuse.
const BUFFERS: usize = 1024;
/// How long a stop waits for parked routes.
const GRACE: Duration = Duration::from_secs(5);

const INBOX_TOKEN: Token = Token(usize::MAX - 1);

/// What comes into a shard's inbox.
pub(crate) enum Event {
    /// A datagram that another shard's socket received.
    Datagram(Packet, Received),
    /// A message of a stream.
    Stream(ReceivedStream),
    /// What a parked route waited for.
    Resume(u64, Resume),
}

/// A shard before its thread runs.
pub(crate) struct Seed {
    index: usize,
    sockets: Vec<UdpSocket>,
    poll: Poll,
    inbox: Inbox<Event>,
    sender: InboxSender<Event>,
}

impl Seed {
    pub(crate) fn new(index: usize, mut sockets: Vec<UdpSocket>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (number, socket) in sockets.iter_mut().enumerate() {
            poll.registry().register(socket, Token(number), Interest::READABLE)?;
        }
        let (inbox, sender) = transport::steer::inbox(INBOX, poll.registry(), INBOX_TOKEN)?;
        Ok(Self { index, sockets, poll, inbox, sender })
    }

    pub(crate) fn inbox(&self) -> InboxSender<Event> {
        self.sender.clone()
    }

    pub(crate) fn spawn(self, server: &Arc<Server>) -> io::Result<JoinHandle<()>> {
        let server = Arc::clone(server);
        let name = format!("shard-{}", self.index);
        std::thread::Builder::new().name(name).spawn(move || Shard::new(self, server).run())
    }
}

/// A running shard.
pub(crate) struct Shard {
    sockets: Vec<UdpSocket>,
    poll: Poll,
    inbox: Inbox<Event>,
    batch: ReceiveBatch,
    services: Services,
    running: Arc<Running>,
    generation: u64,
    /// Sockets that may hold more than the last round read.
    undrained: Vec<usize>,
    /// Shards that were handed something this round.
    handed: Vec<bool>,
    /// Work that ended, to be used again; the last one first, so that `$var` stays with its "process".
    #[allow(
        clippy::vec_box,
        reason = "work moves between this list, the stack and the parked ones: a pointer is cheaper"
    )]
    idle: Vec<Box<Work>>,
    parked: ParkedRoutes,
    order: Order,
    timers: Timers,
}

impl Shard {
    fn new(seed: Seed, server: Arc<Server>) -> Self {
        let running = server.running();
        let generation = server.generation();
        let now = Instant::now();
        let pool = BufferPool::new(server.options.limits.message_size, BUFFERS);
        let handed = vec![false; server.shards()];
        let timers = Timers::new(&running, seed.index, server.shards(), now);
        let order = Order::new(server.options.queued_per_call, server.options.queued_for);
        Self {
            sockets: seed.sockets,
            poll: seed.poll,
            inbox: seed.inbox,
            batch: ReceiveBatch::new(BATCH, pool),
            services: Services {
                index: seed.index,
                server,
                send: SendBatch::new(SendBatchLimits::default()),
                now,
                clock: SystemTime::now(),
                scratch: Vec::new(),
                reply_buffer: Vec::new(),
                random: Random::new(),
            },
            running,
            generation,
            undrained: Vec::new(),
            handed,
            idle: Vec::new(),
            parked: ParkedRoutes::default(),
            order,
            timers,
        }
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        self.start_routes();
        loop {
            let may_block = self.undrained.is_empty() && self.inbox.arm() && !self.has_news();
            let timeout = if may_block { self.next_deadline() } else { Some(Duration::ZERO) };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(target: "core", "shard {}: poll failed: {error}", self.services.index);
                return;
            }
            self.inbox.disarm();
            self.services.now = Instant::now();
            self.services.clock = SystemTime::now();
            self.take_reload();
            self.read_sockets(&events);
            self.read_inbox();
            self.run_timers();
            self.flush();
            if self.services.server.is_stopping() {
                return self.end(&mut events);
            }
        }
    }

    /// Something that comes without an event: a reload or a stop.
    fn has_news(&self) -> bool {
        let server = &self.services.server;
        server.generation() != self.generation || server.is_stopping()
    }

    fn next_deadline(&self) -> Option<Duration> {
        let next = [self.timers.next(), self.order.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn take_reload(&mut self) {
        let generation = self.services.server.generation();
        if generation != self.generation {
            self.generation = generation;
            self.running = self.services.server.running();
            self.timers =
                Timers::new(&self.running, self.services.index, self.handed.len(), self.services.now);
        }
    }

    fn read_sockets(&mut self, events: &Events) {
        let mut ready = std::mem::take(&mut self.undrained);
        for event in events {
            let number = event.token().0;
            if number < self.sockets.len() && !ready.contains(&number) {
                ready.push(number);
            }
        }
        for number in ready.drain(..) {
            self.read_socket(number);
        }
        // Keep the allocation; what was found undrained meanwhile goes along.
        ready.append(&mut self.undrained);
        self.undrained = ready;
    }

    fn read_socket(&mut self, number: usize) {
        for _ in 0..BATCHES_A_ROUND {
            let drained = match self.sockets[number].receive(&mut self.batch) {
                Ok(drained) => drained,
                Err(error) => {
                    tracing::error!(target: "core", "socket {number} cannot be read: {error}");
                    return;
                }
            };
            while let Some(datagram) = self.batch.next() {
                let received = Received {
                    proto: Proto::Udp,
                    source: datagram.source,
                    destination: datagram.destination,
                    listener: ListenerId(number as u16),
                    connection: None,
                    at: self.services.clock,
                };
                self.steer(datagram.data, received);
            }
            if drained {
                return;
            }
        }
        self.undrained.push(number);
    }

    /// Works on a datagram, or hands it to the shard that it belongs to.
    fn steer(&mut self, data: Packet, received: Received) {
        let server = &self.services.server;
        if !server.steering.is_single() {
            let owner = server.steering.shard_of(&peek(&data)).unwrap_or(self.services.index);
            if owner != self.services.index {
                server.counts.handed_over.add(self.services.index);
                let inboxes = server.inboxes.get().map_or(&[][..], Vec::as_slice);
                match inboxes.get(owner).map(|inbox| inbox.push(Event::Datagram(data, received))) {
                    Some(Ok(())) => self.handed[owner] = true,
                    _ => server.counts.dropped.add(self.services.index),
                }
                return;
            }
        }
        self.receive(data, received);
    }

    fn read_inbox(&mut self) {
        for _ in 0..INBOX_A_ROUND {
            match self.inbox.pop() {
                None => return,
                Some(Event::Datagram(data, received)) => self.receive(data, received),
                Some(Event::Stream(stream)) => self.receive_stream(stream),
                Some(Event::Resume(ticket, resume)) => self.resume(ticket, resume),
            }
        }
    }

    fn receive_stream(&mut self, stream: ReceivedStream) {
        let conn = stream.conn;
        let listeners = &self.services.server.listeners;
        let listener = listeners.bound_to(Some(conn.proto), conn.socket);
        let Some(listener) = listener.or_else(|| listeners.first(conn.proto, conn.socket.is_ipv4())) else {
            self.services.server.counts.dropped.add(self.services.index);
            return;
        };
        let received = Received {
            proto: conn.proto,
            source: conn.remote,
            destination: conn.local,
            listener,
            connection: Some(conn.id),
            at: self.services.clock,
        };
        self.receive(stream.data, received);
    }

    /// Sends what the round queued, and wakes the shards that were handed something.
    fn flush(&mut self) {
        for (shard, handed) in self.handed.iter_mut().enumerate() {
            if std::mem::take(handed)
                && let Some(inbox) = self.services.server.inboxes.get().and_then(|inboxes| inboxes.get(shard))
            {
                inbox.wake();
            }
        }
        let flushed = self.services.send.flush(&self.sockets);
        let lost = flushed.dropped + flushed.failures.len();
        if lost > 0 {
            self.services.server.counts.unsent.add_many(self.services.index, lost as u64);
            for failure in &flushed.failures {
                tracing::error!(target: "core", "udp:{} was not sent to: {}", failure.destination, failure.error);
            }
        }
        let registry = self.poll.registry();
        if let Err(error) = self.services.send.watch(&mut self.sockets, registry, |socket| Token(socket.0)) {
            tracing::error!(target: "core", "a full socket cannot be watched: {error}");
        }
    }

    /// Lets parked routes end, within the grace time; reads nothing new.
    fn end(mut self, events: &mut Events) {
        let until = Instant::now() + GRACE;
        while !self.parked.is_empty() && Instant::now() < until {
            let timeout = if self.inbox.arm() {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            if self.poll.poll(events, Some(timeout.min(Duration::from_millis(100)))).is_err() {
                break;
            }
            self.inbox.disarm();
            self.read_inbox();
            self.flush();
        }
        self.flush();
        if !self.parked.is_empty() {
            tracing::warn!(target: "core", "{} routes still waited when the server stopped", self.parked.len());
        }
    }

    /// The number of the next message of this server.
    fn next_number(&self) -> u64 {
        self.services.server.message_number.fetch_add(1, Ordering::Relaxed) + 1
    }
}
