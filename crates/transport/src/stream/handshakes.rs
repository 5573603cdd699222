//! Connections whose layer still shakes hands: how many there may be, and how many are worked on at once.
//!
//! A handshake costs a thousand times what a message costs, and a peer can begin one without ever going on. So their
//! arithmetic is done on threads of its own, a few at a time, and the oldest unfinished one gives way when there are too
//! many: peers that dawdle keep nobody out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Semaphore;

use super::connection::Connection;
use super::hub::Shared;

pub(super) struct Handshakes {
    /// Turns at the arithmetic.
    pub(super) turns: Semaphore,
    /// Those that were begun, the oldest first; some of them are done or gone.
    begun: Mutex<VecDeque<Weak<Connection>>>,
    max: usize,
}

impl Handshakes {
    pub(super) fn new(max: usize, threads: usize) -> Self {
        Self { turns: Semaphore::new(threads.max(1)), begun: Mutex::default(), max: max.max(1) }
    }

    /// Notes one more, and ends the oldest where that is one too many.
    pub(super) fn begin(&self, connection: &Arc<Connection>) {
        let mut begun = Shared::lock(&self.begun);
        begun.push_back(Arc::downgrade(connection));
        if begun.len() <= self.max {
            return;
        }
        begun.retain(|known| known.upgrade().is_some_and(|known| known.shakes_hands()));
        if begun.len() <= self.max {
            return;
        }
        let oldest = begun.pop_front().and_then(|oldest| oldest.upgrade());
        drop(begun);
        if let Some(oldest) = oldest {
            oldest.crowd_out();
        }
    }
}
