//! SIP transactions by RFC 3261 §17 with the corrections of RFC 6026, without I/O.
//!
//! * [`client`] and [`server`] are the four machines: tables from a state and an event to the next state and what to do.
//! * [`Timing`] holds how long their timers run, [`TimerWheel`] runs them.
//! * [`matching`] makes the keys under which server transactions are found.
//! * [`hop`] writes the CANCEL and ACK that a client transaction sends by itself.
//!
//! The crate knows nothing of sockets, clocks or configuration: the caller says what happened and what time it is, and
//! does what a [`Step`](client::Step) asks for.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod actions;
pub mod client;
pub mod hop;
pub mod matching;
pub mod server;
mod slab;
mod timing;
mod wheel;

pub use actions::Actions;
pub use matching::{MergeKey, ServerKey};
pub use timing::Timing;
pub use wheel::{TimerId, TimerWheel};

/// Which of the two pairs of machines: an INVITE's transaction ends with an ACK, any other's with its final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// INVITE (RFC 3261 §17.1.1 and §17.2.1).
    Invite,
    /// Every other method but ACK (RFC 3261 §17.1.2 and §17.2.2).
    NonInvite,
}
