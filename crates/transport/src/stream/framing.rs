//! Cutting a byte stream into messages: the caller's business, behind a trait.

use std::fmt;

use bytes::BytesMut;

use super::event::ConnInfo;

/// Cuts one connection's bytes into messages.
pub trait Framing: Send {
    /// Looks for a whole message at the front of `buffer` and takes it off.
    ///
    /// Nothing may be taken off while the message is incomplete. After a message it is called again at once. RFC 5626
    /// keep-alives before a message are taken off and answered by the connection, before this is called.
    fn feed(&mut self, buffer: &mut BytesMut) -> Frame;
}

/// What [`Framing::feed`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message, taken off the buffer.
    Message(Vec<u8>),
    /// The buffer holds only the front of a message, or nothing.
    More,
    /// No message can follow any more; the connection ends.
    Broken(FramingError),
}

/// Why a stream cannot be cut into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FramingError {
    /// The message is longer than allowed.
    TooLong,
    /// The message does not say how long it is, or says it wrongly (RFC 3261 §18.3).
    NoLength,
    /// It is no message of any protocol that is spoken here.
    NoMessage,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the peer's message is too long",
            Self::NoLength => "the peer's message has no valid Content-Length",
            Self::NoMessage => "what the peer sent is no message",
        })
    }
}

/// Makes the framing of a new connection.
pub type NewFraming = Box<dyn Fn(&ConnInfo) -> Box<dyn Framing> + Send + Sync>;
