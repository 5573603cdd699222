//! PostgreSQL.

use std::collections::HashMap;
use std::error::Error as _;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, RowStream, SimpleQueryMessage, Statement as Prepared};

use super::Failure;
use crate::statement::Statement;
use crate::url::Account;
use crate::value::Outcome;
use crate::{Row, Value};

mod column;

use column::{Bind, Cell};

/// Statements that each connection keeps prepared.
const PREPARED: usize = 128;

pub(crate) struct Connection {
    client: Client,
    prepared: HashMap<String, Prepared>,
    /// Moves bytes between client and server; stopped with the connection, whatever the server still owes.
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) async fn open(account: &Account) -> Result<Self, Failure> {
        let mut config = Config::new();
        config.host(&account.host).port(account.port.unwrap_or(5432)).dbname(&account.database);
        if let Some(user) = &account.user {
            config.user(user);
        }
        if let Some(password) = &account.password {
            config.password(password);
        }
        config.application_name("tandem");
        let (client, connection) = config.connect(NoTls).await.map_err(failure)?;
        let driver = tokio::spawn(async move {
            // Whoever waits for the client is told of the error.
            let _ = connection.await;
        });
        Ok(Self { client, prepared: HashMap::new(), driver })
    }

    pub(crate) async fn run(&mut self, statement: Statement) -> Result<Outcome, Failure> {
        let prepared = self.prepare(&statement.sql).await?;
        let binds = statement.binds.iter().map(Bind);
        if prepared.columns().is_empty() {
            let affected = self.client.execute_raw(&prepared, binds).await.map_err(failure)?;
            return Ok(Outcome { affected, ..Outcome::default() });
        }
        let columns = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let rows = self.client.query_raw(&prepared, binds).await.map_err(failure)?;
        collect(rows, columns).await
    }

    pub(crate) async fn batch(&mut self, statements: Vec<Statement>) -> Result<(), Failure> {
        self.client.batch_execute("BEGIN").await.map_err(failure)?;
        for statement in statements {
            if let Err(error) = self.run(statement).await {
                if let Failure::Refused { .. } = error {
                    self.client.batch_execute("ROLLBACK").await.map_err(failure)?;
                }
                return Err(error);
            }
        }
        self.client.batch_execute("COMMIT").await.map_err(failure)
    }

    /// Through an unnamed statement, whose columns have types; several statements in one text go the plain way.
    pub(crate) async fn raw(&self, sql: &str) -> Result<Outcome, Failure> {
        if sql.trim_end().trim_end_matches(';').contains(';') {
            return self.simple(sql).await;
        }
        let none: [(Bind<'_>, Type); 0] = [];
        let rows = self.client.query_typed_raw(sql, none).await.map_err(failure)?;
        collect(rows, Vec::new()).await
    }

    pub(crate) async fn reset(&mut self) -> Result<(), Failure> {
        self.prepared.clear();
        self.client.batch_execute("ROLLBACK; DISCARD ALL").await.map_err(failure)
    }

    pub(crate) async fn check(&self) -> Result<(), Failure> {
        self.client.check_connection().await.map_err(failure)
    }

    async fn prepare(&mut self, sql: &str) -> Result<Prepared, Failure> {
        if let Some(prepared) = self.prepared.get(sql) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(sql).await.map_err(failure)?;
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    async fn simple(&self, sql: &str) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        for message in self.client.simple_query(sql).await.map_err(failure)? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
                    outcome = Outcome { columns, ..Outcome::default() };
                }
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|index| Value::from(row.get(index))).collect();
                    outcome.rows.push(Row(values));
                }
                SimpleQueryMessage::CommandComplete(affected) => outcome.affected = affected,
                _ => {}
            }
        }
        Ok(outcome)
    }
}

/// Rows, under the columns that were told beforehand or by the first row.
async fn collect(rows: RowStream, columns: Vec<String>) -> Result<Outcome, Failure> {
    let mut outcome = Outcome { columns, ..Outcome::default() };
    let mut rows = pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(failure)? {
        if outcome.columns.is_empty() {
            outcome.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        let values = (0..row.len()).map(|index| row.try_get::<_, Cell>(index).map(|cell| cell.0));
        outcome.rows.push(Row(values.collect::<Result<_, _>>().map_err(failure)?));
    }
    outcome.affected = rows.rows_affected().unwrap_or(0);
    Ok(outcome)
}

fn failure(error: tokio_postgres::Error) -> Failure {
    let text = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match error.code().map(tokio_postgres::error::SqlState::code) {
        // Connection exceptions, out of resources, shutting down, transaction to be tried again: these pass.
        Some(code) if matches!(code.get(..2), Some("08" | "53" | "57" | "40")) => Failure::Lost(text),
        Some(code) => {
            let said = error.as_db_error().map_or(text, |said| said.message().to_owned());
            Failure::Refused { code: code.to_owned(), text: said }
        }
        None if error.is_closed() || error.source().is_some_and(|it| it.is::<std::io::Error>()) => {
            Failure::Lost(text)
        }
        None => Failure::Refused { code: "22000".to_owned(), text },
    }
}
