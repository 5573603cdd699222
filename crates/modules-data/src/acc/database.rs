//! The database: rows are written in the background, in the order in which they came, and wait while it is down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cfg_vm::bound::BoundTemplate;
use engine::{Cx, Running, Server, Setup, SetupError};
use store::{Change, Error};
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::Acc;
use super::record::Record;

/// Rows that wait at most; beyond that the newest are lost, and told.
const MOST_WAITING: usize = 100_000;
/// Rows written in one transaction.
const BATCH: usize = 200;
/// How long the end of the server waits for rows that are not written yet.
const AT_THE_END: Duration = Duration::from_secs(10);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Names of the columns that are always there.
pub(super) struct Columns {
    pub(super) method: String,
    pub(super) from_tag: String,
    pub(super) to_tag: String,
    pub(super) call_id: String,
    pub(super) code: String,
    pub(super) reason: String,
    pub(super) time: String,
}

/// The database under one configuration. What waits to be written outlives a reload.
pub(super) struct Database {
    pub(super) columns: Columns,
    accounted: BoundTemplate,
    missed: BoundTemplate,
    writer: Arc<Writer>,
}

/// Which table a record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Accounted,
    Missed,
}

enum Job {
    Write(Change),
    /// Everything before has been written.
    Tell(oneshot::Sender<()>),
}

struct Writer {
    database: store::Database,
    jobs: mpsc::Sender<Job>,
    /// Until somebody writes.
    waiting: Mutex<Option<mpsc::Receiver<Job>>>,
}

impl Database {
    /// The database of the parameters, if they name one.
    pub(super) fn of(setup: &Setup<'_>, before: Option<&Self>) -> Result<Option<Self>, SetupError> {
        let Some(param) = setup.values("db_url").last() else { return Ok(None) };
        let url = param.value.to_str();
        if url.is_empty() {
            return Ok(None);
        }
        let database = store::Database::shared(&url)
            .map_err(|error| SetupError::at(param, format!("db_url: {error}")))?;
        let writer = before.map(|before| &before.writer);
        let writer = writer.filter(|writer| writer.database.url_shown() == database.url_shown());
        let column = |name: &str, default: &str| {
            let given = setup.text(&format!("acc_{name}_column"));
            given.map_or_else(|| default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
        };
        let table = |name: &str, default: &str| {
            let text = setup.text(name).unwrap_or(default.as_bytes());
            setup.bind_template(text).map_err(|why| SetupError::new(format!("{name}: {why}")))
        };
        Ok(Some(Self {
            columns: Columns {
                method: column("method", "method"),
                from_tag: column("from_tag", "from_tag"),
                to_tag: column("to_tag", "to_tag"),
                call_id: column("callid", "callid"),
                code: column("sip_code", "sip_code"),
                reason: column("sip_reason", "sip_reason"),
                time: column("time", "time"),
            },
            accounted: table("db_table_acc", "acc")?,
            missed: table("db_table_missed_calls", "missed_calls")?,
            writer: writer.map_or_else(|| Arc::new(Writer::new(database)), Arc::clone),
        }))
    }

    /// Writes a record in the background.
    pub(super) fn write(&self, cx: &mut Cx<'_>, state: &Acc, record: &Record, table: Table) {
        let template = if table == Table::Missed { &self.missed } else { &self.accounted };
        let table = cx.evaluate(template).to_lossy().into_owned();
        for cells in record.rows(cx, state) {
            let job = Job::Write(Change::Insert { table: table.clone(), cells });
            if self.writer.jobs.try_send(job).is_err() {
                tracing::error!(
                    target: "acc",
                    "a row for {table} is lost: {MOST_WAITING} rows wait for {}",
                    self.writer.database.url_shown()
                );
            }
        }
    }

    /// Writes a record to a table now; whether it was written.
    pub(super) fn write_now(
        &self,
        cx: &mut Cx<'_>,
        state: &Acc,
        record: &Record,
        table: &str,
    ) -> impl Future<Output = bool> + Send + use<> {
        let rows = record.rows(cx, state).into_iter();
        let rows: Vec<_> = rows.map(|cells| Change::Insert { table: table.to_owned(), cells }).collect();
        let database = self.writer.database.clone();
        async move {
            let written = database.batch(&rows).await;
            if let Err(error) = &written {
                tracing::error!(target: "acc", "{} is not written to: {error}", database.url_shown());
            }
            written.is_ok()
        }
    }
}

impl Writer {
    fn new(database: store::Database) -> Self {
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        Self { database, jobs, waiting: Mutex::new(Some(waiting)) }
    }
}

/// The configuration comes in force: begins to write, unless an earlier one has.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(database) = running.state::<Acc>().and_then(|state| state.database.as_ref()) else { return };
    let writer = &database.writer;
    let waiting = writer.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(waiting) = waiting {
        server.runtime.spawn(work(writer.database.clone(), waiting));
    }
}

async fn work(database: store::Database, mut waiting: mpsc::Receiver<Job>) {
    let (mut jobs, mut rows) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    while waiting.recv_many(&mut jobs, BATCH).await > 0 {
        let mut told = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Write(row) => rows.push(row),
                Job::Tell(sender) => told.push(sender),
            }
        }
        write(&database, &rows).await;
        rows.clear();
        for sender in told {
            // Who asked may have gone: nothing to do then.
            let _ = sender.send(());
        }
    }
}

/// Writes rows however long it takes; only what the database refuses is lost, and told.
async fn write(database: &store::Database, rows: &[Change]) {
    let mut is_told = false;
    loop {
        match database.batch(rows).await {
            Ok(()) => break,
            Err(Error::Refused { .. }) if rows.len() > 1 => {
                // One of them is at fault: not the others.
                for row in rows {
                    Box::pin(write(database, std::slice::from_ref(row))).await;
                }
                break;
            }
            Err(error @ Error::Refused { .. }) => {
                tracing::error!(target: "acc", "failed to insert into database: {error}");
                break;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    let url = database.url_shown();
                    tracing::error!(target: "acc", "{error}; what is accounted waits until {url} answers");
                }
                tokio::time::sleep(RETRY).await;
                database.up().await;
            }
        }
    }
    if is_told {
        tracing::info!(target: "acc", "{} answers again: what waited has been written", database.url_shown());
    }
}

/// The server has ended: waits for what is not written yet.
pub(super) fn ended(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(database) = running.state::<Acc>().and_then(|state| state.database.as_ref()) else { return };
    let (sender, done) = oneshot::channel();
    let jobs = database.writer.jobs.clone();
    let all = server.runtime.block_on(async move {
        tokio::time::timeout(AT_THE_END, async move {
            jobs.send(Job::Tell(sender)).await.is_ok() && done.await.is_ok()
        })
        .await
    });
    if !matches!(all, Ok(true)) {
        tracing::error!(
            target: "acc",
            "rows are lost: {} did not take them in time",
            database.writer.database.url_shown()
        );
    }
}
