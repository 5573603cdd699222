//! What may stand between TCP and messages: TLS, WebSocket.

use std::fmt;

use bytes::BytesMut;

use super::event::ConnInfo;

/// Turns one connection's bytes on the wire into the stream of messages and back, without doing any input or output:
/// what is to be sent is appended to a buffer. Plain TCP has none.
///
/// A handshake happens inside: what is [encoded](Self::encode) before it is done is held back by the layer and comes
/// out of a later [`decode`](Self::decode).
pub trait Layer: Send {
    /// Called once when the TCP connection stands, so that the opening side can start its handshake. Messages may have
    /// been encoded before.
    ///
    /// # Errors
    /// The layer cannot be set up.
    fn start(&mut self, wire: &mut BytesMut) -> Result<(), LayerError>;

    /// Whether messages are held back because the handshake is not done.
    fn holds_back(&self) -> bool;

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

    /// Appends to `wire` what carries `message`.
    ///
    /// # Errors
    /// The layer cannot carry it.
    fn encode(&mut self, message: &[u8], wire: &mut BytesMut) -> Result<(), LayerError>;

    /// Appends to `wire` what announces the end.
    fn finish(&mut self, wire: &mut BytesMut);
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

/// Which side of a connection a layer is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side<'a> {
    /// We accepted it.
    Server,
    /// We opened it, to a server of this name where it has one.
    Client {
        /// The name that the server's certificate must carry.
        server_name: Option<&'a str>,
    },
}

/// Makes the layer of a new connection.
pub type NewLayer = Box<dyn Fn(&ConnInfo, Side<'_>) -> Result<Box<dyn Layer>, LayerError> + Send + Sync>;
