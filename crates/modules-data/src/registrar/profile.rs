//! `$ulc(profile=>attribute)`: contacts that a script has fetched, or the one that has expired.

use std::any::Any;
use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::{Index, Str, Value};
use engine::context::{Context, RouteContext};
use engine::module::{Next, Run};
use engine::{Args, Cx, Flow, PvArgs, Running, Server};

use crate::usrloc::{Contact, Field, Occasion, Record, Usrloc};

use super::lookup;

/// What `event_route[usrloc:contact-expired]` finds its contact under.
const EXPIRED: &[u8] = b"exp";

/// The profiles; as in a process of Kamailio's, they stay until they are fetched anew or freed.
#[derive(Default)]
pub(super) struct Profiles(Vec<Profile>);

struct Profile {
    name: Str,
    table: String,
    hash: i64,
    record: Record,
}

impl Profiles {
    fn set(&mut self, profile: Profile) {
        self.0.retain(|known| known.name != profile.name);
        self.0.push(profile);
    }

    fn remove(&mut self, name: &[u8]) {
        self.0.retain(|known| known.name.as_bytes() != name);
    }
}

/// `reg_fetch_contacts(table, uri, profile)`
pub(super) fn fetch(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let table = cx.state::<Usrloc>().table(&args.str(0).to_lossy());
    let name = args.str(2);
    lookup::find(cx, table.clone(), args.str(1), move |cx, record| {
        cx.local::<Profiles>().remove(&name);
        let record = record.unwrap_or_default();
        let Some(first) = record.contacts().first() else { return Flow::FALSE };
        let hash = table.stripe_of(first.text(Field::Aor)) as i64;
        cx.local::<Profiles>().set(Profile { name, table: table.name.clone(), hash, record });
        Flow::TRUE
    })
}

/// `reg_free_contacts(profile)`
pub(super) fn free(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.local::<Profiles>().remove(args.text(0));
    Flow::TRUE
}

/// What `$ulc` can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    Text(Field),
    Optional(Field),
    Domain,
    Hash,
    Expires,
    Q,
    CSeq,
    Flags,
    BranchFlags,
    Modified,
    Methods,
    Count,
    RegId,
    ServerId,
    Connection,
}

const ATTRIBUTES: [(&[u8], Attribute); 21] = [
    (b"aor", Attribute::Text(Field::Aor)),
    (b"domain", Attribute::Domain),
    (b"aorhash", Attribute::Hash),
    (b"addr", Attribute::Text(Field::Address)),
    (b"path", Attribute::Text(Field::Path)),
    (b"received", Attribute::Text(Field::Received)),
    (b"expires", Attribute::Expires),
    (b"callid", Attribute::Text(Field::CallId)),
    (b"q", Attribute::Q),
    (b"cseq", Attribute::CSeq),
    (b"flags", Attribute::Flags),
    (b"cflags", Attribute::BranchFlags),
    (b"user_agent", Attribute::Text(Field::UserAgent)),
    (b"socket", Attribute::Optional(Field::Socket)),
    (b"modified", Attribute::Modified),
    (b"methods", Attribute::Methods),
    (b"count", Attribute::Count),
    (b"ruid", Attribute::Optional(Field::Ruid)),
    (b"regid", Attribute::RegId),
    (b"instance", Attribute::Optional(Field::Instance)),
    (b"server_id", Attribute::ServerId),
];

/// What stands in `$ulc(…)`.
struct Name {
    profile: Box<[u8]>,
    attribute: Attribute,
}

/// Parses `profile=>attribute`.
pub(super) fn parse_name(text: &[u8]) -> Result<Arc<dyn Any + Send + Sync>, String> {
    let arrow = text.windows(2).position(|pair| pair == b"=>");
    let arrow = arrow.ok_or_else(|| "write `profile=>attribute`".to_owned())?;
    let (profile, attribute) = (text[..arrow].trim_ascii(), text[arrow + 2..].trim_ascii());
    let known = match attribute {
        b"conid" => Some(Attribute::Connection),
        _ => ATTRIBUTES.iter().find(|(name, _)| *name == attribute).map(|(_, attribute)| *attribute),
    };
    let attribute = known.ok_or_else(|| {
        let names: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        format!("`{}` is none of {}, conid", String::from_utf8_lossy(attribute), names.join(", "))
    })?;
    Ok(Arc::new(Name { profile: profile.into(), attribute }))
}

/// `$ulc(profile=>attribute)[index]`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(Name { profile, attribute }) = args.parsed::<Name>() else { return Value::Null };
    let profiles = cx.local::<Profiles>();
    let Some(profile) = profiles.0.iter().find(|known| known.name.as_bytes() == &**profile) else {
        return Value::Null;
    };
    // A negative index reads the first, as in Kamailio.
    let at = if let Index::At(index) = args.index { usize::try_from(index).unwrap_or(0) } else { 0 };
    if *attribute == Attribute::Count {
        return Value::Int(profile.record.contacts().len() as i64);
    }
    profile.record.contacts().get(at).map_or(Value::Null, |contact| value(profile, contact, *attribute))
}

fn value(profile: &Profile, contact: &Contact, attribute: Attribute) -> Value {
    let facts = &contact.facts;
    match attribute {
        Attribute::Text(field) => contact.text(field).into(),
        Attribute::Optional(field) => contact.text_of(field).into(),
        Attribute::Domain => profile.table.as_bytes().into(),
        Attribute::Hash => Value::Int(profile.hash),
        Attribute::Expires => Value::Int(facts.expires),
        Attribute::Q => Value::Int(facts.q.into()),
        Attribute::CSeq => Value::Int(facts.cseq.into()),
        Attribute::Flags => Value::Int(facts.flags.into()),
        Attribute::BranchFlags => Value::Int(facts.branch_flags.into()),
        Attribute::Modified => Value::Int(facts.modified),
        // A mask of all methods is -1 there.
        Attribute::Methods => Value::Int((facts.methods as i32).into()),
        Attribute::Count => Value::Null,
        Attribute::RegId => Value::Int(facts.reg_id.into()),
        Attribute::ServerId => Value::Int(facts.server_id.into()),
        Attribute::Connection if facts.connection < 0 => Value::Null,
        Attribute::Connection => Value::Int(facts.connection.into()),
    }
}

/// The contact that has expired; goes with the message that its event route runs on.
#[derive(Default)]
struct Expired(Option<(String, i64, Arc<Contact>)>);

/// Runs `event_route[usrloc:contact-expired]` for a contact, on a shard.
pub(super) fn contact_expired(server: &Arc<Server>, occasion: Occasion, table: &str, contact: &Arc<Contact>) {
    if occasion != Occasion::Expired {
        return;
    }
    let running = server.running();
    let Some(hash) = running
        .state::<Usrloc>()
        .and_then(|usrloc| usrloc.known_table(table))
        .map(|table| table.stripe_of(contact.text(Field::Aor)))
    else {
        return;
    };
    let expired = Expired(Some((table.to_owned(), hash as i64, Arc::clone(contact))));
    let visit = move |services: &mut engine::services::Services, running: &Arc<Running>| {
        let mut context = Box::<Context>::default();
        context.made_up = true;
        *context.data.of::<Expired>() = expired;
        services.begin(context, running, run_expired);
    };
    if server.visit(hash % server.shards(), Box::new(visit)).is_err() {
        tracing::error!(target: "registrar", "a shard has too much to do to hear of a contact that expired");
    }
}

fn run_expired(cx: &mut Cx<'_>) -> Next {
    let Some(route) = cx.program().route(RouteKind::Event, b"usrloc:contact-expired") else {
        return Next::Done;
    };
    let Some((table, hash, contact)) = cx.data::<Expired>().0.take() else { return Next::Done };
    let record = Record::One(contact);
    cx.local::<Profiles>().set(Profile { name: Str::from(EXPIRED), table, hash, record });
    Next::Run(Run {
        route,
        context: RouteContext::Event,
        then: |cx, _| {
            cx.local::<Profiles>().remove(EXPIRED);
            Next::Done
        },
    })
}
