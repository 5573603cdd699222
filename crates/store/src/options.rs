//! Bounds of what a database may cost.

use std::path::PathBuf;
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
    /// An update counts the rows that it finds, changed or not (MySQL; the others always do).
    pub count_found: bool,
    /// SQLite files that are only read.
    pub read_only: Vec<PathBuf>,
    /// SQLite files with a journal of their own; others have WAL.
    pub journals: Vec<(PathBuf, Journal)>,
}

/// How SQLite keeps changes that may have to be undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Journal {
    /// A file that is deleted after each change.
    Delete,
    /// A file that is emptied after each change.
    Truncate,
    /// A file whose beginning is cleared after each change.
    Persist,
    /// Nothing on the disk: a crash may break the file.
    Memory,
    /// A write-ahead log: readers and a writer work together.
    #[default]
    Wal,
    /// None: changes cannot be undone, and a crash may break the file.
    Off,
}

impl Journal {
    /// By SQLite's name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Delete, Self::Truncate, Self::Persist, Self::Memory, Self::Wal, Self::Off];
        all.into_iter().find(|journal| journal.name().eq_ignore_ascii_case(name))
    }

    /// SQLite's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Persist => "PERSIST",
            Self::Memory => "MEMORY",
            Self::Wal => "WAL",
            Self::Off => "OFF",
        }
    }
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
            count_found: true,
            read_only: Vec::new(),
            journals: Vec::new(),
        }
    }
}
