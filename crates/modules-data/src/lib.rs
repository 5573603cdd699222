//! The modules that keep or ask for data, a folder each, under the names that Kamailio's users know.
//!
//! They reach databases through `store` only, and wait for them without holding a shard.

#![warn(missing_docs)]

pub mod acc;
pub mod database;
pub mod db_mysql;
pub mod db_postgres;
pub mod db_sqlite;
pub mod htable;
pub mod registrar;
pub mod sqlops;
pub mod usrloc;

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[
    &acc::MODULE,
    &db_sqlite::MODULE,
    &db_mysql::MODULE,
    &db_postgres::MODULE,
    &sqlops::MODULE,
    &htable::MODULE,
    &registrar::MODULE,
    &usrloc::MODULE,
];
