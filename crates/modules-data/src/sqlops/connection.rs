//! Connections: named databases, and the sessions that a route has with them.

use std::collections::HashMap;
use std::sync::Arc;

use cfg_vm::{Str, Value};
use engine::module::State;
use engine::{Cx, Setup, SetupError};
use store::{Database, Error, Outcome, Session};

use crate::database::check_driver;
use crate::db_mysql;

/// Sessions with one database at the same time: a route holds its own from the first statement to its end.
const SESSIONS: usize = 64;

/// The module's state.
pub(super) struct Sqlops {
    databases: HashMap<Str, Database>,
    pub(super) log_length: usize,
    pub(super) most_results: usize,
}

impl Sqlops {
    pub(super) fn database(&self, name: &[u8]) -> Option<&Database> {
        self.databases.get(name)
    }
}

/// `name=>URL`.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.windows(2).position(|two| two == b"=>")?;
    let (name, url) = (text[..at].trim_ascii(), text[at + 2..].trim_ascii());
    (!name.is_empty() && !url.is_empty()).then_some((name, url))
}

pub(super) fn check(value: &Value) -> Result<(), String> {
    let text = value.to_str();
    let (_, url) = split(&text).ok_or("this is no connection: `name=>URL` is")?;
    Database::new(url).map(drop).map_err(|why| why.to_string())
}

pub(super) fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut databases = HashMap::new();
    let before: Option<&Sqlops> = setup.before();
    for param in setup.values("sqlcon") {
        let text = param.value.to_str();
        let Some((name, url)) = split(&text) else { continue };
        check_driver(setup, url).map_err(|why| SetupError::at(param, why))?;
        let mut options = Database::shared_options(url);
        options.connections = SESSIONS;
        options.count_found = db_mysql::counts_found(setup);
        // Apart from the databases that modules share: a route that holds a session here must be able to call them.
        let database = Database::with(url, options).map_err(|why| SetupError::at(param, why.to_string()))?;
        let known = before.and_then(|before| before.databases.get(name));
        let same = known.filter(|known| known.is_same(&database));
        databases.insert(Str::copy(name), same.cloned().unwrap_or(database));
    }
    let positive =
        |name: &str, default| setup.int(name).and_then(|it| usize::try_from(it).ok()).unwrap_or(default);
    let state = Sqlops {
        databases,
        log_length: positive("log_buf_size", 128),
        most_results: positive("results_maxsize", 32),
    };
    setup.hooks().after_route.push(end_sessions);
    if setup.int("connect_mode").unwrap_or(0) == 0 {
        setup.hooks().begun.push(try_all);
    }
    Ok(Arc::new(state))
}

/// Tells at the start of a database that cannot be reached; the server starts all the same and goes on trying.
fn try_all(server: &Arc<engine::Server>, running: &Arc<engine::Running>) {
    let Some(state) = running.state::<Sqlops>() else { return };
    server.runtime.block_on(async {
        for (name, database) in &state.databases {
            if let Err(why) = database.session().await {
                let shown = database.url_shown();
                tracing::error!(target: "sqlops", "connection {} ({shown}): {why}", name.to_lossy());
            }
        }
    });
}

/// A route's sessions by their connections' names, and what their last statements touched.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashMap<Str, Session>,
    affected: HashMap<Str, u64>,
}

impl Sessions {
    pub(super) fn take(&mut self, name: &[u8]) -> Option<Session> {
        self.open.remove(name)
    }

    /// Keeps a session for the route's next statement.
    pub(super) fn keep(&mut self, name: Str, session: Option<Session>, affected: Option<u64>) {
        if let Some(affected) = affected {
            self.affected.insert(name.clone(), affected);
        }
        if let Some(session) = session.filter(|session| !session.is_broken()) {
            self.open.insert(name, session);
        }
    }

    pub(super) fn affected(&self, name: &[u8]) -> Option<u64> {
        self.affected.get(name).copied()
    }
}

fn end_sessions(cx: &mut Cx<'_>) {
    cx.local::<Sessions>().open.clear();
}

/// Runs one statement in the route's session, or in a new one.
pub(super) async fn run(
    database: Database,
    held: Option<Session>,
    sql: &[u8],
) -> (Option<Session>, Result<Outcome, Error>) {
    let fresh = held.is_none();
    let mut session = match open(&database, held).await {
        Ok(session) => session,
        Err(why) => return (None, Err(why)),
    };
    let result = session.raw(sql).await;
    // A connection that had been kept may have been closed by the server: what only reads may be tried again.
    if !(fresh && session.is_broken() && only_reads(sql) && !database.is_down()) {
        return (Some(session), result);
    }
    match database.session().await {
        Ok(mut session) => {
            let result = session.raw(sql).await;
            (Some(session), result)
        }
        Err(why) => (None, Err(why)),
    }
}

async fn open(database: &Database, held: Option<Session>) -> Result<Session, Error> {
    match held {
        Some(session) => Ok(session),
        None => database.session().await,
    }
}

fn only_reads(sql: &[u8]) -> bool {
    let first = sql.trim_ascii_start().get(..6);
    first.is_some_and(|word| word.eq_ignore_ascii_case(b"select")) && !sql.contains(&b';')
}
