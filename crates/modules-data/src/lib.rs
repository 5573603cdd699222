//! The modules that keep or ask for data, a folder each, under the names that Kamailio's users know.
//!
//! They reach databases through `store` only, and wait for them without holding a shard.

#![warn(missing_docs)]

pub mod acc;
pub mod alias_db;
pub mod auth_db;
pub mod database;
pub mod db_mysql;
pub mod db_postgres;
pub mod db_sqlite;
pub mod dialog;
pub mod domain;
pub mod group;
pub mod htable;
pub mod nathelper;
pub mod permissions;
pub mod presence;
pub mod presence_xml;
pub mod registrar;
mod source;
pub mod speeddial;
pub mod sqlops;
pub mod uri_db;
pub mod usrloc;

use engine::Module;

/// All modules of this crate.
pub const ALL: &[&Module] = &[
    &acc::MODULE,
    &db_sqlite::MODULE,
    &db_mysql::MODULE,
    &db_postgres::MODULE,
    &sqlops::MODULE,
    &alias_db::MODULE,
    &auth_db::MODULE,
    &domain::MODULE,
    &group::MODULE,
    &permissions::MODULE,
    &speeddial::MODULE,
    &uri_db::MODULE,
    &dialog::MODULE,
    &htable::MODULE,
    &nathelper::MODULE,
    &presence::MODULE,
    &presence_xml::MODULE,
    &registrar::MODULE,
    &usrloc::MODULE,
];
