//! Who wants to hear of contacts that come, change and go.

use std::sync::{Arc, PoisonError, RwLock};

use engine::Server;

use super::contact::Contact;

/// What happened to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is new.
    Inserted,
    /// It was renewed or changed; what is told is how it stands now.
    Updated,
    /// Somebody took it away.
    Deleted,
    /// Its time is over.
    Expired,
}

/// Hears of a contact; the text is the table's name. Called without a lock held, on whatever thread made the change: it must
/// not block.
pub type Watcher = Arc<dyn Fn(&Arc<Server>, Occasion, &str, &Arc<Contact>) + Send + Sync>;

/// The watchers, each under a name, so that a reload replaces its own.
#[derive(Default)]
pub struct Watchers(RwLock<Vec<(&'static str, Watcher)>>);

impl Watchers {
    /// Puts a watcher in, in the place of the one that had its name.
    pub fn set(&self, name: &'static str, watcher: Watcher) {
        let mut watchers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|(known, _)| *known != name);
        watchers.push((name, watcher));
    }

    /// Takes one out.
    pub fn remove(&self, name: &'static str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != name);
    }

    /// Tells them all.
    pub fn tell(&self, server: &Arc<Server>, occasion: Occasion, table: &str, contacts: &[Arc<Contact>]) {
        if contacts.is_empty() {
            return;
        }
        let watchers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (_, watcher) in &watchers {
            for contact in contacts {
                watcher(server, occasion, table, contact);
            }
        }
    }
}
