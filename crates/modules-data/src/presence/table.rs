//! Publications and subscriptions in memory, shared by all shards: by presentity, in stripes with a lock each.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::package::Package;
use super::subscription::Subscription;

/// What a presentity published under one entity tag (RFC 3903).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publication {
    /// The entity tag.
    pub(super) etag: String,
    /// Seconds since 1970.
    pub(super) expires: i64,
    /// When it came, in the order of publications.
    pub(super) received: i64,
    /// The document.
    pub(super) body: Vec<u8>,
}

/// All of one presentity.
#[derive(Default)]
pub(super) struct Presentity {
    /// The oldest first.
    pub(super) publications: Vec<Publication>,
    /// Its watchers, of all packages.
    pub(super) subscriptions: Vec<Arc<Subscription>>,
}

impl Presentity {
    /// The subscriptions to a package.
    pub(super) fn watchers(&self, package: Package) -> Vec<Arc<Subscription>> {
        self.subscriptions.iter().filter(|known| known.package == package).cloned().collect()
    }

    fn is_empty(&self) -> bool {
        self.publications.is_empty() && self.subscriptions.is_empty()
    }
}

type Stripe = Mutex<HashMap<String, Presentity>>;

/// All presentities.
pub(super) struct Table {
    stripes: Box<[Stripe]>,
    /// URIs are the peers' choice.
    key: RandomState,
    /// The presentities of dialogs, by Call-ID.
    calls: Mutex<HashMap<String, String>>,
}

impl Table {
    /// An empty one with `1 << size` stripes, within reason.
    pub(super) fn new(size: u32) -> Self {
        let stripes = (0..1usize << size.clamp(2, 14)).map(|_| Mutex::default()).collect();
        Self { stripes, key: RandomState::new(), calls: Mutex::default() }
    }

    fn lock(&self, at: usize) -> MutexGuard<'_, HashMap<String, Presentity>> {
        // A stripe is whole between any two of its changes.
        self.stripes[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on a presentity; one that is not there begins empty, and an empty one is forgotten.
    pub(super) fn with<T>(&self, uri: &str, work: impl FnOnce(&mut Presentity) -> T) -> T {
        // Masked below the number of stripes, a power of two.
        let mut stripe = self.lock((self.key.hash_one(uri) as usize) & (self.stripes.len() - 1));
        if let Some(known) = stripe.get_mut(uri) {
            let out = work(known);
            if known.is_empty() {
                stripe.remove(uri);
            }
            return out;
        }
        let mut fresh = Presentity::default();
        let out = work(&mut fresh);
        if !fresh.is_empty() {
            stripe.insert(uri.to_owned(), fresh);
        }
        out
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a subscription in.
    pub(super) fn subscribe(&self, subscription: &Arc<Subscription>) {
        self.calls().insert(subscription.call_id.clone(), subscription.presentity.clone());
        self.with(&subscription.presentity, |known| known.subscriptions.push(Arc::clone(subscription)));
    }

    /// Takes one out.
    pub(super) fn unsubscribe(&self, subscription: &Arc<Subscription>) {
        self.forget_call(&subscription.call_id);
        self.with(&subscription.presentity, |known| {
            known.subscriptions.retain(|one| !Arc::ptr_eq(one, subscription));
        });
    }

    /// The presentity of a dialog.
    pub(super) fn presentity_of(&self, call_id: &str) -> Option<String> {
        self.calls().get(call_id).cloned()
    }

    /// A dialog is over.
    pub(super) fn forget_call(&self, call_id: &str) {
        self.calls().remove(call_id);
    }

    /// Goes through all presentities, a stripe at a time.
    pub(super) fn each(&self, mut work: impl FnMut(&str, &mut Presentity)) {
        for at in 0..self.stripes.len() {
            self.lock(at).retain(|uri, presentity| {
                work(uri, presentity);
                !presentity.is_empty()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presentity_without_anything_is_forgotten() {
        let table = Table::new(2);
        let publication =
            Publication { etag: "a.1".to_owned(), expires: 10, received: 1, body: b"<a/>".to_vec() };
        table.with("sip:a@h", |presentity| presentity.publications.push(publication));
        let mut seen = 0;
        table.each(|_, presentity| {
            seen += presentity.publications.len();
            presentity.publications.clear();
        });
        assert_eq!(seen, 1);
        table.each(|uri, _| panic!("{uri} is still there"));
    }
}
