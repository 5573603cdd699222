//! `core`: what exists without any module.

mod environment;
mod events;
mod flags;
mod forward;
mod message;
pub(crate) mod rewrite;
pub(crate) mod rpc;
mod settings;
mod uri;

use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::EventRoute;
use engine::{Function, Module, Pv};

pub(crate) use message::socket_named;
pub(crate) use uri::change_request_uri;

/// The module's table.
pub const MODULE: Module = Module {
    name: "core",
    doc: "What a script may use without loading a module: stateless forwarding, flags, the request URI's parts, \
          how a message is sent and answered.",
    functions: FUNCTIONS,
    pvs: PVS,
    event_routes: EVENT_ROUTES,
    rpc: rpc::COMMANDS,
    start: events::start,
    ..Module::EMPTY
};

/// Where requests can still be sent on.
const SENDING: Routes =
    Routes::REQUEST.or(Routes::FAILURE).or(Routes::EVENT).or(Routes::BRANCH).or(Routes::REPLY);
/// Where a request's URI can be changed.
const REQUESTS: Routes = Routes::ANY;
const TARGET: &[ArgKind] = &[ArgKind::Parsed(forward::parse_host), ArgKind::Parsed(forward::parse_port)];
const TEXT: &[ArgKind] = &[ArgKind::Text];
const NUMBER: &[ArgKind] = &[ArgKind::Int];
const FLAG: &[ArgKind] = &[ArgKind::Flag];
const AVP_FLAG: &[ArgKind] = &[ArgKind::Text, ArgKind::Flag];

const FUNCTIONS: &[Function] = &[
    Function::new(
        "forward",
        TARGET,
        SENDING,
        forward::forward,
        "Sends the request on without state: to $du or the request URI, or to a host.",
    )
    .requires(0)
    .waits(),
    Function::new("forward_udp", TARGET, SENDING, forward::forward_udp, "Sends the request on over UDP.")
        .requires(0)
        .waits(),
    Function::new("forward_tcp", TARGET, SENDING, forward::forward_tcp, "Sends the request on over TCP.")
        .requires(0)
        .waits(),
    Function::new("forward_tls", TARGET, SENDING, forward::forward_tls, "Sends the request on over TLS.")
        .requires(0)
        .waits(),
    Function::new("forward_sctp", TARGET, SENDING, forward::forward_sctp, "Sends the request on over SCTP.")
        .requires(0)
        .waits(),
    Function::new(
        "log",
        TEXT,
        Routes::ANY,
        message::log_text,
        "Writes a line to the log, below level debug.",
    ),
    Function::new(
        "log",
        &[ArgKind::Int, ArgKind::Text],
        Routes::ANY,
        message::log_at_level,
        "Writes a line to the log at a level.",
    ),
    Function::new(
        "error",
        &[ArgKind::Text, ArgKind::Text],
        Routes::ANY,
        message::error,
        "Notes an error at debug level.",
    ),
    Function::new("exec", TEXT, Routes::ANY, message::exec, "Runs a shell command and waits for its end.")
        .waits(),
    Function::new("setflag", FLAG, Routes::ANY, flags::set_flag, "Sets a message flag."),
    Function::new("resetflag", FLAG, Routes::ANY, flags::reset_flag, "Clears a message flag."),
    Function::new("isflagset", FLAG, Routes::ANY, flags::is_flag_set, "Whether a message flag is set."),
    Function::new("setavpflag", AVP_FLAG, Routes::ANY, flags::set_avp_flag, "Sets a flag on an AVP."),
    Function::new("resetavpflag", AVP_FLAG, Routes::ANY, flags::reset_avp_flag, "Clears a flag on an AVP."),
    Function::new(
        "isavpflagset",
        AVP_FLAG,
        Routes::ANY,
        flags::is_avp_flag_set,
        "Whether a flag on an AVP is set.",
    ),
    Function::new("rewritehost", TEXT, REQUESTS, uri::rewrite_host, REWRITE_HOST),
    Function::new("sethost", TEXT, REQUESTS, uri::rewrite_host, REWRITE_HOST),
    Function::new("seth", TEXT, REQUESTS, uri::rewrite_host, REWRITE_HOST),
    Function::new("rewritehostport", TEXT, REQUESTS, uri::rewrite_host_port, REWRITE_HOST_PORT),
    Function::new("sethostport", TEXT, REQUESTS, uri::rewrite_host_port, REWRITE_HOST_PORT),
    Function::new("sethp", TEXT, REQUESTS, uri::rewrite_host_port, REWRITE_HOST_PORT),
    Function::new(
        "rewritehostporttrans",
        TEXT,
        REQUESTS,
        uri::rewrite_host_port_transport,
        REWRITE_TRANSPORT,
    ),
    Function::new("sethostporttrans", TEXT, REQUESTS, uri::rewrite_host_port_transport, REWRITE_TRANSPORT),
    Function::new("sethpt", TEXT, REQUESTS, uri::rewrite_host_port_transport, REWRITE_TRANSPORT),
    Function::new("rewriteport", TEXT, REQUESTS, uri::rewrite_port, REWRITE_PORT),
    Function::new("setport", TEXT, REQUESTS, uri::rewrite_port, REWRITE_PORT),
    Function::new("setp", TEXT, REQUESTS, uri::rewrite_port, REWRITE_PORT),
    Function::new("rewriteuser", TEXT, REQUESTS, uri::rewrite_user, REWRITE_USER),
    Function::new("setuser", TEXT, REQUESTS, uri::rewrite_user, REWRITE_USER),
    Function::new("setu", TEXT, REQUESTS, uri::rewrite_user, REWRITE_USER),
    Function::new("rewriteuserpass", TEXT, REQUESTS, uri::rewrite_user_password, REWRITE_PASSWORD),
    Function::new("setuserpass", TEXT, REQUESTS, uri::rewrite_user_password, REWRITE_PASSWORD),
    Function::new("setup", TEXT, REQUESTS, uri::rewrite_user_password, REWRITE_PASSWORD),
    Function::new("rewriteuri", TEXT, REQUESTS, uri::rewrite_uri, REWRITE_URI),
    Function::new("seturi", TEXT, REQUESTS, uri::rewrite_uri, REWRITE_URI),
    Function::new(
        "revert_uri",
        &[],
        REQUESTS,
        uri::revert_uri,
        "Makes the request URI again what it was received as.",
    ),
    Function::new("prefix", TEXT, REQUESTS, uri::prefix, "Puts text before the request URI's user."),
    Function::new(
        "strip",
        NUMBER,
        REQUESTS,
        uri::strip,
        "Takes bytes off the front of the request URI's user.",
    ),
    Function::new(
        "strip_tail",
        NUMBER,
        REQUESTS,
        uri::strip_tail,
        "Takes bytes off the end of the request URI's user.",
    ),
    Function::new("userphone", &[], REQUESTS, uri::user_phone, "Adds user=phone to the request URI."),
    Function::new(
        "remove_branch",
        NUMBER,
        Routes::ANY,
        message::remove_branch,
        "Takes a further branch away, the first by default.",
    )
    .requires(0),
    Function::new(
        "clear_branches",
        &[],
        Routes::ANY,
        message::clear_branches,
        "Takes all further branches away.",
    ),
    Function::new("force_rport", &[], Routes::ANY, message::force_rport, FORCE_RPORT),
    Function::new("add_rport", &[], Routes::ANY, message::force_rport, FORCE_RPORT),
    Function::new(
        "add_local_rport",
        &[],
        Routes::ANY,
        message::add_local_rport,
        "Puts ;rport into the Via that this server adds.",
    ),
    Function::new("force_tcp_alias", NUMBER, Routes::ANY, message::force_tcp_alias, TCP_ALIAS).requires(0),
    Function::new("add_tcp_alias", NUMBER, Routes::ANY, message::force_tcp_alias, TCP_ALIAS).requires(0),
    Function::new(
        "set_advertised_address",
        TEXT,
        Routes::ANY,
        message::set_advertised_address,
        "The host that this message's Via names for us.",
    ),
    Function::new(
        "set_advertised_port",
        NUMBER,
        Routes::ANY,
        message::set_advertised_port,
        "The port that this message's Via names for us.",
    ),
    Function::new(
        "force_send_socket",
        TEXT,
        Routes::ANY,
        message::force_send_socket,
        "Sends from the socket bound to an address.",
    ),
    Function::new(
        "udp_mtu_try_proto",
        &[ArgKind::Parsed(message::parse_proto)],
        Routes::ANY,
        message::udp_mtu_try_proto,
        "The transport that this message takes where it is longer than udp_mtu.",
    ),
    Function::new(
        "set_forward_no_connect",
        &[],
        Routes::ANY,
        message::set_forward_no_connect,
        "Forwards over existing connections only.",
    ),
    Function::new(
        "set_forward_close",
        &[],
        Routes::ANY,
        message::set_forward_close,
        "Closes the connection after forwarding.",
    ),
    Function::new(
        "set_reply_no_connect",
        &[],
        Routes::ANY,
        message::set_reply_no_connect,
        "Replies over existing connections only.",
    ),
    Function::new(
        "set_reply_close",
        &[],
        Routes::ANY,
        message::set_reply_close,
        "Closes the connection after the reply.",
    ),
    Function::new(
        "cfg_select",
        &[ArgKind::Text, ArgKind::Int],
        Routes::ANY,
        settings::select,
        "Chooses the instance of a configuration group that @cfg_get reads.",
    ),
    Function::new("cfg_reset", TEXT, Routes::ANY, settings::reset, "Takes back what cfg_select chose."),
];

const REWRITE_HOST: &str = "Sets the request URI's host; the port stays.";
const REWRITE_HOST_PORT: &str = "Sets the request URI's host and port.";
const REWRITE_TRANSPORT: &str = "Sets the request URI's host, port and transport.";
const REWRITE_PORT: &str = "Sets the request URI's port.";
const REWRITE_USER: &str = "Sets the request URI's user; a password stays.";
const REWRITE_PASSWORD: &str = "Sets the request URI's user and password.";
const REWRITE_URI: &str = "Sets the request URI.";
const FORCE_RPORT: &str = "Answers to the source port, and says so in the Via that was found (RFC 3581).";
const TCP_ALIAS: &str = "Lets the sender's connection serve requests to it (RFC 5923).";

const PVS: &[Pv] = &[
    Pv::new("env", PvType::Str, environment::variable, "A variable of the environment.")
        .inner(InnerRule::Required),
    Pv::new("envn", PvType::Any, environment::variable_number, "A variable of the environment as a number.")
        .inner(InnerRule::Required),
    Pv::new("iuid", PvType::Str, environment::unique, "An identifier that is made once only."),
    Pv::new("def", PvType::Str, settings::define, "The text of a #!define.").inner(InnerRule::Required),
    Pv::new("defn", PvType::Int, settings::define_number, "The number that a #!define holds.")
        .inner(InnerRule::Required),
];

const EVENT_ROUTES: &[EventRoute] = &[
    EventRoute { name: "core:worker-one-init", doc: "Once, on the first shard, before any message." },
    EventRoute {
        name: "core:msg-received",
        doc: "For each message before anything else, if received_route_mode asks for it.",
    },
    EventRoute {
        name: "core:pre-routing",
        doc: "For each request before request_route; drop ends it there.",
    },
    EventRoute { name: "core:receive-parse-error", doc: "For bytes that are no SIP message." },
    EventRoute { name: "core:tkv", doc: "For what the asynchronous key-value queue tells." },
];
