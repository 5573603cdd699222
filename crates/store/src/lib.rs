//! Databases behind Kamailio's own operations: untyped key, operator, value over named tables and columns.
//!
//! [`Database`] is made from a URL and is cheap to clone; everything it does is asynchronous. [`Session`] is one connection,
//! held for as long as a route wants it. Table layouts are met by their column names, whatever version made them.
//!
//! Values are always bound, never pasted into SQL; names are checked and quoted. It must not know SIP, nor the engine.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod connection;
mod database;
mod error;
pub mod layout;
mod operation;
mod options;
mod pool;
mod session;
mod statement;
mod time;
mod url;
mod value;

pub use database::Database;
pub use error::{Error, UrlError};
pub use operation::{Cell, Change, Key, Op, Query};
pub use options::{Journal, Options};
pub use session::Session;
pub use url::scheme;
pub use value::{Outcome, Row, Value};
