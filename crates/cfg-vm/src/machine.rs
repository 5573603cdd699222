//! The interpreter.

use std::sync::Arc;

use cfg_syntax::Span;

use crate::host::{Host, WriteError};
use crate::program::{Program, PvRef, RouteId, TemplateRef};
use crate::value::{Str, Value};

/// Where a script is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements and loop tests in one run.
    pub steps: u64,
    /// Iterations of one `while` (`max_while_loops`); 0: no limit.
    pub loops: u32,
    /// Routes inside routes (`max_recursive_level`).
    pub recursion: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, loops: 100, recursion: 256 }
    }
}

/// A running script: its frames and registers. Reusable: a finished one keeps its buffers for the next start.
#[derive(Debug, Default)]
pub struct Execution {}

/// Why the machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The script ended.
    Finished(End),
    /// A function waits; [`Execution::resume`] goes on.
    Parked,
    /// The step limit cut the script here.
    Cut(Span),
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The last return code.
    pub code: i64,
    /// It was dropped.
    pub drop: bool,
    /// It ended by `exit`, `drop`, or a code of 0, not by running off its end.
    pub exit: bool,
}

impl Execution {
    /// An idle one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prepares a route's run. With `trace`, [`Host::step`] is told of all that happens.
    pub fn start(&mut self, program: &Arc<Program>, route: RouteId, limits: Limits, trace: bool) {
        let _ = (program, route, limits, trace);
    }

    /// Runs until the script ends or waits.
    pub fn run<H: Host>(&mut self, host: &mut H) -> Ended {
        let _ = host;
        Ended::Finished(End { code: 1, drop: false, exit: false })
    }

    /// Goes on after a wait with the waiting function's code.
    pub fn resume<H: Host>(&mut self, code: i64, host: &mut H) -> Ended {
        let _ = code;
        self.run(host)
    }

    /// The statement that runs, or at which the script is parked.
    pub fn current_span(&self) -> Option<Span> {
        None
    }

    /// The route that runs, or in which the script is parked.
    pub fn route(&self) -> Option<RouteId> {
        None
    }

    /// Routes inside one another, outermost first.
    pub fn stack(&self) -> impl Iterator<Item = RouteId> {
        std::iter::empty()
    }

    /// `$rc`.
    pub fn return_code(&self) -> i64 {
        0
    }
}

/// Reads a pseudo-variable of a program.
pub fn read<H: Host>(host: &mut H, program: &Program, pv: PvRef) -> Value {
    let _ = (host, program, pv);
    Value::Null
}

/// Writes a pseudo-variable of a program; [`Value::Null`] deletes.
pub fn write<H: Host>(host: &mut H, program: &Program, pv: PvRef, value: Value) -> Result<(), WriteError> {
    let _ = (host, program, pv, value);
    Ok(())
}

/// The text of a template of a program.
pub fn evaluate<H: Host>(host: &mut H, program: &Program, template: TemplateRef) -> Str {
    let _ = (host, program, template);
    Str::EMPTY
}
