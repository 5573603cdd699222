//! What a shard offers to the messages that it works on.

use std::any::Any;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use transport::Target;
use transport::udp::SendBatch;

use crate::context::{Connect, Context, TypeMap};
use crate::cx::Cx;
use crate::module::Next;
use crate::running::Running;
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
    /// The configuration in force, if it wants to see what is sent.
    pub(crate) watching: Option<Arc<Running>>,
    /// A reusable buffer for what is shown to it.
    pub(crate) watched: Vec<u8>,
    /// A reusable buffer for messages that go out through streams.
    pub(crate) scratch: Vec<u8>,
    /// What the message that was just prepared asks of a connection to its target.
    pub(crate) connect: Option<(Target, Arc<Connect>)>,
    /// A reusable buffer for replies made here.
    pub(crate) reply_buffer: Vec<u8>,
    pub(crate) random: Random,
    /// What modules keep on this shard.
    pub(crate) kept: TypeMap,
    /// What is to be done when the message in hand is done with.
    pub(crate) jobs: VecDeque<Job>,
}

/// Work on a message that was not just received: a failure route, a continued transaction.
pub(crate) struct Job {
    pub(crate) context: Box<Context>,
    pub(crate) running: Arc<Running>,
    pub(crate) start: fn(&mut Cx<'_>) -> Next,
}

impl Services {
    /// A fresh random number; unpredictable to peers.
    pub fn random(&mut self) -> u64 {
        self.random.next()
    }

    /// What a module keeps on this shard, under a type of its own; made when first asked for.
    pub fn kept<T: Any + Default + Send>(&mut self) -> &mut T {
        self.kept.of()
    }

    /// The same, to look at, if somebody made one.
    pub fn kept_if_any<T: Any>(&self) -> Option<&T> {
        self.kept.get()
    }

    /// Begins work on a message when the one in hand is done with, under the configuration that it began with.
    pub fn begin(&mut self, context: Box<Context>, running: &Arc<Running>, start: fn(&mut Cx<'_>) -> Next) {
        self.jobs.push_back(Job { context, running: Arc::clone(running), start });
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
