//! The modules that speak foreign protocols, a folder each, under the names that Kamailio's users know.

#![warn(missing_docs)]

pub mod cfg_rpc;
pub mod commands;
pub mod counters;
pub mod ctl;
pub mod jsonrpcs;
mod owner;
mod relayed;
pub mod rtpengine;
pub mod rtpproxy;
pub mod tls;
pub mod xhttp;
pub mod xhttp_prom;

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[
    &cfg_rpc::MODULE,
    &counters::MODULE,
    &ctl::MODULE,
    &jsonrpcs::MODULE,
    &rtpengine::MODULE,
    &rtpproxy::MODULE,
    &tls::MODULE,
    &xhttp::MODULE,
    &xhttp_prom::MODULE,
];
