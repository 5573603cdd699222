//! `corex.*` commands.

use engine::listener::Listener;
use engine::rpc::{RpcCall, RpcError, RpcValue};

type Result = std::result::Result<Vec<RpcValue>, RpcError>;

fn structure(members: Vec<(&str, RpcValue)>) -> RpcValue {
    RpcValue::Struct(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn debug(call: &RpcCall<'_>) -> Result {
    let old = engine::log::threshold();
    if call.arguments.is_empty() {
        return Ok(vec![structure(vec![("debug", old.into())])]);
    }
    let new = call.int(0)?;
    engine::log::set_threshold(new);
    Ok(vec![structure(vec![("old", old.into()), ("new", new.into())])])
}

pub(super) fn list_sockets(call: &RpcCall<'_>) -> Result {
    Ok(vec![RpcValue::List(call.server.listeners.all().iter().map(socket).collect())])
}

fn socket(listener: &Listener) -> RpcValue {
    let host = listener.bare_host.to_lossy().into_owned();
    let name = listener.name.as_ref().map_or_else(|| "-".into(), |name| name.to_lossy().into_owned());
    let advertised = listener.advertised_host.as_ref().map_or_else(
        || "-".into(),
        |host| format!("{}:{}:{}", listener.proto, host.to_lossy(), listener.public_port()),
    );
    structure(vec![
        ("PROTO", listener.proto.name().into()),
        ("NAME", host.clone().into()),
        ("ADDRLIST", structure(vec![("ADDR", host.into())])),
        ("PORT", listener.address.port().to_string().into()),
        ("MCAST", "no".into()),
        ("MHOMED", "no".into()),
        ("VIRTUAL", "no".into()),
        ("SOCKNAME", name.into()),
        ("ADVERTISE", advertised.into()),
    ])
}

pub(super) fn list_aliases(call: &RpcCall<'_>) -> Result {
    let listeners = &call.server.listeners;
    let is_socket = |host: &str, port: Option<u16>| {
        listeners.all().iter().any(|l| l.bare_host.to_lossy() == host && Some(l.address.port()) == port)
    };
    let aliases = listeners.own_names().filter(|(_, host, port)| !is_socket(host, *port));
    let aliases = aliases
        .map(|(proto, host, port)| {
            structure(vec![
                ("PROTO", proto.map_or("*", |proto| proto.name()).into()),
                ("ADDR", host.into()),
                ("PORT", port.map_or_else(|| "*".to_owned(), |port| port.to_string()).into()),
            ])
        })
        .collect();
    Ok(vec![RpcValue::List(aliases)])
}

pub(super) fn memory_info(_: &RpcCall<'_>) -> Result {
    let memory = crate::core::rpc::memory_now();
    Ok(vec![structure(vec![("name", "system".into()), ("size", (memory.used + memory.free).into())])])
}

pub(super) fn memory(_: &RpcCall<'_>) -> Result {
    let memory = crate::core::rpc::memory_now();
    Ok(vec![structure(vec![
        ("total", (memory.used + memory.free).into()),
        ("free", memory.free.into()),
        ("used", memory.used.into()),
        ("real_used", memory.used.into()),
        ("max_used", memory.peak.into()),
        ("fragments", 0.into()),
    ])])
}
