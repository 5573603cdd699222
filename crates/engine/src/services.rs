//! What a shard offers to the messages that it works on.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use transport::udp::SendBatch;

use crate::server::Server;

/// One shard's part that scripts' functions may use. Its sockets are the server's listeners, one of its own each.
pub struct Services {
    /// The shard's number, from 0.
    pub index: usize,
    /// The server.
    pub server: Arc<Server>,
    /// Datagrams that leave at the end of the round. Socket indexes are listener numbers.
    pub send: SendBatch,
    /// The time, read once a round.
    pub now: Instant,
    /// The calendar time, read once a round.
    pub clock: SystemTime,
    /// A reusable buffer for messages that go out through streams.
    pub(crate) scratch: Vec<u8>,
    /// A reusable buffer for replies made here.
    pub(crate) reply_buffer: Vec<u8>,
    pub(crate) random: Random,
}

impl Services {
    /// A fresh random number; unpredictable to peers.
    pub fn random(&mut self) -> u64 {
        self.random.next()
    }

    /// Seconds since 1970.
    pub fn unix_time(&self) -> i64 {
        self.clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() as i64
    }
}

/// Random numbers from the system's keyed hash over a counter: a new key a shard, unknown to peers.
pub(crate) struct Random {
    key: RandomState,
    counter: u64,
}

impl Random {
    pub(crate) fn new() -> Self {
        Self { key: RandomState::new(), counter: 0 }
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.key.hash_one(self.counter)
    }
}
