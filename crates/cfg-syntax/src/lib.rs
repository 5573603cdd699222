//! The Kamailio configuration language: sources, preprocessor, lexer, parser with recovery.
//!
//! The parser never fails: it returns a tree *and* a list of [`Diagnostic`]s. This crate knows neither SIP
//! nor any module; what a name means is `cfg-vm`'s business. It reads no file by itself: a [`source::Loader`]
//! is handed in.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod ast;
pub mod diagnostic;
mod lex;
pub mod options;
pub mod parse;
mod preprocess;
pub mod print;
pub mod source;
pub mod template;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use options::{AnyModule, CommandLine, Modules, Options, Predefined};
pub use parse::{Parsed, parse};
pub use preprocess::Define;
pub use source::{FileId, SourceMap, Span, Spanned};
pub use template::{Place, parse_pv, parse_template};
