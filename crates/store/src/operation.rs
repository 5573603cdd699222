//! Kamailio's database operations: what every module asks of every database.

use crate::Value;

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal; with [`Value::Null`]: has no value.
    Eq,
    /// Not equal; with [`Value::Null`]: has a value.
    Ne,
    /// Less.
    Lt,
    /// Greater.
    Gt,
    /// Less or equal.
    Le,
    /// Greater or equal.
    Ge,
    /// Has one of these bits.
    BitAnd,
}

/// A condition on one column. Several hold together.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The column.
    pub column: String,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Value,
}

impl Key {
    /// A condition.
    pub fn new(column: impl Into<String>, op: Op, value: impl Into<Value>) -> Self {
        Self { column: column.into(), op, value: value.into() }
    }

    /// The column equals the value.
    pub fn eq(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(column, Op::Eq, value)
    }
}

/// Rows of one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The table.
    pub table: String,
    /// The columns wanted; none for all of them, in the table's order.
    pub columns: Vec<String>,
    /// What the rows must meet.
    pub keys: Vec<Key>,
    /// Columns to order by, with commas between; each may be followed by `asc` or `desc`.
    pub order: Option<String>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

/// A value for one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The column.
    pub column: String,
    /// Its value.
    pub value: Value,
}

impl Cell {
    /// A value for a column.
    pub fn new(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { column: column.into(), value: value.into() }
    }
}

/// A change of one table.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new row.
    Insert {
        /// The table.
        table: String,
        /// The row; other columns take their defaults.
        cells: Vec<Cell>,
    },
    /// New values in the rows that meet the keys.
    Update {
        /// The table.
        table: String,
        /// The new values.
        cells: Vec<Cell>,
        /// Which rows; no keys for all.
        keys: Vec<Key>,
    },
    /// Rows that go.
    Delete {
        /// The table.
        table: String,
        /// Which rows; no keys for all.
        keys: Vec<Key>,
    },
    /// A new row, or new values in the row that has the same values in the unique columns.
    Replace {
        /// The table.
        table: String,
        /// The row; columns that are not named keep their values where the row exists.
        cells: Vec<Cell>,
        /// Columns that together have a unique index in the table.
        unique: Vec<String>,
    },
}
