//! Commands to a running server: binrpc and JSON-RPC, the sockets that take them, and the client's end.
//!
//! What the commands do is not known here: a [`Handler`] carries them out. The codecs ([`binrpc`], [`json`]) are pure;
//! a [`Desk`] answers over unix stream and datagram sockets, TCP and UDP, in whichever of the two formats it is asked;
//! a [`Client`] asks over any of them.
//!
//! Whether a configuration loads `ctl` or not, a server has a private socket ([`own_place`]) that only its own user may
//! open, so that `tandem ctl app.reload` always works.

#![warn(missing_docs)]

mod address;
pub mod binrpc;
mod client;
pub mod json;
mod listen;
pub mod metrics;
mod place;
mod value;

pub use address::{Address, NoAddress, PORT};
pub use client::{Client, ClientError};
pub use listen::{Connection, Desk, Limits, Listening, Ownership};
pub use place::{Place, find, own_place};
pub use value::{Answer, Handler, Refusal, Value};
