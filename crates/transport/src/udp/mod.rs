//! UDP sockets read and written in batches.
//!
//! One socket a listener and shard (`SO_REUSEPORT`), never blocking. A round of a shard is: [`UdpSocket::receive`]
//! into a [`ReceiveBatch`] until it is drained, queue answers in a [`SendBatch`], and flush that at the end of the
//! round. Nothing waits for a batch to fill: a batch is what came since the last look.

mod buffer;
mod errors;
mod lane;
mod mmsg;
mod receive;
mod send;
mod socket;

pub use buffer::{BufferPool, Packet};
pub use errors::Unreachable;
pub use receive::{Datagram, ReceiveBatch, ReceiveCounts};
pub use send::{Flushed, SendBatch, SendBatchLimits, SendFailure, SocketIndex};
pub use socket::{UdpOptions, UdpSocket};

#[cfg(test)]
mod tests;
