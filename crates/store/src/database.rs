//! A database behind Kamailio's operations.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::time::timeout;

use crate::connection::{Connection, Failure};
use crate::operation::{Change, Key, Query};
use crate::pool::{Permit, Pool, Purpose};
use crate::session::Session;
use crate::statement::{Dialect, Statement};
use crate::url::{Place, scheme};
use crate::value::{Outcome, Row};
use crate::{Error, Options, UrlError, Value};

/// A database. Cheap to clone: all clones share its connections, which are made when first needed and renewed after
/// failures. Every call has a time limit ([`Options::limit`]); while the database is known to be down, calls fail at
/// once and it is tried again in the background.
///
/// Calls must be made on a tokio runtime with time and I/O, the same one for all clones.
#[derive(Clone)]
pub struct Database {
    pool: Arc<Pool>,
}

impl Database {
    /// A database of its own, from `sqlite:///path`, `mysql://user:password@host[:port]/name` or
    /// `postgres://user:password@host[:port]/name`. Connects to nothing yet.
    pub fn new(url: &[u8]) -> Result<Self, UrlError> {
        Self::with(url, Options::default())
    }

    /// The same with bounds of one's own.
    pub fn with(url: &[u8], options: Options) -> Result<Self, UrlError> {
        Ok(Self { pool: Pool::new(Place::parse(url)?, options) })
    }

    /// The process's one database at this URL: so modules with the same URL share connections.
    pub fn shared(url: &[u8]) -> Result<Self, UrlError> {
        let mut shared = Shared::lock();
        if let Some(known) = shared.databases.get(url) {
            return Ok(known.clone());
        }
        let options = scheme(url).and_then(|scheme| shared.options.get(scheme)).cloned().unwrap_or_default();
        let database = Self::with(url, options)?;
        shared.databases.insert(url.to_vec(), database.clone());
        Ok(database)
    }

    /// Bounds of databases that are shared from now on, by their URL's scheme; those that are shared already keep theirs.
    pub fn set_shared_options(scheme: &str, options: Options) {
        Shared::lock().options.insert(scheme.as_bytes().to_vec(), options);
    }

    /// What databases of this scheme get that are shared from now on.
    pub fn shared_options(url: &[u8]) -> Options {
        scheme(url).and_then(|scheme| Shared::lock().options.get(scheme).cloned()).unwrap_or_default()
    }

    /// The rows that a query finds.
    pub async fn query(&self, query: &Query) -> Result<Vec<Row>, Error> {
        let statement = Statement::query(self.dialect(), query)?;
        Ok(self.read(statement).await?.rows)
    }

    /// Makes one change; gives the number of rows that it touched (a replaced row may count as two in MySQL).
    pub async fn change(&self, change: &Change) -> Result<u64, Error> {
        Ok(self.insert(change).await?.affected)
    }

    /// Makes one change; gives all that the database tells about it, such as an inserted row's number.
    pub async fn insert(&self, change: &Change) -> Result<Outcome, Error> {
        let statement = Statement::change(self.dialect(), change)?;
        self.limited(Purpose::Write, async |connection| connection.run(statement).await).await
    }

    /// Makes changes in one transaction: all of them, or none.
    pub async fn batch(&self, changes: &[Change]) -> Result<(), Error> {
        let dialect = self.dialect();
        let statements: Vec<Statement> =
            changes.iter().map(|change| Statement::change(dialect, change)).collect::<Result<_, _>>()?;
        self.run(statements).await
    }

    /// The layout version that the `version` table tells for a table, if it tells one.
    pub async fn table_version(&self, table: &str) -> Result<Option<i64>, Error> {
        let query = Query {
            table: "version".into(),
            columns: vec!["table_version".into()],
            keys: vec![Key::eq("table_name", table)],
            limit: Some(1),
            ..Query::default()
        };
        let rows = self.query(&query).await?;
        Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_int))
    }

    /// A table's columns in their order; none where there is no such table.
    pub async fn columns(&self, table: &str) -> Result<Vec<String>, Error> {
        let sql = match self.dialect() {
            Dialect::Sqlite => "SELECT name FROM pragma_table_info(?) ORDER BY cid",
            Dialect::MySql => {
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position"
            }
            Dialect::Postgres => {
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_schema = ANY (current_schemas(false)) AND table_name = lower($1) ORDER BY ordinal_position"
            }
        };
        let outcome = self.read(Statement { sql: sql.into(), binds: vec![table.into()] }).await?;
        let name = |row: Row| String::from_utf8_lossy(row.first()?.as_text()?).into_owned().into();
        Ok(outcome.rows.into_iter().filter_map(name).collect())
    }

    /// One connection, until it is dropped.
    pub async fn session(&self) -> Result<Session, Error> {
        let limit = self.pool.options.limit;
        match timeout(limit, self.pool.take(Purpose::Read)).await {
            Ok(taken) => {
                taken.map(|(connection, permit)| Session::new(Arc::clone(&self.pool), connection, permit))
            }
            Err(_) => Err(self.late()),
        }
    }

    /// The URL with its password hidden, for logs.
    pub fn url_shown(&self) -> String {
        self.pool.place.shown()
    }

    /// Whether both are the same place with the same bounds.
    pub fn is_same(&self, other: &Self) -> bool {
        self.pool.place == other.pool.place && self.pool.options == other.pool.options
    }

    /// Whether the database is known to be down. Fresh databases are not.
    pub fn is_down(&self) -> bool {
        self.pool.is_down()
    }

    /// Waits until the database is no longer known to be down, however long that takes.
    pub async fn up(&self) {
        self.pool.up().await;
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.pool.place.dialect()
    }

    /// Runs statements in one transaction.
    pub(crate) async fn run(&self, statements: Vec<Statement>) -> Result<(), Error> {
        if statements.is_empty() {
            return Ok(());
        }
        self.limited(Purpose::Write, async |connection| connection.batch(statements).await).await
    }

    /// Reads are tried once more on a new connection: the one used may have been closed while it lay idle.
    pub(crate) async fn read(&self, statement: Statement) -> Result<Outcome, Error> {
        let again = statement.clone();
        match self.limited(Purpose::Read, async |connection| connection.run(statement).await).await {
            Err(Error::Unavailable(_)) if !self.is_down() => {
                self.limited(Purpose::Read, async |connection| connection.run(again).await).await
            }
            done => done,
        }
    }

    async fn limited<T>(
        &self,
        purpose: Purpose,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let call = async {
            let (mut connection, permit) = self.pool.take(purpose).await?;
            let result = work(&mut connection).await;
            self.settle(connection, permit, result)
        };
        match timeout(self.pool.options.limit, call).await {
            Ok(result) => result,
            Err(_) => Err(self.late()),
        }
    }

    /// Gives a good connection back, and lets a broken one go.
    fn settle<T>(
        &self,
        connection: Connection,
        permit: Permit,
        result: Result<T, Failure>,
    ) -> Result<T, Error> {
        match &result {
            Err(Failure::Lost(_)) => {
                drop(connection);
                self.pool.suspect();
            }
            Ok(_) | Err(Failure::Refused { .. }) => self.pool.put(connection),
        }
        drop(permit);
        result.map_err(Error::from)
    }

    fn late(&self) -> Error {
        self.pool.suspect();
        Error::Unavailable(format!("no answer within {:?}", self.pool.options.limit))
    }
}

/// What the process's modules share.
#[derive(Default)]
struct Shared {
    databases: HashMap<Vec<u8>, Database>,
    options: HashMap<Vec<u8>, Options>,
}

impl Shared {
    fn lock() -> MutexGuard<'static, Self> {
        static SHARED: OnceLock<Mutex<Shared>> = OnceLock::new();
        SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.url_shown())
    }
}
