//! Module `permissions`: who may call, by address, by table of trusted peers.

mod address;
mod functions;
mod load;
mod rpc;
mod trusted;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock};

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{Rpc, State};
use engine::{Function, Module, Param, Setup, SetupError};
use store::Database;

use crate::source;
use address::Addresses;
use load::AddressSource;
use trusted::{Columns, Peer};

/// The module's table.
pub const MODULE: Module = Module {
    name: "permissions",
    doc: "Lets requests in by where they come from.",
    params: &[
        Param::text("db_url", "", "The database; without one, no table is read."),
        Param::int_in(
            "db_mode",
            0,
            1,
            "0",
            "Whether trusted peers are kept in memory; else each call asks the table.",
        ),
        Param::text("trusted_table", "trusted", "Table of trusted peers."),
        Param::text("source_col", "src_ip", "Column of a peer's address."),
        Param::text(
            "proto_col",
            "proto",
            "Column of a peer's transport: any, none, udp, tcp, tls, sctp, ws, wss.",
        ),
        Param::text("from_col", "from_pattern", "Column of an expression that From must match."),
        Param::text("ruri_col", "ruri_pattern", "Column of an expression that the request URI must match."),
        Param::text("tag_col", "tag", "Column of a tag, in both tables."),
        Param::text("priority_col", "priority", "Column of a peer's priority; the highest is tried first."),
        Param::text("peer_tag_avp", "", "AVP for the tag of what matched."),
        Param::int_in(
            "peer_tag_mode",
            0,
            1,
            "0",
            "With 1, `allow_trusted` goes through all peers, adds all tags, and answers how many matched.",
        ),
        Param::text("address_table", "address", "Table of addresses."),
        Param::text("address_file", "", "File of addresses, in place of the table."),
        Param::text("grp_col", "grp", "Column of an address's group."),
        Param::text(
            "ip_addr_col",
            "ip_addr",
            "Column of an address, a network's first address, or a domain.",
        ),
        Param::text("mask_col", "mask", "Column of a network's bits; 0 for a single address."),
        Param::text("port_col", "port", "Column of the port; 0 for any."),
        Param::int("max_subnets", "512", "Without effect: there is room for any number.").ignored(),
        Param::int("load_backends", "65535", "What is read, added up: 1 addresses, 2 trusted peers."),
        Param::int("reload_delta", "5", "Seconds that must lie between two reloads."),
        Param::int("trusted_cleanup_interval", "60", "Without effect: what was replaced is freed at once.")
            .ignored(),
    ],
    functions: &[
        Function::new(
            "allow_source_address",
            &[ArgKind::Int],
            Routes::ANY,
            functions::allow_source_address,
            "Whether the sender's address and port are in a group, 1 if none is given.",
        )
        .requires(0),
        Function::new(
            "allow_source_address_group",
            &[],
            Routes::ANY,
            functions::allow_source_address_group,
            "The group that the sender's address and port are in, else -1.",
        ),
        Function::new(
            "allow_address",
            &[ArgKind::Int, ArgKind::Format, ArgKind::Int],
            Routes::ANY,
            functions::allow_address,
            "Whether an address or domain and a port are in a group; port 0 is any.",
        ),
        Function::new(
            "allow_address_group",
            &[ArgKind::Format, ArgKind::Int],
            Routes::ANY,
            functions::allow_address_group,
            "The group that an address or domain and a port are in, else -1.",
        ),
        Function::new(
            "allow_trusted",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            Routes::ANY,
            functions::allow_trusted,
            "Whether the sender, or a source address, transport and From URI, is a trusted peer.",
        )
        .requires(0)
        .waits(),
    ],
    rpc: &[
        Rpc {
            name: "permissions.addressReload",
            doc: "Reads the addresses again.",
            run: rpc::address_reload,
        },
        Rpc {
            name: "permissions.addressDump",
            doc: "The single addresses in memory.",
            run: rpc::address_dump,
        },
        Rpc { name: "permissions.subnetDump", doc: "The networks in memory.", run: rpc::subnet_dump },
        Rpc { name: "permissions.domainDump", doc: "The domains in memory.", run: rpc::domain_dump },
        Rpc {
            name: "permissions.trustedReload",
            doc: "Reads the trusted peers again.",
            run: rpc::trusted_reload,
        },
        Rpc { name: "permissions.trustedDump", doc: "The trusted peers in memory.", run: rpc::trusted_dump },
    ],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Permissions {
    /// Where addresses come from, if from anywhere.
    address_source: Option<AddressSource>,
    addresses: RwLock<Arc<Addresses>>,
    trusted: Trusted,
    peer_tag: Option<BoundPv>,
    /// `peer_tag_mode`
    all_tags: bool,
    /// Seconds.
    reload_delta: i64,
    /// When something was read last, in seconds since 1970.
    read_at: AtomicI64,
}

/// Trusted peers.
enum Trusted {
    /// There is no table of them.
    None,
    /// Each question goes to the table.
    Asked(Database, Columns),
    /// They are in memory.
    Kept(Database, Columns, RwLock<Arc<Vec<Peer>>>),
}

impl Permissions {
    fn addresses(&self) -> Arc<Addresses> {
        Arc::clone(&self.addresses.read().unwrap_or_else(PoisonError::into_inner))
    }
}

const ADDRESSES: i64 = 1;
const TRUSTED: i64 = 2;

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let has_database = setup.text("db_url").is_some_and(|url| !url.is_empty());
    let database = if has_database { Some(source::database(setup)?) } else { None };
    let backends = setup.int("load_backends").unwrap_or(0xffff);
    let before = setup.before::<Permissions>();
    let known = before.map(Permissions::addresses).unwrap_or_default();
    let address_source =
        if backends & ADDRESSES == 0 { None } else { address_source(setup, database.as_ref())? };
    let trusted = match database.filter(|_| backends & TRUSTED != 0) {
        None => Trusted::None,
        Some(database) if !source::is_on(setup, "db_mode") => Trusted::Asked(database, columns(setup)),
        Some(database) => {
            let peers = before.and_then(|before| match &before.trusted {
                Trusted::Kept(_, _, peers) => {
                    Some(Arc::clone(&peers.read().unwrap_or_else(PoisonError::into_inner)))
                }
                _ => None,
            });
            Trusted::Kept(database, columns(setup), RwLock::new(peers.unwrap_or_default()))
        }
    };
    let peer_tag = match setup.values("peer_tag_avp").last() {
        None => None,
        Some(param) => {
            let text = param.value.as_text().unwrap_or_default();
            Some(
                setup
                    .bind_pv(text)
                    .map_err(|reason| SetupError::at(param, format!("peer_tag_avp: {reason}")))?,
            )
        }
    };
    let state = Permissions {
        address_source,
        addresses: RwLock::new(known),
        trusted,
        peer_tag,
        all_tags: source::is_on(setup, "peer_tag_mode"),
        reload_delta: setup.int("reload_delta").unwrap_or(5),
        read_at: AtomicI64::new(0),
    };
    setup.hooks().begun.push(load::begun);
    Ok(Arc::new(state))
}

fn address_source(
    setup: &Setup<'_>,
    database: Option<&Database>,
) -> Result<Option<AddressSource>, SetupError> {
    if let Some(param) = setup.values("address_file").last() {
        let path = load::beside_configuration(setup, param.value.as_text().unwrap_or_default());
        let text = std::fs::read(&path)
            .map_err(|error| SetupError::at(param, format!("address_file {}: {error}", path.display())))?;
        address::parse_file(&text)
            .map_err(|reason| SetupError::at(param, format!("address_file {}: {reason}", path.display())))?;
        return Ok(Some(AddressSource::File(path)));
    }
    let columns = [
        ("grp_col", "grp"),
        ("ip_addr_col", "ip_addr"),
        ("mask_col", "mask"),
        ("port_col", "port"),
        ("tag_col", "tag"),
    ];
    Ok(database.map(|database| AddressSource::Table {
        database: database.clone(),
        table: source::name(setup, "address_table", "address"),
        columns: columns.map(|(param, default)| source::name(setup, param, default)),
    }))
}

fn columns(setup: &Setup<'_>) -> Columns {
    let columns = [
        ("source_col", "src_ip"),
        ("proto_col", "proto"),
        ("from_col", "from_pattern"),
        ("ruri_col", "ruri_pattern"),
        ("tag_col", "tag"),
        ("priority_col", "priority"),
    ];
    Columns {
        table: source::name(setup, "trusted_table", "trusted"),
        columns: columns.map(|(param, default)| source::name(setup, param, default)),
    }
}
