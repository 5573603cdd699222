//! Dialogs in a database: answered ones are written, and found again after a restart.
//!
//! What changed is noted by name; a task beside the shards writes it, so that no message waits for a database.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cfg_vm::Str;
use engine::{Running, Server, Setup, SetupError};
use store::{Change, Database, Error, Key, Query};
use tokio::sync::Notify;

use super::Module;
use super::call::Ident;
use super::rows::Layout;

/// How long after a failure writing is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Dialogs written in one transaction.
const BATCH: usize = 500;

/// When dialogs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As soon as they change.
    AtOnce,
    /// At intervals.
    Later(Duration),
    /// When the server ends.
    AtEnd,
}

/// Where they are written.
pub(super) struct Backing {
    database: Database,
    mode: Mode,
    loads: bool,
    layout: Layout,
}

/// Dialogs that changed since they were written.
#[derive(Default)]
pub(super) struct Changed {
    names: Mutex<HashSet<Ident>>,
    wake: Notify,
    is_kept: AtomicBool,
}

impl Changed {
    /// Notes that a dialog changed.
    pub(super) fn note(&self, ident: Ident) {
        if self.is_kept.load(Ordering::Relaxed) {
            self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(ident);
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Vec<Ident> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

impl Backing {
    /// What the parameters ask for; none where `db_mode` is 0.
    pub(super) fn of(setup: &Setup<'_>) -> Result<Option<Self>, SetupError> {
        let int = |name, default| setup.int(name).unwrap_or(default);
        let mode = match int("db_mode", 0) {
            0 => return Ok(None),
            1 => Mode::AtOnce,
            2 => Mode::Later(Duration::from_secs(int("db_update_period", 60).max(1) as u64)),
            _ => Mode::AtEnd,
        };
        let Some(param) = setup.values("db_url").last() else {
            return Err(SetupError::new("db_mode needs a database: set db_url"));
        };
        let url = param.value.to_str();
        crate::database::check_driver(setup, &url).map_err(|why| SetupError::at(param, why))?;
        let database =
            Database::shared(&url).map_err(|error| SetupError::at(param, format!("db_url: {error}")))?;
        Ok(Some(Self { database, mode, loads: int("db_skip_load", 0) == 0, layout: Layout::of(setup) }))
    }

    /// Writes what changed; what could not be written is noted again.
    async fn write(&self, state: &Module) -> Result<(), Error> {
        let names = state.shared.changed.take();
        for part in names.chunks(BATCH) {
            let changes: Vec<Change> = part.iter().flat_map(|ident| self.changes(state, *ident)).collect();
            if let Err(error) = self.database.batch(&changes).await {
                names.iter().for_each(|ident| state.shared.changed.note(*ident));
                return Err(error);
            }
        }
        Ok(())
    }

    /// A dialog's rows go, and come again if it goes on.
    fn changes(&self, state: &Module, ident: Ident) -> Vec<Change> {
        let mut changes = self.layout.removal(ident);
        let dialog = state.shared.table.get(ident).filter(|dialog| dialog.live().state.is_active());
        if let Some(dialog) = dialog {
            changes.extend(self.layout.insertion(&dialog, state.sockets()));
        }
        changes
    }

    async fn load(&self, state: &Module, shard: usize) -> Result<usize, Error> {
        let (table, columns) = self.layout.dialogs();
        let rows = self.database.query(&Query { table, columns, ..Query::default() }).await?;
        let mut loaded = 0;
        for row in &rows {
            let Some(dialog) = self.layout.dialog(row, state.sockets()) else {
                tracing::error!(target: "dialog", "a row of the dialogs' table makes no dialog; it is left out");
                continue;
            };
            state.shared.restore(&Arc::new(dialog), &state.params.limits, shard);
            loaded += 1;
        }
        let (table, columns) = self.layout.variables();
        for row in self.database.query(&Query { table, columns, ..Query::default() }).await? {
            if let Some((ident, name, value)) = self.layout.variable(&row)
                && let Some(dialog) = state.shared.table.get(ident)
            {
                super::call::set(&mut dialog.live().variables, &name, Some(value));
            }
        }
        Ok(loaded)
    }
}

/// The configuration comes in force: dialogs are read, and the task begins that writes them.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Module>() else { return };
    // Listeners are the same for as long as the server runs.
    let _ = state.sockets.set(server.listeners.all().iter().map(engine::Listener::text).collect());
    let Some(backing) = &state.backing else { return };
    if state.shared.changed.is_kept.swap(true, Ordering::AcqRel) {
        return;
    }
    if backing.loads {
        match server.runtime.block_on(backing.load(state, 0)) {
            Ok(0) => {}
            Ok(count) => tracing::info!(target: "dialog", "{count} dialogs go on from before the restart"),
            Err(error) => tracing::error!(
                target: "dialog",
                "dialogs cannot be read from {}: {error}; new ones are followed",
                backing.database.url_shown()
            ),
        }
    }
    if backing.mode != Mode::AtEnd {
        server.runtime.spawn(keep(Arc::clone(server)));
    }
}

/// Writes what changed, for as long as the configuration in force wants it.
async fn keep(server: Arc<Server>) {
    loop {
        let running = server.running();
        let Some(state) = running.state::<Module>() else { return };
        let Some(backing) = &state.backing else { return };
        match backing.mode {
            Mode::AtOnce => state.shared.changed.wake.notified().await,
            Mode::Later(period) => tokio::time::sleep(period).await,
            Mode::AtEnd => return,
        }
        if let Err(error) = backing.write(state).await {
            tracing::error!(target: "dialog", "dialogs are not written: {error}; it will be tried again");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The server ends: what is not written yet is written.
pub(super) fn ended(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Module>() else { return };
    let Some(backing) = &state.backing else { return };
    if let Err(error) = server.runtime.block_on(backing.write(state)) {
        tracing::error!(target: "dialog", "the dialogs that go on are not written: {error}");
    }
}

/// The rows of a dialog in a table.
pub(super) fn rows_of(ident: Ident, entry: &str, id: &str) -> Vec<Key> {
    vec![Key::eq(entry, i64::from(ident.entry)), Key::eq(id, i64::from(ident.id))]
}

/// Route values of a route set, as they stand in one column.
pub(super) fn routes(text: &[u8]) -> Vec<Str> {
    let mut inside = false;
    text.split(move |byte| {
        match byte {
            b'<' => inside = true,
            b'>' => inside = false,
            _ => {}
        }
        *byte == b',' && !inside
    })
    .map(|route| Str::copy(route.trim_ascii()))
    .filter(|route| !route.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_set_is_split_at_commas_between_brackets() {
        assert_eq!(routes(b""), Vec::<Str>::new());
        let expected: Vec<Str> = vec!["<sip:a,b@h;lr>".into(), "<sip:c;lr>".into()];
        assert_eq!(routes(b"<sip:a,b@h;lr>,<sip:c;lr>"), expected);
    }
}
