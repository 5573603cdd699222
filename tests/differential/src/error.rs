//! What can go wrong in a run, and whose fault it is.

use std::fmt;
use std::path::{Path, PathBuf};

/// A failure of the test itself or of a server under test; a plain difference of bytes is not an error.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file of a case cannot be read or written.
    File(PathBuf, std::io::Error),
    /// A case file is wrong: where, and what to do.
    Case(PathBuf, String),
    /// A socket of the test's own could not be had.
    Socket(String, std::io::Error),
    /// The server under test did not start, or stopped; its last log lines follow.
    Server(String, Vec<String>),
    /// No address range on loopback is free: too many runs at once.
    NoFreeNetwork,
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A [`Error::File`] maker for `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::File(path.to_path_buf(), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Case(path, what) => write!(f, "{}: {what}", path.display()),
            Self::Socket(what, error) => write!(f, "{what}: {error}"),
            Self::Server(what, log) => {
                writeln!(f, "{what}; its last log lines:")?;
                log.iter().try_for_each(|line| writeln!(f, "    {line}"))
            }
            Self::NoFreeNetwork => f.write_str(
                "every loopback range of this test (127.100.100.0 to 127.100.149.0) is taken by another run",
            ),
        }
    }
}

impl std::error::Error for Error {}
