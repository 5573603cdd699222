//! What a connection is, and what becomes of it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::framing::FramingError;
use crate::address::Proto;
use crate::udp::Packet;

/// The number of a connection: from 1, increasing, unique while the server runs (until it wraps at 2³²).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u32);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Accepted,
    /// We.
    Opened,
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnInfo {
    /// Its number.
    pub id: ConnId,
    /// Its protocol.
    pub proto: Proto,
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our address on this connection; while it is being opened, the one asked for.
    pub local: SocketAddr,
    /// The listening socket it belongs to: the one that accepted it, or the one named when it was opened.
    pub socket: SocketAddr,
    /// Who opened it.
    pub direction: Direction,
}

/// One whole message from a connection.
#[derive(Debug, Clone)]
pub struct ReceivedStream {
    /// The connection.
    pub conn: ConnInfo,
    /// The message.
    pub data: Packet,
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed it in order.
    Peer,
    /// The peer or the network broke it.
    Broken(io::Error),
    /// It could not be opened.
    ConnectFailed(io::Error),
    /// The peer did not answer within the connect timeout.
    ConnectTimeout,
    /// Nothing was sent or received for its lifetime.
    Idle,
    /// A message was begun and not finished within the message timeout.
    MessageTimeout,
    /// The peer took nothing off a full connection for the send timeout.
    SendTimeout,
    /// What the peer sent is no sequence of messages.
    Framing(FramingError),
    /// The layer above TCP failed, a TLS handshake for example.
    Layer(String),
    /// The layer's handshake was not done in time.
    HandshakeTimeout,
    /// The layer's handshake was not done, and too many others had begun since.
    HandshakesCrowded,
    /// We closed it.
    Asked,
    /// The server stops.
    Shutdown,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("closed by the peer"),
            Self::Broken(error) => write!(f, "broken: {error}"),
            Self::ConnectFailed(error) => write!(f, "could not connect: {error}"),
            Self::ConnectTimeout => f.write_str("the peer did not answer the connection attempt in time"),
            Self::Idle => f.write_str("idle for its lifetime"),
            Self::MessageTimeout => f.write_str("the peer did not finish a message in time"),
            Self::SendTimeout => f.write_str("the peer took nothing we sent in time"),
            Self::Framing(error) => error.fmt(f),
            Self::Layer(error) => f.write_str(error),
            Self::HandshakeTimeout => f.write_str("the peer did not finish the handshake in time"),
            Self::HandshakesCrowded => {
                f.write_str("its handshake was not done, and too many others had begun since")
            }
            Self::Asked => f.write_str("closed by us"),
            Self::Shutdown => f.write_str("the server stops"),
        }
    }
}

/// What happens to connections, apart from messages.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamEvent {
    /// A connection was accepted or has been opened.
    Connected(ConnInfo),
    /// A connection ended. Nothing follows about it.
    Closed(ConnInfo, CloseReason),
    /// Bytes that [`send`](super::StreamHub::send) took were lost, because the connection ended first. The matching
    /// [`Closed`](Self::Closed) follows.
    SendFailed {
        /// The connection.
        conn: ConnInfo,
        /// How many bytes were lost.
        bytes: usize,
    },
}

/// Where messages and events go: the caller's side. Called on the runtime's threads; must not block.
pub trait StreamSink: Send + Sync + 'static {
    /// Takes one message.
    ///
    /// # Errors
    /// No room now: the message comes back, and the connection is not read on until it has been taken.
    fn deliver(&self, received: ReceivedStream) -> Result<(), ReceivedStream>;

    /// Hears of something else.
    fn event(&self, event: StreamEvent);
}

/// Why a message was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no connection, and opening one was not allowed.
    NoConnection,
    /// One more connection would be more than the configured maximum.
    TooManyConnections,
    /// The peer does not take what is sent: its queue is full.
    ConnectionQueueFull,
    /// All queues together have reached the configured maximum.
    TotalQueueFull,
    /// No layer is installed for this protocol, or it is no stream protocol.
    Unsupported(Proto),
    /// The layer above TCP did not take the message.
    Layer,
    /// The server stops.
    Shutdown,
}

impl SendError {
    /// Whether another target may do better, as a proxy that fails over asks: only where the peer's side failed.
    pub fn is_peers(self) -> bool {
        matches!(self, Self::NoConnection | Self::ConnectionQueueFull | Self::Layer)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection to the peer, and opening one is not allowed"),
            Self::TooManyConnections => f.write_str("too many connections; raise tcp_max_connections"),
            Self::ConnectionQueueFull => {
                f.write_str("the peer is slow: its send queue is full (tcp_conn_wq_max)")
            }
            Self::TotalQueueFull => f.write_str("the send queues together are full (tcp_wq_max)"),
            Self::Unsupported(proto) => write!(f, "no transport for {proto} is set up"),
            Self::Layer => f.write_str("the connection's security or framing layer took no message"),
            Self::Shutdown => f.write_str("the server stops"),
        }
    }
}

impl std::error::Error for SendError {}
