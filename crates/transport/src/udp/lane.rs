//! The datagrams of one socket in a batch, and those it could not send yet.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use super::send::{Flushed, SendFailure, SocketIndex};

/// What takes datagrams: a socket, or a test's stand-in.
pub(super) trait Carry {
    /// Sends the first datagrams, as many as can be sent in one go. Returns how many: at least one, if there is one. An
    /// error is about the first.
    fn carry<'b>(
        &mut self,
        datagrams: impl Iterator<Item = (SocketAddr, &'b [u8])> + Clone,
    ) -> io::Result<usize>;
}

/// One socket's share of a batch.
#[derive(Default)]
pub(super) struct Lane {
    fresh: Vec<Entry>,
    held: VecDeque<(SocketAddr, Box<[u8]>)>,
    held_bytes: usize,
    /// Whether the poll has been asked about writability.
    pub(super) watched: bool,
}

/// A datagram whose bytes stand in the batch.
struct Entry {
    destination: SocketAddr,
    range: Range<usize>,
}

impl Lane {
    pub(super) fn push(&mut self, destination: SocketAddr, range: Range<usize>) {
        self.fresh.push(Entry { destination, range });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.held.is_empty()
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    /// Drops everything; returns how many datagrams that was.
    pub(super) fn clear(&mut self) -> usize {
        let dropped = self.fresh.len() + self.held.len();
        self.fresh.clear();
        self.held.clear();
        self.held_bytes = 0;
        dropped
    }

    /// Sends what was held back, then what is new out of the batch's `bytes`, and holds back what did not go, up to
    /// `limit` bytes.
    pub(super) fn flush(
        &mut self,
        socket: SocketIndex,
        bytes: &[u8],
        carrier: &mut impl Carry,
        limit: usize,
        flushed: &mut Flushed,
    ) {
        if self.send_held(socket, carrier, flushed) {
            let done = self.send_fresh(socket, bytes, carrier, flushed);
            self.fresh.drain(..done);
        }
        for entry in self.fresh.drain(..) {
            if self.held_bytes + entry.range.len() > limit {
                flushed.dropped += 1;
                continue;
            }
            self.held_bytes += entry.range.len();
            self.held.push_back((entry.destination, bytes[entry.range].into()));
        }
        flushed.waiting += self.held.len();
    }

    /// Returns whether all of it went.
    fn send_held(&mut self, socket: SocketIndex, carrier: &mut impl Carry, flushed: &mut Flushed) -> bool {
        while let Some(&(first, _)) = self.held.front() {
            let waiting = self.held.iter().map(|(destination, bytes)| (*destination, &bytes[..]));
            let Some(done) = flushed.note(socket, first, carrier.carry(waiting)) else { return false };
            for (_, bytes) in self.held.drain(..done) {
                self.held_bytes -= bytes.len();
            }
        }
        true
    }

    /// Returns how many entries are done with.
    fn send_fresh(
        &self,
        socket: SocketIndex,
        bytes: &[u8],
        carrier: &mut impl Carry,
        flushed: &mut Flushed,
    ) -> usize {
        let mut done = 0;
        while let Some(first) = self.fresh.get(done) {
            let rest =
                self.fresh[done..].iter().map(|entry| (entry.destination, &bytes[entry.range.clone()]));
            match flushed.note(socket, first.destination, carrier.carry(rest)) {
                Some(count) => done += count,
                None => break,
            }
        }
        done
    }
}

impl Flushed {
    /// Notes what became of one burst. Returns how many datagrams are done with, sent or failed; `None` when the socket
    /// is full.
    fn note(&mut self, socket: SocketIndex, first: SocketAddr, result: io::Result<usize>) -> Option<usize> {
        match result {
            Ok(count) => {
                self.sent += count;
                Some(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => {
                self.failures.push(SendFailure { socket, destination: first, error });
                Some(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketIndex = SocketIndex(0);
    const LIMIT: usize = 50;

    /// A socket with room for so many datagrams.
    #[derive(Default)]
    struct Slow {
        room: usize,
        took: Vec<u8>,
    }

    impl Carry for Slow {
        fn carry<'b>(
            &mut self,
            datagrams: impl Iterator<Item = (SocketAddr, &'b [u8])> + Clone,
        ) -> io::Result<usize> {
            let took: Vec<_> = datagrams.take(self.room.min(4)).map(|(_, bytes)| bytes[0]).collect();
            self.room -= took.len();
            self.took.extend(&took);
            if took.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(took.len()) }
        }
    }

    /// One round that queues datagrams of ten bytes.
    fn round(lane: &mut Lane, slow: &mut Slow, numbers: Range<u8>) -> (usize, usize, usize) {
        let mut bytes = Vec::new();
        for number in numbers {
            lane.push(SocketAddr::from(([192, 0, 2, 1], 5060)), bytes.len()..bytes.len() + 10);
            bytes.extend([number; 10]);
        }
        let mut flushed = Flushed::default();
        lane.flush(SOCKET, &bytes, slow, LIMIT, &mut flushed);
        (flushed.sent, flushed.waiting, flushed.dropped)
    }

    #[test]
    fn a_full_socket_holds_back_in_order_and_drops_beyond_its_share() {
        let (mut lane, mut slow) = (Lane::default(), Slow::default());
        slow.room = 6;
        assert_eq!(round(&mut lane, &mut slow, 0..14), (6, 5, 3));
        assert!(lane.is_waiting());
        assert_eq!(round(&mut lane, &mut slow, 0..0), (0, 5, 0));
        slow.room = 2;
        assert_eq!(round(&mut lane, &mut slow, 20..23), (2, 5, 1));
        slow.room = 100;
        assert_eq!(round(&mut lane, &mut slow, 30..31), (6, 0, 0));
        assert_eq!(slow.took, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 30]);
        assert!(lane.is_empty());
    }

    #[test]
    fn room_is_free_again_once_the_held_ones_are_gone() {
        let (mut lane, mut slow) = (Lane::default(), Slow::default());
        for _ in 0..3 {
            assert_eq!(round(&mut lane, &mut slow, 0..6), (0, 5, 1));
            slow.room = 5;
            assert_eq!(round(&mut lane, &mut slow, 0..0), (5, 0, 0));
        }
    }
}
