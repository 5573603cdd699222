//! Module `usrloc`: where users can be reached.
//!
//! [`Usrloc`] is what other modules use: tables of contacts by address of record, in memory, in a database, or in both, and
//! [`Watchers`] that hear of every change. A contact is never changed in place, so who has one needs no lock.

mod backing;
mod contact;
mod identity;
mod keeper;
mod record;
mod rows;
mod rpc;
mod table;
mod watch;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use cfg_vm::Str;
use engine::module::{Rpc, State};
use engine::statistics::Statistics;
use engine::{Module, Param, Server, Setup, SetupError};
use store::Database;

pub use backing::Backing;
pub use contact::{ALL_METHODS, Contact, Draft, Facts, Field, MEMORY_ONLY, PERMANENT, Standing};
pub use identity::Ruids;
pub use record::{Matching, Order, Record, Sequence, Wanted, sequence};
pub use table::{Sweep, Swept, Table};
pub use watch::{Occasion, Watcher, Watchers};

use rows::{COLUMNS, Layout};

/// The module's table.
pub const MODULE: Module = Module {
    name: "usrloc",
    doc: "Keeps where users can be reached, in memory and in a database, for `registrar` and others.",
    params: &[
        column("ruid_column", "ruid"),
        column("user_column", "username"),
        column("domain_column", "domain"),
        column("contact_column", "contact"),
        column("expires_column", "expires"),
        column("q_column", "q"),
        column("callid_column", "callid"),
        column("cseq_column", "cseq"),
        column("flags_column", "flags"),
        column("cflags_column", "cflags"),
        column("user_agent_column", "user_agent"),
        column("received_column", "received"),
        column("path_column", "path"),
        column("socket_column", "socket"),
        column("methods_column", "methods"),
        column("instance_column", "instance"),
        column("reg_id_column", "reg_id"),
        column("server_id_column", "server_id"),
        column("connection_id_column", "connection_id"),
        column("keepalive_column", "keepalive"),
        column("partition_column", "partition"),
        Param::text("db_url", DEFAULT_URL, "The database with the location tables."),
        Param::int_in(
            "db_mode",
            0,
            4,
            "0",
            "0: memory only. 1: every change is written before it is acknowledged. 2: changes are written at intervals. \
             3: database only. 4: loaded at the start, never written.",
        ),
        Param::int_in("timer_interval", 1, 86_400, "60", "Seconds between two rounds of expiry and writing."),
        Param::int_in("db_load", 0, 1, "1", "Whether contacts are loaded at the start."),
        Param::int_in(
            "use_domain",
            0,
            1,
            "0",
            "Whether an address of record is `user@domain`, or the user alone.",
        ),
        Param::int_in(
            "desc_time_order",
            0,
            1,
            "0",
            "Whether the contact that was changed last comes first, rather than the one with the highest q.",
        ),
        Param::int_in(
            "matching_mode",
            0,
            3,
            "0",
            "By what a contact is known again: 0 its URI, 1 URI and Call-ID, 2 URI and Path, 3 Call-ID.",
        ),
        Param::int(
            "cseq_delay",
            "20",
            "Seconds in which a REGISTER with the same Call-ID and CSeq counts as a retransmission.",
        ),
        Param::int_in("fetch_rows", 1, 1_000_000, "2000", "Rows that are read at once while loading."),
        Param::int_in("hash_size", 2, 16, "10", "The memory table shows 2 to the power of this many slots."),
        Param::int("nat_bflag", "-1", "The branch flag of contacts behind NAT."),
        Param::text("preload", "", "A table to be loaded that no function names.").repeatable(),
        Param::text(
            "xavp_contact",
            "",
            "The xavp whose fields are kept with a contact, and come back at lookup.",
        ),
        Param::int_in("expires_type", 0, 1, "0", "Whether times in the table are whole numbers (BIGINT)."),
        Param::int_in(
            "server_id_filter",
            0,
            1,
            "0",
            "Whether only rows with this server's `server_id` are used.",
        ),
        Param::int_in(
            "db_timer_clean",
            0,
            1,
            "0",
            "Whether expired rows are also deleted that memory does not know.",
        ),
        Param::int("rm_expired_delay", "0", "Seconds that expired rows stay in db_mode 3."),
        Param::int_in("version_table", 0, 1, "1", "Whether the table's version is looked at."),
        Param::int_in("db_clean_tcp", 0, 1, "0", "Whether contacts over streams are forgotten at the start."),
        Param::int_in(
            "skip_remote_socket",
            0,
            1,
            "0",
            "Whether rows are left out that came through a socket that is not ours.",
        ),
        Param::int("db_ops_ruid", "1", "Rows are always found by their ruid.").ignored(),
        Param::int("db_insert_update", "0", "Rows are always inserted or updated, as need be.").ignored(),
        Param::int("db_update_as_insert", "0", "Rows are always inserted or updated, as need be.").ignored(),
        Param::int("db_check_update", "0", "Rows are always inserted or updated, as need be.").ignored(),
        Param::int("db_insert_null", "0", "All columns are always written.").ignored(),
        Param::int("db_raw_fetch_type", "0", "No raw SQL is used.").ignored(),
        Param::int("timer_procs", "0", "Expiry and writing never run on a shard.").ignored(),
        Param::int("load_rank", "1", "Contacts are loaded before the first message is read.").ignored(),
    ],
    rpc: &[
        Rpc {
            name: "ul.add",
            doc: "Adds a contact: table, AoR, contact, expires, q, path, flags, cflags, methods, and, if need be, received and socket.",
            run: rpc::add,
        },
        Rpc {
            name: "ul.dump",
            doc: "All contacts of all tables; with `brief`, the addresses of record.",
            run: rpc::dump,
        },
        Rpc { name: "ul.lookup", doc: "The contacts of an address of record: table, AoR.", run: rpc::lookup },
        Rpc { name: "ul.rm", doc: "Removes an address of record: table, AoR.", run: rpc::remove },
        Rpc {
            name: "ul.rm_contact",
            doc: "Removes a contact: table, AoR, contact.",
            run: rpc::remove_contact,
        },
        Rpc { name: "ul.flush", doc: "Writes what the database lacks.", run: rpc::flush },
        Rpc {
            name: "ul.db_users",
            doc: "Counts users with good contacts in the database: table.",
            run: rpc::database_users,
        },
        Rpc {
            name: "ul.db_contacts",
            doc: "Counts good contacts in the database: table.",
            run: rpc::database_contacts,
        },
        Rpc {
            name: "ul.db_expired_contacts",
            doc: "Counts expired contacts in the database: table.",
            run: rpc::database_expired,
        },
    ],
    start,
    ..Module::EMPTY
};

const fn column(name: &'static str, default: &'static str) -> Param {
    Param::text(name, default, "The name of this column.")
}

const DEFAULT_URL: &str = "mysql://kamailio:kamailiorw@localhost/kamailio";

/// Where contacts are kept (`db_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In memory.
    Memory,
    /// In memory, and written before a change is acknowledged.
    WriteThrough,
    /// In memory, and written at intervals.
    WriteBack,
    /// In the database.
    DatabaseOnly,
    /// In memory, loaded from the database at the start.
    LoadOnly,
}

impl Mode {
    fn of(number: i64) -> Self {
        match number {
            1 => Self::WriteThrough,
            2 => Self::WriteBack,
            3 => Self::DatabaseOnly,
            4 => Self::LoadOnly,
            _ => Self::Memory,
        }
    }

    /// Memory's changes go to the database.
    fn writes(self) -> bool {
        matches!(self, Self::WriteThrough | Self::WriteBack)
    }

    /// Something may be left to be written at the end.
    fn writes_later(self) -> bool {
        self.writes()
    }
}

/// What outlives a reload.
#[derive(Default)]
pub struct Shared {
    tables: RwLock<Vec<Arc<Table>>>,
    /// Who hears of changes.
    pub watchers: Watchers,
    /// Gives identifiers.
    pub ruids: Ruids,
    /// The keeper's rounds have begun.
    is_kept: AtomicBool,
    /// Held by who writes what was left to be written: one at a time, so that what one has in hand is not missed by another.
    writing: tokio::sync::Mutex<()>,
}

/// Locations under one configuration; other modules get it by `Cx::state_of`.
pub struct Usrloc {
    /// Where contacts are kept.
    pub mode: Mode,
    /// How a contact is known again.
    pub matching: Matching,
    /// How contacts of an address of record stand.
    pub order: Order,
    /// Whether an address of record is `user@domain`.
    pub use_domain: bool,
    /// Seconds in which the same CSeq is a retransmission.
    pub cseq_delay: i64,
    /// The branch flag of contacts behind NAT, as a mask; 0 for none.
    pub nat_flag: u32,
    /// The xavp that is kept with contacts.
    pub attributes: Option<Str>,
    /// `server_id`.
    pub server_id: i32,
    /// The database, if the mode has one.
    pub backing: Option<Arc<Backing>>,
    /// What outlives a reload.
    pub shared: Arc<Shared>,
    statistics: Arc<Statistics>,
    hash_size: u32,
    timer_interval: u64,
    loads: bool,
    fetch_rows: u64,
    checks_version: bool,
    cleans_rows: bool,
    rm_expired_delay: i64,
    forgets_streams: bool,
    /// Only contacts that came through our sockets are loaded.
    skips_remote: bool,
    /// Our sockets, once it is known which they are.
    sockets: OnceLock<Vec<String>>,
}

/// What changed in a record, to be told and written.
#[derive(Default)]
pub struct Changes {
    /// New contacts.
    pub inserted: Vec<Arc<Contact>>,
    /// Changed ones, as they stand now.
    pub updated: Vec<Arc<Contact>>,
    /// Removed ones.
    pub removed: Vec<Arc<Contact>>,
}

impl Changes {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.inserted.is_empty() && self.updated.is_empty() && self.removed.is_empty()
    }
}

/// What is to be written before a change is acknowledged.
pub struct Unwritten {
    backing: Arc<Backing>,
    table: Arc<Table>,
    changed: Vec<Arc<Contact>>,
    gone: Vec<Arc<Contact>>,
    /// Memory has it too, so that a failure costs nothing but time.
    is_in_memory: bool,
}

impl Unwritten {
    /// Writes it; false when the change is lost, because memory does not have it either.
    pub async fn write(self) -> bool {
        match self.backing.write(&self.table.name, &self.changed, &self.gone).await {
            Ok(()) => {
                if self.is_in_memory {
                    self.table.confirm(&self.changed);
                }
                true
            }
            Err(_) if self.is_in_memory => {
                self.table.remember_gone(self.gone);
                true
            }
            Err(_) => false,
        }
    }
}

impl Usrloc {
    /// A table by name; made when first asked for.
    pub fn table(&self, name: &str) -> Arc<Table> {
        if let Some(table) = self.known_table(name) {
            return table;
        }
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.iter().find(|table| table.name == name) {
            return Arc::clone(table);
        }
        let table = Arc::new(Table::new(name, self.hash_size, &self.statistics));
        tables.push(Arc::clone(&table));
        table
    }

    /// A table by name, if there is one.
    pub fn known_table(&self, name: &str) -> Option<Arc<Table>> {
        let tables = self.shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.iter().find(|table| table.name == name).cloned()
    }

    /// All tables.
    pub fn tables(&self) -> Vec<Arc<Table>> {
        self.shared.tables.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells and writes what changed. What comes back is to be written before the change is acknowledged; the rest happens in
    /// the keeper's next round.
    pub fn settle(&self, server: &Arc<Server>, table: &Arc<Table>, changes: Changes) -> Option<Unwritten> {
        let watchers = &self.shared.watchers;
        watchers.tell(server, Occasion::Inserted, &table.name, &changes.inserted);
        watchers.tell(server, Occasion::Updated, &table.name, &changes.updated);
        watchers.tell(server, Occasion::Deleted, &table.name, &changes.removed);
        if changes.is_empty() {
            return None;
        }
        let backing = self.backing.as_ref()?;
        let is_written = |contact: &Arc<Contact>| !contact.is_memory_only();
        let gone = changes.removed.into_iter().filter(is_written);
        match self.mode {
            Mode::Memory | Mode::LoadOnly => None,
            Mode::WriteBack => {
                table.remember_gone(gone);
                None
            }
            Mode::WriteThrough | Mode::DatabaseOnly => {
                let changed = changes.inserted.into_iter().chain(changes.updated).filter(is_written);
                Some(Unwritten {
                    backing: Arc::clone(backing),
                    table: Arc::clone(table),
                    changed: changed.collect(),
                    gone: gone.collect(),
                    is_in_memory: self.mode == Mode::WriteThrough,
                })
            }
        }
    }

    /// The database, where nothing is kept in memory.
    pub fn database_only(&self) -> Option<&Arc<Backing>> {
        self.backing.as_ref().filter(|_| self.mode == Mode::DatabaseOnly)
    }

    /// A record of contacts that were read from the database, in this configuration's order.
    pub fn record_of(&self, contacts: Vec<Contact>) -> Record {
        let mut record = Record::default();
        for contact in contacts {
            record.insert(Arc::new(contact), self.order);
        }
        record
    }

    fn takes_socket_of(&self, contact: &Contact) -> bool {
        let Some(sockets) = self.sockets.get().filter(|_| self.skips_remote) else { return true };
        let socket = contact.text(Field::Socket);
        socket.is_empty() || sockets.iter().any(|own| own.as_bytes() == socket)
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let int = |name: &str, default: i64| setup.int(name).unwrap_or(default);
    let is_on = |name: &str| int(name, 0) != 0;
    let mode = Mode::of(int("db_mode", 0));
    let server_id = setup.settings().core.int("server_id");
    let use_domain = is_on("use_domain");
    let shared = setup.before::<Usrloc>().map_or_else(Arc::default, |before| Arc::clone(&before.shared));
    let nat_flag = u32::try_from(int("nat_bflag", -1)).ok().filter(|bit| *bit < 32).map_or(0, |bit| 1 << bit);
    let usrloc = Usrloc {
        mode,
        matching: Matching::of(int("matching_mode", 0)),
        order: if is_on("desc_time_order") { Order::Newest } else { Order::ByQ },
        use_domain,
        cseq_delay: int("cseq_delay", 20),
        nat_flag,
        attributes: setup.text("xavp_contact").filter(|name| !name.is_empty()).map(Str::copy),
        server_id: i32::try_from(server_id).unwrap_or_default(),
        backing: backing(setup, mode, use_domain, server_id)?,
        shared,
        statistics: Arc::clone(setup.statistics()),
        hash_size: u32::try_from(int("hash_size", 10)).unwrap_or(10),
        timer_interval: u64::try_from(int("timer_interval", 60)).unwrap_or(60).max(1),
        loads: mode == Mode::LoadOnly || (mode.writes() && int("db_load", 1) != 0),
        fetch_rows: u64::try_from(int("fetch_rows", 2000)).unwrap_or(2000).max(1),
        checks_version: int("version_table", 1) != 0,
        cleans_rows: is_on("db_timer_clean"),
        rm_expired_delay: int("rm_expired_delay", 0),
        forgets_streams: is_on("db_clean_tcp"),
        skips_remote: is_on("skip_remote_socket"),
        sockets: OnceLock::new(),
    };
    for param in setup.values("preload") {
        usrloc.table(&param.value.to_str().to_lossy());
    }
    setup.hooks().begun.push(keeper::begun);
    setup.hooks().ended.push(keeper::ended);
    Ok(Arc::new(usrloc))
}

/// The database that the parameters name, if the mode has one; a reload keeps the one before when it is the same.
fn backing(
    setup: &Setup<'_>,
    mode: Mode,
    use_domain: bool,
    server_id: i64,
) -> Result<Option<Arc<Backing>>, SetupError> {
    if mode == Mode::Memory {
        return Ok(None);
    }
    let param = setup.values("db_url").last();
    let url = setup.text("db_url").unwrap_or(DEFAULT_URL.as_bytes());
    let database = Database::shared(url).map_err(|why| {
        let message = format!("db_url: {why}");
        param.map_or_else(|| SetupError::new(message.clone()), |param| SetupError::at(param, message.clone()))
    })?;
    let name = |(param, default): &(&str, &str)| {
        setup
            .text(param)
            .map_or_else(|| (*default).to_owned(), |name| String::from_utf8_lossy(name).into_owned())
    };
    let layout = Layout {
        names: COLUMNS.iter().map(name).collect(),
        use_domain,
        times_are_numbers: setup.int("expires_type") == Some(1),
    };
    let server = (setup.int("server_id_filter") == Some(1)).then_some(server_id);
    Ok(Some(Arc::new(Backing::new(database, layout, server))))
}
