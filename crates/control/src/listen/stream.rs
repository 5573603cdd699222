//! Unix stream sockets and TCP: many requests a connection, each answered before the next is read.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::socket::make_room;
use super::{Connection, Desk, Ownership};
use crate::address::resolve;
use crate::{Address, binrpc, json};

/// How long nothing is accepted when the system has no descriptor left.
const BREATH: Duration = Duration::from_millis(100);
/// How much is read at a time.
const CHUNK: usize = 4096;

/// Opens the socket; within the runtime.
pub(super) fn open(
    desk: &Arc<Desk>,
    address: &Address,
    ownership: &Ownership,
) -> io::Result<(JoinHandle<()>, Option<SocketAddr>)> {
    let (desk, at) = (Arc::clone(desk), address.clone());
    match address {
        Address::Tcp(host, port) => {
            let listener = std::net::TcpListener::bind(resolve(host, *port)?)?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let local = listener.local_addr()?;
            let task = tokio::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, peer)) => begin(&desk, &at, Some(peer), stream),
                        Err(_) => tokio::time::sleep(BREATH).await,
                    }
                }
            });
            Ok((task, Some(local)))
        }
        Address::UnixStream(path) => {
            make_room(path)?;
            let listener = StdUnixListener::bind(path)?;
            ownership.give(path)?;
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            let task = tokio::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => begin(&desk, &at, None, stream),
                        Err(_) => tokio::time::sleep(BREATH).await,
                    }
                }
            });
            Ok((task, None))
        }
        Address::UnixDatagram(_) | Address::Udp(..) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn begin<S>(desk: &Arc<Desk>, at: &Address, peer: Option<SocketAddr>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Connection { socket: at.clone(), peer };
    let Some(admitted) = desk.admit(connection) else { return };
    tokio::spawn(async move {
        let desk = Arc::clone(&admitted.desk);
        // A peer that breaks off has nobody left to tell.
        let _ = converse(&desk, stream).await;
        drop(admitted);
    });
}

/// What the bytes at hand hold.
enum Found {
    /// Too little.
    More,
    /// A binrpc packet.
    Packet(binrpc::Header),
    /// A line, of so many bytes, its end included.
    Line(usize),
    /// No packet; the answer, after which nothing can be read.
    Bad(Vec<u8>),
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(desk: &Desk, mut stream: S) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        let (answer, goes_on, used) = match find(&buffer, desk.limits.request) {
            Found::More => {
                let limit = if buffer.is_empty() { desk.limits.idle } else { desk.limits.patience };
                let length = buffer.len();
                buffer.resize(length + CHUNK, 0);
                let read = timeout(limit, stream.read(&mut buffer[length..])).await??;
                buffer.truncate(length + read);
                if read == 0 {
                    return Ok(());
                }
                continue;
            }
            Found::Packet(header) => {
                let end = header.length + header.body;
                let (answer, goes_on) = desk.packet(&header, &buffer[header.length..end]).await;
                (answer, goes_on, end)
            }
            Found::Line(end) => {
                let answer = desk.json(&buffer[..end], json::Layout::Plain).await;
                (format!("{answer}\n").into_bytes(), true, end)
            }
            Found::Bad(answer) => (answer, false, buffer.len()),
        };
        buffer.drain(..used);
        timeout(desk.limits.patience, stream.write_all(&answer)).await??;
        if !goes_on {
            return stream.shutdown().await;
        }
    }
}

/// A `{` begins a line of JSON, anything else must be binrpc.
fn find(buffer: &[u8], longest: usize) -> Found {
    if matches!(buffer.first(), Some(b'{' | b'[' | b' ' | b'\n' | b'\r')) {
        return match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => Found::Line(end + 1),
            None if buffer.len() > longest => {
                Found::Bad(json::BadRequest::NoRequest(None).answer(json::Layout::Plain).into_bytes())
            }
            None => Found::More,
        };
    }
    match binrpc::header(buffer) {
        Err(error) => Found::Bad(binrpc::fault(b"\0", 400, &format!("bad request: {error}"))),
        Ok(None) => Found::More,
        Ok(Some(header)) if header.body > longest => {
            let reason = format!("bad request: more than {longest} bytes");
            Found::Bad(binrpc::fault(&header.cookie, 400, &reason))
        }
        Ok(Some(header)) if buffer.len() < header.length + header.body => Found::More,
        Ok(Some(header)) => Found::Packet(header),
    }
}
