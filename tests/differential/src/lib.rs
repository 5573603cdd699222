//! The differential test: the same configuration and the same messages through Kamailio and through Tandem.
//!
//! A **case** is a folder with a real `kamailio.cfg` and a `messages.sip`; each message is one
//! message/configuration **pair**. One start of the server serves all messages of a case, in order. What comes
//! out (every datagram and stream message at every endpoint, and the script's own log lines) is an
//! [`outcome::Outcome`]; [`normal::Normaliser`] replaces what must differ between two runs, consistently, and
//! the text that remains is compared with the recording of Kamailio in `expected.out` beside the case.
//!
//! Nothing sleeps: after each message a *sentinel* request goes the same way, and `cases/common.cfg` answers
//! it first thing. One worker handles both in order, so its answer shows that all that the message caused has
//! been sent.
//!
//! A case may hold **scenarios** instead (`flows.txt`): whole calls with several endpoints, timers and
//! retransmissions, for what a server remembers. Each is one pair, too.
//!
//! This crate knows nothing of Tandem's own crates: it must be able to disagree with them. It starts either
//! server by Kamailio's command line only.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod case;
pub mod coverage;
pub mod differences;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod flow;
pub mod message;
pub mod network;
pub mod normal;
pub mod outcome;
mod party;
mod play;
pub mod recording;
pub mod run;
pub mod server;
pub mod stream;

pub use error::{Error, Result};
