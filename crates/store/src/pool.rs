//! Connections that are kept, renewed after failures, and bounded in number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::connection::{Connection, Failure};
use crate::url::Place;
use crate::{Error, Options};

/// A connection that lay idle for longer is asked for a sign of life before it is used: servers and firewalls close
/// such connections, and a change that was sent into a closed one may or may not have been done.
const STALE: Duration = Duration::from_secs(5);

/// What is known about the database.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    /// As far as we know, it answers.
    Up,
    /// A call got no answer in time; one attempt is being made to find out.
    Suspect,
    /// It does not answer, for this reason. Attempts are being made in the background.
    Down(Arc<str>),
}

pub(crate) struct Pool {
    pub(crate) place: Place,
    pub(crate) options: Options,
    permits: Arc<Semaphore>,
    /// SQLite has one writer at a time; waiting for our own turn is fairer than its busy loop.
    writer: Option<Arc<Semaphore>>,
    waiting: AtomicUsize,
    idle: Mutex<Vec<Idle>>,
    health: watch::Sender<Health>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// The right to one connection, and to write where writing is exclusive.
pub(crate) struct Permit {
    _one: OwnedSemaphorePermit,
    _writer: Option<OwnedSemaphorePermit>,
}

/// What a call is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

impl Pool {
    pub(crate) fn new(place: Place, options: Options) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(options.connections.max(1))),
            writer: matches!(place, Place::Sqlite(_)).then(|| Arc::new(Semaphore::new(1))),
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            health: watch::Sender::new(Health::Up),
            place,
            options,
        })
    }

    /// A connection and the right to use it, within the caller's own time limit.
    pub(crate) async fn take(self: &Arc<Self>, purpose: Purpose) -> Result<(Connection, Permit), Error> {
        let mut health = self.health.subscribe();
        let permit = tokio::select! {
            biased;
            why = down(&mut health) => return Err(why),
            permit = self.permit(purpose) => permit?,
        };
        Ok((self.connection().await?, permit))
    }

    async fn permit(&self, purpose: Purpose) -> Result<Permit, Error> {
        let writer = match &self.writer {
            Some(writer) if purpose == Purpose::Write => Some(self.wait(writer).await?),
            _ => None,
        };
        Ok(Permit { _one: self.wait(&self.permits).await?, _writer: writer })
    }

    async fn wait(&self, semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(semaphore).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Waiting::enter(self).ok_or(Error::Full)?;
        let permit = Arc::clone(semaphore).acquire_owned().await;
        permit.map_err(|_| Error::Unavailable("the database is being closed".into()))
    }

    async fn connection(self: &Arc<Self>) -> Result<Connection, Error> {
        while let Some(mut idle) = self.pop() {
            if idle.since.elapsed() < STALE || self.within(idle.connection.check()).await.is_ok() {
                return Ok(idle.connection);
            }
        }
        self.connect().await.map_err(|why| {
            self.fell(&why);
            Error::Unavailable(why)
        })
    }

    async fn connect(&self) -> Result<Connection, String> {
        self.within(Connection::open(&self.place, &self.options)).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
        match timeout(self.options.connect_limit, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Failure::Lost(why))) => Err(why),
            Ok(Err(Failure::Refused { code, text })) => Err(format!("{text} (code {code})")),
            Err(_) => Err(format!("no answer within {:?}", self.options.connect_limit)),
        }
    }

    fn pop(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Takes a good connection back.
    pub(crate) fn put(&self, connection: Connection) {
        let idle = Idle { connection, since: Instant::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }

    /// A call got no answer in time. Whether only that call was slow shows an attempt with a new connection.
    pub(crate) fn suspect(self: &Arc<Self>) {
        let first = self.health.send_if_modified(|health| {
            let first = *health == Health::Up;
            if first {
                *health = Health::Suspect;
            }
            first
        });
        if first {
            tokio::spawn(revive(Arc::downgrade(self), Duration::ZERO));
        }
    }

    /// The database cannot be reached: tells so once, refuses calls from now on, and tries again in the background.
    pub(crate) fn fell(self: &Arc<Self>, why: &str) {
        let mut was = Health::Up;
        self.health.send_modify(|health| was = std::mem::replace(health, Health::Down(why.into())));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if !matches!(was, Health::Down(_)) {
            tracing::error!("database {} is down: {why}; trying again", self.place.shown());
        }
        if was == Health::Up {
            tokio::spawn(revive(Arc::downgrade(self), self.options.retry_first));
        }
    }

    fn rose(&self, connection: Connection) {
        self.put(connection);
        let mut was = Health::Up;
        self.health.send_modify(|health| was = std::mem::replace(health, Health::Up));
        if matches!(was, Health::Down(_)) {
            tracing::info!("database {} is back", self.place.shown());
        }
    }

    /// Whether the database is known to be down.
    pub(crate) fn is_down(&self) -> bool {
        matches!(*self.health.borrow(), Health::Down(_))
    }

    /// Waits until the database answers, as far as is known.
    pub(crate) async fn up(&self) {
        // The sender lives as long as this pool.
        let _ = self.health.subscribe().wait_for(|health| !matches!(health, Health::Down(_))).await;
    }
}

/// Tries until the database answers, or nobody uses it any longer.
async fn revive(pool: Weak<Pool>, mut pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.connect().await {
            Ok(mut connection) => match pool.within(connection.check()).await {
                Ok(()) => return pool.rose(connection),
                Err(why) => pool.fell(&why),
            },
            Err(why) => pool.fell(&why),
        }
        pause = (pause * 2).clamp(pool.options.retry_first, pool.options.retry_longest);
    }
}

/// Ends when the database is known to be down.
async fn down(health: &mut watch::Receiver<Health>) -> Error {
    match health.wait_for(|health| matches!(health, Health::Down(_))).await.as_deref() {
        Ok(Health::Down(why)) => Error::Unavailable(why.to_string()),
        _ => Error::Unavailable("the database is being closed".into()),
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn enter(pool: &'a Pool) -> Option<Self> {
        let before = pool.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(pool);
        (before < pool.options.waiting).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
