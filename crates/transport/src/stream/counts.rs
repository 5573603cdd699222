//! What is counted of streams.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the hub was made, but for `open` and `queued_bytes`, which are of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Connections now, accepted and opened.
    pub open: usize,
    /// Bytes waiting now for peers, beyond what the kernel holds.
    pub queued_bytes: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections opened, or tried to.
    pub opened: u64,
    /// Connections turned away at the limit for all.
    pub refused_total: u64,
    /// Connections turned away at the limit for one source.
    pub refused_source: u64,
    /// Attempts to connect that failed or timed out.
    pub connect_failed: u64,
    /// Messages received.
    pub received: u64,
    /// Messages taken for sending.
    pub sent: u64,
    /// Messages refused because a queue was full.
    pub queue_full: u64,
    /// Keep-alives answered.
    pub pings: u64,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) refused_total: AtomicU64,
    pub(super) refused_source: AtomicU64,
    pub(super) connect_failed: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) queue_full: AtomicU64,
    pub(super) pings: AtomicU64,
}

/// Counts one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn read(&self, open: usize, queued_bytes: usize) -> StreamCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StreamCounts {
            open,
            queued_bytes,
            accepted: read(&self.accepted),
            opened: read(&self.opened),
            refused_total: read(&self.refused_total),
            refused_source: read(&self.refused_source),
            connect_failed: read(&self.connect_failed),
            received: read(&self.received),
            sent: read(&self.sent),
            queue_full: read(&self.queue_full),
            pings: read(&self.pings),
        }
    }
}
