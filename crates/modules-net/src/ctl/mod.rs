//! Module `ctl`: commands over binrpc, as `kamcmd` asks for them.
//!
//! What the protocol is and who may ask for how much stands in `control`; here are the sockets that a configuration asks
//! for. They stay open over a reload as far as the new configuration wants the same.

mod rpc;

use std::sync::{Arc, Mutex, PoisonError};

use cfg_vm::Value;
use cfg_vm::catalogue::{ParamDecl, ParamKind};
use control::json::Layout;
use control::{Address, Desk, Limits, Listening, Ownership};
use engine::module::{Rpc, State};
use engine::{Module, Param, Running, Server, Setup, SetupError};

use crate::owner;

/// The socket where none is asked for: kamcmd's own default.
const DEFAULT: &str = "/run/kamailio/kamailio_ctl";

/// The module's table.
pub const MODULE: Module = Module {
    name: "ctl",
    doc: "Commands over binrpc, as kamcmd asks for them: on unix sockets, TCP and UDP.",
    params: PARAMS,
    rpc: &[
        Rpc { name: "ctl.connections", doc: "Counts the open connections.", run: rpc::connections },
        Rpc { name: "ctl.listen", doc: "Lists the sockets that take commands.", run: rpc::listen },
        Rpc { name: "ctl.who", doc: "Lists the open connections.", run: rpc::who },
    ],
    start,
    ..Module::EMPTY
};

const PARAMS: &[Param] = &[
    Param::text(
        "binrpc",
        "unix:/run/kamailio/kamailio_ctl",
        "A socket that takes commands: `unix:/path`, `unixd:/path`, `tcp:host:port`, `udp:host:port`.",
    )
    .repeatable(),
    Param::int("mode", "0600", "The permissions of unix sockets."),
    number_or_name("user", "The owner of unix sockets, by name or number."),
    number_or_name("group", "The group of unix sockets, by name or number."),
    Param::text("fifo", "", "The text protocol before binrpc; `jsonrpcs` has a fifo that works.")
        .repeatable()
        .ignored(),
    Param::int("autoconversion", "0", "Numbers are always taken for text where text is expected.").ignored(),
    Param::int("binrpc_max_body_size", "32", "Answers have no such limit.").ignored(),
    Param::int("binrpc_struct_max_body_size", "8", "Structures have no such limit.").ignored(),
    Param::int("binrpc_buffer_size", "1024", "Values have no such limit.").ignored(),
];

const fn number_or_name(name: &'static str, doc: &'static str) -> Param {
    let decl = ParamDecl { name, kind: ParamKind::Any, repeatable: false, default: "", check: None };
    Param { decl, doc, ignored: false }
}

/// The module under one configuration.
pub(crate) struct Ctl {
    wanted: Vec<Address>,
    ownership: Ownership,
    open: Arc<Mutex<Open>>,
}

/// What outlives a reload.
#[derive(Default)]
struct Open {
    desk: Option<Arc<Desk>>,
    sockets: Vec<Listening>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut wanted = Vec::new();
    for param in setup.values("binrpc") {
        let text = param.value.as_text().map(String::from_utf8_lossy).unwrap_or_default();
        wanted.push(Address::parse(&text).map_err(|error| SetupError::at(param, error.to_string()))?);
    }
    if wanted.is_empty() {
        wanted.push(Address::UnixStream(DEFAULT.into()));
    }
    let id = |name, find: fn(&Value) -> Result<u32, String>| {
        let param = setup.values(name).last();
        param.map(|param| find(&param.value).map_err(|error| SetupError::at(param, error))).transpose()
    };
    let mode = setup.int("mode").and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o600);
    let ownership = Ownership { mode, user: id("user", owner::user)?, group: id("group", owner::group)? };
    let open = setup.before::<Ctl>().map_or_else(Arc::default, |before| Arc::clone(&before.open));
    setup.hooks().begun.push(begun);
    setup.hooks().ended.push(ended);
    Ok(Arc::new(Ctl { wanted, ownership, open }))
}

/// Opens what is wanted and not open, and closes what is open and not wanted.
fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(ctl) = running.state::<Ctl>() else { return };
    let mut open = ctl.open.lock().unwrap_or_else(PoisonError::into_inner);
    let desk = open.desk.get_or_insert_with(|| {
        let handler = crate::commands::handler(server);
        Desk::new(handler, Limits::default(), server.runtime.clone(), Layout::Plain)
    });
    let desk = Arc::clone(desk);
    open.sockets.retain(|socket| ctl.wanted.contains(&socket.address));
    for address in &ctl.wanted {
        if open.sockets.iter().any(|socket| socket.address == *address) {
            continue;
        }
        match desk.open(address, &ctl.ownership) {
            Ok(socket) => open.sockets.push(socket),
            Err(error) => {
                tracing::error!(target: "ctl", "no commands over {}: {error}", rpc::place(address).join(" "));
            }
        }
    }
}

fn ended(_: &Arc<Server>, running: &Arc<Running>) {
    if let Some(ctl) = running.state::<Ctl>() {
        *ctl.open.lock().unwrap_or_else(PoisonError::into_inner) = Open::default();
    }
}
