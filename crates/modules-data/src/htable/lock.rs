//! `sht_lock` and `sht_unlock`: one route at a time works on a slot. Who waits is parked; what a route holds is given back
//! at its end. Reads and writes by routes that do not lock go on meanwhile, unlike in Kamailio.

use cfg_vm::Str;
use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use modules::cfgutils::lock::{Asked, Guard};

use super::Htable;
use super::place::Place;

/// What Kamailio answers where there is no such table.
const NO_TABLE: Flow = Flow::Done(-11);

/// The slots that a route holds.
#[derive(Default)]
struct Held(Vec<Hold>);

struct Hold {
    key: Str,
    /// How often the route has locked it.
    depth: u32,
    _guard: Guard,
}

/// The key of a slot's lock.
fn key(cx: &Cx<'_>, args: &Args<'_>) -> Option<Str> {
    let place = args.parsed::<Place>(0)?;
    let table = cx.state::<Htable>().table(&place.table)?;
    let mut key = place.table.to_vec();
    key.push(0);
    key.extend_from_slice(&table.slot(&place.name).to_le_bytes());
    Some(key.into())
}

fn hold(cx: &mut Cx<'_>, key: Str, guard: Guard) -> Flow {
    cx.data::<Held>().0.push(Hold { key, depth: 1, _guard: guard });
    Flow::TRUE
}

pub(super) fn lock(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(key) = key(cx, args) else {
        tracing::error!(target: "htable", "sht_lock: there is no such table");
        return NO_TABLE;
    };
    if let Some(hold) = cx.data::<Held>().0.iter_mut().find(|hold| hold.key == key) {
        hold.depth += 1;
        return Flow::TRUE;
    }
    match cx.state::<Htable>().locks.ask(&key) {
        Asked::Held(guard) => hold(cx, key, guard),
        Asked::Later(receiver) => Flow::wait(async move {
            let guard = receiver.await;
            let resume: Resume = Box::new(move |cx| match guard {
                Ok(guard) => hold(cx, key, guard),
                Err(_) => Flow::FALSE,
            });
            resume
        }),
    }
}

/// It is no failure to give back what is not held.
pub(super) fn unlock(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(key) = key(cx, args) else {
        tracing::error!(target: "htable", "sht_unlock: there is no such table");
        return NO_TABLE;
    };
    let held = &mut cx.data::<Held>().0;
    if let Some(at) = held.iter().position(|hold| hold.key == key) {
        held[at].depth -= 1;
        if held[at].depth == 0 {
            held.swap_remove(at);
        }
    }
    Flow::TRUE
}

/// Gives back what a route still holds at its end.
pub(super) fn release_all(cx: &mut Cx<'_>) {
    if cx.context.data.get::<Held>().is_some() {
        cx.data::<Held>().0.clear();
    }
}
