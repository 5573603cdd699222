//! The engine: shards, message context, module registry, stateless forwarding and replies, waiting, reload,
//! statistics.
//!
//! It names no module: which there are is told by [`running::Registry::new`]. It knows neither HTTP nor JSON.

#![warn(missing_docs)]

mod apply;
pub mod args;
pub mod branch;
pub mod context;
pub mod cx;
pub mod event;
pub mod forward;
pub mod identity;
mod keyword;
pub mod listener;
pub mod log;
pub mod module;
mod onsend;
mod options;
mod received;
pub mod reply;
pub mod rpc;
pub mod running;
pub mod server;
pub mod services;
pub mod setup;
mod shard;
mod sink;
pub mod statistics;
mod trace;
pub mod tuned;
pub mod variables;

pub use args::Args;
pub use context::Context;
pub use cx::Cx;
pub use listener::{Listener, ListenerId, Listeners};
pub use module::{Flow, Function, Module, Param, Pv, PvArgs, Resume, Transform};
pub use received::is_readable;
pub use running::{Registry, Running};
pub use server::Server;
pub use setup::{Setup, SetupError};
