//! Kamailio's table layouts: made, shown and brought up to date.
//!
//! Modules read tables by their column names, so an older layout serves as it is; these are for making databases.

mod calls;
mod column;
mod presence;
mod routing;
mod uacreg;
mod users;

use std::fmt;
use std::str::FromStr;

pub use column::Column;

use crate::operation::{Cell, Change};
use crate::statement::{Dialect, Statement, Writer};
use crate::{Database, Error};

/// The release of Kamailio whose layouts are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// 5.0 to 5.2.
    V5_0,
    /// 5.3 and 5.4.
    V5_4,
    /// 5.5 to 5.8.
    #[default]
    V5_6,
    /// 6.0 and 6.1.
    V6_0,
    /// 6.2 and later.
    V6_2,
}

impl Release {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::V5_0, Self::V5_4, Self::V5_6, Self::V6_0, Self::V6_2];

    /// Its number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V5_0 => "5.0",
            Self::V5_4 => "5.4",
            Self::V5_6 => "5.6",
            Self::V6_0 => "6.0",
            Self::V6_2 => "6.2",
        }
    }

    /// The tables of this release.
    pub fn tables(self) -> Vec<&'static Table> {
        let all = [users::TABLES, calls::TABLES, routing::TABLES, presence::TABLES];
        all.into_iter()
            .flatten()
            .map(|table| if table.name == "uacreg" { self.uacreg(table) } else { table })
            .collect()
    }

    fn uacreg(self, of_5_6: &'static Table) -> &'static Table {
        match self {
            Self::V5_0 => &uacreg::V3,
            Self::V5_4 => &uacreg::V4,
            Self::V5_6 | Self::V6_0 => of_5_6,
            Self::V6_2 => &uacreg::V6,
        }
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        Self::ALL
            .into_iter()
            .find(|release| release.name() == text)
            .ok_or_else(|| UnknownRelease(text.to_owned()))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No release whose layouts are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelease(String);

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Release::ALL.iter().map(|release| release.name()).collect();
        write!(f, "no layouts of `{}` are known; there are {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownRelease {}

/// One table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The module that uses it first.
    pub module: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its version, as the `version` table tells it.
    pub version: i64,
    /// The first column: a number that the database gives.
    pub key: &'static str,
    /// The other columns, in order.
    pub columns: &'static [Column],
    pub(crate) indexes: &'static [Index],
}

/// Columns by which rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    unique: bool,
    columns: &'static [&'static str],
}

impl Index {
    /// No two rows have the same in these columns.
    pub(crate) const fn unique(columns: &'static [&'static str]) -> Self {
        Self { unique: true, columns }
    }

    pub(crate) const fn plain(columns: &'static [&'static str]) -> Self {
        Self { unique: false, columns }
    }
}

impl Table {
    /// The statements that make it, its version's row not included.
    fn create(&self, dialect: Dialect) -> Result<Vec<Statement>, Error> {
        let mut writer = Writer::new(dialect);
        writer.push("CREATE TABLE ");
        writer.name(self.name)?;
        writer.push(" (");
        writer.name(self.key)?;
        writer.push(match dialect {
            Dialect::Sqlite => " INTEGER PRIMARY KEY NOT NULL",
            Dialect::MySql => " INT UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL",
            Dialect::Postgres => " SERIAL PRIMARY KEY NOT NULL",
        });
        for column in self.columns {
            writer.push(", ");
            writer.name(column.name)?;
            writer.push(" ");
            writer.push(&column.definition(dialect));
        }
        writer.push(")");
        let mut statements = vec![writer.done()];
        for (number, index) in self.indexes.iter().enumerate() {
            statements.push(self.create_index(dialect, number, index)?);
        }
        Ok(statements)
    }

    fn create_index(&self, dialect: Dialect, number: usize, index: &Index) -> Result<Statement, Error> {
        let mut writer = Writer::new(dialect);
        writer.push(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
        writer.name(&format!("{}_{number}_idx", self.name))?;
        writer.push(" ON ");
        writer.name(self.name)?;
        writer.push(" (");
        writer.list(index.columns, |writer, column| writer.name(column))?;
        writer.push(")");
        Ok(writer.done())
    }

    fn add(&self, dialect: Dialect, column: &Column) -> Result<Statement, Error> {
        let mut writer = Writer::new(dialect);
        writer.push("ALTER TABLE ");
        writer.name(self.name)?;
        writer.push(" ADD COLUMN ");
        writer.name(column.name)?;
        writer.push(" ");
        writer.push(&column.added(dialect));
        Ok(writer.done())
    }

    fn tell_version(&self) -> Change {
        Change::Replace {
            table: "version".into(),
            cells: vec![Cell::new("table_name", self.name), Cell::new("table_version", self.version)],
            unique: vec!["table_name".into()],
        }
    }
}

/// How one table of a database stands to a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The layout's table.
    pub table: &'static Table,
    /// Whether the database has it.
    pub exists: bool,
    /// The version that the database tells for it.
    pub version: Option<i64>,
    /// Columns of the layout that it lacks.
    pub missing: Vec<&'static Column>,
}

impl Standing {
    /// Whether nothing is to be done.
    pub fn is_current(&self) -> bool {
        self.exists
            && self.missing.is_empty()
            && self.version.is_some_and(|version| version >= self.table.version)
    }
}

/// Compares a database with a release's layouts. `version` comes first.
///
/// # Errors
/// The database's.
pub async fn compare(database: &Database, release: Release) -> Result<Vec<Standing>, Error> {
    let has_versions = !database.columns("version").await?.is_empty();
    let mut standings = Vec::new();
    for table in release.tables() {
        let columns = database.columns(table.name).await?;
        let exists = !columns.is_empty();
        let lacks = |column: &&Column| !columns.iter().any(|name| name.eq_ignore_ascii_case(column.name));
        let missing = if exists { table.columns.iter().filter(lacks).collect() } else { Vec::new() };
        let version = if has_versions { database.table_version(table.name).await? } else { None };
        standings.push(Standing { table, exists, version, missing });
    }
    Ok(standings)
}

/// Brings one table of a database to the layout: makes it, or adds what it lacks. Nothing is removed or narrowed, and a
/// version that is newer than the layout stays.
///
/// # Errors
/// The database's. PostgreSQL and SQLite have done nothing then; MySQL cannot undo what was made before.
pub async fn bring(database: &Database, standing: &Standing) -> Result<(), Error> {
    let (dialect, table) = (database.dialect(), standing.table);
    let mut statements = Vec::new();
    if standing.exists {
        for column in &standing.missing {
            statements.push(table.add(dialect, column)?);
        }
    } else {
        statements = table.create(dialect)?;
    }
    if standing.version.is_none_or(|version| version < table.version) {
        statements.push(Statement::change(dialect, &table.tell_version())?);
    }
    database.run(statements).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_each_table_once_with_version_first() {
        for release in Release::ALL {
            let tables = release.tables();
            assert_eq!(tables[0].name, "version");
            let mut names: Vec<&str> = tables.iter().map(|table| table.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), tables.len());
            assert_eq!(release.name().parse(), Ok(release));
        }
        assert!("4.0".parse::<Release>().is_err());
    }

    #[test]
    fn positional_inserts_of_old_scripts_find_as_many_columns_as_they_give() {
        let width = |release: Release| {
            let tables = release.tables();
            let uacreg = tables.iter().find(|table| table.name == "uacreg").expect("a table of uac");
            1 + uacreg.columns.len()
        };
        assert_eq!(Release::ALL.map(width), [14, 15, 16, 16, 17]);
    }

    #[test]
    fn indexes_name_columns_of_their_table() {
        for table in Release::V5_6.tables() {
            for column in table.indexes.iter().flat_map(|index| index.columns) {
                assert!(table.columns.iter().any(|known| known.name == *column), "{}.{column}", table.name);
            }
        }
    }
}
