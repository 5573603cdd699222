//! What is done about dialogs when their time is over. Each shard looks after its share of the table, once a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cfg_syntax::ast::RouteKind;
use engine::Running;
use engine::services::Services;

use super::call::{Dialog, Side, property};
use super::state::{Event, State};
use super::{Module, ask, events, requests};

/// How often a shard looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// When a shard looks next.
#[derive(Default)]
struct Look(Option<Instant>);

pub(super) fn next(services: &Services) -> Option<Instant> {
    match services.kept_if_any::<Look>() {
        Some(look) => look.0,
        None => Some(services.now),
    }
}

pub(super) fn run(services: &mut Services, running: &Arc<Running>) {
    let now = services.now;
    let look = services.kept::<Look>();
    if look.0.is_some_and(|at| now < at) {
        return;
    }
    look.0 = Some(now + INTERVAL);
    let Some(state) = running.state::<Module>() else { return };
    let (time, shards) = (services.unix_time(), services.server.shards());
    for dialog in state.shared.table.take_due(time, services.index, shards) {
        at(services, running, state, &dialog, time);
        let due = state.params.limits.due(&dialog, &dialog.live());
        state.shared.table.due_at(dialog.ident, due);
    }
}

/// Looks at one dialog.
fn at(services: &mut Services, running: &Arc<Running>, state: &Module, dialog: &Arc<Dialog>, now: i64) {
    let limits = &state.params.limits;
    let (stage, is_due, is_over, wants_bye) = {
        let live = dialog.live();
        let is_over = live.expires > 0 && live.expires <= now
            || live.state == State::Unacknowledged && live.started + limits.unacknowledged <= now;
        (live.state, limits.due(dialog, &live) <= now, is_over, live.properties & property::TIMEOUT_BYE != 0)
    };
    if !is_due {
        return;
    }
    match stage {
        State::Deleted => state.shared.remove(dialog, services.index),
        State::Unconfirmed | State::Early => {
            tracing::warn!(target: "dialog", "call {:?} was not answered in time", dialog.call_id);
            state.shared.advance(dialog, Event::Expiry, limits, now, services.index);
            events::begin(services, running, state.events.failed, dialog, stage);
        }
        State::Unacknowledged | State::Confirmed if is_over => {
            state.shared.counters.expired.add(services.index);
            let parting = if wants_bye { Parting::Bye } else { Parting::Silent };
            timed_out(services, running, state, dialog, parting);
        }
        State::Unacknowledged | State::Confirmed => ask::ask(services, running, state, dialog),
    }
}

/// How a dialog ends that nobody hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The parties are told.
    Bye,
    /// They are not.
    Silent,
}

fn timed_out(
    services: &mut Services,
    running: &Arc<Running>,
    state: &Module,
    dialog: &Arc<Dialog>,
    parting: Parting,
) {
    tracing::warn!(target: "dialog", "the time of call {:?} is over", dialog.call_id);
    let (name, seen) = {
        let live = dialog.live();
        (live.timeout_route.clone(), live.state)
    };
    let route = running.program.route(RouteKind::Named, &name).filter(|_| !name.is_empty());
    events::begin(services, running, route, dialog, seen);
    over(services, running, state, dialog, parting);
}

/// Ends a dialog from here. One that was not answered is the caller's to cancel: it stays as it is.
pub(super) fn over(
    services: &mut Services,
    running: &Arc<Running>,
    state: &Module,
    dialog: &Arc<Dialog>,
    parting: Parting,
) {
    let now = services.unix_time();
    if dialog.live().started == 0 {
        tracing::error!(target: "dialog", "call {:?} was not answered: there is nothing to send BYE to", dialog.call_id);
        return;
    }
    let seen = dialog.live().state;
    state.shared.advance(dialog, Event::Expiry, &state.params.limits, now, services.index);
    events::begin(services, running, state.events.end, dialog, seen);
    match parting {
        Parting::Bye => drop(requests::bye(services, running, dialog, &[Side::Callee, Side::Caller])),
        Parting::Silent => state.shared.remove(dialog, services.index),
    }
}
