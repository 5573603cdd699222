//! All dialogs, in stripes with a lock each, and how many are in each profile.
//!
//! A dialog is found by its ident, or by its Call-ID through a keyed hash, as peers choose Call-IDs. Each stripe knows when
//! something in it is due next, so that a look at the clock costs no lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cfg_vm::Str;

use super::call::{Dialog, Ident, Side};

/// Dialogs of one Call-ID: one, or one for each turn of a spiral.
type Calls = HashMap<Str, Vec<Arc<Dialog>>>;

#[derive(Default)]
struct Stripe {
    by_id: HashMap<u32, Arc<Dialog>>,
}

/// The table.
pub(super) struct Table {
    key: RandomState,
    stripes: Box<[Mutex<Stripe>]>,
    due: Box<[AtomicI64]>,
    calls: Box<[Mutex<Calls>]>,
    next: AtomicU32,
    step: u32,
    profiles: Mutex<HashMap<(Str, Option<Str>), i64>>,
}

/// Stripes of the index by Call-ID.
const CALL_STRIPES: usize = 256;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// With a power of two of entries; ids begin at a number and go up by a step.
    pub(super) fn new(entries: usize, first: u32, step: u32) -> Self {
        let entries = entries.max(1).next_power_of_two();
        Self {
            key: RandomState::new(),
            stripes: (0..entries).map(|_| Mutex::default()).collect(),
            due: (0..entries).map(|_| AtomicI64::new(i64::MAX)).collect(),
            calls: (0..CALL_STRIPES).map(|_| Mutex::default()).collect(),
            next: AtomicU32::new(first),
            step: step.max(1),
            profiles: Mutex::default(),
        }
    }

    /// A name for a dialog of this call.
    pub(super) fn name(&self, call_id: &[u8]) -> Ident {
        let entry = self.key.hash_one(call_id) as usize & (self.stripes.len() - 1);
        loop {
            // Fits: there are at most 2^31 entries.
            let ident = Ident { entry: entry as u32, id: self.next.fetch_add(self.step, Ordering::Relaxed) };
            // One from before a restart may have it.
            if !lock(&self.stripes[entry]).by_id.contains_key(&ident.id) {
                return ident;
            }
        }
    }

    fn at(&self, entry: u32) -> usize {
        entry as usize & (self.stripes.len() - 1)
    }

    fn calls(&self, call_id: &[u8]) -> MutexGuard<'_, Calls> {
        lock(&self.calls[self.key.hash_one(call_id) as usize % CALL_STRIPES])
    }

    /// Puts a dialog in.
    pub(super) fn add(&self, dialog: &Arc<Dialog>) {
        let ident = dialog.ident;
        lock(&self.stripes[self.at(ident.entry)]).by_id.insert(ident.id, Arc::clone(dialog));
        self.calls(&dialog.call_id).entry(dialog.call_id.clone()).or_default().push(Arc::clone(dialog));
    }

    /// Takes it out, and out of its profiles.
    pub(super) fn remove(&self, dialog: &Dialog) {
        self.leave_profiles(dialog);
        lock(&self.stripes[self.at(dialog.ident.entry)]).by_id.remove(&dialog.ident.id);
        let mut calls = self.calls(&dialog.call_id);
        if let Some(known) = calls.get_mut(&dialog.call_id) {
            known.retain(|known| known.ident != dialog.ident);
            if known.is_empty() {
                calls.remove(&dialog.call_id);
            }
        }
    }

    /// The dialog of an ident.
    pub(super) fn get(&self, ident: Ident) -> Option<Arc<Dialog>> {
        lock(&self.stripes[self.at(ident.entry)]).by_id.get(&ident.id).filter(|d| d.ident == ident).cloned()
    }

    /// The dialogs of a Call-ID.
    pub(super) fn of_call(&self, call_id: &[u8]) -> Vec<Arc<Dialog>> {
        self.calls(call_id).get(call_id).cloned().unwrap_or_default()
    }

    /// The dialog that a message with these belongs to, and who sends its request; one that is not over before others.
    pub(super) fn matching(
        &self,
        call_id: &[u8],
        from_tag: &[u8],
        to_tag: &[u8],
    ) -> Option<(Arc<Dialog>, Side)> {
        let mut found: Vec<_> = self
            .of_call(call_id)
            .into_iter()
            .filter_map(|dialog| dialog.side(from_tag, to_tag).map(|side| (dialog, side)))
            .collect();
        found.sort_by_key(|(dialog, _)| dialog.live().state);
        found.into_iter().next()
    }

    /// All dialogs, entry by entry.
    pub(super) fn all(&self) -> Vec<Arc<Dialog>> {
        let mut all: Vec<_> = self
            .stripes
            .iter()
            .flat_map(|stripe| lock(stripe).by_id.values().cloned().collect::<Vec<_>>())
            .collect();
        all.sort_by_key(|dialog| (dialog.ident.entry, dialog.ident.id));
        all
    }

    /// Something about a dialog is due at this time, or earlier than was known.
    pub(super) fn due_at(&self, ident: Ident, at: i64) {
        self.due[self.at(ident.entry)].fetch_min(at, Ordering::Relaxed);
    }

    /// The dialogs of those stripes of a shard where something is due. Each must be told of by
    /// [`due_at`](Self::due_at) again.
    pub(super) fn take_due(&self, now: i64, shard: usize, shards: usize) -> Vec<Arc<Dialog>> {
        let mut due = Vec::new();
        for at in (shard..self.stripes.len()).step_by(shards.max(1)) {
            if self.due[at].load(Ordering::Relaxed) <= now {
                self.due[at].store(i64::MAX, Ordering::Relaxed);
                due.extend(lock(&self.stripes[at]).by_id.values().cloned());
            }
        }
        due
    }

    /// Puts a dialog into a profile.
    pub(super) fn join(&self, dialog: &Dialog, profile: Str, value: Option<Str>) {
        let mut live = dialog.live();
        live.marks |= super::call::mark::PROFILES;
        live.profiles.insert(0, (profile.clone(), value.clone()));
        *lock(&self.profiles).entry((profile, value)).or_default() += 1;
    }

    /// Takes it out of one; false when it was not in it.
    pub(super) fn leave(&self, dialog: &Dialog, profile: &[u8], value: Option<&[u8]>) -> bool {
        let mut live = dialog.live();
        let is_it = |(name, of): &(Str, Option<Str>)| **name == *profile && of.as_deref() == value;
        let Some(at) = live.profiles.iter().position(is_it) else { return false };
        let membership = live.profiles.remove(at);
        live.marks |= super::call::mark::PROFILES;
        self.uncount(membership);
        true
    }

    /// Takes it out of all.
    pub(super) fn leave_profiles(&self, dialog: &Dialog) {
        let memberships = std::mem::take(&mut dialog.live().profiles);
        memberships.into_iter().for_each(|membership| self.uncount(membership));
    }

    fn uncount(&self, membership: (Str, Option<Str>)) {
        let mut profiles = lock(&self.profiles);
        if let Some(count) = profiles.get_mut(&membership) {
            *count -= 1;
            if *count <= 0 {
                profiles.remove(&membership);
            }
        }
    }

    /// How many are in a profile, with one value or any.
    pub(super) fn profile_size(&self, profile: &[u8], value: Option<&[u8]>) -> i64 {
        let profiles = lock(&self.profiles);
        match value {
            Some(_) => profiles.get(&(Str::copy(profile), value.map(Str::copy))).copied().unwrap_or_default(),
            None => profiles.iter().filter(|((name, _), _)| **name == *profile).map(|(_, count)| count).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::{Leg, Live};
    use super::*;

    fn dialog(table: &Table, call_id: &str, tag: &str) -> Arc<Dialog> {
        let live = Live::begun(Leg { tag: tag.into(), ..Leg::default() }, 60);
        let uris = [Str::EMPTY, Str::EMPTY, Str::EMPTY];
        let dialog = Arc::new(Dialog::new(table.name(call_id.as_bytes()), call_id.into(), uris, 0, live));
        table.add(&dialog);
        dialog
    }

    #[test]
    fn a_dialog_is_found_by_name_and_by_call_until_it_is_removed() {
        let table = Table::new(8, 5, 2);
        let (first, second) = (dialog(&table, "c", "a"), dialog(&table, "c", "b"));
        assert_eq!(second.ident.id, first.ident.id + 2);
        assert_eq!(table.get(first.ident).map(|d| d.ident), Some(first.ident));
        let found = table.matching(b"c", b"x", b"b").map(|(dialog, side)| (dialog.ident, side));
        assert_eq!(found, Some((second.ident, Side::Callee)));
        table.remove(&first);
        assert!(table.get(first.ident).is_none());
        assert_eq!(table.of_call(b"c").len(), 1);
        table.remove(&second);
        assert!(table.all().is_empty());
    }

    #[test]
    fn profiles_count_their_dialogs_by_value_and_forget_those_that_go() {
        let table = Table::new(8, 0, 1);
        let (first, second) = (dialog(&table, "c", "a"), dialog(&table, "d", "b"));
        table.join(&first, "calls".into(), Some("alice".into()));
        table.join(&second, "calls".into(), Some("bob".into()));
        assert_eq!(table.profile_size(b"calls", None), 2);
        assert_eq!(table.profile_size(b"calls", Some(b"bob")), 1);
        assert!(!table.leave(&first, b"calls", Some(b"bob")));
        assert!(table.leave(&first, b"calls", Some(b"alice")));
        table.remove(&second);
        assert_eq!(table.profile_size(b"calls", None), 0);
    }

    #[test]
    fn only_stripes_where_something_is_due_are_looked_at() {
        let table = Table::new(4, 0, 1);
        let one = dialog(&table, "c", "a");
        assert!(table.take_due(100, 0, 1).is_empty());
        table.due_at(one.ident, 50);
        assert!(table.take_due(49, 0, 1).is_empty());
        assert_eq!(table.take_due(50, 0, 1).len(), 1);
        assert!(table.take_due(50, 0, 1).is_empty());
    }
}
