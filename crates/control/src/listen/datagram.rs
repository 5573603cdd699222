//! Unix datagram sockets and UDP: a request a datagram, answered by one.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::sync::Arc;

use tokio::net::{UdpSocket, UnixDatagram};
use tokio::task::JoinHandle;

use super::socket::make_room;
use super::{Desk, Ownership};
use crate::address::resolve;
use crate::{Address, binrpc};

/// Longest datagram of UDP.
const LONGEST: usize = 65_507;

/// Opens the socket; within the runtime.
pub(super) fn open(
    desk: &Arc<Desk>,
    address: &Address,
    ownership: &Ownership,
) -> io::Result<(JoinHandle<()>, Option<SocketAddr>)> {
    let desk = Arc::clone(desk);
    match address {
        Address::Udp(host, port) => {
            let socket = std::net::UdpSocket::bind(resolve(host, *port)?)?;
            socket.set_nonblocking(true)?;
            let socket = UdpSocket::from_std(socket)?;
            let local = socket.local_addr()?;
            Ok((tokio::spawn(serve_udp(desk, socket)), Some(local)))
        }
        Address::UnixDatagram(path) => {
            make_room(path)?;
            let socket = StdUnixDatagram::bind(path)?;
            ownership.give(path)?;
            socket.set_nonblocking(true)?;
            let socket = UnixDatagram::from_std(socket)?;
            Ok((tokio::spawn(serve_unix(desk, socket)), None))
        }
        Address::UnixStream(_) | Address::Tcp(..) => Err(io::ErrorKind::Unsupported.into()),
    }
}

// One datagram at a time: nobody can make more commands run than one a socket.
async fn serve_udp(desk: Arc<Desk>, socket: UdpSocket) {
    let mut buffer = vec![0; LONGEST + 1];
    loop {
        // An error is one of an earlier answer: its sender has gone away.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = answer(&desk, &buffer[..length], true).await {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_unix(desk: Arc<Desk>, socket: UnixDatagram) {
    let mut buffer = vec![0; desk.limits.request];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let answer = answer(&desk, &buffer[..length], false).await;
        // Who has no name gets no answer; who does not read it must not hold up the others.
        if let (Some(answer), Some(path)) = (answer, peer.as_pathname()) {
            let sending = socket.send_to(&answer, path);
            let _ = tokio::time::timeout(desk.limits.patience, sending).await;
        }
    }
}

async fn answer(desk: &Desk, datagram: &[u8], is_udp: bool) -> Option<Vec<u8>> {
    if matches!(datagram.first(), Some(b'{' | b'[' | b' ' | b'\n' | b'\r')) {
        return Some(desk.json(datagram, desk.layout).await.into_bytes());
    }
    // Bytes that are no request are not answered: their sender may be made up.
    let header = binrpc::header(datagram).ok().flatten()?;
    let body = datagram.get(header.length..header.length + header.body)?;
    let (answer, _) = desk.packet(&header, body).await;
    if is_udp && answer.len() > LONGEST {
        let reason = "the answer does not fit a datagram; use a stream";
        return Some(binrpc::fault(&header.cookie, 500, reason));
    }
    Some(answer)
}
