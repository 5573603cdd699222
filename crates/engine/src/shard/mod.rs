//! A shard: its sockets and the messages that are its, driven by a thread with an event loop of its own.
//!
//! One round: poll, read what came in batches, take what others handed over, run due timers, send everything, hand over
//! what is another's ([`driver`]).

mod driver;
mod intake;
mod order;
mod parked;
mod steering;
mod timers;
mod work;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Interest, Poll, Registry, Token};
use transport::stream::ReceivedStream;
use transport::udp::{BufferPool, ReceiveBatch, SendBatch, SendBatchLimits, UdpSocket};
use transport::{Inbox, InboxSender, Packet, Proto};

use crate::context::{Received, TypeMap};
use crate::listener::ListenerId;
use crate::module::{Resume, Visit};
use crate::running::Running;
use crate::server::Server;
use crate::services::{Random, Services};

pub(crate) use driver::spawn;
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

const INBOX_TOKEN: Token = Token(usize::MAX - 1);

/// What comes into a shard's inbox.
pub(crate) enum Event {
    /// A datagram that another shard's socket received.
    Datagram(Packet, Received),
    /// A message of a stream.
    Stream(ReceivedStream),
    /// What a parked route waited for.
    Resume(u64, Resume),
    /// What another thread wants done with this shard's state.
    Visit(Visit),
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
}

/// A running shard: everything but its poll, which its thread keeps, so that another thread can work on its messages
/// while this one sleeps.
pub(crate) struct Shard {
    sockets: Vec<UdpSocket>,
    /// Of the poll that wakes this shard's thread.
    registry: Registry,
    inbox: Inbox<Event>,
    batch: ReceiveBatch,
    services: Services,
    running: Arc<Running>,
    generation: u64,
    /// Sockets that may hold more than the last round read.
    undrained: Vec<usize>,
    /// Datagrams of this round that belong to other shards, by shard.
    foreign: Vec<Vec<Event>>,
    /// Until when the thread sleeps if nothing wakes it; `None` is for ever.
    sleeps_until: Option<Instant>,
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

/// The configuration, if it has hooks for what is sent.
fn watching(running: &Arc<Running>) -> Option<Arc<Running>> {
    (!running.hooks.sent.is_empty()).then(|| Arc::clone(running))
}

impl Shard {
    /// The shard, and the poll that its thread waits on.
    fn new(seed: Seed, server: Arc<Server>) -> io::Result<(Self, Poll)> {
        let registry = seed.poll.registry().try_clone()?;
        let running = server.running();
        let generation = server.generation();
        let now = Instant::now();
        let pool = BufferPool::new(server.options.limits.message_size, BUFFERS);
        let foreign = (0..server.shards()).map(|_| Vec::new()).collect();
        let timers = Timers::new(&running, seed.index, server.shards(), now);
        let order = Order::new(server.options.queued_per_call, server.options.queued_for);
        let shard = Self {
            sockets: seed.sockets,
            registry,
            inbox: seed.inbox,
            batch: ReceiveBatch::new(BATCH, pool),
            services: Services {
                index: seed.index,
                server,
                send: SendBatch::new(SendBatchLimits::default()),
                now,
                clock: SystemTime::now(),
                watching: watching(&running),
                watched: Vec::new(),
                scratch: Vec::new(),
                connect: None,
                reply_buffer: Vec::new(),
                random: Random::new(),
                kept: TypeMap::default(),
                jobs: VecDeque::new(),
            },
            running,
            generation,
            undrained: Vec::new(),
            foreign,
            sleeps_until: None,
            idle: Vec::new(),
            parked: ParkedRoutes::default(),
            order,
            timers,
        };
        Ok((shard, seed.poll))
    }

    /// The thread has been woken, or another thread visits: what has changed meanwhile.
    fn wake_up(&mut self) {
        self.services.now = Instant::now();
        self.services.clock = SystemTime::now();
        self.take_reload();
    }

    /// One round of the shard's own thread.
    fn round(&mut self, events: &Events) {
        self.inbox.disarm();
        self.wake_up();
        self.read_sockets(events);
        self.read_inbox();
        self.run_timers();
        self.flush();
    }

    /// Whether anything is in hand that a stop should wait for.
    fn has_work(&self) -> bool {
        self.parked.len() > 0 || self.running.hooks.in_hand.iter().any(|hook| (hook.any)(&self.services))
    }

    /// How long the thread may sleep now; notes until when.
    fn fall_asleep(&mut self) -> Option<Duration> {
        if !self.undrained.is_empty() || !self.inbox.arm() || self.has_news() {
            return Some(Duration::ZERO);
        }
        self.sleeps_until = self.next_deadline();
        self.sleeps_until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Works on another thread, while this shard's own sleeps: on what lies in the inbox and on what is brought.
    /// Says whether the thread must be woken for what is left.
    fn visit(&mut self, brought: &mut Vec<Event>) -> bool {
        self.wake_up();
        self.read_inbox();
        if self.inbox.is_empty() {
            for event in brought.drain(..) {
                self.take(event);
            }
        }
        self.flush();
        let next = self.next_deadline();
        !self.inbox.is_empty()
            || !brought.is_empty()
            || next.is_some_and(|next| self.sleeps_until.is_none_or(|until| next < until))
    }

    /// Something that comes without an event: a reload or a stop.
    fn has_news(&self) -> bool {
        let server = &self.services.server;
        server.generation() != self.generation || server.is_stopping()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let clocks = self.running.hooks.clocks.iter().map(|clock| (clock.next)(&self.services));
        clocks.chain([self.timers.next(), self.order.next()]).flatten().min()
    }

    fn take_reload(&mut self) {
        let generation = self.services.server.generation();
        if generation != self.generation {
            self.generation = generation;
            self.running = self.services.server.running();
            self.services.watching = watching(&self.running);
            self.timers =
                Timers::new(&self.running, self.services.index, self.foreign.len(), self.services.now);
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

    /// Works on a datagram, or puts it aside for the shard that it belongs to.
    fn steer(&mut self, data: Packet, received: Received) {
        let server = &self.services.server;
        if !server.steering.is_single() {
            let owner = server.steering.shard_of(&peek(&data)).unwrap_or(self.services.index);
            if owner != self.services.index {
                server.counts.handed_over.add(self.services.index);
                self.foreign[owner].push(Event::Datagram(data, received));
                return;
            }
        }
        self.receive(data, received);
        self.run_jobs();
    }

    fn read_inbox(&mut self) {
        for _ in 0..INBOX_A_ROUND {
            let Some(event) = self.inbox.pop() else { return };
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Datagram(data, received) => self.receive(data, received),
            Event::Stream(stream) => self.receive_stream(stream),
            Event::Resume(ticket, resume) => self.resume(ticket, resume),
            Event::Visit(visit) => {
                let running = Arc::clone(&self.running);
                visit(&mut self.services, &running);
            }
        }
        self.run_jobs();
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

    /// Sends what the round queued.
    fn flush(&mut self) {
        let flushed = self.services.send.flush(&self.sockets);
        let lost = flushed.dropped + flushed.failures.len();
        if lost > 0 {
            self.services.server.counts.unsent.add_many(self.services.index, lost as u64);
            for failure in &flushed.failures {
                tracing::error!(target: "core", "udp:{} was not sent to: {}", failure.destination, failure.error);
            }
        }
        if let Err(error) =
            self.services.send.watch(&mut self.sockets, &self.registry, |socket| Token(socket.0))
        {
            tracing::error!(target: "core", "a full socket cannot be watched: {error}");
        }
    }

    /// The number of the next message of this server.
    fn next_number(&self) -> u64 {
        self.services.server.message_number.fetch_add(1, Ordering::Relaxed) + 1
    }
}
