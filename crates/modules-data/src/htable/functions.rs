//! The functions on whole tables and on items by name.

use cfg_vm::{Str, Value};
use engine::module::Flow;
use engine::{Args, Cx};

use super::Htable;
use super::place::{self, Pattern, Place};
use super::table::{Item, Table};

/// The table that a call names, or a line in the log.
fn table<'c>(cx: &Cx<'c>, name: &[u8]) -> Option<&'c Table> {
    let table = cx.state::<Htable>().table(name);
    if table.is_none() {
        place::unknown(name);
    }
    table
}

/// `sht_rm(table, name)`; no failure where there is no such item.
pub(super) fn remove(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    table.remove(args.text(1));
    Flow::TRUE
}

/// `sht_reset(table)`
pub(super) fn reset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    table.clear();
    Flow::TRUE
}

/// `sht_setxs(table, name, text, seconds)`
pub(super) fn set_text(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set(cx, args, Value::Str(args.str(2)))
}

/// `sht_setxi(table, name, number, seconds)`
pub(super) fn set_number(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set(cx, args, Value::Int(args.int(2).unwrap_or(0)))
}

fn set(cx: &Cx<'_>, args: &Args<'_>, value: Value) -> Flow {
    let now = cx.shard.unix_time();
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    table.set_for(args.text(1), value, args.int(3).unwrap_or(0), now);
    Flow::TRUE
}

/// `sht_is_null(table, name)`: 1 where there is nothing, -1 where there is.
pub(super) fn is_null(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let now = cx.shard.unix_time();
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    table.read(args.text(1), now).is_null().into()
}

/// `sht_inc(table, name)`: the new number.
pub(super) fn increment(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, args, 1)
}

/// `sht_dec(table, name)`
pub(super) fn decrement(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    add(cx, args, -1)
}

fn add(cx: &Cx<'_>, args: &Args<'_>, difference: i64) -> Flow {
    let now = cx.shard.unix_time();
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    table.add(args.text(1), difference, now).map_or(Flow::FALSE, Flow::Done)
}

/// `sht_rm_name_re("table=>expression")`
pub(super) fn remove_name_matching(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    remove_matching(cx, args, |pattern, name, _| pattern.is_met(name))
}

/// `sht_rm_value_re("table=>expression")`
pub(super) fn remove_value_matching(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    remove_matching(cx, args, |pattern, _, value| pattern.is_met_by(value))
}

/// Whether an item is meant.
type IsMet = fn(&Pattern<'_>, &Str, &Value) -> bool;

fn remove_matching(cx: &Cx<'_>, args: &Args<'_>, is_met: IsMet) -> Flow {
    let Some(place) = args.parsed::<Place>(0) else { return Flow::FALSE };
    let Some(table) = table(cx, &place.table) else { return Flow::FALSE };
    let Some(pattern) = place::regex(&place.name) else { return Flow::FALSE };
    table.remove_where(|name, value| is_met(&pattern, name, value));
    Flow::TRUE
}

/// `sht_rm_name(table, operator, operand)`
pub(super) fn remove_name(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    remove_by(cx, args, |pattern, name, _| pattern.is_met(name))
}

/// `sht_rm_value(table, operator, operand)`
pub(super) fn remove_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    remove_by(cx, args, |pattern, _, value| pattern.is_met_by(value))
}

fn remove_by(cx: &Cx<'_>, args: &Args<'_>, is_met: IsMet) -> Flow {
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    let Some(pattern) = Pattern::of_removal(args.text(1), args.text(2)) else { return Flow::FALSE };
    table.remove_where(|name, value| is_met(&pattern, name, value));
    Flow::TRUE
}

/// `sht_match_name(table, operator, operand)`, `sht_has_name`
pub(super) fn has_name(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    has(cx, args, |pattern, name, _| pattern.is_met(name))
}

/// `sht_match_str_value(table, operator, operand)`, `sht_has_str_value`
pub(super) fn has_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    has(cx, args, |pattern, _, value| pattern.is_met_by(value))
}

fn has(cx: &Cx<'_>, args: &Args<'_>, is_met: IsMet) -> Flow {
    let now = cx.shard.unix_time();
    let Some(table) = table(cx, args.text(0)) else { return Flow::FALSE };
    let Some(pattern) = Pattern::of_search(args.text(1), args.text(2)) else { return Flow::FALSE };
    (table.count(now, 1, |name, value| is_met(&pattern, name, value)) > 0).into()
}

/// `sht_print()`: all tables into the log; slots with nothing in them are left out.
pub(super) fn print(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    for table in cx.state::<Htable>().tables.iter().rev() {
        let expire = table.definition.autoexpire;
        tracing::error!(
            target: "htable",
            "htable[{}] hid: {} exp: {expire}>",
            table.name().escape_ascii(),
            super::table::hash(table.name())
        );
        for stripe in 0..table.stripes() {
            for of_slot in table.in_order(stripe).chunk_by(|a, b| table.slot(&a.0) == table.slot(&b.0)) {
                tracing::error!(target: "htable", "htable[{}] -- <{}>", table.slot(&of_slot[0].0), of_slot.len());
                of_slot.iter().for_each(print_item);
            }
        }
    }
    Flow::TRUE
}

fn print_item((name, item): &(Str, Item)) {
    tracing::error!(target: "htable", "\tcell: {}", name.escape_ascii());
    let (flags, kind) = if item.value.as_text().is_some() { (2, 's') } else { (0, 'i') };
    tracing::error!(
        target: "htable",
        "\thid: {} flags: {flags} expire: {}",
        super::table::hash(name),
        item.expires
    );
    tracing::error!(target: "htable", "\tv-{kind}:{}", item.value.to_str().to_lossy());
}
