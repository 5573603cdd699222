//! Contacts as rows of Kamailio's `location` table, met by the names of its columns.

use store::{Cell, Change, Key, Op, Row, Value};

use super::contact::{Contact, Draft, Facts, Field, PERMANENT, Standing};

/// What a row says, in the order of [`COLUMNS`], which ends with columns that only Kamailio has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Column {
    Ruid,
    User,
    Domain,
    Contact,
    Received,
    Path,
    Expires,
    Q,
    CallId,
    CSeq,
    Modified,
    Flags,
    BranchFlags,
    UserAgent,
    Socket,
    Methods,
    Instance,
    RegId,
    ServerId,
    Connection,
}

/// The parameter that names each column, and Kamailio's name for it.
pub(super) const COLUMNS: [(&str, &str); 22] = [
    ("ruid_column", "ruid"),
    ("user_column", "username"),
    ("domain_column", "domain"),
    ("contact_column", "contact"),
    ("received_column", "received"),
    ("path_column", "path"),
    ("expires_column", "expires"),
    ("q_column", "q"),
    ("callid_column", "callid"),
    ("cseq_column", "cseq"),
    ("last_modified_column", "last_modified"),
    ("flags_column", "flags"),
    ("cflags_column", "cflags"),
    ("user_agent_column", "user_agent"),
    ("socket_column", "socket"),
    ("methods_column", "methods"),
    ("instance_column", "instance"),
    ("reg_id_column", "reg_id"),
    ("server_id_column", "server_id"),
    ("connection_id_column", "connection_id"),
    ("keepalive_column", "keepalive"),
    ("partition_column", "partition"),
];

/// What Kamailio writes for a contact that never expires.
const FOREVER: i64 = 0;

/// How rows are written and read.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Names of the columns, by [`Column`].
    pub(super) names: Vec<String>,
    /// Whether an address of record is `user@domain`.
    pub(super) use_domain: bool,
    /// Whether times are whole numbers (`expires_type` 1).
    pub(super) times_are_numbers: bool,
}

impl Layout {
    pub(super) fn name(&self, column: Column) -> &str {
        &self.names[column as usize]
    }

    /// A point of time as this table holds it.
    pub(super) fn time(&self, seconds: i64) -> Value {
        if self.times_are_numbers { Value::Int(seconds) } else { Value::Time(seconds) }
    }

    /// The columns of a table that has some of them, in order.
    pub(super) fn known_of(&self, present: &[String]) -> Vec<usize> {
        let is_there = |name: &String| present.iter().any(|known| known.eq_ignore_ascii_case(name));
        (0..self.names.len()).filter(|&at| is_there(&self.names[at])).collect()
    }

    /// Writes a contact, new or changed; `known` are the columns that the table has.
    pub(super) fn written(&self, table: &str, known: &[usize], contact: &Contact) -> Change {
        let values = self.values(contact);
        let cells = known.iter().map(|&at| Cell::new(self.names[at].as_str(), values[at].clone())).collect();
        let unique = vec![self.name(Column::Ruid).to_owned()];
        Change::Replace { table: table.to_owned(), cells, unique }
    }

    /// Deletes a contact.
    pub(super) fn deleted(&self, table: &str, contact: &Contact) -> Change {
        let keys = vec![Key::eq(self.name(Column::Ruid), contact.text(Field::Ruid))];
        Change::Delete { table: table.to_owned(), keys }
    }

    /// Deletes what expired before a time.
    pub(super) fn expired(&self, table: &str, before: i64, server: Option<i64>) -> Change {
        let mut keys = vec![
            Key::new(self.name(Column::Expires), Op::Lt, self.time(before)),
            Key::new(self.name(Column::Expires), Op::Gt, self.time(FOREVER)),
        ];
        keys.extend(server.map(|id| Key::eq(self.name(Column::ServerId), id)));
        Change::Delete { table: table.to_owned(), keys }
    }

    /// The rows of an address of record.
    pub(super) fn keys_of(&self, aor: &[u8]) -> Vec<Key> {
        let (user, domain) = self.split(aor);
        let mut keys = vec![Key::eq(self.name(Column::User), user)];
        keys.extend(domain.map(|domain| Key::eq(self.name(Column::Domain), domain)));
        keys
    }

    /// User and domain of an address of record.
    fn split<'a>(&self, aor: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        match aor.iter().rposition(|byte| *byte == b'@').filter(|_| self.use_domain) {
            Some(at) => (&aor[..at], Some(&aor[at + 1..])),
            // Without users, a domain alone is an address of record.
            None if self.use_domain => (b"", Some(aor)),
            None => (aor, None),
        }
    }

    /// The values of a contact, by [`Column`].
    fn values(&self, contact: &Contact) -> [Value; COLUMNS.len()] {
        let facts = &contact.facts;
        let text = |field| Value::from(contact.text(field));
        let optional = |field| Value::from(contact.text_of(field));
        let (user, domain) = self.split(contact.text(Field::Aor));
        let expires = if facts.expires == PERMANENT { FOREVER } else { facts.expires };
        let methods = (facts.methods != super::contact::ALL_METHODS).then_some(i64::from(facts.methods));
        [
            text(Field::Ruid),
            Value::from(user),
            Value::from(domain),
            text(Field::Address),
            optional(Field::Received),
            optional(Field::Path),
            self.time(expires),
            Value::Double(if facts.q < 0 { -1.0 } else { f64::from(facts.q) / 1000.0 }),
            text(Field::CallId),
            Value::Int(facts.cseq.into()),
            self.time(facts.modified),
            Value::Int(facts.flags.into()),
            Value::Int(facts.branch_flags.into()),
            text(Field::UserAgent),
            optional(Field::Socket),
            Value::from(methods),
            optional(Field::Instance),
            Value::Int(facts.reg_id.into()),
            Value::Int(facts.server_id.into()),
            Value::Int(facts.connection.into()),
            Value::Int(0),
            Value::Int(0),
        ]
    }

    /// Reads a row whose columns are `known`; none for one without an identifier or contact.
    pub(super) fn contact(&self, known: &[usize], row: &Row) -> Option<Contact> {
        let value = |column: Column| {
            known
                .iter()
                .position(|&at| at == column as usize)
                .and_then(|at| row.0.get(at))
                .unwrap_or(&Value::Null)
        };
        let text = |column| value(column).as_text().unwrap_or_default();
        let number = |column| value(column).as_int();
        let aor = match (text(Column::User), text(Column::Domain)) {
            (user, _) if !self.use_domain => user.to_vec(),
            (b"", domain) => domain.to_vec(),
            (user, domain) => [user, b"@", domain].concat(),
        };
        let unsigned = |column| number(column).map_or(0, |number| number as u32);
        let q = value(Column::Q).as_double().filter(|q| (0.0..=1.0).contains(q));
        let facts = Facts {
            expires: value(Column::Expires).as_time().unwrap_or(FOREVER).max(PERMANENT),
            modified: value(Column::Modified).as_time().unwrap_or_default(),
            cseq: unsigned(Column::CSeq),
            // Bounded to 0..=1000 above.
            q: q.map_or(-1, |q| (q * 1000.0).round() as i16),
            flags: unsigned(Column::Flags),
            branch_flags: unsigned(Column::BranchFlags),
            methods: number(Column::Methods).map_or(super::contact::ALL_METHODS, |bits| bits as u32),
            reg_id: unsigned(Column::RegId),
            server_id: number(Column::ServerId).and_then(|id| i32::try_from(id).ok()).unwrap_or_default(),
            connection: number(Column::Connection).and_then(|id| i32::try_from(id).ok()).unwrap_or(-1),
        };
        let draft = Draft {
            aor: &aor,
            address: text(Column::Contact),
            ruid: text(Column::Ruid),
            call_id: text(Column::CallId),
            user_agent: text(Column::UserAgent),
            received: text(Column::Received),
            path: text(Column::Path),
            instance: text(Column::Instance),
            socket: text(Column::Socket),
            facts,
            attributes: None,
        };
        (!draft.address.is_empty() && !draft.ruid.is_empty()).then(|| Contact::new(draft, Standing::Synced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(use_domain: bool) -> Layout {
        let names = COLUMNS.iter().map(|(_, name)| (*name).to_owned()).collect();
        Layout { names, use_domain, times_are_numbers: false }
    }

    fn contact() -> Contact {
        let facts = Facts { expires: 1000, modified: 500, cseq: 7, q: 250, reg_id: 1, ..Facts::default() };
        let draft = Draft {
            aor: b"al@biloxi.example",
            address: b"sip:al@192.0.2.1",
            ruid: b"uloc-1-2-3",
            call_id: b"c",
            user_agent: b"n/a",
            path: b"<sip:p;lr>",
            instance: b"<urn:uuid:1>",
            facts,
            ..Draft::default()
        };
        Contact::new(draft, Standing::New)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let layout = layout(true);
        let present: Vec<String> = layout.names.iter().map(|name| name.to_uppercase()).collect();
        let known = layout.known_of(&present);
        let Change::Replace { cells, .. } = layout.written("location", &known, &contact()) else {
            panic!("a contact is written by replacing")
        };
        let row = Row(cells.into_iter().map(|cell| cell.value).collect());
        let read = layout.contact(&known, &row).expect("a contact");
        assert_eq!(read.draft(), contact().draft());
        assert_eq!(read.standing(), Standing::Synced);
    }

    #[test]
    fn an_older_table_lacks_columns() {
        let layout = layout(false);
        let present = ["ruid", "username", "contact", "expires"].map(str::to_owned);
        let known = layout.known_of(&present);
        let Change::Replace { cells, .. } = layout.written("location", &known, &contact()) else {
            panic!("a contact is written by replacing")
        };
        assert_eq!(cells.len(), 4);
        let row = Row(cells.into_iter().map(|cell| cell.value).collect());
        assert_eq!(layout.contact(&known, &row).expect("a contact").facts.q, -1);
    }

    #[test]
    fn users_and_domains_stand_in_columns_of_their_own() {
        assert_eq!(layout(true).keys_of(b"a@b@c").len(), 2);
        assert_eq!(layout(false).keys_of(b"al"), [Key::eq("username", &b"al"[..])]);
    }
}
