//! Handing things over to a shard: a bounded inbox with as few wake-ups as can be.
//!
//! Each listener has one `SO_REUSEPORT` socket a shard, so the kernel spreads flows over the shards; what
//! belongs elsewhere is handed over here. A wake-up costs a system call on either side, a push does not: a
//! sender pushes a whole batch and wakes once, and a shard that is awake anyway is not woken at all.

mod inbox;

pub use inbox::{Inbox, InboxSender, inbox};
