//! Identifiers of contacts: given once, by one server, in one run.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gives identifiers: `uloc-<start>-<process>-<number>`, all hexadecimal.
#[derive(Debug)]
pub struct Ruids {
    start: u64,
    process: u32,
    number: AtomicU64,
}

impl Default for Ruids {
    fn default() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { start, process: std::process::id(), number: AtomicU64::new(0) }
    }
}

impl Ruids {
    /// The next one; `prefix` tells who asked for it: `uloc` a REGISTER, `ulcx` a command.
    pub fn next(&self, prefix: &str) -> Vec<u8> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut out = Vec::with_capacity(32);
        // A Vec takes everything.
        let _ = write!(out, "{prefix}-{:x}-{:x}-{number:x}", self.start, self.process);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identifier_is_given_twice() {
        let ruids = Ruids::default();
        let (one, other) = (ruids.next("uloc"), ruids.next("uloc"));
        assert!(one.starts_with(b"uloc-") && one.ends_with(b"-1"));
        assert_ne!(one, other);
    }
}
