//! The modules that keep or ask for data, a folder each, under the names that Kamailio's users know.
//!
//! They reach databases through `store` only, and wait for them without holding a shard.

#![warn(missing_docs)]

pub mod acc;
pub mod htable;
pub mod registrar;
pub mod usrloc;

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[
    &acc::MODULE,
    &htable::MODULE,
    &registrar::MODULE,
    &usrloc::MODULE,
];
