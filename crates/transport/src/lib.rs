//! Moves bytes between sockets and shards, and knows nothing of what they say.
//!
//! - [`address`]: protocols, socket names, and `listen` values expanded into sockets to open.
//! - [`udp`]: sockets read and written in batches, one per listener and shard.
//! - [`stream`]: TCP connections (and what is layered on them), which live on one async runtime beside the
//!   shards and hand whole messages to them.
//! - [`resolve`]: RFC 3263 from a next hop to an ordered list of targets, with a cache that answers at once.
//! - [`tls`]: what stands between TCP and messages where they are encrypted.
//! - [`steer`]: the bounded inbox through which a shard gets what others received for it.
//!
//! This crate knows neither SIP's grammar (a caller brings the [`stream::Framing`]) nor the engine (a caller
//! brings the [`stream::StreamSink`]).

#![warn(missing_docs)]

pub mod address;
pub mod resolve;
pub mod steer;
pub mod stream;
pub mod tls;
pub mod udp;

pub use address::{Proto, SocketName};
pub use resolve::{NextHop, Resolver, Target};
pub use steer::{Inbox, InboxSender};
pub use stream::{ConnId, StreamHub};
pub use udp::{BufferPool, Packet, UdpSocket};
