//! `registered` and `unregister`: whether there is a contact, and taking contacts away.

use std::sync::Arc;

use cfg_vm::Value;
use engine::module::Resume;
use engine::variables::XavpValue;
use engine::{Args, Cx, Flow};
use sip_message::Class;

use crate::usrloc::{Changes, Contact, Field, Record, Table, Usrloc};

use super::{Registrar, answer, lookup};

/// `match_option` of `registered`.
const MATCH_CALL_ID: i64 = 1;
const MATCH_RECEIVED: i64 = 2;
const MATCH_CONTACT: i64 = 4;
/// `match_action` of `registered`.
const RESTORE_ATTRIBUTES: i64 = 1;
const TELL_NOTHING: i64 = 2;

/// `registered(table, [uri, [match_option, [match_action]]])`
pub(super) fn registered(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let table = cx.state::<Usrloc>().table(&args.str(0).to_lossy());
    let uri = match args.len() {
        2.. => args.str(1),
        _ if cx.context.message.is_request() => cx.context.request_uri(),
        _ => {
            let to = cx.context.message.to().map(|to| to.uri_text).unwrap_or_default();
            cx.context.keep(to)
        }
    };
    let option = args.int(2).unwrap_or_default();
    let action = args.int(3).unwrap_or_default();
    lookup::find(cx, table, uri, move |cx, record| is_registered(cx, record, option, action).into())
}

fn is_registered(cx: &mut Cx<'_>, record: Option<Record>, option: i64, action: i64) -> bool {
    let params = &cx.state::<Registrar>().params;
    let now = cx.shard.unix_time();
    let wish = |bit: i64, name: &[u8]| {
        if option & bit != 0 { params.wish(cx.context, name) } else { Value::Null }
    };
    let wanted = [
        (Field::CallId, wish(MATCH_CALL_ID, b"match_callid")),
        (Field::Received, wish(MATCH_RECEIVED, b"match_received")),
        (Field::Address, wish(MATCH_CONTACT, b"match_contact")),
    ];
    let matches = |contact: &Contact| {
        wanted.iter().all(|(field, value)| value.as_text().is_none_or(|text| contact.text(*field) == text))
    };
    let record = record.unwrap_or_default();
    let found = record
        .contacts()
        .iter()
        .find(|contact| (params.uses_expired || contact.is_valid(now)) && matches(contact));
    let Some(contact) = found else { return false };
    if action & TELL_NOTHING == 0 {
        answer::tell(cx.context, params, contact, now);
    }
    if action & RESTORE_ATTRIBUTES != 0
        && let (Some(name), Some(attributes)) = (&cx.state::<Usrloc>().attributes, &contact.attributes)
    {
        cx.context.variables.xavps.push(name.clone(), XavpValue::List((**attributes).clone()));
    }
    true
}

/// `unregister(table, uri, [ruid])`: 1 done, -1 no URI, -2 the database failed, -3 no such contact.
pub(super) fn unregister(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let usrloc = cx.state::<Usrloc>();
    let table = usrloc.table(&args.str(0).to_lossy());
    let uri = args.str(1);
    let ruid = args.str(2);
    let ruid = (!ruid.is_empty()).then(|| ruid.as_bytes().to_vec());
    let aor = cx.state::<Registrar>().params.aor.aor(&uri);
    let Some(backing) = usrloc.database_only().cloned() else {
        let Some(aor) = aor else { return Flow::FALSE };
        let (code, changes) = table.change(&aor, |record| take(record, ruid.as_deref()));
        return settle(cx, &table, changes, code);
    };
    Flow::wait(async move {
        let found = match (&aor, &ruid) {
            (Some(aor), _) => backing.contacts(&table.name, aor).await,
            (None, Some(ruid)) => {
                backing.by_ruid(&table.name, ruid).await.map(|one| one.into_iter().collect())
            }
            (None, None) => return Box::new(|_: &mut Cx<'_>| Flow::FALSE) as Resume,
        };
        Box::new(move |cx: &mut Cx<'_>| {
            let Ok(contacts) = found else { return Flow::Done(-2) };
            let mut record = cx.state::<Usrloc>().record_of(contacts);
            let (code, changes) = take(&mut record, ruid.as_deref());
            settle(cx, &table, changes, code)
        })
    })
}

fn take(record: &mut Record, ruid: Option<&[u8]>) -> (i64, Changes) {
    let removed = match ruid {
        None => record.take_unless(|_| false),
        Some(ruid) => {
            let at = record.contacts().iter().position(|contact| contact.text(Field::Ruid) == ruid);
            at.and_then(|at| record.remove(at)).into_iter().collect()
        }
    };
    let code = if ruid.is_some() && removed.is_empty() { -3 } else { 1 };
    (code, Changes { removed, ..Changes::default() })
}

fn settle(cx: &Cx<'_>, table: &Arc<Table>, changes: Changes, code: i64) -> Flow {
    let server = Arc::clone(cx.server());
    let Some(unwritten) = cx.state::<Usrloc>().settle(&server, table, changes) else {
        return Flow::Done(code);
    };
    Flow::wait(async move {
        let code = if unwritten.write().await { code } else { -2 };
        Box::new(move |_: &mut Cx<'_>| Flow::Done(code)) as Resume
    })
}

/// `add_sock_hdr(name)`: tells the next registrar through which socket a REGISTER came.
pub(super) fn add_socket_header(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let socket = cx.listeners().get(cx.context.received.listener).text();
    let line = [args.text(0), b": ", socket.as_bytes(), b"\r\n"].concat();
    let engine::Context { message, edits, .. } = &mut *cx.context;
    let at = message.headers().last().map_or(0, |field| field.whole.end as usize);
    edits.insert(at, Class::Text, &line);
    Flow::TRUE
}
