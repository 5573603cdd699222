//! Module `siptrace`: copies of the traffic for people to look at, in a file, as plain SIP or in HEP.
//!
//! [`functions`] is what scripts call, [`tap`] what sees all traffic, [`follow`] what keeps transactions and dialogs in
//! view. Each makes a [`record`], which [`emit`] writes: to the [`file`](mod@file), or to a [`destination`] as it is or as
//! [`hep`].

mod destination;
mod emit;
mod file;
mod follow;
mod functions;
mod headers;
mod hep;
mod params;
mod pcap;
mod record;
mod rpc;
mod tap;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cfg_syntax::ast::RouteKind;
use cfg_vm::Str;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use cfg_vm::program::RouteId;
use engine::forward::Hop;
use engine::module::{EventRoute, Rpc, State};
use engine::statistics::Counter;
use engine::{Function, Module, Pv, Setup, SetupError};

use destination::{Socket, place_of};
use emit::Form;
use file::TraceFile;
use hep::{Hep, Version};
use record::Place;
use tap::{Key, Shown};

/// The module's table.
pub const MODULE: Module = Module {
    name: "siptrace",
    doc: "Copies traffic into a pcap file, or sends it to a collector as HEP or as plain SIP.",
    params: params::PARAMS,
    functions: FUNCTIONS,
    pvs: &[Pv::new(
        "siptrace",
        PvType::Any,
        functions::shown,
        "In `event_route[siptrace:msg]`: `src_` and `dst_` with `addr`, `proto`, `host`, `hostip` or `port`.",
    )
    .inner(InnerRule::Parsed(functions::parse_key))],
    event_routes: &[EventRoute {
        name: "siptrace:msg",
        doc: "A message came or went while `trace_mode` traces all; `drop` keeps it out.",
    }],
    rpc: &[Rpc {
        name: "siptrace.status",
        doc: "Turns tracing `on` or `off`, or tells with `check` whether it is on.",
        run: rpc::status,
    }],
    start,
    ..Module::EMPTY
};

const FUNCTIONS: &[Function] = &[
    Function::new(
        "sip_trace",
        &[ArgKind::Format, ArgKind::Format, ArgKind::Parsed(functions::parse_mode)],
        Routes::ANY,
        functions::sip_trace,
        "Traces the message, or its transaction or dialog, to the file and to a URI or `duplicate_uri`.",
    )
    .requires(0),
    Function::new(
        "sip_trace_mode",
        &[ArgKind::Format],
        Routes::ANY,
        functions::sip_trace_mode,
        "Traces the message (`m`), its transaction (`t`) or its dialog (`d`).",
    ),
    Function::new(
        "sip_trace_msg",
        &[ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format],
        Routes::ANY,
        functions::sip_trace_msg,
        "Traces any text as if it had gone from one address to another: text, source, target, URI, correlation id.",
    ),
    Function::new(
        "hlog",
        &[ArgKind::Format, ArgKind::Format],
        Routes::ANY,
        functions::hlog,
        "Sends a line of log to `duplicate_uri` in HEP 3, with a correlation id before it if one is given.",
    )
    .requires(1),
];

/// The module under one configuration.
struct SipTrace {
    on: AtomicBool,
    flag: Option<u32>,
    duplicate: Option<Hop>,
    form: Form,
    hep: Hep,
    mirror: Mirror,
    reads_headers: bool,
    writes_headers: bool,
    local: Option<Place>,
    socket: Option<Socket>,
    /// Transactions and dialogs are traced, not single messages only.
    follows: bool,
    knows_dialogs: bool,
    event: Option<RouteId>,
    file: Option<Arc<TraceFile>>,
    requests: Counter,
    replies: Counter,
    lookups: destination::Lookups,
}

/// Whether all traffic is traced, and as what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mirror {
    hep: bool,
    sip: bool,
    /// Only to the file, which gets what goes elsewhere too.
    file: bool,
}

impl SipTrace {
    fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    fn mirrors(&self) -> bool {
        self.mirror != Mirror::default()
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    refuse_database(setup)?;
    let init = setup.int("trace_init_mode").unwrap_or(0);
    let file = file(setup)?;
    let mode = if init == 2 { 0 } else { setup.int("trace_mode").unwrap_or(0) };
    let mirror = Mirror { hep: mode & 1 != 0, sip: mode & 4 != 0, file: mode & 8 != 0 };
    let duplicate = duplicate(setup)?;
    check_mirror(setup, mirror, duplicate.is_some(), file.is_some())?;
    let is_set = |name| setup.int(name).is_some_and(|value| value != 0);
    let state = SipTrace {
        on: AtomicBool::new(is_set("trace_on")),
        flag: setup.int("trace_flag").and_then(|flag| u32::try_from(flag).ok()),
        duplicate,
        form: if is_set("hep_mode_on") { Form::Hep } else { Form::Sip },
        hep: hep(setup),
        mirror,
        reads_headers: is_set("xheaders_read"),
        writes_headers: is_set("xheaders_write"),
        local: place(setup, "trace_local_ip")?,
        socket: socket(setup)?,
        follows: init != 1,
        knows_dialogs: setup.is_loaded("dialog"),
        event: setup.route(RouteKind::Event, "siptrace:msg"),
        file,
        requests: setup.statistics().counter("siptrace", "traced_requests"),
        replies: setup.statistics().counter("siptrace", "traced_replies"),
        lookups: destination::Lookups::default(),
    };
    let acks = init != 1 && setup.is_loaded("sl") && setup.int("trace_sl_acks") != Some(0);
    let hooks = setup.hooks();
    hooks.received.push(tap::received);
    hooks.sent.push(tap::sent);
    if acks {
        hooks.before_script.push(tap::filtered_ack);
    }
    Ok(Arc::new(state))
}

/// Kamailio stores into a database unless it is told not to.
fn refuse_database(setup: &Setup<'_>) -> Result<(), SetupError> {
    let message = "traces are not stored in databases yet; set modparam(\"siptrace\", \"trace_to_database\", 0), and \
                   duplicate_uri or trace_to_file to have them elsewhere";
    match setup.values("trace_to_database").last() {
        Some(param) if param.value.as_int() == Some(0) => Ok(()),
        Some(param) => Err(SetupError::at(param, message)),
        None => Err(SetupError::new(message)),
    }
}

fn duplicate(setup: &Setup<'_>) -> Result<Option<Hop>, SetupError> {
    let Some(param) = setup.values("duplicate_uri").last() else { return Ok(None) };
    match param.value.as_text().and_then(Hop::of_uri) {
        Some(hop) => Ok(Some(hop)),
        None => Err(SetupError::at(param, "duplicates go to a SIP URI, such as sip:192.0.2.1:9060")),
    }
}

fn check_mirror(setup: &Setup<'_>, mirror: Mirror, uri: bool, file: bool) -> Result<(), SetupError> {
    let stores = setup.int("trace_mode").is_some_and(|mode| mode & 2 != 0);
    let message = if stores {
        "trace_mode 2 stores into a database, which is not there yet; 8 writes to the file of trace_to_file"
    } else if (mirror.hep || mirror.sip) && !uri {
        "trace_mode 1 and 4 send to duplicate_uri; set that parameter"
    } else if mirror.file && !file {
        "trace_mode 8 writes to the file of trace_to_file; set that parameter"
    } else {
        return Ok(());
    };
    Err(match setup.values("trace_mode").last() {
        Some(param) => SetupError::at(param, message),
        None => SetupError::new(message),
    })
}

fn hep(setup: &Setup<'_>) -> Hep {
    Hep {
        version: match setup.int("hep_version") {
            Some(2) => Version::Two,
            Some(3) => Version::Three,
            _ => Version::One,
        },
        // The parameter's range is a u32's.
        capture_id: setup.int("hep_capture_id").unwrap_or(1) as u32,
        auth_key: setup.text("auth_key").unwrap_or_default().to_vec(),
    }
}

fn place(setup: &Setup<'_>, name: &str) -> Result<Option<Place>, SetupError> {
    let Some(param) = setup.values(name).last() else { return Ok(None) };
    match param.value.as_text().and_then(Place::parse) {
        Some(place) => Ok(Some(place)),
        None => Err(SetupError::at(param, "an address is written as udp:192.0.2.1:5060")),
    }
}

/// A name goes before an address.
fn socket(setup: &Setup<'_>) -> Result<Option<Socket>, SetupError> {
    if let Some(name) = setup.text("send_sock_name") {
        return Ok(Some(Socket::Named(Str::copy(name))));
    }
    let named = |name| setup.values(name).last();
    let Some(param) = named("send_sock_addr").or_else(|| named("force_send_sock")) else { return Ok(None) };
    let text = param.value.as_text().unwrap_or_default();
    match Hop::of_uri(text).and_then(|hop| place_of(&hop)) {
        Some(place) => Ok(Some(Socket::At(place))),
        None => Err(SetupError::at(param, "a socket to send from is written as sip:192.0.2.1:5060")),
    }
}

/// The file, which a reload does not open again.
fn file(setup: &Setup<'_>) -> Result<Option<Arc<TraceFile>>, SetupError> {
    let Some(param) = setup.values("trace_to_file").last() else { return Ok(None) };
    let text = param.value.as_text().and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let path = Path::new(text);
    let before = setup.before::<SipTrace>().and_then(|before| before.file.as_ref());
    if let Some(file) = before.filter(|file| file.path() == path) {
        return Ok(Some(Arc::clone(file)));
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if path.file_name().is_none() || !folder.is_dir() {
        let message = format!("{text} cannot be written: there is no folder {}", folder.display());
        return Err(SetupError::at(param, message));
    }
    Ok(Some(Arc::new(TraceFile::new(path))))
}
