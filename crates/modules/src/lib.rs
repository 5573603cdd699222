//! The modules, a folder each, under the names that Kamailio's users know.
//!
//! Each folder's `mod.rs` is the module's face: one [`engine::Module`] table, from which the checker's messages,
//! the script's calls, RPC help and reference pages are made.

#![warn(missing_docs)]

pub mod async_;
pub mod auth;
pub mod cfgutils;
pub mod core;
pub mod corex;
pub mod debugger;
pub mod ipops;
pub mod kex;
pub mod maxfwd;
pub mod path;
pub mod pike;
pub mod pv;
pub mod rr;
pub mod rtimer;
pub mod sanity;
pub mod sender;
pub mod siptrace;
pub mod siputils;
pub mod sl;
pub mod textops;
pub mod textopsx;
pub mod tm;
pub mod tmx;
pub mod xlog;

use engine::Module;

/// All modules of this crate; `core` first.
pub const ALL: &[&Module] = &[
    &core::MODULE,
    &async_::MODULE,
    &auth::MODULE,
    &cfgutils::MODULE,
    &corex::MODULE,
    &debugger::MODULE,
    &ipops::MODULE,
    &kex::MODULE,
    &maxfwd::MODULE,
    &path::MODULE,
    &pike::MODULE,
    &pv::MODULE,
    &rr::MODULE,
    &rtimer::MODULE,
    &sanity::MODULE,
    &siptrace::MODULE,
    &siputils::MODULE,
    &sl::MODULE,
    &textops::MODULE,
    &textopsx::MODULE,
    &tm::MODULE,
    &tmx::MODULE,
    &xlog::MODULE,
];
