//! The server's private control socket, both ends.
//!
//! A unix stream socket that only the server's own user may open. Each line is one JSON-RPC 2.0 request and is
//! answered by one line, in order. Whether a configuration loads `ctl` or not, this socket is there, so that
//! `tandem ctl app.reload` always works.

#![warn(missing_docs)]

mod client;
mod place;
mod server;

pub use client::{Client, ClientError};
pub use place::{Place, find, own_place};
pub use server::{Answer, Failure, Handler, Listening, listen};

/// Longest line that either end takes, in bytes.
pub const LONGEST_LINE: u64 = 16 << 20;
