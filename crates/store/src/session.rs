//! One connection, held for as long as a route wants it.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Error;
use crate::connection::{Connection, Failure};
use crate::pool::{Permit, Pool};
use crate::value::Outcome;

/// One connection: transactions, `@variables` and `LAST_INSERT_ID()` last from call to call. When it is dropped, an
/// open transaction is rolled back, and what was set is forgotten.
pub struct Session {
    pool: Arc<Pool>,
    /// None once it broke: a session does not go on with another connection, as its transaction is gone.
    held: Option<(Connection, Permit)>,
    runtime: Handle,
}

impl Session {
    pub(crate) fn new(pool: Arc<Pool>, connection: Connection, permit: Permit) -> Self {
        Self { pool, held: Some((connection, permit)), runtime: Handle::current() }
    }

    /// Runs SQL as it stands. It is the writer's own: values of foreign origin must have been escaped.
    pub async fn raw(&mut self, sql: &[u8]) -> Result<Outcome, Error> {
        let sql = String::from_utf8(sql.to_vec())
            .map_err(|_| Error::refused("22021", "the statement is not UTF-8"))?;
        // Taken out while it works, so that a call that is given up does not leave a connection of unknown state.
        let Some((mut connection, permit)) = self.held.take() else {
            return Err(Error::Unavailable("the session's connection broke".into()));
        };
        let limit = self.pool.options.limit;
        match timeout(limit, connection.raw(sql)).await {
            Err(_) => {
                self.pool.suspect();
                Err(Error::Unavailable(format!("no answer within {limit:?}")))
            }
            Ok(Err(Failure::Lost(why))) => {
                self.pool.suspect();
                Err(Error::Unavailable(why))
            }
            Ok(result) => {
                self.held = Some((connection, permit));
                result.map_err(Error::from)
            }
        }
    }

    /// Whether the connection broke: the next call of a new session may succeed, this one's cannot.
    pub fn is_broken(&self) -> bool {
        self.held.is_none()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some((mut connection, permit)) = self.held.take() else { return };
        let pool = Arc::clone(&self.pool);
        self.runtime.spawn(async move {
            if let Ok(Ok(())) = timeout(pool.options.connect_limit, connection.reset()).await {
                pool.put(connection);
            }
            drop(permit);
        });
    }
}
