//! The `ul.*` commands, in the shape that Kamailio gives their answers.

use std::sync::Arc;

use engine::Running;
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::contact::{Contact, Draft, Facts, Field, PERMANENT, Standing};
use super::record::{Record, Wanted};
use super::table::Table;
use super::{Changes, Usrloc, keeper};

type Answer = Result<Vec<RpcValue>, RpcError>;

const NO_TABLE: &str = "Domain table not found";
const CALL_ID: &[u8] = b"dfjrewr12386fd6-343@kamailio.rpc";
const USER_AGENT: &[u8] = b"kamailio SIP Router - RPC Server";

/// The locations in force, and the table that the first argument names.
struct Called<'a> {
    running: Arc<Running>,
    call: &'a RpcCall<'a>,
}

impl<'a> Called<'a> {
    fn new(call: &'a RpcCall<'a>) -> Self {
        Self { running: call.server.running(), call }
    }

    fn usrloc(&self) -> Result<&Usrloc, RpcError> {
        self.running.state::<Usrloc>().ok_or_else(|| RpcError::new(500, "usrloc is not loaded"))
    }

    /// Text arguments, all of which must be there.
    fn texts(&self, count: usize, missing: &str) -> Result<Vec<String>, RpcError> {
        let text = |at| self.call.text(at).map_err(|_| RpcError::new(500, missing));
        (0..count).map(text).collect()
    }

    fn table(&self, name: &str) -> Result<Arc<Table>, RpcError> {
        self.usrloc()?.known_table(name).ok_or_else(|| RpcError::new(500, NO_TABLE))
    }

    fn record(&self, table: &Table, aor: &str) -> Result<Record, RpcError> {
        let usrloc = self.usrloc()?;
        let Some(backing) = usrloc.database_only() else { return Ok(table.contacts(aor.as_bytes())) };
        let found = self.call.server.runtime.block_on(backing.contacts(&table.name, aor.as_bytes()));
        found
            .map(|contacts| usrloc.record_of(contacts))
            .map_err(|error| RpcError::new(500, error.to_string()))
    }

    /// Changes a record, and tells and writes what changed.
    fn change<T>(
        &self,
        table: &Arc<Table>,
        aor: &str,
        change: impl FnOnce(&mut Record) -> (T, Changes),
    ) -> Result<T, RpcError> {
        let usrloc = self.usrloc()?;
        let (out, changes) = if usrloc.database_only().is_some() {
            change(&mut self.record(table, aor)?)
        } else {
            table.change(aor.as_bytes(), change)
        };
        if let Some(unwritten) = usrloc.settle(self.call.server, table, changes)
            && !self.call.server.runtime.block_on(unwritten.write())
        {
            return Err(RpcError::new(500, "The database did not take the change"));
        }
        Ok(out)
    }
}

fn field(name: &str, value: RpcValue) -> (String, RpcValue) {
    (name.to_owned(), value)
}

fn int(number: impl Into<i64>) -> RpcValue {
    RpcValue::Int(number.into())
}

/// One contact as `ul.dump` shows it.
fn shown(contact: &Contact, now: i64) -> RpcValue {
    let facts = &contact.facts;
    let text = |at| String::from_utf8_lossy(contact.text(at)).into_owned();
    let optional = |at| match contact.text_of(at) {
        Some(found) => RpcValue::Str(String::from_utf8_lossy(found).into_owned()),
        None => "[not set]".into(),
    };
    let expires = match facts.expires {
        PERMANENT => "permanent".into(),
        _ if !contact.is_valid(now) => "expired".into(),
        _ => int(contact.remaining(now)),
    };
    let q = match facts.q {
        q if q < 0 => int(-1),
        q if q % 1000 == 0 => int(q / 1000),
        q => RpcValue::Double(f64::from(q) / 1000.0),
    };
    RpcValue::Struct(vec![
        field("Address", text(Field::Address).into()),
        field("Expires", expires),
        field("Q", q),
        field("Call-ID", text(Field::CallId).into()),
        field("CSeq", int(facts.cseq)),
        field("User-Agent", text(Field::UserAgent).into()),
        field("Received", optional(Field::Received)),
        field("Path", optional(Field::Path)),
        field("State", contact.standing().name().into()),
        field("Flags", int(facts.flags)),
        field("CFlags", int(facts.branch_flags)),
        field("Socket", optional(Field::Socket)),
        // A mask of all methods is -1 there.
        field("Methods", int(facts.methods as i32)),
        field("Ruid", text(Field::Ruid).into()),
        field("Instance", optional(Field::Instance)),
        field("Reg-Id", int(facts.reg_id)),
        field("Server-Id", int(facts.server_id)),
        field("Tcpconn-Id", int(facts.connection)),
        field("Keepalive", int(0)),
        field("Last-Keepalive", int(facts.modified)),
        field("KA-Roundtrip", int(0)),
        field("Last-Modified", int(facts.modified)),
    ])
}

fn contacts(record: &Record, now: i64) -> RpcValue {
    RpcValue::Struct(record.contacts().iter().map(|contact| field("Contact", shown(contact, now))).collect())
}

/// `ul.dump [brief]`
pub(super) fn dump(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    let is_brief = call.text(0).is_ok_and(|text| text == "brief");
    let now = keeper::now();
    let tables = called.usrloc()?.tables();
    let domains = tables.iter().map(|table| field("Domain", dump_table(table, is_brief, now))).collect();
    Ok(vec![RpcValue::Struct(vec![field("Domains", RpcValue::Struct(domains))])])
}

fn dump_table(table: &Table, is_brief: bool, now: i64) -> RpcValue {
    let mut aors = Vec::new();
    let mut slots = vec![0usize; table.slots()];
    for stripe in 0..table.stripes() {
        let slot = stripe % table.slots();
        for (aor, record) in table.stripe(stripe) {
            slots[slot] += 1;
            let name = RpcValue::Str(String::from_utf8_lossy(&aor).into_owned());
            if is_brief {
                aors.push(field("AoR", name));
                continue;
            }
            let info = vec![
                field("AoR", name),
                field("HashID", int(slot as i64)),
                field("Contacts", contacts(&record, now)),
            ];
            aors.push(field("Info", RpcValue::Struct(info)));
        }
    }
    let count = aors.len() as i64;
    let longest = slots.into_iter().max().unwrap_or_default();
    let statistics = vec![field("Records", int(count)), field("Max-Slots", int(longest as i64))];
    RpcValue::Struct(vec![
        field("Domain", table.name.as_str().into()),
        field("Size", int(table.slots() as i64)),
        field("AoRs", RpcValue::Struct(aors)),
        field("Stats", RpcValue::Struct(statistics)),
    ])
}

/// `ul.lookup table AoR`
pub(super) fn lookup(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    let texts = called.texts(2, "Not enough parameters (table and AOR to lookup)")?;
    let record = called.record(&*called.table(&texts[0])?, &texts[1])?;
    if record.is_empty() {
        return Err(RpcError::new(500, "AOR not found in location table"));
    }
    let shown = contacts(&record, keeper::now());
    Ok(vec![RpcValue::Struct(vec![field("AoR", texts[1].as_str().into()), field("Contacts", shown)])])
}

/// `ul.rm table AoR`
pub(super) fn remove(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    let texts = called.texts(2, "Not enough parameters (table and AOR to lookup)")?;
    let table = called.table(&texts[0])?;
    called.change(&table, &texts[1], |record| {
        let removed = record.take_unless(|_| false);
        ((), Changes { removed, ..Changes::default() })
    })?;
    Ok(Vec::new())
}

/// `ul.rm_contact table AoR contact`
pub(super) fn remove_contact(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    let texts = called.texts(3, "Not enough parameters (table, AOR and contact)")?;
    let table = called.table(&texts[0])?;
    let had_any = called.change(&table, &texts[1], |record| {
        let had_any = !record.is_empty();
        let at = record.contacts().iter().position(|known| known.text(Field::Address) == texts[2].as_bytes());
        let removed: Vec<_> = at.and_then(|at| record.remove(at)).into_iter().collect();
        ((had_any, removed.len()), Changes { removed, ..Changes::default() })
    })?;
    match had_any {
        (false, _) => Err(RpcError::new(404, "AOR not found")),
        (true, 0) => Err(RpcError::new(404, "Contact not found")),
        _ => Ok(Vec::new()),
    }
}

/// `ul.flush`
pub(super) fn flush(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    call.server.runtime.block_on(keeper::flush(called.usrloc()?, keeper::now()));
    Ok(Vec::new())
}

/// `ul.add table AoR contact expires q path flags cflags methods [received [socket]]`
pub(super) fn add(call: &RpcCall<'_>) -> Answer {
    let called = Called::new(call);
    let wrong = || RpcError::new(500, "Not enough parameters or wrong format");
    let texts = called.texts(3, "Not enough parameters or wrong format")?;
    let number = |at| call.int(at).map_err(|_| wrong());
    let optional = |at| call.text(at).ok().filter(|text| text != "." && text != "0").unwrap_or_default();
    let q = match call.arguments.get(4) {
        Some(RpcValue::Double(q)) => *q,
        Some(RpcValue::Int(q)) => *q as f64,
        Some(RpcValue::Str(text)) => text.parse().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let now = keeper::now();
    let expires = number(3)?;
    let mask = |at| number(at).map(|bits| bits as u32);
    let facts = Facts {
        expires: if expires > 0 { now + expires } else { PERMANENT },
        cseq: 1,
        // Kamailio leaves 0 here, which makes the contact the oldest of all in a table.
        modified: now,
        // Bounded to 0..=1000.
        q: if (0.0..=1.0).contains(&q) { (q * 1000.0).round() as i16 } else { -1 },
        flags: mask(6)?,
        branch_flags: mask(7)?,
        methods: mask(8)?,
        server_id: called.usrloc()?.server_id,
        ..Facts::default()
    };
    let (path, received, socket) = (optional(5), optional(9), optional(10));
    let draft = Draft {
        aor: texts[1].as_bytes(),
        address: texts[2].as_bytes(),
        call_id: CALL_ID,
        user_agent: USER_AGENT,
        received: received.as_bytes(),
        path: path.as_bytes(),
        socket: socket.as_bytes(),
        facts,
        ..Draft::default()
    };
    let table = called.table(&texts[0])?;
    let usrloc = called.usrloc()?;
    called.change(&table, &texts[1], |record| ((), put(usrloc, record, draft)))?;
    Ok(Vec::new())
}

/// Adds the contact, or changes the one that it means.
fn put(usrloc: &Usrloc, record: &mut Record, draft: Draft<'_>) -> Changes {
    let wanted =
        Wanted { address: draft.address, call_id: draft.call_id, path: draft.path, ..Wanted::default() };
    let mut changes = Changes::default();
    if let Some(at) = record.find(&wanted, usrloc.matching) {
        let known = &record.contacts()[at];
        let ruid = known.text(Field::Ruid).to_vec();
        let contact = Arc::new(Contact::new(Draft { ruid: &ruid, ..draft }, known.standing().changed()));
        record.update(at, Arc::clone(&contact), usrloc.order);
        changes.updated.push(contact);
    } else {
        let ruid = usrloc.shared.ruids.next("ulcx");
        let contact = Arc::new(Contact::new(Draft { ruid: &ruid, ..draft }, Standing::New));
        record.insert(Arc::clone(&contact), usrloc.order);
        changes.inserted.push(contact);
    }
    changes
}

/// `ul.db_users table`
pub(super) fn database_users(call: &RpcCall<'_>) -> Answer {
    counted(call, true, "Failed to query AoR count").map(|(users, _)| vec![int(users as i64)])
}

/// `ul.db_contacts table`
pub(super) fn database_contacts(call: &RpcCall<'_>) -> Answer {
    counted(call, true, "Failed to query contact count").map(|(_, contacts)| vec![int(contacts as i64)])
}

/// `ul.db_expired_contacts table`
pub(super) fn database_expired(call: &RpcCall<'_>) -> Answer {
    counted(call, false, "Failed to query contact count").map(|(_, contacts)| vec![int(contacts as i64)])
}

fn counted(call: &RpcCall<'_>, good: bool, failed: &str) -> Result<(usize, usize), RpcError> {
    let called = Called::new(call);
    let Some(backing) = &called.usrloc()?.backing else {
        return Err(RpcError::new(500, "Command is not supported in db_mode=0"));
    };
    let table = called.texts(1, "Not enough parameters (table to lookup)")?.remove(0);
    let counted = call.server.runtime.block_on(backing.count(&table, keeper::now(), good));
    // Why is in the log.
    counted.map_err(|_| RpcError::new(500, failed))
}
