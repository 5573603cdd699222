//! One connection to a database of any kind.

mod mysql;
mod postgres;
mod sqlite;

use crate::statement::{Dialect, Statement};
use crate::url::Place;
use crate::value::Outcome;
use crate::{Error, Options};

/// An open connection. A call that is given up leaves it in an unknown state: it is to be dropped then.
pub(crate) enum Connection {
    Sqlite(sqlite::Connection),
    MySql(Box<mysql::Connection>),
    Postgres(Box<postgres::Connection>),
}

/// Why a connection did not do what it was asked.
pub(crate) enum Failure {
    /// The connection is gone: what happened to the statement is unknown.
    Lost(String),
    /// The database said no; the connection is good.
    Refused { code: String, text: String },
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost(why) => Self::Unavailable(why),
            Failure::Refused { code, text } => Self::Refused { code, text },
        }
    }
}

impl Connection {
    pub(crate) async fn open(place: &Place, options: &Options) -> Result<Self, Failure> {
        match place {
            Place::Sqlite(path) => sqlite::Connection::open(path.clone(), options).await.map(Self::Sqlite),
            Place::MySql(account) => {
                mysql::Connection::open(account, options).await.map(|it| Self::MySql(Box::new(it)))
            }
            Place::Postgres(account) => {
                postgres::Connection::open(account).await.map(|it| Self::Postgres(Box::new(it)))
            }
        }
    }

    /// Runs one statement with bound values.
    pub(crate) async fn run(&mut self, statement: Statement) -> Result<Outcome, Failure> {
        match self {
            Self::Sqlite(it) => it.run(statement).await,
            Self::MySql(it) => it.run(statement).await,
            Self::Postgres(it) => it.run(statement).await,
        }
    }

    /// Runs statements in one transaction: all of them, or none.
    pub(crate) async fn batch(&mut self, statements: Vec<Statement>) -> Result<(), Failure> {
        match self {
            Self::Sqlite(it) => it.batch(statements).await,
            Self::MySql(it) => it.batch(statements).await,
            Self::Postgres(it) => it.batch(statements).await,
        }
    }

    /// Runs SQL as it stands, unprepared.
    pub(crate) async fn raw(&mut self, sql: String) -> Result<Outcome, Failure> {
        match self {
            Self::Sqlite(it) => it.raw(sql).await,
            Self::MySql(it) => it.raw(&sql).await,
            Self::Postgres(it) => it.raw(&sql).await,
        }
    }

    /// Ends transactions and forgets what a session has set, so that the next user finds a connection as new.
    pub(crate) async fn reset(&mut self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(it) => it.reset().await,
            Self::MySql(it) => it.reset().await,
            Self::Postgres(it) => it.reset().await,
        }
    }

    /// Whether the server still answers.
    pub(crate) async fn check(&mut self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::MySql(it) => it.check().await,
            Self::Postgres(it) => it.check().await,
        }
    }
}

impl Place {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::MySql(_) => Dialect::MySql,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}
