//! `$sht` and its kin.

use cfg_vm::Value;
use cfg_vm::host::WriteError;
use engine::{Cx, PvArgs};

use super::Htable;
use super::expiry::Record;
use super::iterator::Iterators;
use super::place::{self, Pattern};
use super::table::Table;

/// The table and the name that stand in the parentheses, if there is such a table.
fn item<'c, 'a>(cx: &Cx<'c>, args: &'a PvArgs<'_>) -> Option<(&'c Table, &'a [u8])> {
    let (table, name) = place::split(args.name())?;
    Some((cx.state::<Htable>().table(table)?, name))
}

/// `$sht(table=>name)`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let now = cx.shard.unix_time();
    item(cx, args).map_or(Value::Null, |(table, name)| table.read(name, now))
}

/// `$sht(table=>name) = …`; as Kamailio, nothing where there is no such table.
pub(super) fn write(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let now = cx.shard.unix_time();
    if let Some((table, name)) = item(cx, args) {
        table.set(name, value, now);
    }
    Ok(())
}

/// `$shtex(table=>name)`: seconds until it goes.
pub(super) fn read_expiry(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let now = cx.shard.unix_time();
    item(cx, args).map_or(Value::Null, |(table, name)| Value::Int(table.seconds_left(name, now)))
}

/// `$shtex(table=>name) = seconds`; what is no number counts as 0, for ever.
pub(super) fn write_expiry(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let now = cx.shard.unix_time();
    if let Some((table, name)) = item(cx, args) {
        table.set_seconds(name, value.as_int().unwrap_or(0), now);
    }
    Ok(())
}

/// `$shtcn(table=>pattern)`: how many items have such a name.
pub(super) fn count_names(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    count(cx, args, |pattern, name, _| pattern.is_met(name))
}

/// `$shtcv(table=>pattern)`: how many have such a value.
pub(super) fn count_values(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    count(cx, args, |pattern, _, value| pattern.is_met_by(value))
}

fn count(cx: &Cx<'_>, args: &PvArgs<'_>, is_met: fn(&Pattern<'_>, &[u8], &Value) -> bool) -> Value {
    let now = cx.shard.unix_time();
    let Some((table, pattern)) = item(cx, args) else { return Value::Null };
    let Some(pattern) = Pattern::of_variable(pattern) else { return Value::Int(0) };
    Value::Int(table.count(now, usize::MAX, |name, value| is_met(&pattern, name, value)) as i64)
}

/// `$shtinc(table=>name)`: adds one and gives the new number.
pub(super) fn increment(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    add(cx, args, 1)
}

/// `$shtdec(table=>name)`
pub(super) fn decrement(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    add(cx, args, -1)
}

fn add(cx: &Cx<'_>, args: &PvArgs<'_>, difference: i64) -> Value {
    let now = cx.shard.unix_time();
    let sum = item(cx, args).and_then(|(table, name)| table.add(name, difference, now));
    sum.map_or(Value::Null, Value::Int)
}

/// `$shtrecord(key)`, `$shtrecord(value)`: what has just expired; empty outside that event.
pub(super) fn record(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let record = cx.context.data.get::<Record>();
    match args.name() {
        b"key" => Value::Str(record.map(|record| record.name.clone()).unwrap_or_default()),
        _ => record.map_or(Value::text(""), |record| record.value.clone()),
    }
}

/// Checks what stands in `$shtrecord`.
pub(super) fn check_record(text: &[u8]) -> Result<(), String> {
    match text {
        b"key" | b"value" => Ok(()),
        _ => Err(format!("$shtrecord has a key and a value, no \"{}\"", text.escape_ascii())),
    }
}

/// `$shtitkey(iterator)`: the name of the item that it is at.
pub(super) fn iterator_key(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let item = cx.local::<Iterators>().current(args.name());
    item.map_or(Value::Null, |(name, _)| Value::Str(name.clone()))
}

/// `$shtitval(iterator)`: its value.
pub(super) fn iterator_value(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    cx.local::<Iterators>().current(args.name()).map_or(Value::Null, |(_, item)| item.value.clone())
}
