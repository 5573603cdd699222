//! The contacts of one address of record: their order, and which of them a REGISTER means.

use std::sync::Arc;

use super::contact::{Contact, Field, Standing};

/// How a contact is found among those of its address of record (`matching_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// By its URI.
    #[default]
    Address,
    /// By its URI and Call-ID.
    AddressAndCall,
    /// By its URI and Path.
    AddressAndPath,
    /// By its Call-ID.
    Call,
}

impl Matching {
    /// `matching_mode`.
    pub fn of(mode: i64) -> Self {
        match mode {
            1 => Self::AddressAndCall,
            2 => Self::AddressAndPath,
            3 => Self::Call,
            _ => Self::Address,
        }
    }
}

/// How contacts stand in a record (`desc_time_order`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The highest q first, of the same q the older one.
    #[default]
    ByQ,
    /// The one changed last first.
    Newest,
}

/// By what a contact is looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Its URI.
    pub address: &'a [u8],
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Path; empty for none.
    pub path: &'a [u8],
    /// Instance; empty for none.
    pub instance: &'a [u8],
    /// `reg-id`; 0 for none.
    pub reg_id: u32,
}

impl Wanted<'_> {
    /// Whether a contact is the one.
    pub fn matches(&self, contact: &Contact, matching: Matching) -> bool {
        if !self.instance.is_empty() {
            // A device, or one of its flows (RFC 5626 §6).
            return contact.facts.reg_id == self.reg_id && contact.text(Field::Instance) == self.instance;
        }
        let same_address = || contact.text(Field::Address) == self.address;
        let same_call = || contact.text(Field::CallId) == self.call_id;
        match matching {
            Matching::Address => same_address(),
            Matching::AddressAndCall => same_address() && same_call(),
            Matching::AddressAndPath => same_address() && contact.text(Field::Path) == self.path,
            Matching::Call => same_call(),
        }
    }
}

/// What an older contact says of a REGISTER with a Call-ID and CSeq (RFC 3261 §10.3 step 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// It is newer.
    Newer,
    /// The same one came again within `cseq_delay`.
    Again,
    /// It is older than what is known, or the same one too late.
    Older,
}

/// Compares a REGISTER with the contact that it means.
pub fn sequence(contact: &Contact, call_id: &[u8], cseq: u32, now: i64, delay: i64) -> Sequence {
    if contact.text(Field::CallId) != call_id || contact.facts.cseq < cseq {
        Sequence::Newer
    } else if contact.facts.cseq == cseq && contact.facts.modified + delay > now {
        Sequence::Again
    } else {
        Sequence::Older
    }
}

/// The contacts of one address of record, in order. Most have one, which needs no list.
#[derive(Clone, Debug, Default)]
pub enum Record {
    /// None.
    #[default]
    None,
    /// One.
    One(Arc<Contact>),
    /// Several.
    Many(Box<Vec<Arc<Contact>>>),
}

impl Record {
    /// All of them.
    pub fn contacts(&self) -> &[Arc<Contact>] {
        match self {
            Self::None => &[],
            Self::One(contact) => std::slice::from_ref(contact),
            Self::Many(contacts) => contacts,
        }
    }

    /// Has none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The place of the contact that is meant.
    pub fn find(&self, wanted: &Wanted<'_>, matching: Matching) -> Option<usize> {
        self.contacts().iter().position(|contact| wanted.matches(contact, matching))
    }

    /// Adds a contact at its place.
    pub fn insert(&mut self, contact: Arc<Contact>, order: Order) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(contact),
            Self::One(one) => {
                let mut contacts = Box::new(vec![one]);
                put(&mut contacts, contact, order);
                Self::Many(contacts)
            }
            Self::Many(mut contacts) => {
                put(&mut contacts, contact, order);
                Self::Many(contacts)
            }
        };
    }

    /// Puts a changed contact in the place of the one at `at`; it moves where the order wants it elsewhere.
    pub fn update(&mut self, at: usize, contact: Arc<Contact>, order: Order) {
        match self {
            Self::None => {}
            Self::One(one) => *one = contact,
            Self::Many(contacts) => {
                if order == Order::ByQ && contacts[at].facts.q == contact.facts.q {
                    contacts[at] = contact;
                } else {
                    contacts.remove(at);
                    put(contacts, contact, order);
                }
            }
        }
    }

    /// Takes the contact at a place away.
    pub fn remove(&mut self, at: usize) -> Option<Arc<Contact>> {
        match std::mem::take(self) {
            Self::None => None,
            Self::One(one) => Some(one),
            Self::Many(mut contacts) => {
                let removed = contacts.remove(at);
                *self = match contacts.len() {
                    1 => contacts.pop().map_or(Self::None, Self::One),
                    _ => Self::Many(contacts),
                };
                Some(removed)
            }
        }
    }

    /// Where another contact has a contact's identifier now, it counts as changed from now on; false where none has it.
    pub fn renew_unless(&mut self, contact: &Arc<Contact>) -> bool {
        let ruid = contact.text(Field::Ruid);
        let Some(at) = self.contacts().iter().position(|one| one.text(Field::Ruid) == ruid) else {
            return false;
        };
        let current = &self.contacts()[at];
        if !Arc::ptr_eq(current, contact) {
            // Another value, not another mark: the mark of this one may be about to be set by who wrote it.
            let renewed = Arc::new(Contact::new(current.draft(), Standing::Dirty));
            match self {
                Self::None => {}
                Self::One(one) => *one = renewed,
                Self::Many(contacts) => contacts[at] = renewed,
            }
        }
        true
    }

    /// Takes all away that do not stay.
    pub fn take_unless(&mut self, mut stays: impl FnMut(&Contact) -> bool) -> Vec<Arc<Contact>> {
        let mut removed = Vec::new();
        let mut at = 0;
        while let Some(contact) = self.contacts().get(at) {
            if stays(contact) {
                at += 1;
            } else {
                removed.extend(self.remove(at));
            }
        }
        removed
    }
}

fn put(contacts: &mut Vec<Arc<Contact>>, contact: Arc<Contact>, order: Order) {
    let at = match order {
        Order::Newest => 0,
        Order::ByQ => {
            contacts.iter().position(|known| known.facts.q < contact.facts.q).unwrap_or(contacts.len())
        }
    };
    contacts.insert(at, contact);
}

#[cfg(test)]
mod tests {
    use super::super::contact::{Draft, Facts, Standing};
    use super::*;

    fn contact(address: &str, q: i16, call: &str, cseq: u32) -> Arc<Contact> {
        let facts = Facts { q, cseq, modified: 1000, ..Facts::default() };
        let draft =
            Draft { address: address.as_bytes(), call_id: call.as_bytes(), facts, ..Draft::default() };
        Arc::new(Contact::new(draft, Standing::New))
    }

    fn order(record: &Record) -> Vec<String> {
        let text =
            |contact: &Arc<Contact>| String::from_utf8_lossy(contact.text(Field::Address)).into_owned();
        record.contacts().iter().map(text).collect()
    }

    #[test]
    fn contacts_stand_by_q_and_age() {
        let mut record = Record::default();
        for (address, q) in [("a", -1), ("b", 500), ("c", 500), ("d", 1000), ("e", -1)] {
            record.insert(contact(address, q, "x", 1), Order::ByQ);
        }
        assert_eq!(order(&record), ["d", "b", "c", "a", "e"]);
        record.update(0, contact("d", -1, "x", 2), Order::ByQ);
        assert_eq!(order(&record), ["b", "c", "a", "e", "d"]);
        assert!(record.remove(1).is_some());
        record.take_unless(|known| known.text(Field::Address) == b"a");
        assert_eq!(order(&record), ["a"]);
    }

    #[test]
    fn the_newest_stands_first_where_time_counts() {
        let mut record = Record::default();
        for address in ["a", "b"] {
            record.insert(contact(address, -1, "x", 1), Order::Newest);
        }
        record.update(1, contact("a", -1, "x", 2), Order::Newest);
        assert_eq!(order(&record), ["a", "b"]);
    }

    #[test]
    fn a_contact_is_meant_by_what_the_mode_says() {
        let mut record = Record::default();
        record.insert(contact("a", -1, "x", 1), Order::ByQ);
        let wanted = Wanted { address: b"a", call_id: b"y", ..Wanted::default() };
        assert_eq!(record.find(&wanted, Matching::Address), Some(0));
        assert_eq!(record.find(&wanted, Matching::AddressAndCall), None);
        assert_eq!(record.find(&wanted, Matching::Call), None);
        assert_eq!(record.find(&Wanted { path: b"<sip:p>", ..wanted }, Matching::AddressAndPath), None);
    }

    #[test]
    fn an_older_register_is_told_from_one_that_came_again() {
        let known = contact("a", -1, "x", 5);
        assert_eq!(sequence(&known, b"x", 6, 1001, 20), Sequence::Newer);
        assert_eq!(sequence(&known, b"y", 1, 1001, 20), Sequence::Newer);
        assert_eq!(sequence(&known, b"x", 5, 1019, 20), Sequence::Again);
        assert_eq!(sequence(&known, b"x", 5, 1020, 20), Sequence::Older);
        assert_eq!(sequence(&known, b"x", 4, 1001, 20), Sequence::Older);
    }
}
