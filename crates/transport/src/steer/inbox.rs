//! The inbox of one shard.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;
use mio::{Registry, Token, Waker};

/// Makes an inbox that holds at most `capacity` things and wakes the poll of `registry` with `token`.
///
/// # Errors
/// The system gave no wake-up descriptor.
pub fn inbox<T>(
    capacity: usize,
    registry: &Registry,
    token: Token,
) -> io::Result<(Inbox<T>, InboxSender<T>)> {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(capacity.max(1)),
        waker: Waker::new(registry, token)?,
        awake: AtomicBool::new(false),
        refused: AtomicU64::new(0),
    });
    Ok((Inbox { shared: Arc::clone(&shared) }, InboxSender { shared }))
}

struct Shared<T> {
    queue: ArrayQueue<T>,
    waker: Waker,
    /// The shard will look at the queue without being woken: it is awake, or a wake-up is on its way.
    awake: AtomicBool,
    refused: AtomicU64,
}

/// The receiving end, owned by the shard.
///
/// The shard's round: `poll` → [`disarm`](Self::disarm) → work, [`pop`](Self::pop) → [`arm`](Self::arm) → `poll`.
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Inbox<T> {
    /// The oldest thing in the inbox. Never blocks.
    pub fn pop(&self) -> Option<T> {
        self.shared.queue.pop()
    }

    /// How many things lie in the inbox.
    pub fn len(&self) -> usize {
        self.shared.queue.len()
    }

    /// Whether nothing lies in the inbox.
    pub fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }

    /// Asks to be woken from now on. Call it right before blocking in `poll`; on `false` something already
    /// lies in the inbox, and `poll` must not block.
    #[must_use = "on false the poll must not block"]
    pub fn arm(&self) -> bool {
        // The order matters: whoever pushes after this swap sees `awake` unset and wakes; what was pushed
        // before it is seen by the look at the queue.
        self.shared.awake.swap(false, Ordering::SeqCst);
        if self.shared.queue.is_empty() {
            return true;
        }
        self.shared.awake.store(true, Ordering::SeqCst);
        false
    }

    /// Saves senders the wake-up while the shard is awake. Call it when `poll` has returned.
    pub fn disarm(&self) {
        self.shared.awake.store(true, Ordering::SeqCst);
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("len", &self.len()).finish()
    }
}

/// The sending end; clones send to the same inbox, from any thread.
pub struct InboxSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> InboxSender<T> {
    /// Puts one thing in and wakes the shard if it sleeps. Never blocks.
    ///
    /// # Errors
    /// The inbox is full; the thing comes back, and the refusal is counted.
    pub fn send(&self, thing: T) -> Result<(), T> {
        let result = self.push(thing);
        if result.is_ok() {
            self.wake();
        }
        result
    }

    /// Puts one thing in without waking the shard; [`wake`](Self::wake) must follow at the end of the batch.
    ///
    /// # Errors
    /// The inbox is full; the thing comes back, and the refusal is counted.
    pub fn push(&self, thing: T) -> Result<(), T> {
        self.shared.queue.push(thing).inspect_err(|_| {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Puts a batch in with one wake-up. Returns how many found no room and were dropped (and counted).
    pub fn send_all(&self, things: impl IntoIterator<Item = T>) -> usize {
        let refused = things.into_iter().map(|thing| self.push(thing)).filter(Result::is_err).count();
        self.wake();
        refused
    }

    /// Wakes the shard unless it is awake or already being woken.
    pub fn wake(&self) {
        if !self.shared.awake.swap(true, Ordering::SeqCst) && self.shared.waker.wake().is_err() {
            // An eventfd's write fails only when its counter is full, that is when a wake-up is pending anyway;
            // leave the flag unset so that the next sender tries again.
            self.shared.awake.store(false, Ordering::SeqCst);
        }
    }

    /// How many things have been refused since the start because the inbox was full.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl<T> Clone for InboxSender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for InboxSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxSender").field("len", &self.shared.queue.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    const WAKE: Token = Token(7);

    fn woken(poll: &mut Poll, timeout: Duration) -> usize {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(timeout)).unwrap();
        events.iter().filter(|event| event.token() == WAKE).count()
    }

    #[test]
    fn a_batch_wakes_a_sleeping_shard_once() {
        let mut poll = Poll::new().unwrap();
        let (inbox, sender) = inbox(8, poll.registry(), WAKE).unwrap();
        assert!(inbox.arm());
        assert_eq!(sender.send_all(0..5), 0);
        assert_eq!(woken(&mut poll, Duration::from_secs(5)), 1);
        inbox.disarm();
        assert_eq!(std::iter::from_fn(|| inbox.pop()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(inbox.arm());
        assert_eq!(woken(&mut poll, Duration::ZERO), 0);
    }

    #[test]
    fn an_awake_shard_is_not_woken_but_told_not_to_sleep() {
        let mut poll = Poll::new().unwrap();
        let (inbox, sender) = inbox(8, poll.registry(), WAKE).unwrap();
        inbox.disarm();
        sender.send(1).unwrap();
        assert_eq!(woken(&mut poll, Duration::ZERO), 0);
        assert!(!inbox.arm());
        assert_eq!(inbox.pop(), Some(1));
        assert!(inbox.arm());
    }

    #[test]
    fn a_full_inbox_gives_the_thing_back_and_counts() {
        let poll = Poll::new().unwrap();
        let (inbox, sender) = inbox(2, poll.registry(), WAKE).unwrap();
        assert_eq!(sender.send_all(0..4), 2);
        assert_eq!(sender.send(9), Err(9));
        assert_eq!(sender.refused(), 3);
        assert_eq!(inbox.len(), 2);
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        const EACH: u64 = 20_000;
        let mut poll = Poll::new().unwrap();
        let (inbox, sender) = inbox(64, poll.registry(), WAKE).unwrap();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    for number in 0..EACH {
                        let mut pending = number;
                        while let Err(back) = sender.send(pending) {
                            pending = back;
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let (mut count, mut sum) = (0, 0);
        while count < 2 * EACH {
            while let Some(number) = inbox.pop() {
                count += 1;
                sum += number;
            }
            if count < 2 * EACH && inbox.arm() {
                assert_eq!(woken(&mut poll, Duration::from_secs(20)), 1, "a wake-up was lost after {count}");
                inbox.disarm();
            }
        }
        assert_eq!(sum, EACH * (EACH - 1));
        for sender in senders {
            sender.join().unwrap();
        }
    }
}
