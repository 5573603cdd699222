//! Which connections there are, by number and by peer.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smallvec::SmallVec;

use super::connection::Connection;
use super::event::{ConnId, ConnInfo, Direction};
use super::layer::LayerGroup;
use crate::address::Proto;

/// All connections. A peer's key leads to every connection that reaches it, the oldest first.
#[derive(Default)]
pub(super) struct Registry {
    last_id: u32,
    by_id: HashMap<ConnId, Registered>,
    by_peer: HashMap<(Proto, SocketAddr), SmallVec<[ConnId; 2]>>,
    by_source: HashMap<IpAddr, usize>,
    secure: usize,
}

struct Registered {
    connection: Arc<Connection>,
    /// The peer's ports that lead here: its own and its aliases.
    ports: SmallVec<[u16; 2]>,
}

impl Registry {
    /// A number that no living connection has; never 0.
    pub(super) fn next_id(&mut self) -> ConnId {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            let id = ConnId(self.last_id);
            if id.0 != 0 && !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many are encrypted.
    pub(super) fn secure(&self) -> usize {
        self.secure
    }

    /// How many connections were accepted from this address.
    pub(super) fn accepted_from(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, connection: Arc<Connection>) {
        let info = connection.info();
        self.secure += usize::from(info.proto.is_secure());
        if info.direction == Direction::Accepted {
            *self.by_source.entry(info.remote.ip()).or_default() += 1;
        }
        self.by_peer.entry((info.proto, info.remote)).or_default().push(info.id);
        let ports = SmallVec::from_slice(&[info.remote.port()]);
        self.by_id.insert(info.id, Registered { connection, ports });
    }

    pub(super) fn get(&self, id: ConnId) -> Option<&Arc<Connection>> {
        self.by_id.get(&id).map(|registered| &registered.connection)
    }

    /// A connection to the peer, through `socket` and of `group` if one is asked for. One that the peer opened is of
    /// every group.
    pub(super) fn find(
        &self,
        proto: Proto,
        remote: SocketAddr,
        socket: Option<SocketAddr>,
        group: Option<LayerGroup>,
    ) -> Option<&Arc<Connection>> {
        let ids = self.by_peer.get(&(proto, remote))?;
        ids.iter()
            .filter_map(|id| self.get(*id))
            .filter(|connection| socket.is_none_or(|socket| connection.info().socket == socket))
            .find(|connection| group.is_none_or(|group| connection.is_of(group)))
    }

    /// Lets `port` of the peer's address lead to connection `id` too. Returns the connection that it leads to already,
    /// if it is another one through the same socket.
    pub(super) fn add_alias(&mut self, id: ConnId, port: u16) -> Result<(), Option<ConnId>> {
        let registered = self.by_id.get_mut(&id).ok_or(None)?;
        if registered.ports.contains(&port) {
            return Ok(());
        }
        let info = registered.connection.info();
        let key = (info.proto, SocketAddr::new(info.remote.ip(), port));
        let known = self.by_peer.get(&key).into_iter().flatten().copied();
        let same_socket =
            |other: &ConnId| self.by_id.get(other).is_some_and(|r| r.connection.info().socket == info.socket);
        if let Some(taken) = known.into_iter().find(same_socket) {
            return Err(Some(taken));
        }
        self.by_peer.entry(key).or_default().push(id);
        if let Some(registered) = self.by_id.get_mut(&id) {
            registered.ports.push(port);
        }
        Ok(())
    }

    /// Lets no peer's address lead to the connection any more; its number still does.
    pub(super) fn unlink(&mut self, id: ConnId) {
        let Some(registered) = self.by_id.get_mut(&id) else { return };
        let info = registered.connection.info();
        for port in registered.ports.drain(..) {
            let key = (info.proto, SocketAddr::new(info.remote.ip(), port));
            if let Some(ids) = self.by_peer.get_mut(&key) {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    self.by_peer.remove(&key);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, id: ConnId) {
        self.unlink(id);
        let Some(registered) = self.by_id.remove(&id) else { return };
        let info = registered.connection.info();
        self.secure -= usize::from(info.proto.is_secure());
        if info.direction == Direction::Accepted {
            let source = info.remote.ip();
            if let Some(count) = self.by_source.get_mut(&source) {
                *count -= 1;
                if *count == 0 {
                    self.by_source.remove(&source);
                }
            }
        }
    }

    pub(super) fn infos(&self) -> Vec<ConnInfo> {
        let mut infos: Vec<_> = self.by_id.values().map(|registered| registered.connection.info()).collect();
        infos.sort_by_key(|info| info.id);
        infos
    }

    pub(super) fn connections(&self) -> Vec<Arc<Connection>> {
        self.by_id.values().map(|registered| Arc::clone(&registered.connection)).collect()
    }
}
