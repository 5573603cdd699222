//! Core parameters turned into the options of sockets, streams and resolution.

use std::time::Duration;

use cfg_syntax::ast::{Alias, Listen};
use cfg_vm::settings::{CoreParams, Settings};
use sip_message::Limits;
use transport::Proto;
use transport::address::{
    Advertise, ListenDefaults, ListenError, ListenSocket, ListenSpec, Surroundings, expand,
};
use transport::resolve::{Families, ResolveOptions};
use transport::stream::{Keepalive, StreamOptions};
use transport::udp::UdpOptions;

use crate::listener::Listeners;

/// The sockets that the command line and the file ask for.
pub(crate) fn listen_sockets(
    settings: &Settings,
    first: &[ListenSpec],
    machine: &dyn Surroundings,
) -> Result<Vec<ListenSocket>, Vec<ListenError>> {
    let core = &settings.core;
    let mut protos = vec![Proto::Udp];
    if core.int("disable_tcp") == 0 {
        protos.push(Proto::Tcp);
    }
    let encrypts = encrypts(settings);
    if encrypts {
        protos.push(Proto::Tls);
    }
    let defaults = ListenDefaults {
        port: core.int("port") as u16,
        tls_port: core.int("tls_port_no") as u16,
        protos,
        interface_ipv6: core.int("auto_bind_ipv6") != 0,
    };
    let specs: Vec<_> = first.iter().cloned().chain(settings.listens.iter().flat_map(specs)).collect();
    let is_usable = |socket: &ListenSocket| {
        let is_usable = encrypts || !socket.proto.is_secure();
        if !is_usable {
            tracing::warn!(
                target: "core",
                "{}:{} is not listened on: TLS needs enable_tls=yes and loadmodule \"tls.so\"",
                socket.proto,
                socket.addr
            );
        }
        is_usable
    };
    let sockets = expand(&specs, &defaults, machine)?;
    Ok(sockets.into_iter().filter(is_usable).collect())
}

/// Whether TLS is asked for and there is a module that speaks it.
fn encrypts(settings: &Settings) -> bool {
    let core = &settings.core;
    core.int("enable_tls") != 0
        && core.int("disable_tcp") == 0
        && settings.modules.iter().any(|name| name == "tls")
}

fn specs(listen: &Listen) -> impl Iterator<Item = ListenSpec> + '_ {
    listen.hosts.iter().map(|host| ListenSpec {
        proto: listen.proto.as_ref().and_then(|name| Proto::from_bytes(name.node.as_bytes())),
        host: text(&host.node).trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: listen.port.as_ref().map(|port| port.node as u16),
        advertise: listen.advertise.as_ref().map(advertise),
        name: listen.name.as_ref().map(|name| text(&name.node)),
        is_virtual: listen.is_virtual,
    })
}

fn advertise(alias: &Alias) -> Advertise {
    Advertise {
        proto: alias.proto.as_ref().and_then(|name| Proto::from_bytes(name.node.as_bytes())),
        host: text(&alias.host.node),
        port: alias.port.as_ref().map(|port| port.node as u16),
    }
}

/// Counts the file's `alias` and `domain` names as ours.
pub(crate) fn add_aliases(settings: &Settings, listeners: &mut Listeners) {
    for alias in &settings.aliases {
        let proto = alias.proto.as_ref().and_then(|name| Proto::from_bytes(name.node.as_bytes()));
        listeners.add_own(&alias.host.node, alias.port.as_ref().map(|port| port.node as u16), proto);
    }
}

pub(crate) fn udp(settings: &Settings) -> UdpOptions {
    let core = &settings.core;
    UdpOptions {
        receive_buffer: size(core, "maxbuffer"),
        send_buffer: size(core, "maxsndbuffer"),
        tos: core.find("tos").map(|_| core.int("tos") as u8),
        free_bind: core.int("ip_free_bind") != 0,
        path_mtu_discovery: core.int("pmtu_discovery") != 0,
        icmp_errors: false,
    }
}

pub(crate) fn stream(settings: &Settings, limits: &Limits) -> StreamOptions {
    let core = &settings.core;
    let keepalive = Keepalive {
        idle: optional_seconds(core, "tcp_keepidle"),
        interval: optional_seconds(core, "tcp_keepintvl"),
        count: core.find("tcp_keepcnt").map(|_| core.int("tcp_keepcnt").max(0) as u32),
    };
    StreamOptions {
        max_connections: size(core, "tcp_max_connections"),
        max_secure: size(core, "tls_max_connections"),
        handshake_threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
        match_group: core.int("tls_connection_match_domain") != 0,
        max_per_source: size(core, "tcp_accept_iplimit"),
        lifetime: seconds(core, "tcp_connection_lifetime"),
        connect_timeout: seconds(core, "tcp_connect_timeout"),
        handshake_timeout: optional_seconds(core, "tls_handshake_timeout")
            .unwrap_or_else(|| seconds(core, "tcp_connect_timeout")),
        send_timeout: seconds(core, "tcp_send_timeout"),
        message_timeout: seconds(core, "tcp_msg_read_timeout"),
        connection_queue: size(core, "tcp_conn_wq_max"),
        total_queue: size(core, "tcp_wq_max"),
        read_size: size(core, "tcp_rd_buf_size").max(512),
        max_message: size(core, "msg_recv_max_size").clamp(512, limits.message_size),
        crlf_ping: core.int("tcp_crlf_ping") != 0,
        keepalive: (core.int("tcp_keepalive") != 0).then_some(keepalive),
        reuse_port: core.int("tcp_reuse_port") != 0,
        ..StreamOptions::default()
    }
}

pub(crate) fn resolve(settings: &Settings) -> ResolveOptions {
    let core = &settings.core;
    let flags = core.int("dns_cache_flags");
    let families = match flags {
        _ if flags & 1 != 0 || core.int("dns_try_ipv6") == 0 => Families::Ipv4Only,
        _ if flags & 2 != 0 => Families::Ipv6Only,
        _ if flags & 4 != 0 => Families::Ipv6First,
        _ => Families::Ipv4First,
    };
    let given = |name: &str| core.find(name).map(|_| core.int(name)).filter(|number| *number >= 0);
    ResolveOptions {
        families,
        try_naptr: core.int("dns_try_naptr") != 0,
        naptr_ignore_rfc: core.int("dns_naptr_ignore_rfc") != 0,
        udp_preference: core.int("dns_udp_pref") as i32,
        tcp_preference: core.int("dns_tcp_pref") as i32,
        tls_preference: core.int("dns_tls_pref") as i32,
        sctp_preference: core.int("dns_sctp_pref") as i32,
        srv_load_balancing: core.int("dns_srv_lb") != 0,
        failover: core.int("use_dns_failover") != 0,
        retry_time: given("dns_retr_time").map(|s| Duration::from_secs(s as u64)),
        retries: given("dns_retr_no").map(|n| n as usize),
        servers: given("dns_servers_no").map(|n| n as usize),
        use_search_list: core.int("dns_use_search_list") != 0,
        use_cache: core.int("use_dns_cache") != 0,
        negative_ttl: seconds(core, "dns_cache_negative_ttl"),
        min_ttl: seconds(core, "dns_cache_min_ttl"),
        max_ttl: given("dns_cache_max_ttl").map(|s| Duration::from_secs(s as u64)),
        cache_bytes: size(core, "dns_cache_mem").max(1) * 1024,
        ..ResolveOptions::default()
    }
}

/// What differs between two configurations that only a restart can change, for people.
pub(crate) fn restart_reasons(before: &Settings, after: &Settings) -> Vec<String> {
    let mut reasons = Vec::new();
    let all = |settings: &Settings| settings.listens.iter().flat_map(specs).collect::<Vec<_>>();
    if all(before) != all(after) {
        reasons.push("listen".to_owned());
    }
    if before.modules != after.modules {
        reasons.push("loadmodule".to_owned());
    }
    for name in ["user", "group", "children", "port", "disable_tcp", "workdir", "chroot"] {
        let value =
            |settings: &Settings| settings.core.find(name).map(|param| format!("{:?}", Bare(&param.value)));
        if value(before) != value(after) {
            reasons.push(name.to_owned());
        }
    }
    reasons
}

/// A parameter's value without its place.
struct Bare<'a>(&'a cfg_syntax::ast::ParamValue);

impl std::fmt::Debug for Bare<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use cfg_syntax::ast::ParamValue;
        match self.0 {
            ParamValue::Int(number) => number.node.fmt(f),
            ParamValue::Str(text) | ParamValue::Word(text) => text.node.fmt(f),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn size(core: &CoreParams, name: &str) -> usize {
    core.int(name).max(0) as usize
}

fn seconds(core: &CoreParams, name: &str) -> Duration {
    Duration::from_secs(core.int(name).max(0) as u64)
}

fn optional_seconds(core: &CoreParams, name: &str) -> Option<Duration> {
    core.find(name).map(|_| seconds(core, name))
}
