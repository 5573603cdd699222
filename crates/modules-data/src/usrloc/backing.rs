//! The database behind the location tables: what is written there, and what is read from it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use store::{Change, Database, Error, Key, Op, Query, Row};

use super::contact::{Contact, Field};
use super::rows::{Column, Layout};

/// Table version that Kamailio 5.6 writes; older and newer ones are met by their columns.
const VERSION: i64 = 9;
/// Changes in one transaction.
pub(super) const BATCH: usize = 500;

/// A database with location tables.
pub struct Backing {
    database: Database,
    layout: Layout,
    /// Only rows of this server are read and cleaned (`server_id_filter`).
    server: Option<i64>,
    known: Mutex<HashMap<String, Arc<[usize]>>>,
    /// It failed last time, and that was told.
    failed: AtomicBool,
}

/// One page of a table.
pub struct Page {
    /// Its contacts.
    pub contacts: Vec<Contact>,
    /// Where the next one begins; none after the last.
    pub next: Option<Vec<u8>>,
}

impl Backing {
    pub(super) fn new(database: Database, layout: Layout, server: Option<i64>) -> Self {
        Self { database, layout, server, known: Mutex::default(), failed: AtomicBool::new(false) }
    }

    /// Tells the log when the database begins to fail, and when it is back.
    fn watched<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        match &result {
            Err(error) if !self.failed.swap(true, Ordering::AcqRel) => tracing::error!(
                target: "usrloc",
                "{}: {error}; contacts stay in memory, and are written when it works again",
                self.database.url_shown()
            ),
            Err(error) => tracing::debug!(target: "usrloc", "{}: {error}", self.database.url_shown()),
            Ok(_) if self.failed.swap(false, Ordering::AcqRel) => {
                tracing::warn!(target: "usrloc", "{} works again", self.database.url_shown());
            }
            Ok(_) => {}
        }
        result
    }

    /// The columns of a table that exist there, read once.
    async fn known(&self, table: &str) -> Result<Arc<[usize]>, Error> {
        let remembered = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned();
        if let Some(known) = remembered {
            return Ok(known);
        }
        let present = self.database.columns(table).await?;
        let known: Arc<[usize]> = self.layout.known_of(&present).into();
        if known.is_empty() {
            return Err(Error::Refused {
                code: String::new(),
                text: format!(
                    "there is no table `{table}` with columns that usrloc knows; `tandem db init` makes it"
                ),
            });
        }
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(table.to_owned(), Arc::clone(&known));
        Ok(known)
    }

    /// Tells the log when a table has a version that nobody has tried.
    pub(super) async fn check_version(&self, table: &str) -> Result<(), Error> {
        match self.watched(self.database.table_version(table).await)? {
            Some(VERSION) => {}
            Some(version) => tracing::warn!(
                target: "usrloc",
                "table {table} has version {version}, not {VERSION}; its columns are used by their names"
            ),
            None => tracing::warn!(target: "usrloc", "table {table} has no version in table `version`"),
        }
        Ok(())
    }

    /// Writes and deletes contacts; those written are marked so.
    ///
    /// # Errors
    /// What is not written stays marked as changed; who called keeps what was to be deleted.
    pub async fn write(
        &self,
        table: &str,
        changed: &[Arc<Contact>],
        gone: &[Arc<Contact>],
    ) -> Result<(), Error> {
        let known = self.watched(self.known(table).await)?;
        let deletions = gone.iter().map(|contact| self.layout.deleted(table, contact));
        let written = changed.iter().map(|contact| self.layout.written(table, &known, contact));
        let changes: Vec<Change> = deletions.chain(written).collect();
        let result = match changes.as_slice() {
            [] => return Ok(()),
            [one] => self.database.change(one).await.map(drop),
            all => self.database.batch(all).await,
        };
        self.watched(result)?;
        for contact in changed {
            contact.mark_written();
        }
        Ok(())
    }

    fn query(&self, table: &str, known: &[usize], mut keys: Vec<Key>) -> Query {
        let columns = known.iter().map(|&at| self.layout.names[at].clone()).collect();
        if keys.is_empty() {
            keys.extend(self.server.map(|id| Key::eq(self.layout.name(Column::ServerId), id)));
        }
        Query { table: table.to_owned(), columns, keys, order: None, limit: None }
    }

    /// The contacts after an identifier, in the order of identifiers.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, table: &str, after: Option<&[u8]>, rows: u64) -> Result<Page, Error> {
        let known = self.watched(self.known(table).await)?;
        let ruid = self.layout.name(Column::Ruid);
        let mut query = self.query(table, &known, Vec::new());
        query.keys.extend(after.map(|after| Key::new(ruid, Op::Gt, after)));
        query.order = Some(ruid.to_owned());
        query.limit = Some(rows);
        let found = self.watched(self.database.query(&query).await)?;
        let at = known.iter().position(|&at| at == Column::Ruid as usize);
        let ruid_of = |row: &Row| at.and_then(|at| row.0.get(at)?.as_text().map(<[u8]>::to_vec));
        let is_last = (found.len() as u64) < rows;
        let next = if is_last { None } else { found.last().and_then(ruid_of) };
        let contacts = found.iter().filter_map(|row| self.layout.contact(&known, row)).collect();
        Ok(Page { contacts, next })
    }

    /// The contacts of an address of record.
    ///
    /// # Errors
    /// The database's.
    pub async fn contacts(&self, table: &str, aor: &[u8]) -> Result<Vec<Contact>, Error> {
        self.found(table, self.layout.keys_of(aor)).await
    }

    /// The contact with an identifier.
    ///
    /// # Errors
    /// The database's.
    pub async fn by_ruid(&self, table: &str, ruid: &[u8]) -> Result<Option<Contact>, Error> {
        let keys = vec![Key::eq(self.layout.name(Column::Ruid), ruid)];
        Ok(self.found(table, keys).await?.pop())
    }

    async fn found(&self, table: &str, keys: Vec<Key>) -> Result<Vec<Contact>, Error> {
        let known = self.watched(self.known(table).await)?;
        let mut query = self.query(table, &known, keys);
        // Of the same q, the older one comes first.
        query.order = Some(self.layout.name(Column::Modified).to_owned());
        let rows = self.watched(self.database.query(&query).await)?;
        Ok(rows.iter().filter_map(|row| self.layout.contact(&known, row)).collect())
    }

    /// Deletes what expired before a time.
    pub(super) async fn clean(&self, table: &str, before: i64) -> Result<(), Error> {
        let change = self.layout.expired(table, before, self.server);
        self.watched(self.database.change(&change).await).map(drop)
    }

    /// How many users and contacts the table has that are still good (or not any more) at a time.
    pub(super) async fn count(&self, table: &str, now: i64, good: bool) -> Result<(usize, usize), Error> {
        let (mut users, mut contacts) = (HashSet::new(), 0);
        let mut after = None;
        loop {
            let page = self.page(table, after.as_deref(), 2000).await?;
            for contact in page.contacts.iter().filter(|contact| contact.is_valid(now) == good) {
                contacts += 1;
                users.insert(contact.text(Field::Aor).to_vec());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok((users.len(), contacts)),
            }
        }
    }
}
