//! The server's end: sockets that take commands, on the async runtime; the commands themselves run on threads that
//! may block.

mod datagram;
mod fifo;
mod socket;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::{Address, Answer, Handler, Refusal, Value, binrpc, json};

pub use socket::Ownership;

/// What a peer may ask for at a time.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// Commands at a time over all sockets of a desk; more wait.
    pub commands: usize,
    /// Longest request in bytes.
    pub request: usize,
    /// How long a request may take to come in once it has begun, and an answer to be taken.
    pub patience: Duration,
    /// How long a connection may stand idle.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            commands: 16,
            request: 1 << 20,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(3600),
        }
    }
}

/// An open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The socket that took it.
    pub socket: Address,
    /// The other end; none for unix sockets, which are anonymous.
    pub peer: Option<SocketAddr>,
}

/// Answers what comes over its sockets.
pub struct Desk {
    handler: Handler,
    limits: Limits,
    runtime: Handle,
    layout: json::Layout,
    running: Semaphore,
    connections: Mutex<(u64, BTreeMap<u64, Connection>)>,
}

impl Desk {
    /// A desk without sockets; connections live on `runtime`. Over fifos and datagrams JSON is laid out as asked, over
    /// streams an answer is a line.
    pub fn new(handler: Handler, limits: Limits, runtime: Handle, layout: json::Layout) -> Arc<Self> {
        let running = Semaphore::new(limits.commands);
        Arc::new(Self { handler, limits, runtime, layout, running, connections: Mutex::default() })
    }

    /// Opens a socket and answers what comes.
    ///
    /// # Errors
    /// It cannot be bound, or its file not be given the owner and mode.
    pub fn open(self: &Arc<Self>, address: &Address, ownership: &Ownership) -> io::Result<Listening> {
        let _runtime = self.runtime.enter();
        let (task, local) = match address {
            Address::UnixStream(_) | Address::Tcp(..) => stream::open(self, address, ownership)?,
            Address::UnixDatagram(_) | Address::Udp(..) => datagram::open(self, address, ownership)?,
        };
        Ok(Listening { address: address.clone(), local, file: address.path().cloned(), task })
    }

    /// Makes a fifo that takes JSON-RPC requests; each names a fifo in the folder `replies` that takes its answer.
    ///
    /// # Errors
    /// It cannot be made or opened, or something else than a fifo stands in its place.
    pub fn open_fifo(
        self: &Arc<Self>,
        path: &Path,
        ownership: &Ownership,
        replies: &Path,
    ) -> io::Result<Listening> {
        let _runtime = self.runtime.enter();
        let task = fifo::open(self, path, ownership, replies)?;
        let address = Address::UnixDatagram(path.to_owned());
        Ok(Listening { address, local: None, file: Some(path.to_owned()), task })
    }

    /// The connections that are open, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.1.values().cloned().collect()
    }

    /// Notes a connection; none when there are too many.
    fn admit(self: &Arc<Self>, connection: Connection) -> Option<Admitted> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.1.len() >= self.limits.connections {
            return None;
        }
        connections.0 += 1;
        let number = connections.0;
        connections.1.insert(number, connection);
        Some(Admitted { desk: Arc::clone(self), number })
    }

    /// Carries out a command on a thread that may block.
    async fn command(&self, name: String, arguments: Vec<Value>) -> Answer {
        // The semaphore is never closed.
        let _turn = self.running.acquire().await;
        let handler = Arc::clone(&self.handler);
        let done = self.runtime.spawn_blocking(move || handler(&name, arguments)).await;
        done.unwrap_or_else(|_| {
            Err(Refusal::failed(500, "Internal error: the command panicked, see the log"))
        })
    }

    /// Answers a whole binrpc packet; whether what follows on its connection can still be read.
    async fn packet(&self, header: &binrpc::Header, body: &[u8]) -> (Vec<u8>, bool) {
        let refuse = |what: &str, error: binrpc::Malformed| {
            (binrpc::fault(&header.cookie, 400, &format!("{what}: {error}")), false)
        };
        if header.kind != binrpc::Kind::Request {
            return refuse("bad request", binrpc::Malformed::Packet);
        }
        let mut reader = binrpc::Reader::new(body);
        let name = match reader.record() {
            Ok(Some(binrpc::Record::Str(name))) => String::from_utf8_lossy(name).into_owned(),
            Ok(Some(_)) => return refuse("bad request method", binrpc::Malformed::Record),
            Ok(None) => return refuse("bad request method", binrpc::Malformed::Short),
            Err(error) => return refuse("bad request method", error),
        };
        let arguments = match binrpc::values(reader.rest()) {
            Ok(arguments) => arguments,
            Err(error) => {
                return (binrpc::fault(&header.cookie, 400, &format!("bad request: {error}")), true);
            }
        };
        let answer = match self.command(name.clone(), arguments).await {
            Ok(results) => binrpc::reply(&header.cookie, &results),
            Err(Refusal::Unknown) => binrpc::fault(&header.cookie, 500, &format!("command {name} not found")),
            Err(Refusal::Failed { code, reason }) => binrpc::fault(&header.cookie, code, &reason),
        };
        (answer, true)
    }

    /// Answers a JSON-RPC request; as Kamailio does, one without an identifier too.
    async fn json(&self, text: &[u8], layout: json::Layout) -> String {
        match json::request(text) {
            Err(bad) => bad.answer(layout),
            Ok(request) => {
                let answer = self.command(request.method, request.params).await;
                json::response(&answer, request.id.as_ref(), layout)
            }
        }
    }
}

/// A connection that counts.
struct Admitted {
    desk: Arc<Desk>,
    number: u64,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.desk.connections.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.number);
    }
}

/// A socket that takes commands; dropping it ends it and takes its file away.
#[derive(Debug)]
pub struct Listening {
    /// As it was asked for.
    pub address: Address,
    /// The port that it has, of TCP and UDP.
    pub local: Option<SocketAddr>,
    file: Option<PathBuf>,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(file) = &self.file {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests;
