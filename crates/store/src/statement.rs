//! Operations as SQL of each kind of database. Names are checked and quoted, values are always bound.

use crate::operation::{Cell, Change, Key, Op, Query};
use crate::{Error, Value};

/// How a database writes names and places for values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

/// SQL with places for values, and the values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Vec<Value>,
}

impl Statement {
    pub(crate) fn query(dialect: Dialect, query: &Query) -> Result<Self, Error> {
        let mut writer = Writer::new(dialect);
        writer.push("SELECT ");
        if query.columns.is_empty() {
            writer.push("*");
        }
        writer.list(
            &query.columns,
            |writer, column| if column == "*" { writer.same("*") } else { writer.name(column) },
        )?;
        writer.push(" FROM ");
        writer.name(&query.table)?;
        writer.keys(&query.keys)?;
        if let Some(order) = &query.order {
            writer.order(order)?;
        }
        if let Some(limit) = query.limit {
            writer.push(&format!(" LIMIT {limit}"));
        }
        Ok(writer.done())
    }

    pub(crate) fn change(dialect: Dialect, change: &Change) -> Result<Self, Error> {
        let mut writer = Writer::new(dialect);
        match change {
            Change::Insert { table, cells } => writer.insert(table, cells)?,
            Change::Update { table, cells, keys } => {
                writer.push("UPDATE ");
                writer.name(table)?;
                writer.push(" SET ");
                writer.list(cells, |writer, cell| {
                    writer.name(&cell.column)?;
                    writer.push(" = ");
                    writer.bind(&cell.value);
                    Ok(())
                })?;
                writer.keys(keys)?;
            }
            Change::Delete { table, keys } => {
                writer.push("DELETE FROM ");
                writer.name(table)?;
                writer.keys(keys)?;
            }
            Change::Replace { table, cells, unique } => {
                writer.insert(table, cells)?;
                writer.overwrite(cells, unique)?;
            }
        }
        Ok(writer.done())
    }
}

/// SQL under construction.
pub(crate) struct Writer {
    dialect: Dialect,
    statement: Statement,
}

impl Writer {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, statement: Statement::default() }
    }

    pub(crate) fn done(self) -> Statement {
        self.statement
    }

    pub(crate) fn push(&mut self, sql: &str) {
        self.statement.sql.push_str(sql);
    }

    fn same(&mut self, sql: &str) -> Result<(), Error> {
        self.push(sql);
        Ok(())
    }

    /// A table's or column's name, `schema.table` included. PostgreSQL's are written small: Kamailio does not quote
    /// them there, so their case does not count.
    pub(crate) fn name(&mut self, name: &str) -> Result<(), Error> {
        // SQLite would take an unknown column in double quotes for a text.
        let quote = if self.dialect == Dialect::Postgres { '"' } else { '`' };
        for (index, part) in name.split('.').enumerate() {
            if !is_name(part) {
                return Err(Error::refused("42602", format!("`{name}` is no name of a table or column")));
            }
            if index > 0 {
                self.push(".");
            }
            let sql = &mut self.statement.sql;
            sql.push(quote);
            if self.dialect == Dialect::Postgres {
                sql.extend(part.chars().map(|c| c.to_ascii_lowercase()));
            } else {
                sql.push_str(part);
            }
            sql.push(quote);
        }
        Ok(())
    }

    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        mut each: impl FnMut(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            each(self, item)?;
        }
        Ok(())
    }

    fn bind(&mut self, value: &Value) {
        self.statement.binds.push(value.clone());
        match self.dialect {
            Dialect::Postgres => self.push(&format!("${}", self.statement.binds.len())),
            Dialect::Sqlite | Dialect::MySql => self.push("?"),
        }
    }

    fn keys(&mut self, keys: &[Key]) -> Result<(), Error> {
        for (index, key) in keys.iter().enumerate() {
            self.push(if index == 0 { " WHERE " } else { " AND " });
            self.name(&key.column)?;
            match (key.op, &key.value) {
                (Op::Eq, Value::Null) => self.push(" IS NULL"),
                (Op::Ne, Value::Null) => self.push(" IS NOT NULL"),
                (op, value) => {
                    self.push(match op {
                        Op::Eq => " = ",
                        Op::Ne => " <> ",
                        Op::Lt => " < ",
                        Op::Gt => " > ",
                        Op::Le => " <= ",
                        Op::Ge => " >= ",
                        Op::BitAnd => " & ",
                    });
                    self.bind(value);
                    if op == Op::BitAnd {
                        self.push(" <> 0");
                    }
                }
            }
        }
        Ok(())
    }

    fn order(&mut self, order: &str) -> Result<(), Error> {
        let parts: Vec<&str> = order.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Ok(());
        }
        self.push(" ORDER BY ");
        self.list(&parts, |writer, part| {
            let (column, direction) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            writer.name(column)?;
            match direction.trim().to_ascii_lowercase().as_str() {
                "" | "asc" => Ok(()),
                "desc" => writer.same(" DESC"),
                other => Err(Error::refused("42601", format!("`{other}` is no direction to order by"))),
            }
        })
    }

    fn insert(&mut self, table: &str, cells: &[Cell]) -> Result<(), Error> {
        self.push("INSERT INTO ");
        self.name(table)?;
        self.push(" (");
        self.list(cells, |writer, cell| writer.name(&cell.column))?;
        self.push(") VALUES (");
        self.list(cells, |writer, cell| {
            writer.bind(&cell.value);
            Ok(())
        })?;
        self.push(")");
        Ok(())
    }

    /// What an insert does where the row is there already.
    fn overwrite(&mut self, cells: &[Cell], unique: &[String]) -> Result<(), Error> {
        let others: Vec<&Cell> = cells.iter().filter(|cell| !unique.contains(&cell.column)).collect();
        if self.dialect == Dialect::MySql {
            self.push(" ON DUPLICATE KEY UPDATE ");
            let named: Vec<&Cell> = if others.is_empty() { cells.iter().collect() } else { others };
            return self.list(&named, |writer, cell| {
                writer.name(&cell.column)?;
                writer.push(" = VALUES(");
                writer.name(&cell.column)?;
                writer.same(")")
            });
        }
        self.push(" ON CONFLICT (");
        self.list(unique, |writer, column| writer.name(column))?;
        if others.is_empty() {
            return self.same(") DO NOTHING");
        }
        self.push(") DO UPDATE SET ");
        self.list(&others, |writer, cell| {
            writer.name(&cell.column)?;
            writer.push(" = excluded.");
            writer.name(&cell.column)
        })
    }
}

/// Letters, digits, `_` and `$`, as every database takes them; so a quoted name never ends early.
fn is_name(part: &str) -> bool {
    (1..=64).contains(&part.len())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::Sqlite, Dialect::MySql, Dialect::Postgres];

    fn query() -> Query {
        Query {
            table: "subscriber".into(),
            columns: vec!["ha1".into(), "User".into()],
            keys: vec![
                Key::eq("username", "bob"),
                Key::new("flags", Op::BitAnd, 4),
                Key::eq("domain", Value::Null),
            ],
            order: Some("id desc, ha1".into()),
            limit: Some(2),
        }
    }

    #[test]
    fn a_query_is_written_in_each_dialect() {
        let written = |dialect| Statement::query(dialect, &query()).expect("good names").sql;
        assert_eq!(
            written(Dialect::Postgres),
            "SELECT \"ha1\", \"user\" FROM \"subscriber\" WHERE \"username\" = $1 AND \"flags\" & $2 <> 0 \
             AND \"domain\" IS NULL ORDER BY \"id\" DESC, \"ha1\" LIMIT 2"
        );
        assert_eq!(
            written(Dialect::MySql),
            "SELECT `ha1`, `User` FROM `subscriber` WHERE `username` = ? AND `flags` & ? <> 0 \
             AND `domain` IS NULL ORDER BY `id` DESC, `ha1` LIMIT 2"
        );
    }

    #[test]
    fn a_name_that_could_end_its_quotes_is_refused() {
        for dialect in ALL {
            for name in ["", "a\"b", "a`b", "a; drop table b", "a b", "a--", "x\0", "a..b"] {
                let query = Query { table: name.into(), ..Query::default() };
                assert!(Statement::query(dialect, &query).is_err(), "{name:?}");
                let key = Query { table: "t".into(), keys: vec![Key::eq(name, 1)], ..Query::default() };
                assert!(Statement::query(dialect, &key).is_err(), "{name:?}");
                let order =
                    Query { table: "t".into(), order: Some(format!("id, {name}.x")), ..Query::default() };
                assert!(Statement::query(dialect, &order).is_err(), "{name:?}");
            }
        }
    }

    #[test]
    fn values_are_bound_whatever_they_hold() {
        let nasty = "'; DROP TABLE location; --";
        for dialect in ALL {
            let change = Change::Replace {
                table: "location".into(),
                cells: vec![Cell::new("ruid", nasty), Cell::new("contact", nasty)],
                unique: vec!["ruid".into()],
            };
            let statement = Statement::change(dialect, &change).expect("good names");
            assert!(!statement.sql.contains("DROP"), "{}", statement.sql);
            assert_eq!(statement.binds, [Value::from(nasty), Value::from(nasty)]);
        }
    }
}
