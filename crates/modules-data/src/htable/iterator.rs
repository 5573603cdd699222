//! Walking through a table's items.
//!
//! A stripe's items are copied when the walk comes to it, and no lock is held between two steps: unlike in Kamailio the
//! script may do with the table what it likes meanwhile.

use std::sync::Arc;

use cfg_vm::{Str, Value};
use engine::module::Flow;
use engine::{Args, Cx};

use super::Htable;
use super::place;
use super::table::{Item, Table};

/// How many walks a route may have under way, as in Kamailio.
const MOST: usize = 4;

/// The walks that a route has under way.
#[derive(Default)]
pub(super) struct Iterators(Vec<Iterator>);

struct Iterator {
    name: Str,
    table: Arc<Table>,
    /// The next stripe to be copied.
    stripe: usize,
    /// What is left of the copied one, the nearest last.
    rest: Vec<(Str, Item)>,
    current: Option<(Str, Item)>,
}

impl Iterator {
    fn new(name: &[u8], table: Arc<Table>) -> Self {
        Self { name: Str::copy(name), table, stripe: 0, rest: Vec::new(), current: None }
    }

    /// Goes to the next item; whether there is one.
    fn advance(&mut self) -> bool {
        while self.rest.is_empty() && self.stripe < self.table.stripes() {
            self.rest = self.table.in_order(self.stripe);
            self.rest.reverse();
            self.stripe += 1;
        }
        self.current = self.rest.pop();
        self.current.is_some()
    }
}

impl Iterators {
    /// The item that a walk is at.
    pub(super) fn current(&self, name: &[u8]) -> Option<&(Str, Item)> {
        self.0.iter().find(|iterator| &*iterator.name == name)?.current.as_ref()
    }

    fn begin(&mut self, name: &[u8], table: Arc<Table>) -> bool {
        self.0.retain(|iterator| &*iterator.name != name);
        let has_room = self.0.len() < MOST;
        if has_room {
            self.0.push(Iterator::new(name, table));
        }
        has_room
    }

    fn named(&mut self, name: &[u8]) -> Option<&mut Iterator> {
        let found = self.0.iter_mut().find(|iterator| &*iterator.name == name);
        if found.is_none() {
            tracing::error!(target: "htable", "iterator not initialized [{}]", name.escape_ascii());
        }
        found
    }

    fn end(&mut self, name: &[u8]) -> bool {
        let before = self.0.len();
        self.0.retain(|iterator| &*iterator.name != name);
        self.0.len() < before
    }
}

/// `sht_iterator_start(iterator, table)`
pub(super) fn start(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(table) = cx.state::<Htable>().shared(args.text(1)) else {
        place::unknown(args.text(1));
        return Flow::FALSE;
    };
    let has_room = cx.local::<Iterators>().begin(args.text(0), table);
    if !has_room {
        tracing::error!(target: "htable", "no iterator available - max number is {MOST}");
    }
    has_room.into()
}

/// `sht_iterator_next(iterator)`
pub(super) fn next(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.local::<Iterators>().named(args.text(0)).is_some_and(Iterator::advance).into()
}

/// `sht_iterator_end(iterator)`
pub(super) fn end(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let ended = cx.local::<Iterators>().end(args.text(0));
    if !ended {
        tracing::error!(target: "htable", "iterator not found [{}]", args.text(0).escape_ascii());
    }
    ended.into()
}

/// The walk of a call's first argument, if it is at an item.
fn at_item<'i>(cx: &'i mut Cx<'_>, args: &Args<'_>) -> Option<&'i mut Iterator> {
    let iterator = cx.local::<Iterators>().named(args.text(0))?;
    if iterator.current.is_none() {
        tracing::error!(target: "htable", "iterator not used [{}]", args.text(0).escape_ascii());
    }
    Some(iterator).filter(|iterator| iterator.current.is_some())
}

/// `sht_iterator_rm(iterator)`: -2 when the item was the last.
pub(super) fn remove(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(iterator) = at_item(cx, args) else { return Flow::FALSE };
    if let Some((name, _)) = &iterator.current {
        iterator.table.remove(name);
    }
    if iterator.advance() { Flow::TRUE } else { Flow::Done(-2) }
}

/// `sht_iterator_sets(iterator, text)`
pub(super) fn set_text(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set(cx, args, Value::Str(Str::copy(args.text(1))))
}

/// `sht_iterator_seti(iterator, number)`
pub(super) fn set_number(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set(cx, args, Value::Int(args.int(1).unwrap_or(0)))
}

fn set(cx: &mut Cx<'_>, args: &Args<'_>, value: Value) -> Flow {
    let now = cx.shard.unix_time();
    let Some(iterator) = at_item(cx, args) else { return Flow::FALSE };
    if let Some((name, item)) = &mut iterator.current {
        iterator.table.set(name, value.clone(), now);
        item.value = value;
    }
    Flow::TRUE
}

/// `sht_iterator_setex(iterator, seconds)`
pub(super) fn set_seconds(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let now = cx.shard.unix_time();
    let seconds = args.int(1).unwrap_or(0);
    let Some(iterator) = at_item(cx, args) else { return Flow::FALSE };
    if let Some((name, _)) = &iterator.current {
        iterator.table.set_seconds(name, seconds, now);
    }
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::super::definition::Definition;
    use super::*;

    #[test]
    fn a_walk_sees_each_item_once_while_the_table_changes() {
        let table = Arc::new(Table::new(Definition::parse(b"a=>size=2").unwrap()));
        for number in 0..100 {
            table.set(format!("k{number}").as_bytes(), Value::Int(number), 0);
        }
        let mut iterators = Iterators::default();
        assert!(iterators.begin(b"i", Arc::clone(&table)));
        let mut seen = std::collections::HashSet::new();
        while iterators.named(b"i").unwrap().advance() {
            let (name, _) = iterators.current(b"i").unwrap();
            assert!(seen.insert(name.clone()));
            table.remove(name);
        }
        assert_eq!(seen.len(), 100);
        assert!(iterators.end(b"i"));
        assert!(!iterators.end(b"i"));
    }

    #[test]
    fn four_walks_at_most() {
        let table = Arc::new(Table::new(Definition::parse(b"a=>size=2").unwrap()));
        let mut iterators = Iterators::default();
        let begun = [b"1", b"2", b"3", b"4", b"5"].map(|name| iterators.begin(name, Arc::clone(&table)));
        assert_eq!(begun, [true, true, true, true, false]);
        assert!(iterators.begin(b"4", table));
    }
}
