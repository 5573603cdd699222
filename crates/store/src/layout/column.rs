//! A table's columns, and how each kind of database writes them.

use crate::statement::Dialect;

/// A column of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// As SQL.
    pub(super) default: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text(u16),
    Int,
    Unsigned,
    Small,
    Real,
    Time,
    Blob,
    Long,
}

const fn of(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false, default: None }
}

/// Text of at most so many characters.
pub(super) const fn text(name: &'static str, length: u16) -> Column {
    of(name, Kind::Text(length))
}

/// The same, empty by default.
pub(super) const fn name(name: &'static str, length: u16) -> Column {
    text(name, length).or("''")
}

pub(super) const fn int(name: &'static str) -> Column {
    of(name, Kind::Int)
}

pub(super) const fn unsigned(name: &'static str) -> Column {
    of(name, Kind::Unsigned)
}

pub(super) const fn small(name: &'static str) -> Column {
    of(name, Kind::Small)
}

pub(super) const fn real(name: &'static str) -> Column {
    of(name, Kind::Real)
}

pub(super) const fn time(name: &'static str) -> Column {
    of(name, Kind::Time)
}

pub(super) const fn blob(name: &'static str) -> Column {
    of(name, Kind::Blob)
}

/// Text of any length.
pub(super) const fn long(name: &'static str) -> Column {
    of(name, Kind::Long)
}

impl Column {
    /// May have no value.
    pub(super) const fn null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Has this value, written as SQL, where none is given.
    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Its type, default and whether it may be null. The types' names in SQLite matter: Kamailio's driver reads times by them.
    pub(super) fn definition(&self, dialect: Dialect) -> String {
        let kind = match (self.kind, dialect) {
            (Kind::Text(length), _) => format!("VARCHAR({length})"),
            (Kind::Int, Dialect::MySql) => "INT".into(),
            (Kind::Unsigned, Dialect::MySql) => "INT UNSIGNED".into(),
            (Kind::Int | Kind::Unsigned, _) => "INTEGER".into(),
            (Kind::Small, _) => "SMALLINT".into(),
            (Kind::Real, Dialect::MySql) => "DOUBLE".into(),
            (Kind::Real, _) => "REAL".into(),
            (Kind::Time, Dialect::MySql) => "DATETIME".into(),
            (Kind::Time, _) => "TIMESTAMP WITHOUT TIME ZONE".into(),
            (Kind::Blob, Dialect::MySql) => "MEDIUMBLOB".into(),
            (Kind::Blob, Dialect::Sqlite) => "BLOB".into(),
            (Kind::Blob, Dialect::Postgres) => "BYTEA".into(),
            (Kind::Long, Dialect::MySql) => "MEDIUMTEXT".into(),
            (Kind::Long, _) => "TEXT".into(),
        };
        let default = self.default.map(|value| format!(" DEFAULT {value}")).unwrap_or_default();
        let null = if self.nullable { "" } else { " NOT NULL" };
        format!("{kind}{default}{null}")
    }

    /// The same for rows that are there already: they need a value.
    pub(super) fn added(mut self, dialect: Dialect) -> String {
        if !self.nullable && self.default.is_none() {
            self.default = match (self.kind, dialect) {
                // MySQL gives such columns the empty value by itself and allows no default.
                (Kind::Blob | Kind::Long, Dialect::MySql) => None,
                (Kind::Text(_) | Kind::Blob | Kind::Long, _) => Some("''"),
                (Kind::Time, _) => Some("'2000-01-01 00:00:01'"),
                (Kind::Int | Kind::Unsigned | Kind::Small | Kind::Real, _) => Some("0"),
            };
        }
        self.definition(dialect)
    }
}
