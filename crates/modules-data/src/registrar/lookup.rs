//! `lookup` and its kin: from an address of record to where its user can be reached.

use std::sync::Arc;

use cfg_vm::Str;
use engine::context::{Branch, Destination};
use engine::module::Resume;
use engine::variables::XavpValue;
use engine::{Args, Context, Cx, Flow, ListenerId, Listeners};
use sip_message::{NameAddr, Uri};
use transport::SocketName;

use crate::usrloc::{Contact, Field, Record, Table, Usrloc};

use super::Registrar;
use super::answer;
use super::methods;
use super::params::Params;

/// How a lookup ends, in Kamailio's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Yes = 1,
    No = -1,
    OtherMethods = -2,
    Failed = -3,
}

/// What to do with the contacts that are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Into {
    /// The first becomes the destination, the others further branches.
    Destination,
    /// All become further branches.
    Branches,
    /// The first takes the place of a branch, the others become further ones.
    Branch(usize),
}

/// `lookup(table, [uri])`
pub(super) fn lookup(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    look(cx, args, Into::Destination)
}

/// `lookup_to_dset(table, [uri])`
pub(super) fn lookup_to_dset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    look(cx, args, Into::Branches)
}

fn look(cx: &mut Cx<'_>, args: &Args<'_>, into: Into) -> Flow {
    let table = cx.state::<Usrloc>().table(&args.str(0).to_lossy());
    let uri = if args.len() > 1 { args.str(1) } else { cx.context.request_uri() };
    find(cx, table, uri, move |cx, record| Flow::Done(use_found(cx, record, into) as i64))
}

/// `lookup_branches(table)`: the request URI and each branch that is nothing but a URI.
pub(super) fn lookup_branches(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let table = cx.state::<Usrloc>().table(&args.str(0).to_lossy());
    let uri = cx.context.request_uri();
    let branches = cx.context.branches.len();
    find(cx, table.clone(), uri, move |cx, record| {
        let found = use_found(cx, record, Into::Destination);
        next_branch(cx, table, 0, branches, found)
    })
}

fn next_branch(cx: &mut Cx<'_>, table: Arc<Table>, at: usize, end: usize, first: Found) -> Flow {
    let Some(branch) = cx.context.branches.get(at).filter(|_| at < end) else {
        return Flow::Done(first as i64);
    };
    let is_plain = branch.uri_to_send.is_none() && branch.path.is_none() && branch.socket.is_none();
    if !is_plain {
        return next_branch(cx, table, at + 1, end, first);
    }
    let uri = branch.uri.clone();
    find(cx, table.clone(), uri, move |cx, record| {
        use_found(cx, record, Into::Branch(at));
        next_branch(cx, table, at + 1, end, first)
    })
}

/// What a URI leads to.
enum Lead {
    /// Contacts of an address of record; those of one instance where the URI is a public GRUU.
    Aor(Vec<u8>, Option<Vec<u8>>),
    /// A temporary GRUU: the table's stripe, and the contact's identifier.
    Ruid(usize, Vec<u8>),
}

fn lead(params: &Params, text: &[u8]) -> Option<Lead> {
    let uri = Uri::parse(text).ok()?;
    let gruu = uri.params().find(b"gr").filter(|_| params.gives_gruus || uri.gruu().is_some());
    if let Some(gruu) = gruu.filter(|gruu| gruu.value.is_none_or(<[u8]>::is_empty))
        && let Some((ruid, stripe)) = uri.user.and_then(split_temporary).filter(|_| gruu.value.is_none())
    {
        return Some(Lead::Ruid(stripe, ruid.to_vec()));
    }
    let instance = gruu.and_then(|gruu| gruu.value).map(|value| [b"<", value, b">"].concat());
    params.aor.aor(text).map(|aor| Lead::Aor(aor, instance))
}

/// `ruid-stripe`
fn split_temporary(user: &[u8]) -> Option<(&[u8], usize)> {
    let at = user.iter().rposition(|byte| *byte == b'-')?;
    let stripe = std::str::from_utf8(&user[at + 1..]).ok()?;
    Some((&user[..at], usize::from_str_radix(stripe, 16).ok()?))
}

/// Finds the contacts of a URI, in memory or in the database, and goes on with them; with none when it is no URI.
pub(super) fn find(
    cx: &mut Cx<'_>,
    table: Arc<Table>,
    uri: Str,
    then: impl FnOnce(&mut Cx<'_>, Option<Record>) -> Flow + Send + 'static,
) -> Flow {
    let usrloc = cx.state::<Usrloc>();
    let Some(lead) = lead(&cx.state::<Registrar>().params, &uri) else { return then(cx, None) };
    let Some(backing) = usrloc.database_only().cloned() else {
        let record = match lead {
            Lead::Aor(aor, instance) => of_instance(table.contacts(&aor), instance),
            Lead::Ruid(stripe, ruid) => table.by_ruid(stripe, &ruid).map_or(Record::None, Record::One),
        };
        return then(cx, Some(record));
    };
    Flow::wait(async move {
        let found = match &lead {
            Lead::Aor(aor, _) => backing.contacts(&table.name, aor).await,
            Lead::Ruid(_, ruid) => {
                backing.by_ruid(&table.name, ruid).await.map(|one| one.into_iter().collect())
            }
        };
        Box::new(move |cx: &mut Cx<'_>| {
            let record = found.ok().map(|contacts| cx.state::<Usrloc>().record_of(contacts));
            let record = match lead {
                Lead::Aor(_, instance) => record.map(|record| of_instance(record, instance)),
                Lead::Ruid(..) => record,
            };
            then(cx, record)
        }) as Resume
    })
}

/// The first contact of an instance, where one is asked for.
fn of_instance(record: Record, instance: Option<Vec<u8>>) -> Record {
    let Some(instance) = instance else { return record };
    let first = record.contacts().iter().find(|contact| contact.text(Field::Instance) == instance);
    first.map_or(Record::None, |contact| Record::One(Arc::clone(contact)))
}

/// Makes destinations of contacts.
fn use_found(cx: &mut Cx<'_>, record: Option<Record>, into: Into) -> Found {
    let Some(record) = record else { return Found::Failed };
    let params = &cx.state::<Registrar>().params;
    let now = cx.shard.unix_time();
    let method = wanted_method(cx.context, params);
    let flags = params
        .filters_flags
        .then(|| params.wish(cx.context, b"rlf_bflags").as_int().unwrap_or_default() as u32)
        .filter(|flags| *flags != 0);
    let good: Vec<&Arc<Contact>> = record
        .contacts()
        .iter()
        .filter(|contact| params.uses_expired || contact.is_valid(now))
        .filter(|contact| flags.is_none_or(|flags| contact.facts.branch_flags & flags != 0))
        .collect();
    let fits: Vec<_> =
        good.iter().filter(|contact| method.is_none_or(|bit| contact.facts.methods & bit != 0)).collect();
    let Some(first) = fits.first() else {
        return if good.is_empty() { Found::No } else { Found::OtherMethods };
    };
    answer::tell(cx.context, params, first, now);
    restore(cx, &fits);
    let branches: Vec<Branch> = fits.iter().map(|contact| branch(cx, params, contact)).collect();
    put(cx.context, branches, into, params.appends_branches);
    Found::Yes
}

/// The bit of the method that contacts must take: only where that is asked for, and only outside a dialog.
fn wanted_method(context: &Context, params: &Params) -> Option<u32> {
    let message = &context.message;
    let is_initial = message.is_request() && message.to().is_ok_and(|to| to.tag().is_none());
    (params.filters_methods && is_initial).then(|| methods::bit(message.method_text())).flatten()
}

/// Gives the script the attributes of contacts back; those of the first are the newest.
fn restore(cx: &mut Cx<'_>, contacts: &[&&Arc<Contact>]) {
    let Some(name) = &cx.state::<Usrloc>().attributes else { return };
    for contact in contacts.iter().rev() {
        if let Some(attributes) = &contact.attributes {
            cx.context.variables.xavps.push(name.clone(), XavpValue::List((**attributes).clone()));
        }
    }
}

/// A contact as a destination.
fn branch(cx: &Cx<'_>, params: &Params, contact: &Contact) -> Branch {
    let text = |field| contact.text_of(field).map(Str::copy);
    let path = contact
        .text_of(Field::Path)
        .and_then(|path| if params.skips_own_path { beyond_own(cx.listeners(), path) } else { Some(path) });
    let first_hop =
        path.and_then(|path| NameAddr::parse_first(path).ok()).map(|(hop, _)| Str::copy(hop.uri_text));
    Branch {
        uri: Str::copy(contact.text(Field::Address)),
        uri_to_send: first_hop.or_else(|| text(Field::Received)),
        path: path.map(Str::copy),
        socket: socket(cx.listeners(), contact.text(Field::Socket)),
        // Thousandths, negative for none.
        q: u16::try_from(contact.facts.q).ok(),
        flags: contact.facts.branch_flags,
        ruid: text(Field::Ruid),
        location_ua: text(Field::UserAgent),
        instance: text(Field::Instance),
        connection: u32::try_from(contact.facts.connection).ok(),
    }
}

/// A path without its first hop, where that is this server; none when nothing is left.
fn beyond_own<'p>(listeners: &Listeners, path: &'p [u8]) -> Option<&'p [u8]> {
    let Ok((hop, end)) = NameAddr::parse_first(path) else { return Some(path) };
    let is_own = Uri::parse(hop.uri_text)
        .is_ok_and(|uri| listeners.is_own(uri.host, Some(uri.port_or_default()), None));
    if !is_own {
        return Some(path);
    }
    let rest = path[end..].trim_ascii_start();
    rest.strip_prefix(b",").map(<[u8]>::trim_ascii_start).filter(|rest| !rest.is_empty())
}

/// The socket of ours that a contact came through.
fn socket(listeners: &Listeners, text: &[u8]) -> Option<ListenerId> {
    let name: SocketName = std::str::from_utf8(text).ok()?.parse().ok()?;
    listeners.bound_to(Some(name.proto), name.addr)
}

fn put(context: &mut Context, branches: Vec<Branch>, into: Into, appends: bool) {
    let mut branches = branches.into_iter();
    match into {
        Into::Branches => {
            context.branches.extend(branches.take(if appends { usize::MAX } else { 1 }));
            return;
        }
        Into::Destination => {
            let Some(first) = branches.next() else { return };
            context.flags.branch = first.flags;
            context.destination = Destination {
                uri: Some(first.uri),
                uri_to_send: first.uri_to_send,
                path: first.path,
                socket: first.socket,
                q: first.q,
                ruid: first.ruid,
                location_ua: first.location_ua,
                instance: first.instance,
            };
        }
        Into::Branch(at) => {
            if let (Some(place), Some(first)) = (context.branches.get_mut(at), branches.next()) {
                *place = first;
            }
        }
    }
    if appends {
        context.branches.extend(branches);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_gruu_names_contact_and_stripe() {
        assert_eq!(split_temporary(b"uloc-1-2-3-1f"), Some((&b"uloc-1-2-3"[..], 31)));
        assert_eq!(split_temporary(b"alice"), None);
    }
}
