//! `ctl.*`: the sockets and their connections.

use std::sync::{Arc, PoisonError};

use control::{Address, Connection};
use engine::Running;
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::{Ctl, Open};

type Answer = Result<Vec<RpcValue>, RpcError>;

/// What `ctl.*` calls the protocol.
const PROTOCOL: &str = "binrpc";

fn with<T>(running: &Arc<Running>, look: impl FnOnce(&Open) -> T) -> Result<T, RpcError> {
    let ctl = running.state::<Ctl>().ok_or_else(|| RpcError::new(500, "module ctl is not loaded"))?;
    Ok(look(&ctl.open.lock().unwrap_or_else(PoisonError::into_inner)))
}

fn open_connections(call: &RpcCall<'_>) -> Result<Vec<Connection>, RpcError> {
    with(&call.server.running(), |open| open.desk.as_ref().map(|desk| desk.connections()).unwrap_or_default())
}

/// An address in two texts; a path has no second.
pub(super) fn place(address: &Address) -> [String; 2] {
    match address {
        Address::UnixStream(path) | Address::UnixDatagram(path) => {
            [path.display().to_string(), String::new()]
        }
        Address::Tcp(host, port) | Address::Udp(host, port) => [host.clone(), port.to_string()],
    }
}

fn row(protocol: &str, texts: impl IntoIterator<Item = String>) -> Vec<RpcValue> {
    let heads = [PROTOCOL.to_owned(), protocol.to_owned()];
    heads.into_iter().chain(texts).map(RpcValue::Str).collect()
}

pub(super) fn listen(call: &RpcCall<'_>) -> Answer {
    let rows = with(&call.server.running(), |open| {
        let addresses = open.sockets.iter().map(|socket| &socket.address);
        addresses.flat_map(|address| row(address.protocol(), place(address))).collect()
    })?;
    Ok(vec![RpcValue::List(rows)])
}

pub(super) fn connections(call: &RpcCall<'_>) -> Answer {
    Ok(vec![RpcValue::count(open_connections(call)?.len())])
}

pub(super) fn who(call: &RpcCall<'_>) -> Answer {
    let connections = open_connections(call)?;
    if connections.is_empty() {
        return Err(RpcError::new(400, "no open stream connection"));
    }
    let rows = connections.into_iter().flat_map(|connection| {
        let peer = match connection.peer {
            Some(peer) => [peer.ip().to_string(), peer.port().to_string()],
            None => ["<anonymous unix socket>".to_owned(), String::new()],
        };
        row(connection.socket.protocol(), peer.into_iter().chain(place(&connection.socket)))
    });
    Ok(vec![RpcValue::List(rows.collect())])
}
