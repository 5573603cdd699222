//! `htable.*` commands, with Kamailio's texts and shapes.

use cfg_vm::{Str, Value};
use chrono::{Local, TimeZone};
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::Htable;
use super::table::{Item, Table};

type Result = std::result::Result<Vec<RpcValue>, RpcError>;

fn failure(reason: &str) -> RpcError {
    RpcError::new(500, reason)
}

/// Seconds since 1970.
fn now() -> i64 {
    Local::now().timestamp()
}

/// Does something with the module under the configuration in force.
pub(super) fn with_state<T>(
    call: &RpcCall<'_>,
    f: impl FnOnce(&Htable) -> std::result::Result<T, RpcError>,
) -> std::result::Result<T, RpcError> {
    let running = call.server.running();
    f(running.state::<Htable>().ok_or_else(|| failure("Module htable is not loaded"))?)
}

/// Does something with the table that the first argument names.
fn with_table(call: &RpcCall<'_>, f: impl FnOnce(&Table) -> Result) -> Result {
    let name = call.text(0).map_err(|_| failure("No htable name given"))?;
    with_state(call, |state| f(state.table(name.as_bytes()).ok_or_else(|| failure("No such htable"))?))
}

/// A named structure.
pub(super) fn record(fields: impl IntoIterator<Item = (&'static str, RpcValue)>) -> RpcValue {
    RpcValue::Struct(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(bytes: &[u8]) -> RpcValue {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn value_of(value: &Value) -> RpcValue {
    match value {
        Value::Int(number) => RpcValue::Int(*number),
        other => text(&other.to_str()),
    }
}

/// `htable.listTables`: the last defined comes first.
pub(super) fn list_tables(call: &RpcCall<'_>) -> Result {
    with_state(call, |state| {
        let described = |table: &std::sync::Arc<Table>| {
            let definition = &table.definition;
            record([
                ("name", text(&definition.name)),
                ("dbtable", definition.dbtable.as_deref().unwrap_or_default().into()),
                ("dbmode", RpcValue::Int(definition.writes_back.into())),
                ("expire", definition.autoexpire.into()),
                ("updateexpire", RpcValue::Int(definition.updateexpire.into())),
                ("size", table.slots().into()),
                ("dmqreplicate", RpcValue::Int(0)),
            ])
        };
        Ok(state.tables.iter().rev().map(described).collect())
    })
}

/// `htable.stats`: how full the slots are.
pub(super) fn stats(call: &RpcCall<'_>) -> Result {
    with_state(call, |state| Ok(state.tables.iter().rev().map(|table| fullness(table)).collect()))
}

fn fullness(table: &Table) -> RpcValue {
    let (mut all, mut most, mut used, mut least) = (0, 0, 0i64, i64::MAX);
    for number in 0..table.stripes() {
        let mut slots: Vec<u32> = table.stripe(number).keys().map(|name| table.slot(name)).collect();
        slots.sort_unstable();
        for slot in slots.chunk_by(|a, b| a == b) {
            let count = slot.len() as i64;
            (all, most, least, used) = (all + count, most.max(count), least.min(count), used + 1);
        }
    }
    let least = if used < table.slots() { 0 } else { least };
    record([
        ("name", text(table.name())),
        ("slots", table.slots().into()),
        ("all", all.into()),
        ("min", least.into()),
        ("max", most.into()),
    ])
}

/// `htable.dump table`
pub(super) fn dump(call: &RpcCall<'_>) -> Result {
    with_table(call, |table| {
        let mut entries = Vec::new();
        for number in 0..table.stripes() {
            for items in table.in_order(number).chunk_by(|a, b| table.slot(&a.0) == table.slot(&b.0)) {
                entries.push(record([
                    ("entry", i64::from(table.slot(&items[0].0)).into()),
                    ("size", (items.len() as i64).into()),
                    ("slot", RpcValue::List(items.iter().map(dumped).collect())),
                ]));
            }
        }
        Ok(entries)
    })
}

fn dumped((name, item): &(Str, Item)) -> RpcValue {
    let kind = if item.value.as_text().is_some() { "str" } else { "int" };
    record([("name", text(name)), ("value", value_of(&item.value)), ("type", kind.into())])
}

/// `htable.get table name`
pub(super) fn get(call: &RpcCall<'_>) -> Result {
    let name = named(call, "Not enough parameters (htable name and key name)")?;
    with_table(call, |table| {
        let item = table.find(name.as_bytes(), now());
        let item = item.ok_or_else(|| failure("Key name doesn't exist in htable."))?;
        let flags = if item.value.as_text().is_some() { 2 } else { 0 };
        let item = record([
            ("name", name.into()),
            ("value", value_of(&item.value)),
            ("flags", RpcValue::Int(flags)),
            ("expire", shown_time(item.expires).into()),
        ]);
        Ok(vec![record([("item", item)])])
    })
}

fn shown_time(at: i64) -> String {
    match Local.timestamp_opt(at, 0).single() {
        Some(time) if at != 0 => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        _ => "NEVER".to_owned(),
    }
}

/// The item's name, after the table's.
fn named(call: &RpcCall<'_>, missing: &str) -> std::result::Result<String, RpcError> {
    call.text(0).and_then(|_| call.text(1)).map_err(|_| failure(missing))
}

/// `htable.delete table name`
pub(super) fn delete(call: &RpcCall<'_>) -> Result {
    let name = named(call, "Not enough parameters (htable name & key name)")?;
    with_table(call, |table| {
        if table.find(name.as_bytes(), now()).is_none() {
            return Err(RpcError::new(404, "Key not found in htable."));
        }
        table.remove(name.as_bytes());
        Ok(vec!["Ok. Key deleted.".into()])
    })
}

const THREE: &str = "Not enough parameters (htable name, key name and value)";
const FOUR: &str = "Not enough parameters (htable name, key name, value and expire)";
const SET: &str = "Ok. Key set to new value.";

/// `htable.sets table name text`
pub(super) fn set_text(call: &RpcCall<'_>) -> Result {
    let (name, value) = (named(call, THREE)?, call.text(2).map_err(|_| failure(THREE))?);
    with_table(call, |table| {
        table.set(name.as_bytes(), Value::Str(value.into()), now());
        Ok(vec![SET.into()])
    })
}

/// `htable.seti table name number`
pub(super) fn set_number(call: &RpcCall<'_>) -> Result {
    let (name, value) = (named(call, THREE)?, call.int(2).map_err(|_| failure(THREE))?);
    with_table(call, |table| {
        table.set(name.as_bytes(), Value::Int(value), now());
        Ok(vec![SET.into()])
    })
}

/// `htable.setex table name seconds`; also where there is no such item.
pub(super) fn set_seconds(call: &RpcCall<'_>) -> Result {
    let missing = "Not enough parameters (htable name, key name and expire)";
    let (name, seconds) = (named(call, missing)?, call.int(2).map_err(|_| failure(missing))?);
    with_table(call, |table| {
        table.set_seconds(name.as_bytes(), seconds, now());
        Ok(vec!["Ok".into()])
    })
}

/// `htable.setxs table name text seconds`
pub(super) fn set_text_for(call: &RpcCall<'_>) -> Result {
    let value = call.text(2).map_err(|_| failure(FOUR))?;
    set_for(call, Value::Str(value.into()))
}

/// `htable.setxi table name number seconds`
pub(super) fn set_number_for(call: &RpcCall<'_>) -> Result {
    let value = call.int(2).map_err(|_| failure(FOUR))?;
    set_for(call, Value::Int(value))
}

fn set_for(call: &RpcCall<'_>, value: Value) -> Result {
    let (name, seconds) = (named(call, FOUR)?, call.int(3).map_err(|_| failure(FOUR))?);
    with_table(call, |table| {
        table.set_for(name.as_bytes(), value, seconds, now());
        Ok(vec![SET.into()])
    })
}

/// `htable.flush table`
pub(super) fn flush(call: &RpcCall<'_>) -> Result {
    with_table(call, |table| {
        table.clear();
        Ok(vec!["Ok. Htable flushed.".into()])
    })
}
