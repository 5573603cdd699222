//! Sockets, connections and names.

use engine::listener::Listener;
use engine::rpc::{RpcCall, RpcError, RpcValue};
use transport::stream::ConnInfo;

use super::{Answer, many, one, parameter};

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    let sockets = call.server.listeners.all().iter().map(|listener| ("socket".to_owned(), socket(listener)));
    one(RpcValue::Named(sockets.collect()))
}

fn socket(listener: &Listener) -> RpcValue {
    let mut members = vec![
        ("proto", listener.proto.to_string().into()),
        ("address", listener.bare_host.to_lossy().into_owned().into()),
        ("port", listener.address.port().to_string().into()),
        ("mcast", "no".into()),
        ("mhomed", "no".into()),
        ("virtual", "no".into()),
    ];
    if let Some(name) = &listener.name {
        members.push(("name", name.to_lossy().into_owned().into()));
    }
    if let Some(host) = &listener.advertised_host {
        let text = format!("{}:{}:{}", listener.proto, host.to_lossy(), listener.public_port());
        members.push(("advertise", text.into()));
    }
    RpcValue::Struct(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn aliases(call: &RpcCall<'_>) -> Answer {
    let listeners = &call.server.listeners;
    let is_socket = |host: &str, port: Option<u16>| {
        listeners.all().iter().any(|l| l.bare_host.to_lossy() == host && Some(l.address.port()) == port)
    };
    let aliases = listeners.own_names().filter(|(_, host, port)| !is_socket(host, *port));
    let aliases = aliases.map(|(proto, host, port)| {
        let alias = RpcValue::structure([
            ("proto", proto.map_or_else(|| "*".to_owned(), |proto| proto.to_string()).into()),
            ("address", host.into()),
            ("port", port.map_or_else(|| "*".into(), RpcValue::count)),
        ]);
        ("alias".to_owned(), alias)
    });
    one(RpcValue::structure([
        ("myself_callbacks", "no".into()),
        ("aliases", RpcValue::Named(aliases.collect())),
    ]))
}

pub(super) fn tcp_info(call: &RpcCall<'_>) -> Answer {
    let connections = call.server.hub.connections();
    let secure = connections.iter().filter(|connection| connection.proto.is_secure()).count();
    one(RpcValue::structure([
        ("readers", RpcValue::count(call.server.shards())),
        ("max_connections", parameter(call, "tcp_max_connections")),
        ("max_tls_connections", parameter(call, "tls_max_connections")),
        ("opened_connections", RpcValue::count(connections.len())),
        ("opened_tls_connections", RpcValue::count(secure)),
        ("write_queued_bytes", RpcValue::count(call.server.hub.counts().queued_bytes)),
    ]))
}

pub(super) fn tcp_list(call: &RpcCall<'_>) -> Answer {
    let lifetime = parameter(call, "tcp_connection_lifetime");
    many(call.server.hub.connections().iter().map(|connection| connection_row(connection, &lifetime)))
}

/// The members of 5.6.3; a connection's own remaining time is not known here, so its lifetime stands for it.
fn connection_row(connection: &ConnInfo, lifetime: &RpcValue) -> RpcValue {
    RpcValue::structure([
        ("id", RpcValue::count(connection.id.0)),
        ("type", connection.proto.name().to_uppercase().into()),
        ("state", "CONN_OK".into()),
        ("timeout", lifetime.clone()),
        ("lifetime", lifetime.clone()),
        ("ref_count", 1.into()),
        ("src_ip", connection.remote.ip().to_string().into()),
        ("src_port", RpcValue::count(connection.remote.port())),
        ("dst_ip", connection.local.ip().to_string().into()),
        ("dst_port", RpcValue::count(connection.local.port())),
    ])
}

pub(super) fn tcp_options(call: &RpcCall<'_>) -> Answer {
    let of = |name: &str| parameter(call, name);
    one(RpcValue::structure([
        ("connect_timeout", of("tcp_connect_timeout")),
        ("send_timeout", of("tcp_send_timeout")),
        ("connection_lifetime", of("tcp_connection_lifetime")),
        ("max_connections(soft)", of("tcp_max_connections")),
        ("max_tls_connections(soft)", of("tls_max_connections")),
        ("no_connect", of("tcp_no_connect")),
        // Neither is a choice here: writing never blocks, and no descriptor travels between processes.
        ("fd_cache", 1.into()),
        ("async", 1.into()),
        ("connect_wait", 1.into()),
        ("conn_wq_max", of("tcp_conn_wq_max")),
        ("wq_max", of("tcp_wq_max")),
        ("defer_accept", of("tcp_defer_accept")),
        ("delayed_ack", of("tcp_delayed_ack")),
        ("syncnt", of("tcp_syncnt")),
        ("linger2", of("tcp_linger2")),
        ("keepalive", of("tcp_keepalive")),
        ("keepidle", of("tcp_keepidle")),
        ("keepintvl", of("tcp_keepintvl")),
        ("keepcnt", of("tcp_keepcnt")),
        ("crlf_ping", of("tcp_crlf_ping")),
        ("accept_aliases", of("tcp_accept_aliases")),
        ("alias_flags", 1.into()),
        ("new_conn_alias_flags", 2.into()),
    ]))
}

pub(super) fn udp4_raw(call: &RpcCall<'_>) -> Answer {
    let running = call.server.running();
    let core = &running.settings.core;
    let given = |name: &str, default: i64| core.find(name).map_or(default, |_| core.int(name)).into();
    one(RpcValue::structure([
        ("udp4_raw", 0.into()),
        ("udp4_raw_mtu", given("udp4_raw_mtu", 1500)),
        ("udp4_raw_ttl", given("udp4_raw_ttl", 64)),
    ]))
}

pub(super) fn forget_names(call: &RpcCall<'_>) -> Answer {
    call.server.resolver.clear_cache();
    one(RpcValue::structure([("status", "ok".into())]))
}

pub(super) fn no_blocklist(_: &RpcCall<'_>) -> Answer {
    Err(RpcError::new(500, "dst blocklist support disabled"))
}
