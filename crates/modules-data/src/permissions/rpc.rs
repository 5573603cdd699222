//! `permissions.*`

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use engine::Running;
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::address::{Entry, Whom};
use super::trusted::Peer;
use super::{Permissions, Trusted, load};

/// Transports as Kamailio numbers them.
const PROTOS: [(&[u8], i64); 8] =
    [(b"any", 0), (b"udp", 1), (b"tcp", 2), (b"tls", 3), (b"sctp", 4), (b"ws", 5), (b"wss", 6), (b"none", 7)];

fn state(running: &Arc<Running>) -> Result<&Permissions, RpcError> {
    running.state().ok_or_else(|| RpcError::new(500, "module permissions is not loaded"))
}

/// Refuses a reload that follows another too soon.
fn take_turn(state: &Permissions) -> Result<(), RpcError> {
    let now = load::seconds();
    let before = state.read_at.load(Ordering::Relaxed);
    if state.reload_delta > 0 && now < before + state.reload_delta {
        return Err(RpcError::new(500, "ongoing reload"));
    }
    Ok(())
}

pub(super) fn address_reload(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let state = state(&running)?;
    if state.address_source.is_none() {
        return Err(RpcError::new(500, "Reload failed: neither db_url nor address_file is set"));
    }
    take_turn(state)?;
    answer(call.server.runtime.block_on(state.read_addresses()))
}

pub(super) fn trusted_reload(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let state = state(&running)?;
    if !matches!(state.trusted, Trusted::Kept(..)) {
        return Err(RpcError::new(500, "Reload failed: trusted peers are not kept (db_url, db_mode)"));
    }
    take_turn(state)?;
    answer(call.server.runtime.block_on(state.read_trusted()))
}

fn answer(read: Result<(), store::Error>) -> Result<Vec<RpcValue>, RpcError> {
    read.map(|()| vec!["Reload OK".into()])
        .map_err(|error| RpcError::new(500, format!("Reload failed: {error}")))
}

pub(super) fn address_dump(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    dump(call, "table", |entry| match entry.whom {
        Whom::Address(ip) => Some(vec![member("ip", ip.to_string().into())]),
        _ => None,
    })
}

pub(super) fn subnet_dump(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    dump(call, "id", |entry| match entry.whom {
        Whom::Network(ip, bits) => {
            Some(vec![member("ip", ip.to_string().into()), member("mask", i64::from(bits).into())])
        }
        _ => None,
    })
}

pub(super) fn domain_dump(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    dump(call, "table", |entry| match &entry.whom {
        Whom::Domain(name) => Some(vec![member("domain_name", text(name))]),
        _ => None,
    })
}

/// The entries that `show` shows, numbered.
fn dump(
    call: &RpcCall<'_>,
    number: &str,
    show: impl Fn(&Entry) -> Option<Vec<(String, RpcValue)>>,
) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let addresses = state(&running)?.addresses();
    let shown = addresses.entries().iter().filter_map(|entry| Some((entry, show(entry)?)));
    let dumped = shown.enumerate().map(|(at, (entry, mut item))| {
        item.push(member("port", i64::from(entry.port).into()));
        item.push(member("tag", entry.tag.as_ref().map_or_else(|| "NULL".into(), |tag| text(tag))));
        RpcValue::Struct(vec![
            member(number, i64::try_from(at).unwrap_or(i64::MAX).into()),
            member("group", entry.group.into()),
            member("item", RpcValue::Struct(item)),
        ])
    });
    Ok(dumped.collect())
}

pub(super) fn trusted_dump(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let Trusted::Kept(_, _, kept) = &state(&running)?.trusted else {
        return Err(RpcError::new(500, "No trusted table"));
    };
    let kept = Arc::clone(&kept.read().unwrap_or_else(PoisonError::into_inner));
    let members = kept.iter().enumerate().flat_map(|(at, peer)| {
        let number = i64::try_from(at).unwrap_or(i64::MAX);
        [member("table", number.into()), member("item", RpcValue::Struct(peer_item(peer)))]
    });
    Ok(vec![RpcValue::Struct(members.collect())])
}

fn peer_item(peer: &Peer) -> Vec<(String, RpcValue)> {
    let proto = PROTOS.iter().find(|(name, _)| *name == peer.proto).map_or(0, |(_, number)| *number);
    let optional = |shown: Option<&[u8]>| shown.map_or_else(|| "NULL".into(), text);
    vec![
        member("ip", text(&peer.source)),
        member("proto", proto.into()),
        member("pattern", optional(peer.from.as_ref().map(|pattern| &pattern.text[..]))),
        member("ruri_pattern", optional(peer.ruri.as_ref().map(|pattern| &pattern.text[..]))),
        member("tag", optional(peer.tag.as_deref())),
        member("priority", peer.priority.into()),
    ]
}

fn member(name: &str, value: RpcValue) -> (String, RpcValue) {
    (name.to_owned(), value)
}

fn text(bytes: &[u8]) -> RpcValue {
    RpcValue::Str(String::from_utf8_lossy(bytes).into_owned())
}
