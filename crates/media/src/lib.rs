//! Media relays beside a SIP proxy.
//!
//! Without I/O: [`bencode`] both ways, the commands of rtpengine's ng protocol ([`ng`]) with the words that scripts write for
//! them ([`flags`]), and the lines of rtpproxy ([`line`]). With I/O: [`client`] asks a node, with cookies, timeouts and
//! retries. [`nodes`] keeps sets of nodes with weights, and which of them answer.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bencode;
pub mod client;
pub mod flags;
pub mod line;
pub mod ng;
pub mod nodes;
pub mod relay;
