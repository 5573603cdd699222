//! What a REGISTER does to the contacts of its address of record (RFC 3261 §10.3 step 7).

use std::sync::Arc;

use crate::usrloc::{
    Changes, Contact, Draft, Facts, Field, PERMANENT, Record, Sequence, Standing, Usrloc, Wanted, sequence,
};

use super::params::Params;
use super::refusal::Refusal;
use super::registration::{Asks, Binding, Registration, SaveFlags};

/// What was done, as `save` returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Inserted = 1,
    Updated = 2,
    Deleted = 3,
    Listed = 4,
}

/// What came of it. What was changed before a refusal stays changed.
pub(super) struct Outcome {
    pub(super) result: Result<Done, Refusal>,
    pub(super) changes: Changes,
}

/// One REGISTER at work on a record.
pub(super) struct Work<'a> {
    pub(super) usrloc: &'a Usrloc,
    pub(super) params: &'a Params,
    pub(super) registration: &'a Registration,
    pub(super) flags: SaveFlags,
    pub(super) now: i64,
}

impl Work<'_> {
    /// Does it.
    pub(super) fn apply(&self, record: &mut Record) -> Outcome {
        let mut changes = Changes::default();
        let result = match &self.registration.asks {
            Asks::Query => Ok(Done::Listed),
            Asks::RemoveAll => {
                changes.removed = record.take_unless(|_| false);
                Ok(Done::Deleted)
            }
            Asks::Bindings(bindings) => self.apply_all(record, bindings, &mut changes),
        };
        Outcome { result, changes }
    }

    fn apply_all(
        &self,
        record: &mut Record,
        bindings: &[Binding],
        changes: &mut Changes,
    ) -> Result<Done, Refusal> {
        self.check_number(record, bindings)?;
        let mut done = Done::Inserted;
        for binding in bindings {
            if let Some(one) = self.apply_one(record, binding, changes)? {
                done = one;
            }
        }
        if self.flags.one_contact() {
            changes.removed.extend(record.take_unless(|contact| {
                bindings.iter().any(|binding| self.wanted(binding).matches(contact, self.usrloc.matching))
            }));
        }
        Ok(done)
    }

    fn wanted<'b>(&'b self, binding: &'b Binding) -> Wanted<'b> {
        Wanted {
            address: &binding.address,
            call_id: &self.registration.call_id,
            path: &self.registration.path,
            instance: &binding.instance,
            reg_id: binding.reg_id,
        }
    }

    /// `max_contacts`, which counts what there would be.
    fn check_number(&self, record: &Record, bindings: &[Binding]) -> Result<(), Refusal> {
        let most = self.registration.max_contacts;
        if most <= 0 || self.flags.one_contact() {
            return Ok(());
        }
        let mut count = record.contacts().iter().filter(|contact| contact.is_valid(self.now)).count() as i64;
        let before = count;
        for binding in bindings {
            match (record.find(&self.wanted(binding), self.usrloc.matching), binding.seconds) {
                (None, 0) => {}
                (None, _) => count += 1,
                (Some(_), 0) => count -= 1,
                (Some(_), _) => {}
            }
        }
        if count > most && count > before { Err(Refusal::TooMany) } else { Ok(()) }
    }

    /// None where nothing was to be done.
    fn apply_one(
        &self,
        record: &mut Record,
        binding: &Binding,
        changes: &mut Changes,
    ) -> Result<Option<Done>, Refusal> {
        let is_brief = binding.seconds > 0 && binding.seconds < self.params.min_expires;
        if is_brief && self.params.refuses_brief {
            return Err(Refusal::Brief);
        }
        let Some(at) = record.find(&self.wanted(binding), self.usrloc.matching) else {
            if binding.seconds == 0 {
                return Ok(None);
            }
            let ruid = self.usrloc.shared.ruids.next("uloc");
            let contact = self.contact(binding, &binding.address, &ruid, Standing::New);
            record.insert(Arc::clone(&contact), self.usrloc.order);
            changes.inserted.push(contact);
            return Ok(Some(Done::Inserted));
        };
        let known = &record.contacts()[at];
        let (call_id, cseq) = (&self.registration.call_id, self.registration.facts.cseq);
        match sequence(known, call_id, cseq, self.now, self.usrloc.cseq_delay) {
            Sequence::Again => return Ok(None),
            Sequence::Older => return Err(Refusal::Sequence),
            Sequence::Newer => {}
        }
        if binding.seconds == 0 {
            changes.removed.extend(record.remove(at));
            return Ok(Some(Done::Deleted));
        }
        // Where the Call-ID alone says which contact is meant, its URI stays.
        let address = if binding.instance.is_empty() { known.text(Field::Address) } else { &binding.address };
        let contact = self.contact(binding, address, known.text(Field::Ruid), known.standing().changed());
        record.update(at, Arc::clone(&contact), self.usrloc.order);
        changes.updated.push(contact);
        self.forget_former_flows(record, binding, changes);
        Ok(Some(Done::Updated))
    }

    /// A device that registers a flow anew under another Call-ID has begun again: its flows of before are dead.
    fn forget_former_flows(&self, record: &mut Record, binding: &Binding, changes: &mut Changes) {
        if binding.reg_id == 0 {
            return;
        }
        changes.removed.extend(record.take_unless(|contact| {
            contact.text(Field::Instance) != binding.instance
                || contact.text(Field::CallId) == self.registration.call_id
        }));
    }

    fn contact(&self, binding: &Binding, address: &[u8], ruid: &[u8], standing: Standing) -> Arc<Contact> {
        let registration = self.registration;
        let facts = Facts {
            // A clock that stands at the beginning of time has other troubles.
            expires: (self.now + binding.seconds).max(PERMANENT + 1),
            modified: self.now,
            q: binding.q,
            reg_id: binding.reg_id,
            methods: binding.methods.unwrap_or(registration.facts.methods),
            ..registration.facts
        };
        let draft = Draft {
            aor: &registration.aor,
            address,
            ruid,
            call_id: &registration.call_id,
            user_agent: &registration.user_agent,
            received: &registration.received,
            path: &registration.path,
            instance: &binding.instance,
            socket: &registration.socket,
            facts,
            attributes: registration.attributes.clone(),
        };
        Arc::new(Contact::new(draft, standing))
    }
}
