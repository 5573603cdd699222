//! What may stand between TCP and messages: TLS, WebSocket.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;

use super::event::ConnInfo;

/// Turns one connection's bytes on the wire into the stream of messages and back, without doing any input or output:
/// what is to be sent is appended to a buffer. Plain TCP has none.
///
/// A layer may begin with a handshake. Until it [is ready](Self::is_ready) its connection keeps messages back and gives
/// it only what the peer sends, on a thread that may compute for long; from then on it is called where messages are read
/// and sent, and must be quick.
pub trait Layer: Send {
    /// Called once when the TCP connection stands, so that the opening side can start its handshake.
    ///
    /// # Errors
    /// The layer cannot be set up.
    fn start(&mut self, wire: &mut BytesMut) -> Result<(), LayerError>;

    /// Whether the handshake is done, so that messages can be carried.
    fn is_ready(&self) -> bool;

    /// Takes what came off the wire out of `received`, appends the messages' bytes to `plain`, and what must be
    /// answered to `wire`.
    ///
    /// # Errors
    /// The peer broke the layer's protocol; what is in `wire` (an alert) is still sent.
    fn decode(
        &mut self,
        received: &mut BytesMut,
        plain: &mut BytesMut,
        wire: &mut BytesMut,
    ) -> Result<(), LayerError>;

    /// Appends to `wire` what carries `message`. Called only when the layer is ready.
    ///
    /// # Errors
    /// The layer cannot carry it.
    fn encode(&mut self, message: &[u8], wire: &mut BytesMut) -> Result<(), LayerError>;

    /// Appends to `wire` what announces the end.
    fn finish(&mut self, wire: &mut BytesMut);

    /// What the handshake has made known, of the layer's own type; nothing before it is done.
    fn facts(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

/// Why a layer failed, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerError(pub String);

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LayerError {}

/// What a message asks of a connection that has to be opened for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The name of the server that is asked for (TLS: RFC 6066 §3).
    pub server_name: Option<&'a str>,
    /// The id of our own settings to connect with.
    pub server_id: Option<&'a str>,
}

/// Which side of a connection a layer is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side<'a> {
    /// We accepted it.
    Server,
    /// We opened it.
    Client(Wish<'a>),
}

/// Which of a layer's settings a connection that we open has. Two connections of one group are as good as each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerGroup(pub u64);

/// Makes the layers of new connections.
pub trait LayerSource: Send + Sync {
    /// The layer of one connection.
    ///
    /// # Errors
    /// The connection cannot be: nothing is set up for it.
    fn layer(&self, info: &ConnInfo, side: Side<'_>) -> Result<Box<dyn Layer>, LayerError>;

    /// The group that a connection to `remote` would be of, if connections are to be told apart by it
    /// ([`StreamOptions::match_group`](super::StreamOptions::match_group)).
    fn group(&self, remote: SocketAddr, wish: Wish<'_>) -> LayerGroup {
        let _ = (remote, wish);
        LayerGroup::default()
    }
}
