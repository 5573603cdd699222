//! A location table in memory, shared by all shards: records by address of record, in stripes with a lock each.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::statistics::{Counter, Statistics};

use super::contact::{Contact, Field, Standing};
use super::record::Record;

/// One table, `location` in most configurations.
pub struct Table {
    /// Its name, also in the database.
    pub name: String,
    /// As many as Kamailio's table would have: what commands show.
    slots: usize,
    stripes: Box<[Mutex<Stripe>]>,
    /// Addresses of record are the peers' choice.
    key: RandomState,
    counts: Counts,
    is_loaded: AtomicBool,
    /// The stripes of contacts that were loaded, by identifier: their temporary GRUUs name a stripe of an earlier run.
    moved: Mutex<HashMap<Box<[u8]>, usize>>,
}

/// The fewest stripes, as a power of two: a million contacts are a few hundred in each, so that no sweep holds a lock for long.
const FINE: u32 = 12;

#[derive(Default)]
struct Stripe {
    records: HashMap<Box<[u8]>, Record>,
    /// Contacts that the database still has.
    gone: Vec<Arc<Contact>>,
}

struct Counts {
    users: Counter,
    all_users: Counter,
    contacts: Counter,
    expired: Counter,
}

impl Counts {
    fn new(table: &str, statistics: &Statistics) -> Self {
        let counter = |name: &str| statistics.counter("usrloc", name);
        Self {
            users: counter(&format!("{table}_users")),
            all_users: counter("registered_users"),
            contacts: counter(&format!("{table}_contacts")),
            expired: counter(&format!("{table}_expires")),
        }
    }

    /// What changed when a record of `before` contacts has `after` now.
    fn changed(&self, before: usize, after: usize) {
        if after > before {
            self.contacts.add_many(0, (after - before) as u64);
        } else if before > after {
            self.contacts.take_many(0, (before - after) as u64);
        }
        if before == 0 && after > 0 {
            self.users.add(0);
            self.all_users.add(0);
        } else if before > 0 && after == 0 {
            self.users.take_many(0, 1);
            self.all_users.take_many(0, 1);
        }
    }
}

/// What a sweep of one stripe found.
#[derive(Default)]
pub struct Swept {
    /// Taken away, because their time is over.
    pub expired: Vec<Arc<Contact>>,
    /// To be written.
    pub changed: Vec<Arc<Contact>>,
    /// To be deleted from the database.
    pub gone: Vec<Arc<Contact>>,
}

/// What a sweep is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Seconds since 1970.
    pub now: i64,
    /// Whether contacts go to the database, so that changes are collected.
    pub collects: bool,
}

impl Table {
    /// An empty one that shows `1 << size` slots, as `hash_size` says, within reason; it has as many stripes or more.
    pub fn new(name: &str, size: u32, statistics: &Statistics) -> Self {
        let size = size.clamp(2, 16);
        let stripes = (0..1usize << size.max(FINE)).map(|_| Mutex::default()).collect();
        Self {
            name: name.to_owned(),
            slots: 1 << size,
            stripes,
            key: RandomState::new(),
            counts: Counts::new(name, statistics),
            is_loaded: AtomicBool::new(false),
            moved: Mutex::default(),
        }
    }

    /// Whether what the database had at the start is here.
    pub(super) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    pub(super) fn mark_loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// A contact with an instance came from the database: it may have given its temporary GRUU to others.
    pub(super) fn remember_moved(&self, contact: &Contact) {
        let stripe = self.stripe_of(contact.text(Field::Aor));
        self.moved().insert(contact.text(Field::Ruid).into(), stripe);
    }

    fn moved(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, usize>> {
        // Each change is one insertion.
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slots Kamailio's table would have; a stripe's is its remainder.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many stripes it has.
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// The stripe of an address of record.
    pub fn stripe_of(&self, aor: &[u8]) -> usize {
        // Masked below the number of stripes, a power of two.
        (self.key.hash_one(aor) as usize) & (self.stripes.len() - 1)
    }

    fn lock(&self, stripe: usize) -> MutexGuard<'_, Stripe> {
        // A stripe is whole between any two of its changes.
        self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contacts of an address of record, in order.
    pub fn contacts(&self, aor: &[u8]) -> Record {
        let stripe = self.lock(self.stripe_of(aor));
        stripe.records.get(aor).cloned().unwrap_or_default()
    }

    /// Changes the record of an address of record; one that is not there begins empty, and an empty one is forgotten.
    pub fn change<T>(&self, aor: &[u8], change: impl FnOnce(&mut Record) -> T) -> T {
        let mut stripe = self.lock(self.stripe_of(aor));
        let Some(record) = stripe.records.get_mut(aor) else {
            let mut record = Record::default();
            let out = change(&mut record);
            self.counts.changed(0, record.contacts().len());
            if !record.is_empty() {
                stripe.records.insert(aor.into(), record);
            }
            return out;
        };
        let before = record.contacts().len();
        let out = change(record);
        let after = record.contacts().len();
        self.counts.changed(before, after);
        if after == 0 {
            stripe.records.remove(aor);
        }
        out
    }

    /// The contact that a temporary GRUU names: its stripe and identifier.
    pub fn by_ruid(&self, stripe: usize, ruid: &[u8]) -> Option<Arc<Contact>> {
        let stripe = self.moved().get(ruid).copied().unwrap_or(stripe);
        if stripe >= self.stripes.len() {
            return None;
        }
        let stripe = self.lock(stripe);
        let mut contacts = stripe.records.values().flat_map(Record::contacts);
        contacts.find(|contact| contact.text(Field::Ruid) == ruid).cloned()
    }

    /// All records of a stripe, as they stand.
    pub fn stripe(&self, stripe: usize) -> Vec<(Box<[u8]>, Record)> {
        let stripe = self.lock(stripe);
        stripe.records.iter().map(|(aor, record)| (aor.clone(), record.clone())).collect()
    }

    /// All contacts of a stripe: what pings and exports go through, stripe by stripe.
    pub fn contacts_of_stripe(&self, stripe: usize) -> Vec<Arc<Contact>> {
        let stripe = self.lock(stripe);
        stripe.records.values().flat_map(Record::contacts).cloned().collect()
    }

    /// Contacts that were taken away and are still in the database, to be deleted there later.
    pub fn remember_gone(&self, contacts: impl IntoIterator<Item = Arc<Contact>>) {
        for contact in contacts {
            self.lock(self.stripe_of(contact.text(Field::Aor))).gone.push(contact);
        }
    }

    /// Contacts were written: one that is not the current one any more may have come to the database behind the change that
    /// replaced it, which is written once more, or behind the deletion that took it away.
    pub fn confirm(&self, written: &[Arc<Contact>]) {
        for contact in written {
            let mut stripe = self.lock(self.stripe_of(contact.text(Field::Aor)));
            let record = stripe.records.get_mut(contact.text(Field::Aor));
            if !record.is_some_and(|record| record.renew_unless(contact)) {
                stripe.gone.push(Arc::clone(contact));
            }
        }
    }

    /// Goes through one stripe: takes expired contacts away, and collects what the database does not have yet.
    pub fn sweep(&self, stripe: usize, sweep: Sweep) -> Swept {
        let mut swept = Swept::default();
        let mut stripe = self.lock(stripe);
        stripe.records.retain(|_, record| {
            let contacts = record.contacts();
            if contacts.iter().any(|contact| !contact.is_valid(sweep.now)) {
                let before = contacts.len();
                swept.expired.extend(record.take_unless(|contact| contact.is_valid(sweep.now)));
                self.counts.changed(before, record.contacts().len());
            }
            if sweep.collects {
                let unwritten = |contact: &&Arc<Contact>| {
                    contact.standing() != Standing::Synced && !contact.is_memory_only()
                };
                swept.changed.extend(record.contacts().iter().filter(unwritten).cloned());
            }
            !record.is_empty()
        });
        self.counts.expired.add_many(0, swept.expired.len() as u64);
        if sweep.collects {
            swept.gone = std::mem::take(&mut stripe.gone);
        }
        swept
    }

    /// How many addresses of record and contacts a stripe has.
    pub fn size_of_stripe(&self, stripe: usize) -> (usize, usize) {
        let stripe = self.lock(stripe);
        let contacts = stripe.records.values().map(|record| record.contacts().len()).sum();
        (stripe.records.len(), contacts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contact::{Draft, Facts};
    use super::super::record::Order;
    use super::*;

    fn contact(aor: &str, address: &str, expires: i64) -> Arc<Contact> {
        let facts = Facts { expires, ..Facts::default() };
        let draft =
            Draft { aor: aor.as_bytes(), address: address.as_bytes(), ruid: b"r", facts, ..Draft::default() };
        Arc::new(Contact::new(draft, Standing::New))
    }

    fn totals(statistics: &Statistics) -> Vec<(String, u64)> {
        statistics.all().into_iter().map(|(_, name, total)| (name, total)).collect()
    }

    #[test]
    fn expired_contacts_go_and_are_counted() {
        let statistics = Statistics::new(1);
        let table = Table::new("location", 2, &statistics);
        for (address, expires) in [("a", 100), ("b", 200), ("c", 0)] {
            table.change(b"al", |record| record.insert(contact("al", address, expires), Order::ByQ));
        }
        table.change(b"bo", |record| record.insert(contact("bo", "d", 100), Order::ByQ));
        let expired: usize = (0..table.stripes())
            .map(|stripe| table.sweep(stripe, Sweep { now: 100, collects: false }).expired.len())
            .sum();
        assert_eq!(expired, 2);
        assert_eq!(table.contacts(b"al").contacts().len(), 2);
        assert!(table.contacts(b"bo").is_empty());
        let count = |name: &str, total| (name.to_owned(), total);
        assert_eq!(
            totals(&statistics),
            [
                count("location_contacts", 2),
                count("location_expires", 2),
                count("location_users", 1),
                count("registered_users", 1)
            ]
        );
    }

    #[test]
    fn what_the_database_lacks_is_collected_until_it_is_written() {
        let table = Table::new("location", 2, &Statistics::new(1));
        let known = contact("al", "a", 0);
        table.change(b"al", |record| record.insert(known.clone(), Order::ByQ));
        table.remember_gone([contact("al", "b", 0)]);
        let sweep = Sweep { now: 1, collects: true };
        let stripe = table.stripe_of(b"al");
        let swept = table.sweep(stripe, sweep);
        assert_eq!((swept.changed.len(), swept.gone.len()), (1, 1));
        known.mark_written();
        let swept = table.sweep(stripe, sweep);
        assert_eq!((swept.changed.len(), swept.gone.len()), (0, 0));
    }

    #[test]
    fn what_was_written_too_late_is_put_right() {
        let table = Table::new("location", 2, &Statistics::new(1));
        let sweep = Sweep { now: 1, collects: true };
        let swept = || {
            let swept = table.sweep(table.stripe_of(b"al"), sweep);
            (swept.changed.len(), swept.gone.len())
        };
        let [first, second] = [(); 2].map(|()| contact("al", "a", 0));
        table.change(b"al", |record| record.insert(first.clone(), Order::ByQ));
        first.mark_written();
        table.confirm(std::slice::from_ref(&first));
        assert_eq!(swept(), (0, 0), "it is the current one");
        table.change(b"al", |record| record.update(0, second.clone(), Order::ByQ));
        second.mark_written();
        table.confirm(std::slice::from_ref(&first));
        assert_eq!(swept(), (1, 0), "its successor is written again");
        table.change(b"al", |record| record.remove(0));
        table.confirm(&[first]);
        assert_eq!(swept(), (0, 1), "nobody has it any more");
    }

    #[test]
    fn a_contact_is_found_by_its_identifier() {
        let table = Table::new("location", 2, &Statistics::new(1));
        table.change(b"al", |record| record.insert(contact("al", "a", 0), Order::ByQ));
        assert!(table.by_ruid(table.stripe_of(b"al"), b"r").is_some());
        assert!(table.by_ruid(table.stripe_of(b"al"), b"x").is_none());
        assert!(table.by_ruid(1 << 20, b"r").is_none());
        table.remember_moved(&contact("al", "a", 0));
        assert!(table.by_ruid(1 << 20, b"r").is_some(), "whatever stripe an earlier run gave it");
    }
}
