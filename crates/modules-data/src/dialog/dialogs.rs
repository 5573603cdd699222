//! What all shards share: the table, its counters, and what an event does to both.

use std::sync::Arc;

use engine::Setup;
use engine::statistics::Counter;

use super::backing::Changed;
use super::call::{Dialog, Live, mark};
use super::state::{Event, Meaning, State};
use super::table::Table;

/// Dialogs with all that counts them; outlives a reload.
pub(super) struct Dialogs {
    pub(super) table: Table,
    pub(super) counters: Counters,
    /// What the database does not know yet.
    pub(super) changed: Changed,
}

/// `dialog:` statistics.
pub(super) struct Counters {
    pub(super) active: Counter,
    pub(super) early: Counter,
    pub(super) processed: Counter,
    pub(super) expired: Counter,
    pub(super) failed: Counter,
}

impl Counters {
    pub(super) fn of(setup: &Setup<'_>) -> Self {
        let counter = |name| setup.statistics().counter("dialog", name);
        Self {
            active: counter("active_dialogs"),
            early: counter("early_dialogs"),
            processed: counter("processed_dialogs"),
            expired: counter("expired_dialogs"),
            failed: counter("failed_dialogs"),
        }
    }

    fn moved(&self, shard: usize, from: State, to: State) {
        for (counter, was, is) in [
            (&self.early, from == State::Early, to == State::Early),
            (&self.active, from.is_active(), to.is_active()),
        ] {
            match (was, is) {
                (false, true) => counter.add(shard),
                (true, false) => counter.take_many(shard, 1),
                _ => {}
            }
        }
    }
}

/// How long a dialog may stay in each state, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Unanswered.
    pub(super) early: i64,
    /// Answered, without the ACK.
    pub(super) unacknowledged: i64,
    /// Over.
    pub(super) ended: i64,
}

impl Limits {
    /// When something is to be done about a dialog.
    pub(super) fn due(&self, dialog: &Dialog, live: &Live) -> i64 {
        let over = if live.expires > 0 { live.expires } else { i64::MAX };
        match live.state {
            State::Unconfirmed | State::Early => dialog.created + self.early,
            State::Unacknowledged => over.min(live.started + self.unacknowledged),
            State::Confirmed if live.ask_at > 0 => over.min(live.ask_at),
            State::Confirmed => over,
            State::Deleted => live.ended + self.ended,
        }
    }
}

impl Dialogs {
    /// Lets an event happen to a dialog. What it means is told, for routes to hear of.
    pub(super) fn advance(
        &self,
        dialog: &Arc<Dialog>,
        event: Event,
        limits: &Limits,
        now: i64,
        shard: usize,
    ) -> Meaning {
        let meaning = {
            let mut live = dialog.live();
            let (state, meaning) = live.state.after(event);
            self.counters.moved(shard, live.state, state);
            live.state = state;
            match meaning {
                Meaning::Started => {
                    live.started = now;
                    live.expires = now + live.lifetime;
                    live.marks |= mark::NEW;
                }
                Meaning::Acknowledged => live.marks |= mark::CHANGED,
                Meaning::Ended | Meaning::Failed => (live.ended, live.expires) = (now, 0),
                Meaning::Same | Meaning::Rings => {}
            }
            if event == Event::Bye && state == State::Deleted {
                live.marks |= mark::HAS_BYE;
            }
            self.table.due_at(dialog.ident, limits.due(dialog, &live));
            meaning
        };
        if matches!(meaning, Meaning::Started | Meaning::Acknowledged | Meaning::Ended) {
            self.changed.note(dialog.ident);
        }
        if matches!(meaning, Meaning::Ended | Meaning::Failed) {
            self.table.leave_profiles(dialog);
        }
        if meaning == Meaning::Failed && event == Event::Rejection {
            self.counters.failed.add(shard);
        }
        meaning
    }

    /// Forces a state, as an operator asks.
    pub(super) fn force(&self, dialog: &Arc<Dialog>, state: State, limits: &Limits, now: i64, shard: usize) {
        {
            let mut live = dialog.live();
            self.counters.moved(shard, live.state, state);
            live.state = state;
            if state == State::Deleted && live.ended == 0 {
                live.ended = now;
            }
            if state.is_active() && live.started == 0 {
                (live.started, live.expires) = (now, now + live.lifetime);
            }
            self.table.due_at(dialog.ident, limits.due(dialog, &live));
        }
        self.changed.note(dialog.ident);
        if state == State::Deleted {
            self.table.leave_profiles(dialog);
        }
    }

    /// Puts a dialog in that was followed before a restart.
    pub(super) fn restore(&self, dialog: &Arc<Dialog>, limits: &Limits, shard: usize) {
        let live = dialog.live();
        self.counters.moved(shard, State::Unconfirmed, live.state);
        self.table.due_at(dialog.ident, limits.due(dialog, &live));
        drop(live);
        self.table.add(dialog);
    }

    /// Takes a dialog out, whatever its state.
    pub(super) fn remove(&self, dialog: &Dialog, shard: usize) {
        self.counters.moved(shard, dialog.live().state, State::Deleted);
        dialog.live().state = State::Deleted;
        self.table.remove(dialog);
    }

    /// Gives it another lifetime, counted from now; false when none runs.
    pub(super) fn set_timeout(&self, dialog: &Dialog, seconds: i64, limits: &Limits, now: i64) -> bool {
        let mut live = dialog.live();
        if !live.state.is_active() {
            return false;
        }
        (live.lifetime, live.expires) = (seconds, now + seconds);
        live.marks |= mark::CHANGED;
        self.table.due_at(dialog.ident, limits.due(dialog, &live));
        self.changed.note(dialog.ident);
        true
    }
}
