//! What can go wrong, and whose fault it is.

use std::fmt;

/// Why a database did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The database cannot be reached or does not answer in time: the same may work later. A change may have been done
    /// all the same when the connection broke while it ran.
    Unavailable(String),
    /// The database does not accept this: the statement's or the table's fault; the same will fail again.
    Refused {
        /// The database's own code: SQLSTATE, or SQLite's extended result code.
        code: String,
        /// The database's words.
        text: String,
    },
    /// Too many calls wait for this database already: our own bound.
    Full,
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    /// Whether a row was not inserted because another has the same unique columns.
    pub fn is_duplicate(&self) -> bool {
        // SQLSTATE class 23 of PostgreSQL; MySQL's 1062 carries 23000 and its number; SQLite's UNIQUE and PRIMARYKEY.
        matches!(self, Self::Refused { code, .. } if matches!(code.as_str(), "23505" | "1062" | "2067" | "1555"))
    }

    pub(crate) fn refused(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), text: text.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the database is not available: {why}"),
            Self::Refused { code, text } => write!(f, "the database refused this: {text} (code {code})"),
            Self::Full => f.write_str("too many calls wait for the database"),
        }
    }
}

impl std::error::Error for Error {}

/// Why a URL names no database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It has no `scheme://`.
    NoScheme,
    /// A database that we do not speak with.
    Scheme(String),
    /// It names no database, or for SQLite no file.
    NoDatabase,
    /// It names no host.
    NoHost,
    /// The port is none.
    Port(String),
    /// It is not UTF-8.
    NotText,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str(
                "a database URL begins with sqlite://, mysql:// or postgres://, as in mysql://user:password@host/database",
            ),
            Self::Scheme(scheme) => {
                write!(f, "databases of the kind `{scheme}` are not here; use sqlite://, mysql:// or postgres://")
            }
            Self::NoDatabase => {
                f.write_str("the URL names no database (mysql://user:password@host/database, sqlite:///path/to/file)")
            }
            Self::NoHost => f.write_str("the URL names no host (mysql://user:password@host/database)"),
            Self::Port(port) => write!(f, "`{port}` is no port"),
            Self::NotText => f.write_str("the URL is not UTF-8"),
        }
    }
}

impl std::error::Error for UrlError {}
