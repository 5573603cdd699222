//! One contact of an address of record, packed: its texts stand in one allocation.

use std::sync::atomic::{AtomicU8, Ordering};

use engine::variables::XavpList;

/// Expires value of a contact that never expires.
pub const PERMANENT: i64 = 0;

/// A text of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// The address of record, as it is looked up.
    Aor,
    /// Contact URI.
    Address,
    /// Identifier that the server gave.
    Ruid,
    /// Call-ID of the REGISTER.
    CallId,
    /// User-Agent of the REGISTER.
    UserAgent,
    /// URI that the REGISTER came from, where NAT changed it.
    Received,
    /// Path vector (RFC 3327).
    Path,
    /// `+sip.instance`, with its angle brackets (RFC 5626).
    Instance,
    /// `udp:192.0.2.1:5060`: our socket that it came through.
    Socket,
}

const FIELDS: usize = Field::Socket as usize + 1;

/// Texts behind one another in one allocation: their ends first, two bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Texts(Box<[u8]>);

impl Texts {
    /// Longer texts than two bytes can tell are cut; a message is not that long.
    fn pack(texts: &[&[u8]; FIELDS]) -> Self {
        let longest = usize::from(u16::MAX);
        let length: usize = texts.iter().map(|text| text.len()).sum();
        let mut packed = Vec::with_capacity(FIELDS * 2 + length);
        let mut end = 0;
        for text in texts {
            end = (end + text.len()).min(longest);
            // Bounded above.
            packed.extend_from_slice(&(end as u16).to_le_bytes());
        }
        for text in texts {
            let room = (longest + FIELDS * 2).saturating_sub(packed.len());
            packed.extend_from_slice(&text[..text.len().min(room)]);
        }
        Self(packed.into_boxed_slice())
    }

    fn end(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[2 * at], self.0[2 * at + 1]]))
    }

    fn get(&self, field: Field) -> &[u8] {
        let at = field as usize;
        let start = if at == 0 { 0 } else { self.end(at - 1) };
        &self.0[FIELDS * 2 + start..FIELDS * 2 + self.end(at)]
    }
}

/// How a contact stands with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Never written.
    New = 0,
    /// Written as it is.
    Synced = 1,
    /// Changed since it was written.
    Dirty = 2,
}

impl Standing {
    /// That of a contact in the place of one with this standing.
    pub fn changed(self) -> Self {
        if self == Self::New { Self::New } else { Self::Dirty }
    }

    /// As `ul.dump` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "CS_NEW",
            Self::Synced => "CS_SYNC",
            Self::Dirty => "CS_DIRTY",
        }
    }
}

/// What a contact is made of, before it is packed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft<'a> {
    /// The address of record.
    pub aor: &'a [u8],
    /// Contact URI.
    pub address: &'a [u8],
    /// Identifier.
    pub ruid: &'a [u8],
    /// Call-ID.
    pub call_id: &'a [u8],
    /// User agent.
    pub user_agent: &'a [u8],
    /// Received; empty for none.
    pub received: &'a [u8],
    /// Path; empty for none.
    pub path: &'a [u8],
    /// Instance; empty for none.
    pub instance: &'a [u8],
    /// Our socket; empty for unknown.
    pub socket: &'a [u8],
    /// The numbers.
    pub facts: Facts,
    /// Attributes that the script gave it.
    pub attributes: Option<Box<XavpList>>,
}

/// A contact's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it ends, seconds since 1970; [`PERMANENT`] for never.
    pub expires: i64,
    /// Last change, seconds since 1970.
    pub modified: i64,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// q in thousandths; -1 for none.
    pub q: i16,
    /// Kamailio's internal flags: bit 0 is set for a contact that is kept in memory only.
    pub flags: u32,
    /// Branch flags.
    pub branch_flags: u32,
    /// Methods that it takes, as Kamailio's bits; all set where it did not say.
    pub methods: u32,
    /// `reg-id`; 0 for none.
    pub reg_id: u32,
    /// `server_id` of the server that took it.
    pub server_id: i32,
    /// Its stream connection; -1 for none.
    pub connection: i32,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            expires: 0,
            modified: 0,
            cseq: 0,
            q: -1,
            flags: 0,
            branch_flags: 0,
            methods: ALL_METHODS,
            reg_id: 0,
            server_id: 0,
            connection: -1,
        }
    }
}

/// [`Facts::methods`] of a contact that did not say.
pub const ALL_METHODS: u32 = u32::MAX;
/// [`Facts::flags`]: kept in memory only.
pub const MEMORY_ONLY: u32 = 1;

/// A contact as it stands at one time; a change makes another in its place, so that who reads it needs no lock.
#[derive(Debug)]
pub struct Contact {
    texts: Texts,
    /// Its numbers.
    pub facts: Facts,
    /// Attributes that the script gave it.
    pub attributes: Option<Box<XavpList>>,
    standing: AtomicU8,
}

impl Contact {
    /// Packs a draft.
    pub fn new(draft: Draft<'_>, standing: Standing) -> Self {
        let texts = [
            draft.aor,
            draft.address,
            draft.ruid,
            draft.call_id,
            draft.user_agent,
            draft.received,
            draft.path,
            draft.instance,
            draft.socket,
        ];
        Self {
            texts: Texts::pack(&texts),
            facts: draft.facts,
            attributes: draft.attributes,
            standing: AtomicU8::new(standing as u8),
        }
    }

    /// One of its texts; empty where it has none.
    pub fn text(&self, field: Field) -> &[u8] {
        self.texts.get(field)
    }

    /// One of its texts, if it has one.
    pub fn text_of(&self, field: Field) -> Option<&[u8]> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    /// What it is made of, for a changed one.
    pub fn draft(&self) -> Draft<'_> {
        Draft {
            aor: self.text(Field::Aor),
            address: self.text(Field::Address),
            ruid: self.text(Field::Ruid),
            call_id: self.text(Field::CallId),
            user_agent: self.text(Field::UserAgent),
            received: self.text(Field::Received),
            path: self.text(Field::Path),
            instance: self.text(Field::Instance),
            socket: self.text(Field::Socket),
            facts: self.facts,
            attributes: self.attributes.clone(),
        }
    }

    /// Whether it is still good at a time.
    pub fn is_valid(&self, now: i64) -> bool {
        self.facts.expires == PERMANENT || self.facts.expires > now
    }

    /// Seconds that it is still good for; 0 for one that never ends.
    pub fn remaining(&self, now: i64) -> i64 {
        if self.facts.expires == PERMANENT { 0 } else { (self.facts.expires - now).max(0) }
    }

    /// How it stands with the database.
    pub fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::New,
            1 => Standing::Synced,
            _ => Standing::Dirty,
        }
    }

    /// It was written.
    pub fn mark_written(&self) {
        self.standing.store(Standing::Synced as u8, Ordering::Release);
    }

    /// It must not go to the database.
    pub fn is_memory_only(&self) -> bool {
        self.facts.flags & MEMORY_ONLY != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let draft = Draft {
            aor: b"alice",
            address: b"sip:alice@192.0.2.1",
            ruid: b"uloc-1-2-3",
            call_id: b"c1",
            path: b"<sip:p.example;lr>",
            socket: b"udp:192.0.2.9:5060",
            facts: Facts { expires: 100, q: 500, ..Facts::default() },
            ..Draft::default()
        };
        let contact = Contact::new(draft.clone(), Standing::New);
        assert_eq!(contact.draft(), draft);
        assert_eq!(contact.text_of(Field::Received), None);
        assert!(contact.is_valid(99) && !contact.is_valid(100));
    }

    #[test]
    fn a_text_beyond_all_measure_is_cut() {
        let long = vec![b'x'; 70_000];
        let contact =
            Contact::new(Draft { aor: b"a", address: &long, ruid: b"r", ..Draft::default() }, Standing::New);
        assert_eq!(contact.text(Field::Aor), b"a");
        assert_eq!(contact.text(Field::Address).len(), usize::from(u16::MAX) - 1);
        assert_eq!(contact.text(Field::Ruid), b"");
    }
}
