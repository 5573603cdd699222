//! What a configuration means: names resolved against a [`catalogue`], mistakes found, routes compiled to
//! bytecode, and the machine that runs it.
//!
//! This crate knows neither SIP nor sockets nor clocks. Whatever a script reads, writes or calls goes through
//! the [`Host`] trait, and every name that exists comes from the [`catalogue::Catalogue`] that the caller
//! fills from its modules' tables. A running route is an [`Execution`]: an owned value whose frames can be
//! parked when a function waits, and resumed on any thread.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arguments;
mod bind;
pub mod bound;
pub mod catalogue;
pub mod check;
mod compile;
pub mod host;
pub mod known;
pub mod machine;
pub mod number;
mod op;
mod operate;
pub mod program;
mod read;
pub mod regex;
mod scope;
pub mod settings;
pub mod subst;
mod suggest;
pub mod transform;
pub mod value;

pub use bound::{BoundPv, BoundTemplate, bind_pv, bind_template, evaluate_bound, read_bound, write_bound};
pub use catalogue::Catalogue;
pub use check::{Loadable, Outcome, load};
pub use host::{ArgValue, Call, Host, Index, Inner};
pub use machine::{End, Ended, Execution, Limits, evaluate, read, write};
pub use program::{Program, PvRef, RouteId, TemplateRef};
pub use regex::Regex;
pub use settings::Settings;
pub use value::{Str, Value};
