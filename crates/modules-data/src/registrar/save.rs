//! `save`: a REGISTER is done and answered.

use std::sync::Arc;

use engine::module::Resume;
use engine::{Args, Cx, Flow};

use crate::usrloc::{Record, Table, Usrloc};

use super::Registrar;
use super::answer;
use super::binding::{Outcome, Work};
use super::refusal::Refusal;
use super::registration::{self, Asks, Registration, SaveFlags};

/// `save(table, [flags, [uri]])`
pub(super) fn save(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let usrloc = cx.state::<Usrloc>();
    let params = &cx.state::<Registrar>().params;
    let flags = SaveFlags(args.int(1).unwrap_or_default());
    let table = usrloc.table(&args.str(0).to_lossy());
    let uri = args.str(2);
    let uri = Some(uri.as_bytes()).filter(|uri| !uri.is_empty());
    match registration::read(cx, params, usrloc, flags, uri) {
        Ok(registration) => begin(cx, table, registration, flags),
        Err(refusal) => {
            answer::refuse(cx, refusal);
            end(cx, flags, refusal.code())
        }
    }
}

/// Does it in memory, or reads what the database has first.
fn begin(cx: &mut Cx<'_>, table: Arc<Table>, registration: Registration, flags: SaveFlags) -> Flow {
    let usrloc = cx.state::<Usrloc>();
    let Some(backing) = usrloc.database_only().cloned() else {
        let (outcome, record) = {
            let work = work(cx, &registration, flags);
            match registration.asks {
                // Nothing changes, so that nothing is made for who has no contacts.
                Asks::Query => {
                    let mut record = table.contacts(&registration.aor);
                    (work.apply(&mut record), record)
                }
                _ => table.change(&registration.aor, |record| (work.apply(record), record.clone())),
            }
        };
        return settle(cx, table, registration, flags, outcome, record);
    };
    Flow::wait(async move {
        let found = backing.contacts(&table.name, &registration.aor).await;
        Box::new(move |cx: &mut Cx<'_>| {
            let Ok(contacts) = found else {
                answer::refuse(cx, Refusal::Database);
                return end(cx, flags, Refusal::Database.code());
            };
            let mut record = cx.state::<Usrloc>().record_of(contacts);
            let outcome = work(cx, &registration, flags).apply(&mut record);
            settle(cx, table, registration, flags, outcome, record)
        }) as Resume
    })
}

fn work<'a>(cx: &Cx<'a>, registration: &'a Registration, flags: SaveFlags) -> Work<'a> {
    Work {
        usrloc: cx.state::<Usrloc>(),
        params: &cx.state::<Registrar>().params,
        registration,
        flags,
        now: cx.shard.unix_time(),
    }
}

/// Has what changed told and written, and then answers.
fn settle(
    cx: &mut Cx<'_>,
    table: Arc<Table>,
    registration: Registration,
    flags: SaveFlags,
    outcome: Outcome,
    record: Record,
) -> Flow {
    let Outcome { result, changes } = outcome;
    let now = cx.shard.unix_time();
    let refusal = match result {
        Ok(_) => registration.lacks_path.then_some(Refusal::PathUnsupported),
        Err(refusal) => Some(refusal),
    };
    let code = match result {
        Ok(done) => done as i64,
        Err(refusal) => refusal.code(),
    };
    let params = &cx.state::<Registrar>().params;
    if refusal == Some(Refusal::Brief) {
        answer::refuse(cx, Refusal::Brief);
    } else {
        answer::prepare(cx, params, &registration, (&table, &record), refusal, now);
    }
    let usrloc = cx.state::<Usrloc>();
    let server = Arc::clone(cx.server());
    let Some(unwritten) = usrloc.settle(&server, &table, changes) else { return end(cx, flags, code) };
    Flow::wait(async move {
        let is_written = unwritten.write().await;
        Box::new(move |cx: &mut Cx<'_>| {
            if is_written {
                return end(cx, flags, code);
            }
            answer::refuse(cx, Refusal::Database);
            end(cx, flags, Refusal::Database.code())
        }) as Resume
    })
}

/// Counts, and answers unless the script does it.
fn end(cx: &mut Cx<'_>, flags: SaveFlags, code: i64) -> Flow {
    let registrar = cx.state::<Registrar>();
    let counter = if code > 0 { &registrar.accepted } else { &registrar.rejected };
    counter.add(cx.shard.index);
    if flags.no_reply() {
        if flags.prepares_reply() {
            answer::add_headers(cx, &registrar.params);
        }
    } else if cx.context.message.is_request() {
        // What went wrong is in the log.
        answer::send(cx, &registrar.params);
    }
    Flow::Done(code)
}

/// `reg_send_reply()`
pub(super) fn send_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    answer::send(cx, &cx.state::<Registrar>().params).into()
}
