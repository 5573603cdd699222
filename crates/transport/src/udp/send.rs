//! Sending a batch of datagrams.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsFd;

use mio::{Interest, Registry, Token};

use super::mmsg::SendRing;
use super::receive::is_report;
use super::socket::UdpSocket;

/// Which socket of the slice given to [`SendBatch::flush`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketIndex(pub usize);

/// What a batch may hold back when a socket's send buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBatchLimits {
    /// Datagrams a system call.
    pub burst: usize,
    /// Bytes held back for each socket; beyond them datagrams are dropped and counted.
    pub held_back: usize,
}

impl Default for SendBatchLimits {
    fn default() -> Self {
        Self { burst: 64, held_back: 1 << 20 }
    }
}

/// A datagram that the system refused to send.
#[derive(Debug)]
pub struct SendFailure {
    /// Through which socket.
    pub socket: SocketIndex,
    /// To whom.
    pub destination: SocketAddr,
    /// Why: no route, too long, forbidden by a filter.
    pub error: io::Error,
}

/// What a flush did.
#[derive(Debug, Default)]
pub struct Flushed {
    /// Datagrams the kernel took.
    pub sent: usize,
    /// Datagrams dropped because a full socket's share of memory was used up.
    pub dropped: usize,
    /// Datagrams held back until their socket can be written again.
    pub waiting: usize,
    /// Datagrams the system refused. Empty, and without an allocation, in normal operation.
    pub failures: Vec<SendFailure>,
}

/// Datagrams queued during a round of a shard and sent at its end; a socket's own keep their order.
///
/// Bytes are written straight into the batch's one buffer. A socket whose kernel buffer is full holds its datagrams
/// back, bounded, until [`watch`](Self::watch) hears that it can be written.
pub struct SendBatch {
    ring: SendRing,
    limits: SendBatchLimits,
    bytes: Vec<u8>,
    lanes: Vec<Lane>,
    queued: usize,
}

/// One socket's share.
#[derive(Default)]
struct Lane {
    fresh: Vec<Entry>,
    held: VecDeque<(SocketAddr, Box<[u8]>)>,
    held_bytes: usize,
    /// Whether the poll has been asked about writability.
    watched: bool,
}

struct Entry {
    destination: SocketAddr,
    range: Range<usize>,
}

impl SendBatch {
    /// An empty batch.
    pub fn new(limits: SendBatchLimits) -> Self {
        Self {
            ring: SendRing::new(limits.burst.max(1)),
            limits,
            bytes: Vec::new(),
            lanes: Vec::new(),
            queued: 0,
        }
    }

    /// Queues a copy of `bytes`.
    pub fn queue(&mut self, socket: SocketIndex, destination: SocketAddr, bytes: &[u8]) {
        self.queue_with(socket, destination, |out| out.extend_from_slice(bytes));
    }

    /// Queues what `write` appends to the batch's buffer: the message is written once, where it leaves from.
    ///
    /// `write` must only append. When it appends nothing, nothing is queued.
    pub fn queue_with(
        &mut self,
        socket: SocketIndex,
        destination: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let range = start..self.bytes.len();
        if range.is_empty() {
            return;
        }
        if self.lanes.len() <= socket.0 {
            self.lanes.resize_with(socket.0 + 1, Lane::default);
        }
        self.lanes[socket.0].fresh.push(Entry { destination, range });
        self.queued += 1;
    }

    /// How many datagrams were queued since the last flush.
    pub fn len(&self) -> usize {
        self.queued
    }

    /// Whether none was queued since the last flush.
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Whether datagrams of `socket` wait for it to become writable.
    pub fn is_waiting(&self, socket: SocketIndex) -> bool {
        self.lanes.get(socket.0).is_some_and(|lane| !lane.held.is_empty())
    }

    /// Sends everything that can be sent now, what was held back first. Call it at the end of each round, and when a
    /// socket reports that it is writable.
    ///
    /// What names a socket that `sockets` does not have is dropped.
    pub fn flush(&mut self, sockets: &[UdpSocket]) -> Flushed {
        let mut flushed = Flushed::default();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.fresh.is_empty() && lane.held.is_empty() {
                continue;
            }
            if let Some(socket) = sockets.get(index) {
                let mut sending = Sending { ring: &mut self.ring, socket, index: SocketIndex(index) };
                if sending.held(lane, &mut flushed) {
                    let done = sending.fresh(lane, &self.bytes, &mut flushed);
                    lane.fresh.drain(..done);
                }
            } else {
                flushed.dropped += lane.fresh.len();
                lane.fresh.clear();
            }
            lane.hold_back(&self.bytes, self.limits.held_back, &mut flushed);
            flushed.waiting += lane.held.len();
        }
        self.bytes.clear();
        self.queued = 0;
        flushed
    }

    /// Asks `registry` about the writability of those sockets that hold something back, and of those only: a poll that
    /// always asked would be woken by each datagram that leaves. Call it after a flush; it does nothing unless the
    /// answer changed.
    ///
    /// # Errors
    /// The poll refused the registration.
    pub fn watch(
        &mut self,
        sockets: &mut [UdpSocket],
        registry: &Registry,
        token: impl Fn(SocketIndex) -> Token,
    ) -> io::Result<()> {
        for (index, (lane, socket)) in self.lanes.iter_mut().zip(sockets).enumerate() {
            let wanted = !lane.held.is_empty();
            if wanted != lane.watched {
                let interest =
                    if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
                registry.reregister(socket, token(SocketIndex(index)), interest)?;
                lane.watched = wanted;
            }
        }
        Ok(())
    }
}

impl Lane {
    /// Keeps what a full socket did not take, as far as the limit allows.
    fn hold_back(&mut self, bytes: &[u8], limit: usize, flushed: &mut Flushed) {
        for entry in self.fresh.drain(..) {
            if self.held_bytes + entry.range.len() > limit {
                flushed.dropped += 1;
                continue;
            }
            self.held_bytes += entry.range.len();
            self.held.push_back((entry.destination, bytes[entry.range].into()));
        }
    }
}

/// One socket during a flush.
struct Sending<'a> {
    ring: &'a mut SendRing,
    socket: &'a UdpSocket,
    index: SocketIndex,
}

impl Sending<'_> {
    /// Sends what was held back; returns whether all of it went.
    fn held(&mut self, lane: &mut Lane, flushed: &mut Flushed) -> bool {
        while let Some((first, _)) = lane.held.front() {
            let first = *first;
            let waiting = lane.held.iter().map(|(destination, bytes)| (*destination, &bytes[..]));
            let Some(done) = self.once(first, waiting, flushed) else { return false };
            for (_, bytes) in lane.held.drain(..done) {
                lane.held_bytes -= bytes.len();
            }
        }
        true
    }

    /// Sends what is new; returns how many entries are done with.
    fn fresh(&mut self, lane: &Lane, bytes: &[u8], flushed: &mut Flushed) -> usize {
        let mut done = 0;
        while let Some(first) = lane.fresh.get(done) {
            let rest =
                lane.fresh[done..].iter().map(|entry| (entry.destination, &bytes[entry.range.clone()]));
            match self.once(first.destination, rest, flushed) {
                Some(count) => done += count,
                None => break,
            }
        }
        done
    }

    /// One burst: how many datagrams are done with, sent or failed; `None` when the socket is full.
    fn once<'b>(
        &mut self,
        first: SocketAddr,
        datagrams: impl Iterator<Item = (SocketAddr, &'b [u8])> + Clone,
        flushed: &mut Flushed,
    ) -> Option<usize> {
        let mut result = self.ring.send(self.socket.as_fd(), datagrams.clone());
        if result.as_ref().is_err_and(is_report) {
            // It may tell of a datagram sent earlier, to somebody else; reading it cleared it.
            result = self.ring.send(self.socket.as_fd(), datagrams);
        }
        match result {
            Ok(count) => {
                flushed.sent += count;
                Some(count)
            }
            Err(error) if is_full(&error) => None,
            Err(error) => {
                flushed.failures.push(SendFailure { socket: self.index, destination: first, error });
                Some(1)
            }
        }
    }
}

/// The kernel has no room now.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("queued", &self.queued)
            .field("held", &self.lanes.iter().map(|lane| lane.held.len()).sum::<usize>())
            .finish()
    }
}
