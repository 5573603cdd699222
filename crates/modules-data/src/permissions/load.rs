//! Reading tables and files into memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use cfg_vm::Str;
use engine::{Running, Server, Setup};
use store::{Database, Error, Query, Row};

use super::address::{Addresses, Entry, Whom, entry, parse_file};
use super::trusted::peers;
use super::{Permissions, Trusted};
use crate::source;

/// Where addresses come from.
pub(super) enum AddressSource {
    /// A table, with its columns: group, address, mask, port, tag.
    Table { database: Database, table: String, columns: [String; 5] },
    /// A file.
    File(PathBuf),
}

/// A file's path: one that is not absolute stands beside the configuration.
pub(super) fn beside_configuration(setup: &Setup<'_>, path: &[u8]) -> PathBuf {
    let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
    let sources = setup.program().source();
    let configuration = sources.file(cfg_syntax::FileId(0)).path.parent().map(Path::to_owned);
    configuration.unwrap_or_default().join(path)
}

/// Reads everything; where the database does not answer, the server starts with what it had, and reads when it does.
pub(super) fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Permissions>() else { return };
    let Err(error) = server.runtime.block_on(state.read_all()) else { return };
    tracing::error!(target: "permissions", "not everything could be read: {error}");
    let Some(database) = state.database().cloned() else { return };
    let running = Arc::clone(running);
    source::retry("permissions", Arc::clone(server), database, move || {
        let running = Arc::clone(&running);
        async move {
            match running.state::<Permissions>() {
                Some(state) => state.read_all().await,
                None => Ok(()),
            }
        }
    });
}

impl Permissions {
    fn database(&self) -> Option<&Database> {
        match (&self.address_source, &self.trusted) {
            (Some(AddressSource::Table { database, .. }), _) | (_, Trusted::Kept(database, ..)) => {
                Some(database)
            }
            _ => None,
        }
    }

    async fn read_all(&self) -> Result<(), Error> {
        self.read_addresses().await?;
        self.read_trusted().await
    }

    /// Reads the addresses; what was known stays where that fails.
    pub(super) async fn read_addresses(&self) -> Result<(), Error> {
        let entries = match &self.address_source {
            None => return Ok(()),
            Some(AddressSource::Table { database, table, columns }) => {
                let query = Query { table: table.clone(), columns: columns.to_vec(), ..Query::default() };
                database.query(&query).await?.iter().filter_map(of_row).collect()
            }
            Some(AddressSource::File(path)) => read_file(path)?,
        };
        *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Addresses::new(entries));
        self.read_at.store(seconds(), Ordering::Relaxed);
        Ok(())
    }

    /// Reads the trusted peers, if they are kept.
    pub(super) async fn read_trusted(&self) -> Result<(), Error> {
        if let Trusted::Kept(database, columns, kept) = &self.trusted {
            let rows = database.query(&columns.query()).await?;
            *kept.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(peers(&rows));
            self.read_at.store(seconds(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Seconds since 1970.
pub(super) fn seconds() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn read_file(path: &Path) -> Result<Vec<Entry>, Error> {
    let refused = |text: String| Error::Refused { code: "file".to_owned(), text };
    let text = std::fs::read(path).map_err(|error| refused(format!("{}: {error}", path.display())))?;
    parse_file(&text).map_err(|reason| refused(format!("{}: {reason}", path.display())))
}

/// An entry of a row; one that cannot be read is told and left out.
fn of_row(row: &Row) -> Option<Entry> {
    let number = |at: usize| row.get(at).and_then(store::Value::as_int).unwrap_or_default();
    let address = source::text_of(row.get(1)?)?;
    let tag = row.get(4).and_then(source::text_of).map(Str::from);
    let read = Whom::parse(&address, number(2)).and_then(|whom| entry(number(0), whom, number(3), tag));
    read.inspect_err(|reason| tracing::error!(target: "permissions", "an address is left out: {reason}")).ok()
}
