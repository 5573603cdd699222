//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::AbortHandle;

use super::connection::{Connection, Start, prepare};
use super::counts::count;
use super::event::{ConnInfo, Direction};
use super::hub::Shared;
use super::layer::{LayerGroup, Side};
use crate::address::{Proto, SocketName};

/// How long accepting rests when the system is out of descriptors or memory.
const REST: Duration = Duration::from_millis(50);

/// Binds a listening socket and accepts on it until the returned task is aborted.
pub(super) fn start(shared: &Arc<Shared>, name: SocketName) -> io::Result<(SocketAddr, AbortHandle)> {
    let _context = shared.runtime.enter();
    let socket = if name.addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if name.addr.is_ipv6() {
        socket2::SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(shared.options.reuse_port)?;
    socket.bind(name.addr)?;
    let listener = socket.listen(shared.options.backlog)?;
    let local = listener.local_addr()?;
    let task = shared.runtime.spawn(accept(Arc::clone(shared), listener, name.proto, local));
    Ok((local, task.abort_handle()))
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, proto: Proto, socket: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => admit(&shared, stream, proto, remote, socket),
            // The peer gave up before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

/// Starts the connection's life, or closes it at once where a limit is reached.
fn admit(shared: &Arc<Shared>, stream: TcpStream, proto: Proto, remote: SocketAddr, socket: SocketAddr) {
    if prepare(&stream, shared).is_err() {
        return;
    }
    let Ok(local) = stream.local_addr() else { return };
    let mut registry = shared.registry_mut();
    let is_full = proto.is_secure() && registry.secure() >= shared.options.max_secure;
    if is_full || registry.len() >= shared.options.max_connections {
        count(&shared.counters.refused_total);
        return;
    }
    let limit = shared.options.max_per_source;
    if limit > 0 && registry.accepted_from(remote.ip()) >= limit {
        count(&shared.counters.refused_source);
        return;
    }
    let info =
        ConnInfo { id: registry.next_id(), proto, remote, local, socket, direction: Direction::Accepted };
    let Ok(outbox) = shared.outbox(&info, Side::Server) else { return };
    let connection = Arc::new(Connection::new(info, outbox, LayerGroup::default(), shared));
    registry.insert(Arc::clone(&connection));
    drop(registry);
    shared.begin_handshake(&connection);
    count(&shared.counters.accepted);
    shared.runtime.spawn(connection.run(Arc::clone(shared), Start::Accepted(stream)));
}
