//! Giving memory back to the system after a burst.
//!
//! glibc keeps what was freed between blocks that are still in use, however much it is: after a burst of transactions
//! that is nearly all of it.

#![allow(unsafe_code)]

use std::sync::Weak;
use std::thread;
use std::time::Duration;

use engine::Server;

/// How often it is looked, which takes the allocator some milliseconds when many blocks are free.
const PERIOD: Duration = Duration::from_secs(5);
/// Free bytes that are worth the work, which takes some milliseconds.
const WORTH: usize = 8 << 20;

/// Watches the allocator until the server is gone, on a thread of its own.
pub(crate) fn watch(server: Weak<Server>) {
    let watching = thread::Builder::new().name("memory".to_owned()).spawn(move || {
        while server.upgrade().is_some_and(|server| !server.is_stopping()) {
            thread::sleep(PERIOD);
            give_back();
        }
    });
    if let Err(error) = watching {
        tracing::warn!(target: "core", "memory of bursts will be kept: no thread for it: {error}");
    }
}

fn give_back() {
    // SAFETY: `mallinfo2` only reads the allocator's counts, under its own locks.
    let free = unsafe { libc::mallinfo2() }.fordblks;
    if free > WORTH {
        // SAFETY: `malloc_trim` gives whole free pages back, under the allocator's own locks; no block moves.
        unsafe { libc::malloc_trim(0) };
    }
}
