//! Databases behind Kamailio's own operations: untyped key, operator, value over named tables and columns.
//!
//! `Database` is made from a URL and is cheap to clone; everything it does is asynchronous. `Session` is one connection,
//! held for as long as a route wants it. Table layouts are found by their column names, whatever version made them.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
