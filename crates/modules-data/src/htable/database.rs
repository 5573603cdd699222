//! Tables of the database that tables are filled from, and written back to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cfg_vm::{Str, Value};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::{Running, Server};
use store::{Cell, Change, Database, Error, Query, Row};

use super::definition::Definition;
use super::table::{Item, Table};
use super::{Htable, rpc};

/// Rows written in one transaction.
const ROWS: usize = 5_000;
/// How long after a failure a table is tried to be filled again.
const RETRY: Duration = Duration::from_secs(2);

/// Where tables come from, and what the columns are called.
pub(super) struct Source {
    pub(super) database: Database,
    pub(super) key_name: String,
    pub(super) key_type: String,
    pub(super) value_type: String,
    pub(super) key_value: String,
    pub(super) expires: String,
    /// Stands after an array's name for the number of its values.
    pub(super) array_size_suffix: Str,
    /// Times are read and written too.
    pub(super) has_expires: bool,
}

/// Whether a table has been filled: what was not read must not be written over.
#[derive(Default)]
pub(super) struct Filled(AtomicBool);

impl Filled {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// When the configuration comes in force: fills the tables that are still empty. Where the database does not answer the
/// server starts without, and they are filled when it does.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Htable>() else { return };
    let Some(source) = &state.source else { return };
    for table in
        state.tables.iter().filter(|table| table.definition.dbtable.is_some() && !table.filled.is_set())
    {
        match server.runtime.block_on(fill(source, table)) {
            Ok(()) => {}
            Err(error @ Error::Refused { .. }) => refused(source, table, &error),
            Err(error) => {
                tracing::error!(
                    target: "htable",
                    "{} is not filled: {error}; it will be when {} answers",
                    table.name().escape_ascii(),
                    source.database.url_shown()
                );
                server.runtime.spawn(fill_later(Arc::clone(source), Arc::clone(table)));
            }
        }
    }
}

fn refused(source: &Source, table: &Table, error: &Error) {
    tracing::error!(
        target: "htable",
        "{} cannot be filled from {}: {error}",
        table.name().escape_ascii(),
        source.database.url_shown()
    );
}

async fn fill_later(source: Arc<Source>, table: Arc<Table>) {
    loop {
        tokio::time::sleep(RETRY).await;
        source.database.up().await;
        match fill(&source, &table).await {
            Ok(()) => {
                tracing::info!(target: "htable", "{} has been filled", table.name().escape_ascii());
                return;
            }
            Err(error @ Error::Refused { .. }) => return refused(&source, &table, &error),
            Err(_) => {}
        }
    }
}

/// Reads a table's rows; what the script has set already stays.
async fn fill(source: &Source, table: &Table) -> Result<(), Error> {
    for (name, item) in rows(source, &table.definition).await? {
        table.put_if_absent(name, item);
    }
    table.filled.set();
    Ok(())
}

/// The items of a table's rows, arrays numbered.
async fn rows(source: &Source, definition: &Definition) -> Result<Vec<(Str, Item)>, Error> {
    let columns = if definition.columns.is_empty() {
        let mut columns = vec![&source.key_name, &source.key_type, &source.value_type, &source.key_value];
        if has_expires(source, definition) {
            columns.push(&source.expires);
        }
        columns.into_iter().cloned().collect()
    } else {
        definition.columns.clone()
    };
    let order = columns.first().cloned();
    let table = definition.dbtable.clone().unwrap_or_default();
    let rows = source.database.query(&Query { table, columns, order, ..Query::default() }).await?;
    let now = chrono::Utc::now().timestamp();
    let mut reader =
        Reader { definition, suffix: &source.array_size_suffix, now, array: None, items: Vec::new() };
    for row in &rows {
        if definition.columns.is_empty() { reader.add(row) } else { reader.add_packed(row) }
    }
    Ok(reader.end())
}

fn has_expires(source: &Source, definition: &Definition) -> bool {
    source.has_expires && definition.autoexpire > 0
}

/// Makes items of rows.
struct Reader<'a> {
    definition: &'a Definition,
    suffix: &'a [u8],
    now: i64,
    /// The array whose values are being read, and how many there were.
    array: Option<(Vec<u8>, i64)>,
    items: Vec<(Str, Item)>,
}

impl Reader<'_> {
    fn push(&mut self, name: &[u8], value: Value, expires: i64) {
        let default = if self.definition.autoexpire > 0 { self.now + self.definition.autoexpire } else { 0 };
        let expires = if expires > 0 { expires } else { default };
        self.items.push((Str::copy(name), Item { value, expires }));
    }

    /// A row of key, key's type, value's type, value and perhaps time.
    fn add(&mut self, row: &Row) {
        let cell = |at: usize| row.get(at).unwrap_or(&store::Value::Null);
        let name = text_of(cell(0)).unwrap_or_default();
        let text = text_of(cell(3)).unwrap_or_default();
        let expires = cell(4).as_int().unwrap_or(0);
        if expires > 0 && expires < self.now {
            return;
        }
        let value = match cell(2).as_int() {
            Some(1) => Value::Int(leading_number(&text)),
            _ => Value::Str(text.as_slice().into()),
        };
        if cell(1).as_int() != Some(1) {
            return self.push(&name, value, expires);
        }
        if self.array.as_ref().is_none_or(|(array, _)| *array != name) {
            self.end_array();
            self.array = Some((name.clone(), 0));
        }
        if let Some((_, count)) = &mut self.array {
            let element = [&name, b"[".as_slice(), count.to_string().as_bytes(), b"]"].concat();
            *count += 1;
            self.push(&element, value, expires);
        }
    }

    /// A row of a key and the values that are put together.
    fn add_packed(&mut self, row: &Row) {
        let Some((name, values)) = row.split_first() else { return };
        let texts: Vec<Vec<u8>> = values
            .iter()
            .map(|value| text_of(value).unwrap_or_else(|| self.definition.null.to_vec()))
            .collect();
        let packed = texts.join(self.definition.delimiter.as_bytes());
        self.push(&text_of(name).unwrap_or_default(), Value::Str(packed.into()), 0);
    }

    fn end_array(&mut self) {
        if let Some((mut name, count)) = self.array.take() {
            name.extend_from_slice(self.suffix);
            self.push(&name, Value::Int(count), 0);
        }
    }

    fn end(mut self) -> Vec<(Str, Item)> {
        self.end_array();
        self.items
    }
}

/// The text of a column's value; none for null.
fn text_of(value: &store::Value) -> Option<Vec<u8>> {
    match value {
        store::Value::Null => None,
        store::Value::Int(number) | store::Value::Time(number) => Some(number.to_string().into_bytes()),
        store::Value::Double(number) => Some(number.to_string().into_bytes()),
        store::Value::Text(text) | store::Value::Blob(text) => Some(text.clone()),
    }
}

/// The number that a text begins with; 0 where it begins with none.
fn leading_number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let digits = text.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    let first = text.first().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+'));
    let number = if first { &text[..=digits] } else { b"" };
    std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Writes a table in place of what the database has.
async fn write(source: &Source, table: &Table) -> Result<(), Error> {
    let name = table.definition.dbtable.clone().unwrap_or_default();
    let mut changes = vec![Change::Delete { table: name.clone(), keys: Vec::new() }];
    for stripe in 0..table.stripes() {
        for (key, item) in table.in_order(stripe) {
            changes.push(Change::Insert { table: name.clone(), cells: cells(source, table, &key, &item) });
            if changes.len() == ROWS {
                source.database.batch(&changes).await?;
                changes.clear();
            }
        }
    }
    source.database.batch(&changes).await
}

fn cells(source: &Source, table: &Table, name: &Str, item: &Item) -> Vec<Cell> {
    let is_number = i64::from(item.value.as_text().is_none());
    let mut cells = vec![
        Cell::new(source.key_name.clone(), name.as_bytes()),
        Cell::new(source.key_type.clone(), 0),
        Cell::new(source.value_type.clone(), is_number),
        Cell::new(source.key_value.clone(), item.value.to_str().as_bytes()),
    ];
    if has_expires(source, &table.definition) {
        cells.push(Cell::new(source.expires.clone(), item.expires));
    }
    cells
}

/// When the server has ended: writes back what is to be kept.
pub(super) fn ended(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Htable>() else { return };
    let Some(source) = &state.source else { return };
    let kept = |table: &&Arc<Table>| {
        let definition = &table.definition;
        definition.writes_back && definition.dbtable.is_some() && definition.columns.is_empty()
    };
    for table in state.tables.iter().filter(kept) {
        if !table.filled.is_set() {
            tracing::error!(
                target: "htable",
                "{} is not written back: it was never filled, and the database may hold more",
                table.name().escape_ascii()
            );
            continue;
        }
        if let Err(error) = server.runtime.block_on(write(source, table)) {
            tracing::error!(
                target: "htable",
                "{} is not written back to {}: {error}",
                table.name().escape_ascii(),
                source.database.url_shown()
            );
        }
    }
}

type Answer = Result<Vec<RpcValue>, RpcError>;

fn failure(reason: &str) -> RpcError {
    RpcError::new(500, reason)
}

/// The table that a command names, and where it comes from.
fn source_and_table(call: &RpcCall<'_>) -> Result<(Arc<Source>, Arc<Table>), RpcError> {
    rpc::with_state(call, |state| {
        let source = state.source.clone().ok_or_else(|| failure("No htable db_url"))?;
        let name = call.text(0).map_err(|_| failure("No htable name given"))?;
        let table = state.shared(name.as_bytes()).ok_or_else(|| failure("No such htable"))?;
        if table.definition.dbtable.is_none() {
            return Err(failure("No database htable"));
        }
        Ok((source, table))
    })
}

/// `htable.reload table`
pub(super) fn reload(call: &RpcCall<'_>) -> Answer {
    let (source, table) = source_and_table(call)?;
    let items = call.server.runtime.block_on(rows(&source, &table.definition)).map_err(|error| {
        tracing::error!(target: "htable", "{} is not filled again: {error}", table.name().escape_ascii());
        failure("Htable reload failed")
    })?;
    table.clear();
    for (name, item) in items {
        table.put_if_absent(name, item);
    }
    table.filled.set();
    Ok(vec!["Ok. Htable reloaded.".into()])
}

/// `htable.store table`
pub(super) fn store_table(call: &RpcCall<'_>) -> Answer {
    let (source, table) = source_and_table(call)?;
    if !table.definition.columns.is_empty() {
        // Kamailio says that it has stored it, and empties the database's table.
        tracing::warn!(
            target: "htable",
            "saving htable [{}] with custom db columns is not available",
            table.name().escape_ascii()
        );
        return Ok(vec!["Ok. Htable successfully stored to DB.".into()]);
    }
    call.server.runtime.block_on(write(&source, &table)).map_err(|error| {
        tracing::error!(target: "htable", "{} is not stored: {error}", table.name().escape_ascii());
        failure("Storing htable failed")
    })?;
    Ok(vec!["Ok. Htable successfully stored to DB.".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(definition: &str, rows: &[&[store::Value]]) -> Vec<(String, Value, i64)> {
        let definition = Definition::parse(definition.as_bytes()).unwrap();
        let mut reader =
            Reader { definition: &definition, suffix: b"::size", now: 1000, array: None, items: Vec::new() };
        for row in rows {
            let row = Row(row.to_vec());
            if definition.columns.is_empty() { reader.add(&row) } else { reader.add_packed(&row) }
        }
        reader
            .end()
            .into_iter()
            .map(|(name, item)| (name.to_lossy().into_owned(), item.value, item.expires))
            .collect()
    }

    fn row(name: &str, key_type: i64, value_type: i64, value: &str, expires: i64) -> [store::Value; 5] {
        [name.into(), key_type.into(), value_type.into(), value.into(), expires.into()]
    }

    #[test]
    fn rows_become_items_and_arrays() {
        let items = read(
            "a=>size=3",
            &[
                &row("bad", 0, 1, "x1", 0),
                &row("key", 1, 0, "v3", 0),
                &row("key", 1, 0, "v2", 0),
                &row("n", 0, 1, "42", 0),
            ],
        );
        let expected = [
            ("bad", Value::Int(0)),
            ("key[0]", Value::text("v3")),
            ("key[1]", Value::text("v2")),
            ("n", Value::Int(42)),
            ("key::size", Value::Int(2)),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value, 0)).collect();
        assert_eq!(items, expected);
    }

    #[test]
    fn what_is_over_is_left_out_and_what_has_no_end_gets_one() {
        let rows = [row("past", 0, 0, "x", 999), row("none", 0, 0, "x", 0), row("soon", 0, 0, "x", 1001)];
        let items = read("a=>autoexpire=10", &rows.each_ref().map(|row| row.as_slice()));
        let times: Vec<_> = items.into_iter().map(|(name, _, expires)| (name, expires)).collect();
        assert_eq!(times, [("none".to_owned(), 1010), ("soon".to_owned(), 1001)]);
    }

    #[test]
    fn columns_of_ones_own_are_put_together() {
        let items = read(
            "c=>cols='k,a,b,c'",
            &[
                &["k1".into(), "a".into(), 2.into(), "".into()],
                &["k2".into(), store::Value::Null, 3.into(), "z".into()],
            ],
        );
        let values: Vec<_> = items.into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, [Value::text("a,2,"), Value::text("*,3,z")]);
    }

    #[test]
    fn a_number_is_what_the_text_begins_with() {
        for (text, number) in [("42", 42), ("-7x", -7), ("x1", 0), ("", 0), ("1 2", 1), ("-", 0)] {
            assert_eq!(leading_number(text.as_bytes()), number, "{text}");
        }
    }
}
