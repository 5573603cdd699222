//! Receiving a batch of datagrams.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use super::buffer::{BufferPool, Packet};
use super::mmsg::ReceiveRing;
use super::socket::UdpSocket;

/// One received datagram.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// Its bytes, owned; the buffer returns to its pool by itself when the last clone is dropped.
    pub data: Packet,
    /// Who sent it.
    pub source: SocketAddr,
    /// Where it was sent to: the socket's address, or the address the kernel reported when the socket is bound to
    /// every address of the machine.
    pub destination: SocketAddr,
}

/// What a batch has seen since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiveCounts {
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Datagrams dropped because they were longer than the buffers.
    pub too_long: u64,
    /// System calls that brought at least one datagram.
    pub batches: u64,
}

/// Datagrams that a read asks for at least.
const LEAST: usize = 4;

/// A reusable set of receive buffers. One serves all sockets of a shard.
pub struct ReceiveBatch {
    ring: ReceiveRing,
    pool: BufferPool,
    filled: usize,
    taken: usize,
    /// How many datagrams the next read asks for: preparing for more than come costs time.
    expected: usize,
    local: SocketAddr,
    counts: ReceiveCounts,
}

impl ReceiveBatch {
    /// A batch of at most `size` datagrams a system call, no longer than the pool's longest buffer each.
    pub fn new(size: usize, pool: BufferPool) -> Self {
        let local = SocketAddr::from(([0, 0, 0, 0], 0));
        let ring = ReceiveRing::new(size.max(1), pool.longest());
        let expected = LEAST.min(ring.size());
        Self { ring, pool, filled: 0, taken: 0, expected, local, counts: ReceiveCounts::default() }
    }

    /// What it has seen since it was made.
    pub fn counts(&self) -> ReceiveCounts {
        self.counts
    }

    /// The pool behind it.
    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Reads into the batch; what the caller did not take of the last one is lost.
    pub(super) fn fill(&mut self, socket: &UdpSocket) -> io::Result<bool> {
        (self.filled, self.taken, self.local) = (0, 0, socket.local_addr());
        let mut reports = 0;
        loop {
            match self.ring.receive(socket.as_fd(), self.expected) {
                Ok(count) => {
                    self.filled = count;
                    self.counts.batches += u64::from(count > 0);
                    let drained = count < self.expected;
                    self.expected = (2 * count).max(LEAST).min(self.ring.size());
                    return Ok(drained);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                // An ICMP report about a packet sent earlier: reading it cleared it. Bounded, because the
                // reports are provoked by peers.
                Err(error) if is_report(&error) && reports < self.ring.size() => reports += 1,
                Err(error) if is_report(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether an error tells of a packet's fate or an interruption, not of the socket.
pub(super) fn is_report(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    ) || matches!(
        error.raw_os_error(),
        Some(libc::EHOSTDOWN | libc::EPROTO | libc::ENOPROTOOPT | libc::EMSGSIZE)
    )
}

impl Iterator for ReceiveBatch {
    type Item = Datagram;

    /// The next datagram of the last read.
    fn next(&mut self) -> Option<Datagram> {
        while self.taken < self.filled {
            let slot = self.taken;
            self.taken += 1;
            let arrival = self.ring.arrival(slot);
            if arrival.truncated {
                self.counts.too_long += 1;
                continue;
            }
            let Some(source) = arrival.source else { continue };
            let data = self.pool.lend(self.ring.bytes(slot));
            self.counts.datagrams += 1;
            let ip = arrival.destination.unwrap_or_else(|| self.local.ip());
            return Some(Datagram { data, source, destination: SocketAddr::new(ip, self.local.port()) });
        }
        None
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch")
            .field("waiting", &(self.filled - self.taken))
            .field("counts", &self.counts)
            .field("pool", &self.pool)
            .finish()
    }
}
