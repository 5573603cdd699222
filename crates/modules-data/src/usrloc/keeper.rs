//! What happens to locations beside messages: loading at the start, expiry and writing at intervals, writing at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{Running, Server};

use super::backing::{BATCH, Backing};
use super::contact::{Contact, Field};
use super::record::Wanted;
use super::table::{Sweep, Swept, Table};
use super::watch::Occasion;
use super::{Mode, Usrloc};

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The configuration comes in force: the tables that it names are made and loaded, and the keeper begins its rounds.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(usrloc) = running.state::<Usrloc>() else { return };
    let catalogue = &running.registry.catalogue;
    for function in TABLE_FUNCTIONS.iter().flat_map(|name| catalogue.functions_named(name)) {
        for table in running.program.constant_texts(*function, 0) {
            usrloc.table(&table.to_lossy());
        }
    }
    let own = server.listeners.all().iter().map(engine::Listener::text).collect();
    // Listeners are the same for as long as the server runs.
    let _ = usrloc.sockets.set(own);
    server.runtime.block_on(load_all(usrloc));
    if usrloc.shared.is_kept.swap(true, Ordering::AcqRel) {
        return;
    }
    let server = Arc::clone(server);
    server.runtime.clone().spawn(async move {
        loop {
            let running = server.running();
            let Some(interval) = running.state::<Usrloc>().map(|usrloc| usrloc.timer_interval) else {
                return;
            };
            drop(running);
            tokio::time::sleep(Duration::from_secs(interval)).await;
            let running = server.running();
            if let Some(usrloc) = running.state::<Usrloc>() {
                round(&server, usrloc, now()).await;
            }
        }
    });
}

/// Functions whose first argument names a location table.
const TABLE_FUNCTIONS: [&str; 9] = [
    "save",
    "lookup",
    "lookup_to_dset",
    "lookup_branches",
    "lookup_xavp",
    "registered",
    "unregister",
    "reg_fetch_contacts",
    "reg_from_user",
];

/// The server ends: what is not written yet is written.
pub(super) fn ended(server: &Arc<Server>, running: &Arc<Running>) {
    if let Some(usrloc) = running.state::<Usrloc>().filter(|usrloc| usrloc.mode.writes_later()) {
        server.runtime.block_on(flush(usrloc, now()));
    }
}

/// Loads the tables that have not been loaded.
async fn load_all(usrloc: &Usrloc) {
    let Some(backing) = usrloc.backing.as_ref().filter(|_| usrloc.loads) else { return };
    for table in usrloc.tables() {
        if table.is_loaded() {
            continue;
        }
        if usrloc.checks_version {
            // What it found is in the log.
            let _ = backing.check_version(&table.name).await;
        }
        match load(usrloc, backing, &table).await {
            Ok(count) => {
                table.mark_loaded();
                tracing::info!(target: "usrloc", "{count} contacts loaded into table {}", table.name);
            }
            Err(error) => {
                tracing::debug!(target: "usrloc", "table {} is not loaded yet: {error}", table.name)
            }
        }
    }
}

async fn load(usrloc: &Usrloc, backing: &Backing, table: &Table) -> Result<usize, store::Error> {
    let now = now();
    let (mut after, mut count) = (None, 0);
    loop {
        let page = backing.page(&table.name, after.as_deref(), usrloc.fetch_rows).await?;
        for contact in page.contacts {
            count += usize::from(take_in(usrloc, table, Arc::new(contact), now));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}

/// Takes a contact from the database in, unless memory knows better by now; whether it did. One that is taken in no more is
/// deleted from the database, too.
fn take_in(usrloc: &Usrloc, table: &Table, contact: Arc<Contact>, now: i64) -> bool {
    let is_stream = contact.facts.connection >= 0 || is_stream_socket(contact.text(Field::Socket));
    let taken = contact.is_valid(now)
        && !(usrloc.forgets_streams && is_stream)
        && usrloc.takes_socket_of(&contact)
        && table.change(contact.text(Field::Aor), |record| {
            let wanted = Wanted {
                address: contact.text(Field::Address),
                call_id: contact.text(Field::CallId),
                path: contact.text(Field::Path),
                instance: contact.text(Field::Instance),
                reg_id: contact.facts.reg_id,
            };
            let is_new = record.find(&wanted, usrloc.matching).is_none();
            if is_new {
                record.insert(Arc::clone(&contact), usrloc.order);
            }
            is_new
        });
    if taken && contact.text_of(Field::Instance).is_some() {
        table.remember_moved(&contact);
    }
    if !taken && usrloc.mode.writes() && usrloc.takes_socket_of(&contact) {
        table.remember_gone([contact]);
    }
    taken
}

fn is_stream_socket(socket: &[u8]) -> bool {
    [&b"tcp:"[..], b"tls:", b"ws:", b"wss:"].iter().any(|proto| socket.starts_with(proto))
}

/// One round of the keeper: loads what could not be loaded before, takes away what has expired, writes what has changed.
async fn round(server: &Arc<Server>, usrloc: &Usrloc, now: i64) {
    load_all(usrloc).await;
    if let (Mode::DatabaseOnly, Some(backing)) = (usrloc.mode, &usrloc.backing) {
        for table in usrloc.tables() {
            // What went wrong is in the log; the next round tries again.
            let _ = backing.clean(&table.name, now - usrloc.rm_expired_delay).await;
        }
        return;
    }
    let _writing = usrloc.shared.writing.lock().await;
    for table in usrloc.tables() {
        let mut writer = Writer::new(usrloc, &table);
        for stripe in 0..table.stripes() {
            let swept = table.sweep(stripe, Sweep { now, collects: usrloc.mode.writes() });
            usrloc.shared.watchers.tell(server, Occasion::Expired, &table.name, &swept.expired);
            writer.add(swept).await;
            // Others of the runtime come to work between two stripes.
            tokio::task::yield_now().await;
        }
        writer.finish().await;
        if let Some(backing) = usrloc.backing.as_ref().filter(|_| usrloc.cleans_rows && usrloc.mode.writes())
        {
            let _ = backing.clean(&table.name, now).await;
        }
    }
}

/// Writes everything that the database lacks.
pub(super) async fn flush(usrloc: &Usrloc, now: i64) {
    let _writing = usrloc.shared.writing.lock().await;
    for table in usrloc.tables() {
        let mut writer = Writer::new(usrloc, &table);
        for stripe in 0..table.stripes() {
            let swept = table.sweep(stripe, Sweep { now, collects: usrloc.mode.writes() });
            writer.add(swept).await;
        }
        writer.finish().await;
    }
}

/// Writes what sweeps found, in batches.
struct Writer<'a> {
    backing: Option<&'a Arc<Backing>>,
    table: &'a Table,
    changed: Vec<Arc<Contact>>,
    gone: Vec<Arc<Contact>>,
    /// The database failed in this round; the next one tries again.
    is_over: bool,
}

impl<'a> Writer<'a> {
    fn new(usrloc: &'a Usrloc, table: &'a Table) -> Self {
        let backing = usrloc.backing.as_ref().filter(|_| usrloc.mode.writes());
        Self { backing, table, changed: Vec::new(), gone: Vec::new(), is_over: false }
    }

    async fn add(&mut self, swept: Swept) {
        if self.backing.is_none() {
            return;
        }
        self.changed.extend(swept.changed);
        self.gone.extend(swept.gone);
        self.gone.extend(swept.expired.into_iter().filter(|contact| !contact.is_memory_only()));
        if self.changed.len() + self.gone.len() >= BATCH {
            self.finish().await;
        }
    }

    async fn finish(&mut self) {
        let (changed, gone) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.gone));
        let Some(backing) = self.backing else { return };
        if !self.is_over {
            self.is_over = backing.write(&self.table.name, &changed, &gone).await.is_err();
        }
        if self.is_over {
            // Changed contacts are found again by their mark.
            self.table.remember_gone(gone);
        } else {
            self.table.confirm(&changed);
        }
    }
}
