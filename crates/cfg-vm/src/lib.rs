//! What a configuration means: names resolved against a [`catalogue`], mistakes found, routes compiled to
//! bytecode, and the machine that runs it.
//!
//! This crate knows neither SIP nor sockets nor clocks. Whatever a script reads, writes or calls goes through
//! the [`Host`] trait, and every name that exists comes from the [`catalogue::Catalogue`] that the caller
//! fills from its modules' tables. A running route is an [`Execution`]: an owned value whose frames can be
//! parked when a function waits, and resumed on any thread.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod catalogue;
pub mod host;
pub mod program;
pub mod value;

pub use catalogue::Catalogue;
pub use host::{ArgValue, Call, Host, Index, Inner};
pub use value::{Str, Value};
