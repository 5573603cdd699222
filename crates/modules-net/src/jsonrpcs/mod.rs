//! Module `jsonrpcs`: commands in JSON-RPC, over HTTP, a fifo, and datagrams.

mod dispatch;
mod listen;

use std::path::PathBuf;
use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, InnerRule, ParamDecl, ParamKind, PvType, Routes};
use control::json::Layout;
use control::{Address, Ownership};
use engine::module::{Rpc, State};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::{Function, Module, Param, Pv, Setup, SetupError};

use crate::owner;

/// The module's table.
pub const MODULE: Module = Module {
    name: "jsonrpcs",
    doc: "Commands in JSON-RPC: over HTTP (`jsonrpc_dispatch` in a route of `xhttp`), a fifo, and datagrams.",
    params: PARAMS,
    functions: &[
        Function::new(
            "jsonrpc_dispatch",
            &[],
            Routes::ANY,
            dispatch::dispatch,
            "Carries out the command in the HTTP request's body and answers the request.",
        )
        .waits(),
        Function::new(
            "jsonrpc_exec",
            &[ArgKind::Format],
            Routes::ANY,
            dispatch::exec,
            "Carries out a command; what came of it is in `$jsonrpl(…)`.",
        )
        .waits(),
    ],
    pvs: &[Pv::new(
        "jsonrpl",
        PvType::Any,
        dispatch::last,
        "What came of the last `jsonrpc_exec`: `code`, `text`, or the whole answer as `body`.",
    )
    .inner(InnerRule::Required)],
    rpc: &[Rpc { name: "jsonrpc.echo", doc: "Answers a text and a number.", run: echo }],
    start,
    ..Module::EMPTY
};

const PARAMS: &[Param] = &[
    Param::int("pretty_format", "1", "Whether answers are indented."),
    Param::int_in("transport", 0, 7, "6", "A sum of 1 for HTTP, 2 for the fifo, 4 for datagrams; 0 is all."),
    Param::text("fifo_name", "kamailio_rpc.fifo", "The fifo, in the run folder unless it is a whole path."),
    Param::int("fifo_mode", "0660", "The fifo's permissions."),
    number_or_name("fifo_user", "The fifo's owner, by name or number."),
    number_or_name("fifo_group", "The fifo's group, by name or number."),
    Param::text("fifo_reply_dir", "/tmp/", "The folder of the fifos that take answers."),
    Param::text("dgram_socket", "kamailio_rpc.sock", "The datagram socket: a path, or `udp:host:port`."),
    Param::int("dgram_workers", "1", "Answers wait for no worker here.").ignored(),
    Param::int("dgram_timeout", "2000", "Milliseconds that an answer may take to leave."),
    Param::int("dgram_mode", "0660", "The datagram socket's permissions."),
    number_or_name("dgram_user", "The datagram socket's owner, by name or number."),
    number_or_name("dgram_group", "The datagram socket's group, by name or number."),
];

const fn number_or_name(name: &'static str, doc: &'static str) -> Param {
    let decl = ParamDecl { name, kind: ParamKind::Any, repeatable: false, default: "", check: None };
    Param { decl, doc, ignored: false }
}

/// Bits of `transport`.
const HTTP: i64 = 1;
const FIFO: i64 = 2;
const DATAGRAM: i64 = 4;

/// The module under one configuration.
pub(crate) struct Jsonrpcs {
    layout: Layout,
    http: bool,
    fifo: Option<listen::Fifo>,
    datagram: Option<listen::Datagram>,
    open: Arc<listen::Open>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let transport = setup.int("transport").unwrap_or(FIFO + DATAGRAM);
    let has = |bit| transport == 0 || transport & bit != 0;
    let fifo = has(FIFO).then(|| fifo(setup)).transpose()?.flatten();
    let datagram = has(DATAGRAM).then(|| datagram(setup)).transpose()?.flatten();
    let plain = setup.int("pretty_format") == Some(0);
    let open = setup.before::<Jsonrpcs>().map_or_else(Arc::default, |before| Arc::clone(&before.open));
    setup.hooks().begun.push(listen::begun);
    setup.hooks().ended.push(listen::ended);
    let layout = if plain { Layout::Plain } else { Layout::Pretty };
    Ok(Arc::new(Jsonrpcs { layout, http: has(HTTP), fifo, datagram, open }))
}

fn fifo(setup: &Setup<'_>) -> Result<Option<listen::Fifo>, SetupError> {
    let Some(path) = file(setup, "fifo_name", "kamailio_rpc.fifo") else { return Ok(None) };
    let folder = setup.text("fifo_reply_dir").map_or_else(|| "/tmp/".into(), String::from_utf8_lossy);
    let ownership = ownership(setup, "fifo_mode", "fifo_user", "fifo_group")?;
    Ok(Some(listen::Fifo { path, ownership, replies: PathBuf::from(folder.into_owned()) }))
}

fn datagram(setup: &Setup<'_>) -> Result<Option<listen::Datagram>, SetupError> {
    let Some(path) = file(setup, "dgram_socket", "kamailio_rpc.sock") else { return Ok(None) };
    let given = setup.values("dgram_socket").last();
    let text = given.and_then(|param| param.value.as_text()).unwrap_or_default();
    let address = match given {
        Some(param) if text.starts_with(b"udp:") => Address::parse(&String::from_utf8_lossy(text))
            .map_err(|error| SetupError::at(param, error.to_string()))?,
        _ => Address::UnixDatagram(path),
    };
    let ownership = ownership(setup, "dgram_mode", "dgram_user", "dgram_group")?;
    let timeout = setup.int("dgram_timeout").and_then(|ms| u64::try_from(ms).ok()).unwrap_or(2000);
    Ok(Some(listen::Datagram { address, ownership, timeout: std::time::Duration::from_millis(timeout) }))
}

/// A file's whole path; nothing where its parameter is set to nothing.
fn file(setup: &Setup<'_>, name: &str, default: &str) -> Option<PathBuf> {
    let text = setup.text(name).map_or_else(|| default.into(), String::from_utf8_lossy);
    let folder =
        setup.settings().core.text("run_dir").map_or_else(|| "/run/kamailio".into(), String::from_utf8_lossy);
    // `join` takes a whole path as it is.
    (!text.is_empty()).then(|| PathBuf::from(folder.into_owned()).join(text.into_owned()))
}

fn ownership(setup: &Setup<'_>, mode: &str, user: &str, group: &str) -> Result<Ownership, SetupError> {
    let id = |name, find: fn(&Value) -> Result<u32, String>| {
        let param = setup.values(name).last();
        param.map(|param| find(&param.value).map_err(|error| SetupError::at(param, error))).transpose()
    };
    let mode = setup.int(mode).and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o660);
    Ok(Ownership { mode, user: id(user, owner::user)?, group: id(group, owner::group)? })
}

fn echo(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let mut values = vec![call.text(0)?.into()];
    if call.arguments.len() > 1 {
        values.push(call.int(1)?.into());
    }
    Ok(vec![RpcValue::List(values)])
}
