//! Real database servers for tests: each one's own, with its own data folder and port, started by the test and gone with it.
//!
//! They are Debian's packages (`scripts/setup.sh` installs them without leaving their services running). Started by root
//! they drop to the packages' own users. What is missing fails the test: nothing is skipped.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may end where it is surprised")]

mod folder;
mod mariadb;
mod postgres;
mod process;
mod sqlite;

pub use folder::Folder;
pub use mariadb::MariaDb;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

/// User, password and database of every server: Kamailio's own defaults.
pub const USER: &str = "kamailio";
/// Its password.
pub const PASSWORD: &str = "kamailiorw";
/// The database, empty at first.
pub const NAME: &str = "kamailio";
