//! Module `tls`: which certificates are shown and believed on which connections, and what scripts may know of a
//! connection. The protocol itself is in `transport::tls`.
//!
//! As in Kamailio, names in certificates are not compared with next hops; TLS 1.2 and 1.3 are spoken. What only OpenSSL
//! has (engines, encrypted keys, renegotiation, compression) is not there.

mod file;
mod functions;
mod profile;
mod rpc;
mod table;
mod variables;

use std::path::PathBuf;
use std::sync::Arc;

use cfg_syntax::FileId;
use cfg_syntax::ast::RouteKind;
use cfg_vm::catalogue::{ArgKind, Routes};
use cfg_vm::program::RouteId;
use engine::module::{EventRoute, Rpc, State};
use engine::rpc::RpcValue;
use engine::{Function, Module, Param, Running, Server, Setup, SetupError};
use transport::Proto;
use transport::tls::{Domains, Tls};

use profile::Origin;

/// The module's table.
pub const MODULE: Module = Module {
    name: "tls",
    doc: "Encrypted connections: certificates, whom to believe, and what a script may know of a connection.",
    params: PARAMS,
    functions: &[
        Function::new(
            "is_peer_verified",
            &[],
            Routes::REQUEST,
            functions::is_peer_verified,
            "Whether the message came over TLS from a peer whose certificate is believed.",
        ),
        Function::new(
            "tls_set_connect_server_id",
            &[ArgKind::Format],
            Routes::ANY,
            functions::set_connect_server_id,
            "Chooses the client domain by its `server_id` for the next connection that is opened; empty takes that back.",
        ),
    ],
    pvs: table::PVS,
    event_routes: &[EventRoute {
        name: "tls:connection-out",
        doc: "A connection is to be opened for a request; `drop` keeps the request here.",
    }],
    rpc: &[
        Rpc { name: "tls.info", doc: "How many connections there are and may be.", run: rpc::info },
        Rpc { name: "tls.kill", doc: "Closes the connection of that number.", run: rpc::kill },
        Rpc { name: "tls.list", doc: "Lists the connections.", run: rpc::list },
        Rpc { name: "tls.options", doc: "Lists the parameters.", run: rpc::options },
        Rpc {
            name: "tls.reload",
            doc: "Reads the domains' file and their certificates again, for new connections.",
            run: rpc::reload,
        },
    ],
    start,
    ..Module::EMPTY
};

/// Parameters that hold for all domains where there is no file.
const OF_DOMAINS: [&str; 13] = [
    "tls_method",
    "server_name",
    "verify_certificate",
    "verify_depth",
    "require_certificate",
    "verify_client",
    "private_key",
    "private_key_password",
    "ca_list",
    "ca_path",
    "certificate",
    "crl",
    "cipher_list",
];

const PARAMS: &[Param] = &[
    Param::text(
        "tls_method",
        "TLSv1",
        "Versions: TLSv1.2, TLSv1.2+, TLSv1.3; older ones are named but not offered.",
    ),
    Param::text("server_name", "", "The server name to ask for, or by which clients ask."),
    Param::int("verify_certificate", "0", "Checks the peer's certificate."),
    Param::int("verify_depth", "9", "How many certificates may stand between the peer's and a believed one."),
    Param::int("require_certificate", "0", "Clients must show a certificate, with `verify_certificate`."),
    Param::text("verify_client", "off", "In place of both: off, optional, on, optional_no_ca."),
    Param::text("private_key", "cert.pem", "The key's file, PEM, not encrypted."),
    Param::text("private_key_password", "", "Encrypted keys are refused, with what to do."),
    Param::text("ca_list", "", "The file of the certificates that are believed."),
    Param::text("ca_path", "", "A folder of such files."),
    Param::text("certificate", "cert.pem", "Our certificate's file, with those that lead to the root."),
    Param::text("crl", "", "The file of revocation lists."),
    Param::text("cipher_list", "", "Ciphers of TLS 1.2 in OpenSSL's language."),
    Param::text("config", "", "The file with the domains, in place of these parameters."),
    Param::text(
        "xavp_cfg",
        "",
        "The extended AVP whose server_name and server_id hold for connections that are opened.",
    ),
    Param::int("send_close_notify", "0", "Announces the end of a connection to its peer."),
    Param::int("session_cache", "0", "Lets clients take up earlier sessions."),
    Param::int(
        "connection_timeout",
        "600",
        "A handshake's time is `tls_handshake_timeout`, else `tcp_connect_timeout`.",
    )
    .ignored(),
    Param::text("session_id", "kamailio-tls-5.x.y", "Sessions belong to their domain.").ignored(),
    Param::int("con_ct_wq_max", "65536", "`tcp_conn_wq_max` bounds what waits for one peer.").ignored(),
    Param::int("ct_wq_max", "10485760", "`tcp_wq_max` bounds what waits for all.").ignored(),
    Param::int("ct_wq_blk_size", "4096", "There are no such blocks.").ignored(),
    Param::int("tls_log", "3", "The server's log levels hold.").ignored(),
    Param::int("tls_debug", "3", "The server's log levels hold.").ignored(),
    Param::int("tls_disable_compression", "1", "There is no compression.").ignored(),
    Param::int("tls_force_run", "0", "No library has to be overruled.").ignored(),
    Param::int("ssl_release_buffers", "-1", "Idle connections hold no buffers.").ignored(),
    Param::int("ssl_freelist_max_len", "-1", "Idle connections hold no buffers.").ignored(),
    Param::int("ssl_max_send_fragment", "-1", "Records are as long as the protocol lets them be.").ignored(),
    Param::int("ssl_read_ahead", "0", "What has come is read at once.").ignored(),
    Param::int("low_mem_threshold1", "-1", "The number of connections bounds memory.").ignored(),
    Param::int("low_mem_threshold2", "-1", "The number of connections bounds memory.").ignored(),
    Param::int("renegotiation", "0", "Renegotiation is never done.").ignored(),
    Param::text("event_callback", "", "For scripts in other languages.").ignored(),
    Param::text("rand_engine", "", "Random numbers are the system's.").ignored(),
    Param::text("engine", "NONE", "There are no engines.").ignored(),
    Param::text("engine_config", "NONE", "There are no engines.").ignored(),
    Param::text("engine_algorithms", "NONE", "There are no engines.").ignored(),
];

/// The module under one configuration.
struct TlsModule {
    /// What the connections ask; the same through reloads.
    source: Arc<Tls>,
    /// This configuration's domains, to be put in force with it.
    domains: Arc<Domains>,
    origin: Origin,
    goodbye: bool,
    xavp: Option<Vec<u8>>,
    connection_out: Option<RouteId>,
    options: Vec<(&'static str, RpcValue)>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let origin = origin(setup);
    let is_on = setup.settings().core.int("enable_tls") != 0;
    let domains = match if is_on { origin.load() } else { Ok(Domains::default()) } {
        Ok(domains) => Arc::new(domains),
        Err(refused) => {
            let param = refused.param.and_then(|name| setup.values(name).last());
            return Err(match param {
                Some(param) => SetupError::at(param, refused.message),
                None => SetupError::new(refused.message),
            });
        }
    };
    let source = setup.before::<TlsModule>().map(|before| Arc::clone(&before.source)).unwrap_or_default();
    let state = TlsModule {
        source: Arc::clone(&source),
        domains: Arc::clone(&domains),
        options: options(setup, &origin),
        origin,
        goodbye: setup.int("send_close_notify").unwrap_or(0) != 0,
        xavp: setup.text("xavp_cfg").filter(|name| !name.is_empty()).map(<[u8]>::to_vec),
        connection_out: setup.route(RouteKind::Event, "tls:connection-out"),
    };
    if is_on {
        let hooks = setup.hooks();
        hooks.layers.push((Proto::Tls, source));
        hooks.begun.push(begun);
        hooks.before_send.push(functions::take_wishes);
        if state.connection_out.is_some() {
            hooks.before_open.push(functions::connection_out);
        }
    }
    Ok(Arc::new(state))
}

/// Puts the domains in force together with their configuration.
fn begun(_: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<TlsModule>() else { return };
    state.source.set_goodbye(state.goodbye);
    state.source.replace(Arc::clone(&state.domains));
}

fn origin(setup: &Setup<'_>) -> Origin {
    let main = &setup.program().source().file(FileId(0)).path;
    let folder = main.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let mut params = Vec::new();
    for name in OF_DOMAINS {
        let value = setup.value(name);
        if !matches!(value, cfg_vm::Value::Null) {
            params.push((name, value.to_str().to_lossy().into_owned()));
        }
    }
    let sessions = setup.int("session_cache").unwrap_or(0) != 0;
    let mut origin = Origin { folder, file: None, params, sessions };
    let config = setup.text("config").map(|name| String::from_utf8_lossy(name).into_owned());
    origin.file = config.filter(|name| !name.is_empty()).map(|name| origin.resolve(&name));
    origin
}

/// The parameters as `tls.options` lists them, in Kamailio's order and under its names.
fn options(setup: &Setup<'_>, origin: &Origin) -> Vec<(&'static str, RpcValue)> {
    let int = |name: &str, default: i64| RpcValue::Int(setup.int(name).unwrap_or(default));
    let text = |name: &str| setup.text(name).map(|text| String::from_utf8_lossy(text).into_owned());
    let or_null = |text: Option<String>| RpcValue::Str(text.unwrap_or_else(|| "<null string>".to_owned()));
    let path = |name: &str| text(name).map(|name| origin.resolve(&name).display().to_string());
    let certificate = || origin.resolve("cert.pem").display().to_string();
    vec![
        ("force_run", int("tls_force_run", 0)),
        ("method", text("tls_method").unwrap_or_else(|| "TLSv1".to_owned()).into()),
        ("verify_certificate", int("verify_certificate", 0)),
        ("verify_depth", int("verify_depth", 9)),
        ("require_certificate", int("require_certificate", 0)),
        ("verify_client", text("verify_client").unwrap_or_else(|| "off".to_owned()).into()),
        ("private_key", path("private_key").unwrap_or_else(certificate).into()),
        ("ca_list", or_null(path("ca_list"))),
        ("certificate", path("certificate").unwrap_or_else(certificate).into()),
        ("cipher_list", or_null(text("cipher_list"))),
        ("session_cache", int("session_cache", 0)),
        ("session_id", text("session_id").unwrap_or_else(|| "kamailio-tls-5.x.y".to_owned()).into()),
        ("config", or_null(origin.file.as_ref().map(|file| file.display().to_string()))),
        ("log", int("tls_log", 3)),
        ("debug", int("tls_debug", 3)),
        ("connection_timeout", int("connection_timeout", 600)),
        ("disable_compression", int("tls_disable_compression", 1)),
        ("ssl_release_buffers", int("ssl_release_buffers", -1)),
        ("ssl_freelist_max", int("ssl_freelist_max_len", -1)),
        ("ssl_max_send_fragment", int("ssl_max_send_fragment", -1)),
        ("ssl_read_ahead", int("ssl_read_ahead", 0)),
        ("send_close_notify", int("send_close_notify", 0)),
        ("low_mem_threshold1", int("low_mem_threshold1", -1)),
        ("low_mem_threshold2", int("low_mem_threshold2", -1)),
        ("ct_wq_max", int("ct_wq_max", 10_485_760)),
        ("con_ct_wq_max", int("con_ct_wq_max", 65_536)),
        ("ct_wq_blk_size", int("ct_wq_blk_size", 4096)),
    ]
}
