//! Stream connections: TCP, and what is layered on it.
//!
//! They live on one async runtime beside the shards. A shard [sends](StreamHub::send) without blocking: what the kernel
//! takes at once is written by the shard itself, the rest waits in the connection's bounded queue. Whole messages come
//! back through the caller's [`StreamSink`]. What a message is, the caller's [`Framing`] says; what the bytes on the
//! wire look like (TLS, WebSocket), a [`Layer`].

mod connection;
mod counts;
mod event;
mod framing;
mod handshakes;
mod hub;
mod layer;
mod listener;
mod options;
mod outbox;
mod registry;

pub use counts::StreamCounts;
pub use event::{
    CloseReason, ConnId, ConnInfo, Direction, ReceivedStream, SendError, StreamEvent, StreamSink,
};
pub use framing::{Frame, Framing, FramingError, NewFraming};
pub use hub::{After, AliasError, Open, Outgoing, StreamHub};
pub use layer::{Layer, LayerError, LayerGroup, LayerSource, Side, Wish};
pub use options::{Keepalive, StreamOptions};

#[cfg(test)]
pub(crate) mod lab;
#[cfg(test)]
mod tests;
