//! Bounds of what a database may cost.

use std::time::Duration;

/// Limits in time and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long one call may take, waiting for a free connection included.
    pub limit: Duration,
    /// How long opening a connection may take.
    pub connect_limit: Duration,
    /// Connections at the same time. SQLite writes through one of them at a time.
    pub connections: usize,
    /// Calls that may wait for a free connection.
    pub waiting: usize,
    /// The first pause between attempts to reach a database that is down; it doubles from there.
    pub retry_first: Duration,
    /// The longest such pause.
    pub retry_longest: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(10),
            connect_limit: Duration::from_secs(3),
            connections: 8,
            waiting: 10_000,
            retry_first: Duration::from_millis(100),
            retry_longest: Duration::from_secs(3),
        }
    }
}
