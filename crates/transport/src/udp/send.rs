//! Sending a batch of datagrams.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use mio::{Interest, Registry, Token};

use super::lane::{Carry, Lane};
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
        self.lanes[socket.0].push(destination, range);
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
        self.lanes.get(socket.0).is_some_and(Lane::is_waiting)
    }

    /// Sends everything that can be sent now, what was held back first. Call it at the end of each round, and when a
    /// socket reports that it is writable.
    ///
    /// What names a socket that `sockets` does not have is dropped.
    pub fn flush(&mut self, sockets: &[UdpSocket]) -> Flushed {
        let mut flushed = Flushed::default();
        for (index, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.is_empty()) {
            let index = SocketIndex(index);
            match sockets.get(index.0) {
                Some(socket) => {
                    let mut carrier = Carrier { ring: &mut self.ring, socket };
                    lane.flush(index, &self.bytes, &mut carrier, self.limits.held_back, &mut flushed);
                }
                None => flushed.dropped += lane.clear(),
            }
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
            let wanted = lane.is_waiting();
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

/// One socket during a flush.
struct Carrier<'a> {
    ring: &'a mut SendRing,
    socket: &'a UdpSocket,
}

impl Carry for Carrier<'_> {
    fn carry<'b>(
        &mut self,
        datagrams: impl Iterator<Item = (SocketAddr, &'b [u8])> + Clone,
    ) -> io::Result<usize> {
        let result = self.ring.send(self.socket.as_fd(), datagrams.clone());
        if result.as_ref().is_err_and(is_report) {
            // It may tell of a datagram sent earlier, to somebody else; reading it cleared it.
            return self.ring.send(self.socket.as_fd(), datagrams);
        }
        result
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("queued", &self.queued)
            .field("held", &self.lanes.iter().map(Lane::waiting).sum::<usize>())
            .finish()
    }
}
