//! SQLite, on the runtime's blocking threads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, InterruptHandle, OpenFlags, Row as SqliteRow, ToSql, params_from_iter};

use super::Failure;
use crate::statement::Statement;
use crate::value::Outcome;
use crate::{Journal, Options, Row, Value, time};

/// Statements that each connection keeps prepared.
const PREPARED: usize = 64;

/// An open file. It is away while a thread works with it; a call that is given up interrupts that thread and leaves it
/// away for good.
pub(crate) struct Connection {
    sqlite: Option<rusqlite::Connection>,
}

impl Connection {
    pub(crate) async fn open(path: PathBuf, options: &Options) -> Result<Self, Failure> {
        let wishes = Wishes::of(&path, options);
        let opened = tokio::task::spawn_blocking(move || open(&path, &wishes)).await;
        match opened {
            Ok(sqlite) => Ok(Self { sqlite: Some(sqlite?) }),
            Err(ended) => Err(Failure::Lost(ended.to_string())),
        }
    }

    pub(crate) async fn run(&mut self, statement: Statement) -> Result<Outcome, Failure> {
        self.work(move |sqlite| run(sqlite, &statement)).await
    }

    pub(crate) async fn batch(&mut self, statements: Vec<Statement>) -> Result<(), Failure> {
        self.work(move |sqlite| {
            let transaction = sqlite.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for statement in &statements {
                run(&transaction, statement)?;
            }
            transaction.commit()
        })
        .await
    }

    pub(crate) async fn raw(&mut self, sql: String) -> Result<Outcome, Failure> {
        self.work(move |sqlite| raw(sqlite, &sql)).await
    }

    pub(crate) async fn reset(&mut self) -> Result<(), Failure> {
        self.work(|sqlite| if sqlite.is_autocommit() { Ok(()) } else { sqlite.execute_batch("ROLLBACK") })
            .await
    }

    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let Some(mut sqlite) = self.sqlite.take() else {
            return Err(Failure::Lost("an earlier call was given up".into()));
        };
        let mut given_up = Interrupt(Some(sqlite.get_interrupt_handle()));
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut sqlite);
            (sqlite, result)
        })
        .await;
        given_up.0 = None;
        let (sqlite, result) = done.map_err(|ended| Failure::Lost(ended.to_string()))?;
        self.sqlite = Some(sqlite);
        result.map_err(failure)
    }
}

/// Stops the thread that works for a call when that call is given up.
struct Interrupt(Option<InterruptHandle>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.interrupt();
        }
    }
}

/// What is wanted of one file.
struct Wishes {
    patience: Duration,
    read_only: bool,
    journal: Option<Journal>,
}

impl Wishes {
    fn of(path: &Path, options: &Options) -> Self {
        let read_only = options.read_only.iter().any(|named| named == path);
        let named = options.journals.iter().find(|(named, _)| named == path).map(|(_, journal)| *journal);
        let journal = if read_only { named } else { Some(named.unwrap_or_default()) };
        Self { patience: options.limit, read_only, journal }
    }
}

/// Readers and one writer at a time work together (WAL); a commit survives the death of the process, and with
/// `synchronous=NORMAL` a loss of power costs the last commits at worst, never the file.
fn open(path: &Path, wishes: &Wishes) -> Result<rusqlite::Connection, Failure> {
    let access = if wishes.read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite =
        rusqlite::Connection::open_with_flags(path, flags).map_err(|error| unopened(path, &error))?;
    prepare(&sqlite, wishes).map_err(|error| unopened(path, &error))?;
    Ok(sqlite)
}

fn prepare(sqlite: &rusqlite::Connection, wishes: &Wishes) -> rusqlite::Result<()> {
    sqlite.busy_timeout(wishes.patience)?;
    sqlite.set_prepared_statement_cache_capacity(PREPARED);
    if let Some(journal) = wishes.journal {
        let pragma = format!("PRAGMA journal_mode = {}", journal.name());
        // A file in a folder that we may not write to keeps what it has; it can be read all the same.
        sqlite.query_row(&pragma, [], |_| Ok(())).or_else(|error| match error.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => Ok(()),
            _ => Err(error),
        })?;
    }
    sqlite.execute_batch("PRAGMA synchronous = NORMAL")
}

fn unopened(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure::Lost(format!("{}: {error}", path.display()))
}

fn run(sqlite: &rusqlite::Connection, statement: &Statement) -> rusqlite::Result<Outcome> {
    let mut prepared = sqlite.prepare_cached(&statement.sql)?;
    collect(sqlite, &mut prepared, &statement.binds)
}

/// Several statements may stand in one text; the last one's outcome counts.
fn raw(sqlite: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut batch = rusqlite::Batch::new(sqlite, sql);
    while let Some(mut statement) = batch.next()? {
        outcome = collect(sqlite, &mut statement, &[])?;
    }
    Ok(outcome)
}

fn collect(
    sqlite: &rusqlite::Connection,
    statement: &mut rusqlite::Statement<'_>,
    binds: &[Value],
) -> rusqlite::Result<Outcome> {
    let before = sqlite.total_changes();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let times: Vec<bool> = statement.columns().map(|column| is_time(column.decl_type())).collect();
    let mut rows = Vec::new();
    let mut found = statement.query(params_from_iter(binds))?;
    while let Some(row) = found.next()? {
        rows.push(read(row, &times)?);
    }
    let changed = sqlite.total_changes() != before;
    let affected = if changed { sqlite.changes() } else { 0 };
    let last_id = if changed { sqlite.last_insert_rowid() } else { 0 };
    Ok(Outcome { columns, rows, affected, last_id })
}

/// A column declared as a time, by whichever name.
fn is_time(declared: Option<&str>) -> bool {
    let starts = |prefix: &str| {
        declared
            .is_some_and(|name| name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix)))
    };
    starts("DATETIME") || starts("TIMESTAMP")
}

fn read(row: &SqliteRow<'_>, times: &[bool]) -> rusqlite::Result<Row> {
    let values = times.iter().enumerate().map(|(index, &is_time)| {
        Ok(match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(seconds) if is_time => Value::Time(seconds),
            ValueRef::Integer(number) => Value::Int(number),
            ValueRef::Real(day) if is_time => Value::Time(time::from_julian_day(day)),
            ValueRef::Real(number) => Value::Double(number),
            ValueRef::Text(text) if is_time => {
                time::from_text(text).map_or_else(|| Value::Text(text.to_vec()), Value::Time)
            }
            ValueRef::Text(text) => Value::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        })
    });
    values.collect::<rusqlite::Result<_>>().map(Row)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Double(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text)),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Time(seconds) => ToSqlOutput::Borrowed(ValueRef::Real(time::to_julian_day(*seconds))),
        })
    }
}

fn failure(error: rusqlite::Error) -> Failure {
    let rusqlite::Error::SqliteFailure(inner, text) = &error else {
        return Failure::Refused { code: "1".into(), text: error.to_string() };
    };
    let text = text.clone().unwrap_or_else(|| error.to_string());
    match inner.code {
        ErrorCode::CannotOpen
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OperationInterrupted => Failure::Lost(text),
        _ => Failure::Refused { code: inner.extended_code.to_string(), text },
    }
}
