//! A table: items by name, in stripes with a lock each.
//!
//! A stripe is chosen by Kamailio's own hash of the name, so that items come in Kamailio's order; within a stripe they are
//! found by a keyed hash, so that peers who choose the names cannot make it slow.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cfg_vm::{Str, Value};

use super::database::Filled;
use super::definition::Definition;

/// Two to the power of this many stripes at most, however many slots are asked for.
const MOST_STRIPE_BITS: u32 = 14;

/// What is kept under a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// A number or text; never null.
    pub(super) value: Value,
    /// When it goes, in seconds since 1970; 0 for never.
    pub(super) expires: i64,
}

/// One stripe's items.
pub(super) type Stripe = HashMap<Str, Item>;

/// A table of all shards.
pub(super) struct Table {
    pub(super) definition: Definition,
    stripes: Box<[Mutex<Stripe>]>,
    /// Whether the database's rows are in it.
    pub(super) filled: Filled,
}

impl Table {
    pub(super) fn new(definition: Definition) -> Self {
        let stripes = 1usize << definition.bits.min(MOST_STRIPE_BITS);
        let stripes = (0..stripes).map(|_| Mutex::default()).collect();
        Self { definition, stripes, filled: Filled::default() }
    }

    /// A table of another definition with the same items.
    pub(super) fn with_items_of(other: &Self, definition: Definition) -> Self {
        let table = Self::new(definition);
        for number in 0..other.stripes() {
            for (name, item) in &*other.stripe(number) {
                table.put_if_absent(name.clone(), item.clone());
            }
        }
        if other.definition.dbtable == table.definition.dbtable && other.filled.is_set() {
            table.filled.set();
        }
        table
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.definition.name
    }

    /// How many slots it has, for people.
    pub(super) fn slots(&self) -> i64 {
        1 << self.definition.bits
    }

    /// The slot of a name.
    pub(super) fn slot(&self, name: &[u8]) -> u32 {
        hash(name) & ((1u64 << self.definition.bits) - 1) as u32
    }

    /// How many stripes there are.
    pub(super) fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// A stripe by its number.
    pub(super) fn stripe(&self, number: usize) -> MutexGuard<'_, Stripe> {
        self.stripes[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stripe_of(&self, name: &[u8]) -> MutexGuard<'_, Stripe> {
        self.stripe(hash(name) as usize & (self.stripes.len() - 1))
    }

    /// Whether an item's time is over; it goes with the next sweep.
    pub(super) fn is_over(&self, item: &Item, now: i64) -> bool {
        self.definition.autoexpire > 0 && item.expires != 0 && item.expires < now
    }

    fn expiry(&self, now: i64) -> i64 {
        if self.definition.autoexpire > 0 { now + self.definition.autoexpire } else { 0 }
    }

    /// The value of a name, or what stands for one that has none.
    pub(super) fn read(&self, name: &[u8], now: i64) -> Value {
        let stripe = self.stripe_of(name);
        match stripe.get(name).filter(|item| !self.is_over(item, now)) {
            Some(item) => item.value.clone(),
            None => self.definition.initval.map_or(Value::Null, Value::Int),
        }
    }

    /// The item of a name.
    pub(super) fn find(&self, name: &[u8], now: i64) -> Option<Item> {
        self.stripe_of(name).get(name).filter(|item| !self.is_over(item, now)).cloned()
    }

    /// Sets the value of a name; its time begins anew unless the definition says no. Null removes.
    pub(super) fn set(&self, name: &[u8], value: Value, now: i64) {
        let value = match value {
            Value::Null => return self.remove(name),
            // A slice would hold the whole message that it was found in.
            Value::Str(text) => Value::Str(Str::copy(&text)),
            number => number,
        };
        let expires = self.expiry(now);
        let mut stripe = self.stripe_of(name);
        match stripe.get_mut(name) {
            Some(item) => {
                if self.definition.updateexpire || self.is_over(item, now) {
                    item.expires = expires;
                }
                item.value = value;
            }
            None => _ = stripe.insert(Str::copy(name), Item { value, expires }),
        }
    }

    /// Sets a value and how many seconds it stays.
    pub(super) fn set_for(&self, name: &[u8], value: Value, seconds: i64, now: i64) {
        let expires = if self.definition.autoexpire > 0 { expiry_in(seconds, now) } else { seconds };
        self.put(name, Item { value, expires });
    }

    /// Keeps an item as it is.
    pub(super) fn put(&self, name: &[u8], item: Item) {
        let value = if let Value::Str(text) = item.value { Value::Str(Str::copy(&text)) } else { item.value };
        self.stripe_of(name).insert(Str::copy(name), Item { value, ..item });
    }

    /// Keeps an item if there is none of its name.
    pub(super) fn put_if_absent(&self, name: Str, item: Item) {
        self.stripe_of(&name).entry(name.clone()).or_insert(item);
    }

    /// Adds to a number and gives the new one; nothing when there is none to add to.
    pub(super) fn add(&self, name: &[u8], difference: i64, now: i64) -> Option<i64> {
        let expires = self.expiry(now);
        let mut stripe = self.stripe_of(name);
        if let Some(item) = stripe.get_mut(name).filter(|item| !self.is_over(item, now)) {
            let Value::Int(number) = &mut item.value else { return None };
            *number = number.wrapping_add(difference);
            if self.definition.updateexpire {
                item.expires = expires;
            }
            return Some(*number);
        }
        let number = self.definition.initval?.wrapping_add(difference);
        stripe.insert(Str::copy(name), Item { value: Value::Int(number), expires });
        Some(number)
    }

    pub(super) fn remove(&self, name: &[u8]) {
        self.stripe_of(name).remove(name);
    }

    /// How many seconds are left of an item's time; 0 where there is no end, or no item.
    pub(super) fn seconds_left(&self, name: &[u8], now: i64) -> i64 {
        if self.definition.autoexpire == 0 {
            return 0;
        }
        self.find(name, now).filter(|item| item.expires != 0).map_or(0, |item| item.expires - now)
    }

    /// Sets how many seconds an item stays; 0 for ever. Whether there is such an item.
    pub(super) fn set_seconds(&self, name: &[u8], seconds: i64, now: i64) -> bool {
        match self.stripe_of(name).get_mut(name) {
            Some(item) => {
                item.expires = expiry_in(seconds, now);
                true
            }
            None => false,
        }
    }

    pub(super) fn clear(&self) {
        for number in 0..self.stripes() {
            *self.stripe(number) = Stripe::default();
        }
    }

    /// Removes the items of whose name and value this is true.
    pub(super) fn remove_where(&self, test: impl Fn(&Str, &Value) -> bool) {
        for number in 0..self.stripes() {
            self.stripe(number).retain(|name, item| !test(name, &item.value));
        }
    }

    /// How many items there are of which this is true; stops at `most`.
    pub(super) fn count(&self, now: i64, most: usize, test: impl Fn(&Str, &Value) -> bool) -> usize {
        let mut count = 0;
        for number in 0..self.stripes() {
            let stripe = self.stripe(number);
            let found =
                stripe.iter().filter(|(name, item)| !self.is_over(item, now) && test(name, &item.value));
            count += found.take(most - count).count();
            if count == most {
                break;
            }
        }
        count
    }

    /// A stripe's items in the order of their slots and, in those, of their hashes.
    pub(super) fn in_order(&self, number: usize) -> Vec<(Str, Item)> {
        let stripe = self.stripe(number);
        let mut items: Vec<_> = stripe.iter().map(|(name, item)| (name.clone(), item.clone())).collect();
        drop(stripe);
        items.sort_by(|(a, _), (b, _)| {
            let key = |name: &Str| (self.slot(name), hash(name));
            key(a).cmp(&key(b)).then_with(|| a.as_bytes().cmp(b.as_bytes()))
        });
        items
    }
}

/// The moment that is so many seconds off; never for none.
fn expiry_in(seconds: i64, now: i64) -> i64 {
    if seconds > 0 { now.saturating_add(seconds) } else { 0 }
}

/// Kamailio's hash of a name, in which case does not count: words of four bytes, each mixed with itself, summed.
pub(super) fn hash(name: &[u8]) -> u32 {
    let sum = name.chunks(4).fold(0u32, |sum, chunk| {
        let word = chunk.iter().fold(0u32, |word, byte| {
            (word << 8).wrapping_add(byte.to_ascii_lowercase().cast_signed() as u32)
        });
        sum.wrapping_add(word ^ (word >> 3))
    });
    sum.wrapping_add(sum >> 11).wrapping_add(sum >> 13).wrapping_add(sum >> 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(definition: &str) -> Table {
        Table::new(Definition::parse(definition.as_bytes()).unwrap())
    }

    #[test]
    fn names_hash_as_in_kamailio() {
        for (name, known) in
            [("x", 119), ("nul", 6540117), ("multi[0]", 3312119229), ("OPTIONS::n", 3309388879)]
        {
            assert_eq!(hash(name.as_bytes()), known, "{name}");
        }
    }

    #[test]
    fn what_is_not_there_has_the_initial_value() {
        let (plain, counting) = (table("a=>size=3"), table("b=>initval=7"));
        assert_eq!(plain.read(b"x", 0), Value::Null);
        assert_eq!(counting.read(b"x", 0), Value::Int(7));
        assert_eq!(plain.add(b"x", 1, 0), None);
        assert_eq!(counting.add(b"x", 1, 0), Some(8));
        plain.set(b"x", Value::text("text"), 0);
        assert_eq!(plain.add(b"x", 1, 0), None);
        plain.set(b"x", Value::Null, 0);
        assert_eq!(plain.read(b"x", 0), Value::Null);
    }

    #[test]
    fn an_item_is_gone_when_its_time_is_over() {
        let (renewed, fixed) = (table("a=>autoexpire=10"), table("b=>autoexpire=10;updateexpire=0"));
        for table in [&renewed, &fixed] {
            table.set(b"x", Value::Int(1), 100);
            table.set(b"x", Value::Int(2), 105);
            assert_eq!(table.read(b"x", 110), Value::Int(2));
        }
        assert_eq!((renewed.seconds_left(b"x", 110), fixed.seconds_left(b"x", 110)), (5, 0));
        assert_eq!((renewed.read(b"x", 111), fixed.read(b"x", 111)), (Value::Int(2), Value::Null));
        assert!(renewed.set_seconds(b"x", 100, 111));
        assert_eq!(renewed.seconds_left(b"x", 111), 100);
        assert!(renewed.set_seconds(b"x", 0, 111));
        assert_eq!((renewed.read(b"x", 9999), renewed.seconds_left(b"x", 9999)), (Value::Int(2), 0));
        assert!(!renewed.set_seconds(b"y", 5, 111));
        fixed.set(b"x", Value::Int(3), 111);
        assert_eq!(fixed.seconds_left(b"x", 111), 10);
    }

    #[test]
    fn nothing_expires_in_a_table_without_autoexpire() {
        let table = table("a=>size=3");
        table.set_for(b"x", Value::Int(1), 10, 100);
        assert_eq!((table.read(b"x", 9999), table.seconds_left(b"x", 101)), (Value::Int(1), 0));
    }

    #[test]
    fn items_come_in_the_order_of_slots() {
        let table = table("a=>size=4");
        for name in ["k1", "k2", "k3", "l1", "boot", "OPTIONS::n"] {
            table.set(name.as_bytes(), Value::Int(1), 0);
        }
        let order: Vec<_> = (0..table.stripes()).flat_map(|number| table.in_order(number)).collect();
        let names: Vec<_> = order.iter().map(|(name, _)| name.to_lossy().into_owned()).collect();
        // As Kamailio 5.6.3 was seen to walk through them.
        assert_eq!(names, ["k2", "k3", "l1", "k1", "boot", "OPTIONS::n"]);
    }

    #[test]
    fn counting_from_several_threads_loses_nothing() {
        let table = table("a=>initval=0");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| _ = table.add(b"n", 1, 0)));
            }
        });
        assert_eq!(table.read(b"n", 0), Value::Int(4000));
    }
}
