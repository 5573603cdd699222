//! The modules that speak foreign protocols, a folder each, under the names that Kamailio's users know.

#![warn(missing_docs)]

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[];
