//! The modules that speak foreign protocols, a folder each, under the names that Kamailio's users know.

#![warn(missing_docs)]

pub mod commands;
pub mod ctl;
pub mod jsonrpcs;
mod owner;
pub mod xhttp;

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[&ctl::MODULE, &jsonrpcs::MODULE, &xhttp::MODULE];
