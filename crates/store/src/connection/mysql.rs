//! MySQL and MariaDB.

use std::path::Path;

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, OptsBuilder, Params, QueryResult, TxOpts, Value as Wire};

use super::Failure;
use crate::statement::Statement;
use crate::url::Account;
use crate::value::Outcome;
use crate::{Options, Row, Value, time};

/// Where Debian's servers listen; a URL with host `localhost` and no port means this, as for MySQL's own clients.
const SOCKET: &str = "/run/mysqld/mysqld.sock";

pub(crate) struct Connection {
    conn: Conn,
}

impl Connection {
    pub(crate) async fn open(account: &Account, settings: &Options) -> Result<Self, Failure> {
        let mut options = OptsBuilder::default()
            .user(account.user.as_deref())
            .pass(account.password.as_deref())
            .db_name(Some(&account.database))
            .prefer_socket(false)
            .client_found_rows(settings.count_found);
        options = if account.host.starts_with('/') {
            options.socket(Some(&account.host))
        } else if account.host == "localhost" && account.port.is_none() && Path::new(SOCKET).exists() {
            options.socket(Some(SOCKET))
        } else {
            options.ip_or_hostname(&account.host).tcp_port(account.port.unwrap_or(3306))
        };
        let conn = Conn::new(options).await.map_err(failure)?;
        Ok(Self { conn })
    }

    pub(crate) async fn run(&mut self, statement: Statement) -> Result<Outcome, Failure> {
        let binds = Params::Positional(statement.binds.into_iter().map(to_wire).collect());
        let result = self.conn.exec_iter(statement.sql, binds).await.map_err(failure)?;
        collect(result).await
    }

    pub(crate) async fn batch(&mut self, statements: Vec<Statement>) -> Result<(), Failure> {
        let mut transaction = self.conn.start_transaction(TxOpts::default()).await.map_err(failure)?;
        for statement in statements {
            let binds = Params::Positional(statement.binds.into_iter().map(to_wire).collect());
            if let Err(error) = transaction.exec_drop(statement.sql, binds).await {
                let failure = failure(error);
                if let Failure::Refused { .. } = failure {
                    transaction.rollback().await.map_err(self::failure)?;
                }
                return Err(failure);
            }
        }
        transaction.commit().await.map_err(failure)
    }

    pub(crate) async fn raw(&mut self, sql: &str) -> Result<Outcome, Failure> {
        let result = self.conn.query_iter(sql).await.map_err(failure)?;
        collect(result).await
    }

    pub(crate) async fn reset(&mut self) -> Result<(), Failure> {
        match self.conn.reset().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Lost("the server cannot reset a connection".into())),
            Err(error) => Err(failure(error)),
        }
    }

    pub(crate) async fn check(&mut self) -> Result<(), Failure> {
        self.conn.ping().await.map_err(failure)
    }
}

/// The first result set; others, as of a procedure, are read and dropped.
async fn collect<P: mysql_async::prelude::Protocol>(
    mut result: QueryResult<'_, 'static, P>,
) -> Result<Outcome, Failure> {
    let columns = result.columns().unwrap_or_default();
    let mut outcome = Outcome {
        columns: columns.iter().map(|column| column.name_str().into_owned()).collect(),
        rows: Vec::new(),
        affected: result.affected_rows(),
        last_id: result.last_insert_id().and_then(|id| i64::try_from(id).ok()).unwrap_or(0),
    };
    while let Some(row) = result.next().await.map_err(failure)? {
        let values = row.unwrap().into_iter().zip(columns.iter());
        outcome.rows.push(Row(values.map(|(value, column)| from_wire(value, column)).collect()));
    }
    result.drop_result().await.map_err(failure)?;
    Ok(outcome)
}

fn to_wire(value: Value) -> Wire {
    match value {
        Value::Null => Wire::NULL,
        Value::Int(number) => Wire::Int(number),
        Value::Double(number) => Wire::Double(number),
        Value::Text(bytes) | Value::Blob(bytes) => Wire::Bytes(bytes),
        Value::Time(seconds) => {
            let (year, month, day, hour, minute, second) = time::to_parts(seconds);
            Wire::Date(year, month, day, hour, minute, second, 0)
        }
    }
}

fn from_wire(value: Wire, column: &Column) -> Value {
    match value {
        Wire::NULL => Value::Null,
        Wire::Int(number) => Value::Int(number),
        Wire::UInt(number) => i64::try_from(number).map_or(Value::Double(number as f64), Value::Int),
        Wire::Float(number) => Value::Double(shortest(number)),
        Wire::Double(number) => Value::Double(number),
        Wire::Date(year, month, day, hour, minute, second, _) => {
            time::from_parts((year, month, day), (hour, minute, second)).map_or(Value::Null, Value::Time)
        }
        Wire::Time(negative, days, hours, minutes, seconds, _) => {
            let sign = if negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            Value::from(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"))
        }
        Wire::Bytes(bytes) => from_bytes(bytes, column),
    }
}

/// The number that the column holds in decimal: widening its bits would show digits that nobody wrote.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// Text, or a number or a time that an unprepared statement gives as text. Decimal numbers stay exact, as text.
fn from_bytes(bytes: Vec<u8>, column: &Column) -> Value {
    use ColumnType as Type;
    let text = Value::Text(bytes);
    match column.column_type() {
        Type::MYSQL_TYPE_TINY
        | Type::MYSQL_TYPE_SHORT
        | Type::MYSQL_TYPE_INT24
        | Type::MYSQL_TYPE_LONG
        | Type::MYSQL_TYPE_LONGLONG
        | Type::MYSQL_TYPE_YEAR => text.as_int().map_or(text, Value::Int),
        Type::MYSQL_TYPE_FLOAT | Type::MYSQL_TYPE_DOUBLE => text.as_double().map_or(text, Value::Double),
        Type::MYSQL_TYPE_DATETIME
        | Type::MYSQL_TYPE_DATETIME2
        | Type::MYSQL_TYPE_TIMESTAMP
        | Type::MYSQL_TYPE_TIMESTAMP2 => match text {
            // What is stored as 0000-00-00 is no time.
            Value::Text(text) => time::from_text(&text).map_or(Value::Null, Value::Time),
            other => other,
        },
        Type::MYSQL_TYPE_TINY_BLOB
        | Type::MYSQL_TYPE_MEDIUM_BLOB
        | Type::MYSQL_TYPE_LONG_BLOB
        | Type::MYSQL_TYPE_BLOB
            if column.flags().contains(ColumnFlags::BINARY_FLAG) && column.character_set() == BINARY =>
        {
            match text {
                Value::Text(bytes) => Value::Blob(bytes),
                other => other,
            }
        }
        _ => text,
    }
}

/// The number of the character set of columns that hold bytes.
const BINARY: u16 = 63;

fn failure(error: mysql_async::Error) -> Failure {
    match error {
        mysql_async::Error::Server(error) => match error.code {
            // Too many connections, shutting down, read-only failover, deadlock, lock timeout: these pass.
            1040 | 1053 | 1077 | 1290 | 1836 | 1205 | 1213 | 1927 => Failure::Lost(error.message),
            code => Failure::Refused { code: code.to_string(), text: error.message },
        },
        other => Failure::Lost(other.to_string()),
    }
}
