//! What a running route sees of the world.

use std::sync::Arc;

use cfg_syntax::Span;
use cfg_syntax::ast::Keyword;

use crate::catalogue::{FunctionId, Parsed, PvId};
use crate::program::{PvRef, RouteId, TemplateRef};
use crate::value::{Str, Value};

/// An argument of a call, as [`crate::catalogue::ArgKind`] says.
#[derive(Clone, Debug)]
pub enum ArgValue {
    /// Text.
    Str(Str),
    /// Number.
    Int(i64),
    /// Undefined.
    Null,
    /// A pseudo-variable of the program, read and written through [`crate::read`] and
    /// [`crate::write`].
    Pv(PvRef),
    /// A route of the program.
    Route(RouteId),
    /// What the function's parser made of a constant.
    Parsed(Parsed),
    /// Text of the program that the function evaluates when it needs it, through [`crate::evaluate`].
    Template(TemplateRef),
}

/// What a function answers.
#[derive(Debug)]
pub enum Call {
    /// Its return code: above 0 true, below 0 false, 0 ends the script.
    Done(i64),
    /// Its return code, which `$rc` does not tell: the core's functions leave that as it was.
    Kept(i64),
    /// It waits: the machine parks; the host keeps what it waits for and resumes with the code.
    Wait,
    /// Run this route in a frame of its own; its code is the function's.
    Route(RouteId),
    /// Ends the script as `exit` does.
    Exit,
    /// Ends the script as `drop` does.
    Drop,
}

/// What stands in a pseudo-variable's parentheses when it is read or written.
#[derive(Clone, Copy, Debug)]
pub enum Inner<'a> {
    /// Nothing.
    None,
    /// Text.
    Text(&'a Str),
    /// What the declaration's parser made of it.
    Parsed(&'a Parsed),
}

/// Which of several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// No brackets: the first (or newest).
    None,
    /// `[n]`; negative from the end.
    At(i64),
    /// `[*]`.
    All,
}

/// A value could not be written; the host has logged nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The value's type or form does not fit: why.
    Unfit(String),
    /// There is nothing to write to in this route.
    NotHere,
}

/// Something that the running script ought to be told; the host logs it with the place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// Text that is not a number was taken for one (it counts as 0).
    NotANumber(&'a [u8]),
    /// Division by zero: the statement was skipped.
    DivisionByZero,
    /// A `while` ran into `max_while_loops`; the script goes on after it.
    LoopLimit(u32),
    /// The step limit cut the script.
    StepLimit(u64),
    /// Routes called routes deeper than allowed; the call failed.
    Recursion(u32),
    /// `route($var(x))` named none.
    NoRoute(&'a [u8]),
    /// An assignment failed.
    Write(&'a WriteError),
    /// A regular expression made at run time does not parse.
    Regex(&'a str),
    /// An argument made at run time does not parse: the call failed.
    Argument(&'a str),
}

/// What step tracing shows of a statement.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A statement begins.
    Statement {
        /// Its place.
        span: Span,
        /// A word for what it does: `if`, `assign`, or the function's name.
        what: &'a str,
    },
    /// A pseudo-variable was read.
    Read {
        /// As written.
        span: Span,
        /// What came out.
        value: &'a Value,
    },
    /// A function or route came back.
    Returned {
        /// The code.
        code: i64,
    },
    /// A variable was written.
    Wrote {
        /// As written.
        span: Span,
        /// What went in.
        value: &'a Value,
    },
    /// A route was entered.
    Enter(RouteId),
    /// A route was left.
    Leave(RouteId),
}

/// What the machine needs of its surroundings. Ids are the catalogue's.
pub trait Host {
    /// Reads a pseudo-variable. Plain ones only: transformations, inner text and indexes are evaluated by
    /// the machine before.
    fn read(&mut self, pv: PvId, inner: Inner<'_>, index: Index) -> Value;

    /// Writes a pseudo-variable; [`Value::Null`] deletes.
    fn write(&mut self, pv: PvId, inner: Inner<'_>, index: Index, value: Value) -> Result<(), WriteError>;

    /// Calls a function.
    fn call(&mut self, function: FunctionId, arguments: &[ArgValue]) -> Call;

    /// A bare keyword's value. Numbers: ports, lengths, `status`. Text: addresses without brackets, `proto` as
    /// `udp`, `tcp`, `tls`, `sctp`, `ws`, `wss`, `af` as `inet` or `inet6`, and the rest.
    fn keyword(&mut self, keyword: Keyword) -> Value;

    /// `keyword == myself`.
    fn is_myself(&mut self, keyword: Keyword) -> bool;

    /// `src_ip == 10.0.0.0/8` or a host name: compares an address keyword with an address, network or name.
    fn address_matches(&mut self, keyword: Keyword, pattern: &AddressPattern) -> bool;

    /// A select (`@ruri.user`), as written.
    fn select(&mut self, path: &str) -> Value;

    /// A statement of a route is about to run: what `$cfg(line)` and log lines with a place tell. Called for
    /// each statement, so it must be cheap.
    fn at(&mut self, route: RouteId, span: Span);

    /// `$rc` as last set: what a function that evaluates `$rc` itself (`xlog`) sees. The machine sets it
    /// before it runs anything and after each function and route.
    fn return_code(&self) -> i64;

    /// Keeps the return code for [`Host::return_code`].
    fn set_return_code(&mut self, code: i64);

    /// Tells the log.
    fn notice(&mut self, span: Span, notice: Notice<'_>);

    /// Called while tracing is on in the execution.
    fn step(&mut self, step: Step<'_>);
}

/// What an address is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressPattern {
    /// An address or network.
    Net {
        /// Address.
        address: std::net::IpAddr,
        /// Prefix length.
        prefix: u8,
    },
    /// A host name, to be resolved by the host.
    Name(Arc<str>),
}
