//! Locks by key. Who waits for one is parked, and holds no shard; a route's locks are given back at its end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use tokio::sync::oneshot;

use super::CfgUtils;

type Key = Box<[u8]>;

/// All locks that are held, each with who waits for it.
#[derive(Default)]
pub struct Locks(Mutex<HashMap<Key, VecDeque<oneshot::Sender<Guard>>>>);

/// A lock that is held; given back when dropped.
pub struct Guard {
    locks: Arc<Locks>,
    key: Key,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.locks.pass_on(&self.key);
    }
}

/// What comes of asking for a lock.
pub enum Asked {
    /// It was free.
    Held(Guard),
    /// It comes through here when it is free.
    Later(oneshot::Receiver<Guard>),
}

impl Locks {
    /// Takes a lock if it is free.
    pub fn take(self: &Arc<Self>, key: &[u8]) -> Option<Guard> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.contains_key(key) {
            return None;
        }
        held.insert(key.into(), VecDeque::new());
        Some(self.guard(key))
    }

    /// Takes a lock, or queues for it.
    pub fn ask(self: &Arc<Self>, key: &[u8]) -> Asked {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(key) {
            Some(waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.push_back(sender);
                Asked::Later(receiver)
            }
            None => {
                held.insert(key.into(), VecDeque::new());
                Asked::Held(self.guard(key))
            }
        }
    }

    fn guard(self: &Arc<Self>, key: &[u8]) -> Guard {
        Guard { locks: Arc::clone(self), key: key.into() }
    }

    /// Hands a lock to the first who still waits, or frees it.
    fn pass_on(self: &Arc<Self>, key: &[u8]) {
        loop {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(next) = held.get_mut(key).and_then(VecDeque::pop_front) else {
                held.remove(key);
                return;
            };
            drop(held);
            match next.send(self.guard(key)) {
                Ok(()) => return,
                // Who waited is gone: the next one's turn. The guard that comes back must not give back by itself.
                Err(guard) => guard.forget(),
            }
        }
    }
}

impl Guard {
    /// Ends without giving the lock back.
    fn forget(mut self) {
        self.locks = Arc::default();
    }
}

/// The locks that a message's route holds.
#[derive(Default)]
struct Held(Vec<Guard>);

/// The locks, and the key of a call's arguments.
fn locks_and_key<'c>(cx: &Cx<'c>, args: &Args<'_>) -> Option<(&'c Arc<Locks>, Vec<u8>)> {
    let key = key_of(args.text(0), args.text(1));
    let locks = cx.state::<CfgUtils>().locks.as_ref();
    if locks.is_none() {
        tracing::error!(
            target: "cfgutils",
            "there are no locks for \"{}\": set the parameter lock_set_size",
            key.escape_ascii()
        );
    }
    Some((locks?, key))
}

/// One key of the two, told apart from any other pair that reads the same when put together.
fn key_of(first: &[u8], second: &[u8]) -> Vec<u8> {
    if second.is_empty() { first.to_vec() } else { [first, second].join(&0) }
}

fn holds(cx: &mut Cx<'_>, key: &[u8]) -> bool {
    cx.data::<Held>().0.iter().any(|guard| *guard.key == *key)
}

pub(super) fn lock(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((locks, key)) = locks_and_key(cx, args) else { return Flow::FALSE };
    if holds(cx, &key) {
        // To wait for oneself would be for ever.
        tracing::warn!(target: "cfgutils", "lock(\"{}\"): this route holds it already", key.escape_ascii());
        return Flow::TRUE;
    }
    match locks.ask(&key) {
        Asked::Held(guard) => {
            cx.data::<Held>().0.push(guard);
            Flow::TRUE
        }
        Asked::Later(receiver) => Flow::wait(async move {
            let guard = receiver.await;
            let resume: Resume = Box::new(move |cx| match guard {
                Ok(guard) => {
                    cx.data::<Held>().0.push(guard);
                    Flow::TRUE
                }
                Err(_) => Flow::FALSE,
            });
            resume
        }),
    }
}

pub(super) fn trylock(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((locks, key)) = locks_and_key(cx, args) else { return Flow::FALSE };
    match locks.take(&key) {
        Some(guard) => {
            cx.data::<Held>().0.push(guard);
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

/// It is no failure to give back what is not held.
pub(super) fn unlock(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((_, key)) = locks_and_key(cx, args) else { return Flow::FALSE };
    cx.data::<Held>().0.retain(|guard| *guard.key != *key);
    Flow::TRUE
}

/// Gives back what a route still holds at its end.
pub(super) fn release_all(cx: &mut Cx<'_>) {
    if cx.context.data.get::<Held>().is_some() {
        cx.data::<Held>().0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_goes_to_those_who_wait_in_their_order() {
        let locks: Arc<Locks> = Arc::default();
        let first = locks.take(b"a").unwrap();
        assert!(locks.take(b"a").is_none());
        assert!(locks.take(b"b").is_some());
        let (Asked::Later(mut second), Asked::Later(mut third)) = (locks.ask(b"a"), locks.ask(b"a")) else {
            panic!("it is held");
        };
        drop(first);
        let held = second.try_recv().unwrap();
        assert!(third.try_recv().is_err());
        drop(held);
        assert!(third.try_recv().is_ok());
    }

    #[test]
    fn pairs_of_keys_that_read_the_same_together_are_different_locks() {
        let locks: Arc<Locks> = Arc::default();
        let _held = locks.take(&key_of(b"ab", b"c")).unwrap();
        assert!(locks.take(&key_of(b"ab", b"c")).is_none());
        assert!(locks.take(&key_of(b"a", b"bc")).is_some());
        assert!(locks.take(&key_of(b"abc", b"")).is_some());
    }

    #[test]
    fn who_no_longer_waits_is_passed_over() {
        let locks: Arc<Locks> = Arc::default();
        let first = locks.take(b"a").unwrap();
        let (Asked::Later(second), Asked::Later(mut third)) = (locks.ask(b"a"), locks.ask(b"a")) else {
            panic!("it is held");
        };
        drop(second);
        drop(first);
        let held = third.try_recv().unwrap();
        assert!(locks.take(b"a").is_none());
        drop(held);
        assert!(locks.take(b"a").is_some());
    }
}
