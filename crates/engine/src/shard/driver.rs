//! The threads that drive the shards, and the hand-over between them.
//!
//! A datagram that another shard's socket received costs most by the wake-up of that shard's thread: on an idle machine
//! several times what its whole route costs. So the thread that received it works on it itself, with the owner's state,
//! whenever the owner's thread sleeps; only when that is at work does the datagram go through its inbox. A shard's
//! state is always locked by whoever works on it, and no thread ever waits for another's: it tries.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::{Event, Seed, Shard};
use crate::server::Server;

/// How long a stop waits for what is in hand.
const GRACE: Duration = Duration::from_secs(5);
/// How often a stop looks whether it has ended.
const GRACE_STEP: Duration = Duration::from_millis(100);

/// The thread of one shard.
struct Driver {
    index: usize,
    poll: Poll,
    shards: Arc<[Mutex<Shard>]>,
    server: Arc<Server>,
    /// What the last round received for others, by shard; empty between rounds, kept for its room.
    foreign: Vec<Vec<Event>>,
}

/// Starts a thread for each shard.
///
/// # Errors
/// The system gives no thread or no descriptor.
pub(crate) fn spawn(seeds: Vec<Seed>, server: &Arc<Server>) -> io::Result<Vec<JoinHandle<()>>> {
    let mut polls = Vec::with_capacity(seeds.len());
    let mut shards = Vec::with_capacity(seeds.len());
    for seed in seeds {
        let (shard, poll) = Shard::new(seed, Arc::clone(server))?;
        shards.push(Mutex::new(shard));
        polls.push(poll);
    }
    let shards: Arc<[Mutex<Shard>]> = shards.into();
    let spawn_one = |(index, poll)| {
        let driver = Driver {
            index,
            poll,
            foreign: shards.iter().map(|_| Vec::new()).collect(),
            shards: Arc::clone(&shards),
            server: Arc::clone(server),
        };
        std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || driver.run())
    };
    polls.into_iter().enumerate().map(spawn_one).collect()
}

/// The state of a shard, waiting for it: only its own thread may, and only for a visitor, who is never long.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A message that panics is caught inside; whatever else did has been logged by the hook.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        lock(&self.shards[self.index]).start_routes();
        let mut timeout = Some(Duration::ZERO);
        loop {
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(target: "core", "shard {}: poll failed: {error}", self.index);
                return;
            }
            {
                let mut shard = lock(&self.shards[self.index]);
                shard.round(&events);
                std::mem::swap(&mut shard.foreign, &mut self.foreign);
            }
            self.hand_over();
            if self.server.is_stopping() {
                return self.end(&mut events);
            }
            timeout = lock(&self.shards[self.index]).fall_asleep();
        }
    }

    /// Gives others what is theirs.
    fn hand_over(&mut self) {
        let inboxes = self.server.inboxes.get().map_or(&[][..], Vec::as_slice);
        for (owner, brought) in self.foreign.iter_mut().enumerate().filter(|(_, brought)| !brought.is_empty())
        {
            let Some(inbox) = inboxes.get(owner) else { continue };
            let must_wake = match self.shards[owner].try_lock() {
                Ok(mut shard) => shard.visit(brought),
                Err(TryLockError::Poisoned(shard)) => shard.into_inner().visit(brought),
                Err(TryLockError::WouldBlock) => true,
            };
            for event in brought.drain(..) {
                if inbox.push(event).is_err() {
                    self.server.counts.dropped.add(self.index);
                }
            }
            if must_wake {
                inbox.wake();
            }
        }
    }

    /// Lets what is in hand end, within the grace time.
    fn end(mut self, events: &mut Events) {
        let until = Instant::now() + GRACE;
        while self.anyone_has_work() {
            let timeout = {
                let shard = lock(&self.shards[self.index]);
                let now = Instant::now();
                if now >= until {
                    let waiting = shard.parked.len();
                    tracing::warn!(
                        target: "core",
                        "shard {}: the grace time is over; {waiting} routes still waited", self.index
                    );
                    return;
                }
                let next =
                    shard.next_deadline().map_or(GRACE_STEP, |next| next.saturating_duration_since(now));
                let may_block = shard.undrained.is_empty() && shard.inbox.arm();
                if may_block { next.min(GRACE_STEP) } else { Duration::ZERO }
            };
            if let Err(error) = self.poll.poll(events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                return;
            }
            {
                let mut shard = lock(&self.shards[self.index]);
                shard.round(events);
                std::mem::swap(&mut shard.foreign, &mut self.foreign);
            }
            self.hand_over();
        }
    }

    /// Whether any shard has something in hand: its messages may come in through this one's sockets.
    fn anyone_has_work(&self) -> bool {
        self.shards.iter().any(|shard| match shard.try_lock() {
            Ok(shard) => shard.has_work(),
            Err(TryLockError::Poisoned(shard)) => shard.into_inner().has_work(),
            Err(TryLockError::WouldBlock) => true,
        })
    }
}
