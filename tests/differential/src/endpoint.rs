//! The sockets of the test: callers and next hops, each with a UDP socket, a TCP listener and connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::error::{Error, Result};
use crate::network::Network;
use crate::stream;

/// Name and canonical address of every endpoint; names are what recordings show.
pub const ENDPOINTS: [(&str, &str); 8] = [
    ("caller", "127.100.100.10:5060"),
    ("caller-5070", "127.100.100.10:5070"),
    ("callee", "127.100.100.20:5060"),
    ("callee-5070", "127.100.100.20:5070"),
    ("callee2", "127.100.100.21:5060"),
    ("callee3", "127.100.100.22:5060"),
    ("caller6", "[::1]:26000"),
    ("callee6", "[::1]:27000"),
];

/// Over what a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A byte stream.
    Tcp,
}

impl Transport {
    /// As Via and recordings spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// One message that arrived, or a connection's end (empty bytes).
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Over what it came.
    pub transport: Transport,
    /// Who sent it.
    pub from: SocketAddr,
    /// The message; `None` when the peer closed the connection.
    pub bytes: Option<Vec<u8>>,
}

/// A TCP connection, dialled or accepted.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    local_port: u16,
    pending: Vec<u8>,
    closed: bool,
}

/// A socket address of the test with everything that hangs on it.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name in case files and recordings.
    pub name: &'static str,
    /// Its canonical address as text.
    pub canonical: &'static str,
    /// Its address in this run.
    pub address: SocketAddr,
    udp: UdpSocket,
    listener: TcpListener,
    connections: Vec<Connection>,
}

impl Endpoint {
    /// Binds all endpoints in `network`.
    ///
    /// # Errors
    /// [`Error::Socket`] when an address cannot be bound.
    pub fn bind_all(network: &Network) -> Result<Vec<Self>> {
        ENDPOINTS.iter().map(|(name, canonical)| Self::bind(name, canonical, network)).collect()
    }

    fn bind(name: &'static str, canonical: &'static str, network: &Network) -> Result<Self> {
        let text = network.address(canonical);
        let failed = |error| Error::Socket(format!("cannot bind {text} for `{name}`"), error);
        let address: SocketAddr = text.parse().expect("ENDPOINTS holds literal addresses");
        let udp = UdpSocket::bind(address).map_err(failed)?;
        udp.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { name, canonical, address, udp, listener, connections: Vec::new() })
    }

    /// Sends `bytes` to `to`; over TCP on the newest open connection with that server, or a new one.
    ///
    /// # Errors
    /// [`Error::Socket`] when the system refuses.
    pub fn send(&mut self, transport: Transport, to: SocketAddr, bytes: &[u8], fresh: bool) -> Result<()> {
        let name = self.name;
        let failed = |error| Error::Socket(format!("`{name}` cannot send to {to}"), error);
        match transport {
            Transport::Udp => {
                self.udp.send_to(bytes, to).map_err(failed)?;
            }
            Transport::Tcp => {
                self.accept();
                let open = self.connections.iter().rposition(|c| c.peer.ip() == to.ip() && !c.closed);
                let at = match open {
                    Some(at) if !fresh => at,
                    _ => self.dial(to).map_err(failed)?,
                };
                let stream = &mut self.connections[at].stream;
                stream.set_nonblocking(false).map_err(failed)?;
                // A server that has just closed answers with a reset: the outcome shows the end of the connection.
                let _ = stream.write_all(bytes);
                stream.set_nonblocking(true).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// What has arrived up to now, in order of arrival on each socket.
    pub fn drain(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let mut buffer = vec![0; 70_000];
        loop {
            match self.udp.recv_from(&mut buffer) {
                Ok((size, from)) => arrivals.push(Arrival {
                    transport: Transport::Udp,
                    from,
                    bytes: Some(buffer[..size].to_vec()),
                }),
                // A refused datagram of ours shows up here; it says nothing about what arrived.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        self.accept();
        for connection in &mut self.connections {
            connection.read(&mut buffer);
            arrivals.extend(connection.messages());
        }
        self.connections.retain(|connection| !connection.closed);
        arrivals
    }

    /// Closes every connection: between two cases nothing must linger.
    pub fn hang_up(&mut self) {
        self.accept();
        self.connections.clear();
    }

    /// The local ports of dialled connections: they differ from run to run.
    pub fn dialled_ports(&self) -> impl Iterator<Item = u16> {
        self.connections.iter().map(|connection| connection.local_port)
    }

    fn accept(&mut self) {
        while let Ok((stream, peer)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                let local_port = self.address.port();
                self.connections.push(Connection {
                    stream,
                    peer,
                    local_port,
                    pending: Vec::new(),
                    closed: false,
                });
            }
        }
    }

    fn dial(&mut self, to: SocketAddr) -> std::io::Result<usize> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(self.address.ip(), 0).into())?;
        socket.connect_timeout(&to.into(), Duration::from_secs(2))?;
        let stream: TcpStream = socket.into();
        stream.set_nodelay(true)?;
        let local_port = stream.local_addr()?.port();
        self.connections.push(Connection {
            stream,
            peer: to,
            local_port,
            pending: Vec::new(),
            closed: false,
        });
        Ok(self.connections.len() - 1)
    }
}

impl Connection {
    fn read(&mut self, buffer: &mut [u8]) {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.closed = true;
                    return;
                }
                Ok(size) => self.pending.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn messages(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let arrival = |bytes| Arrival { transport: Transport::Tcp, from: self.peer, bytes };
        while let Some(size) = stream::first_message(&self.pending) {
            arrivals.push(arrival(Some(self.pending.drain(..size).collect())));
        }
        if self.closed {
            if !self.pending.is_empty() {
                arrivals.push(arrival(Some(std::mem::take(&mut self.pending))));
            }
            arrivals.push(arrival(None));
        }
        arrivals
    }
}

/// Calls `step` until it gives something or `limit` has passed; the pauses are short and grow no further.
pub(crate) fn poll<T>(limit: Duration, mut step: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = step() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::park_timeout(Duration::from_micros(300));
    }
}
