//! The interpreter: frames instead of recursion, so that a script can be parked anywhere a function waits.

mod run;
mod values;

use std::sync::Arc;

use cfg_syntax::Span;

use crate::host::{ArgValue, Call, Host};
use crate::program::{Program, RouteId};
use crate::value::Value;
use run::{Next, Run};

pub use crate::read::{evaluate, read, write};

/// Where a script is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements and turns of loops in one run.
    pub steps: u64,
    /// Turns of one `while` (`max_while_loops`); 0: no limit.
    pub loops: u32,
    /// Routes inside routes (`max_recursive_level`).
    pub recursion: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, loops: 100, recursion: 256 }
    }
}

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
    /// The route's value: 1 for a plain `exit`, 0 for a plain `drop`. A reply route that ends with 0 or less
    /// discards its reply.
    pub code: i64,
    /// It ended by `drop`.
    pub drop: bool,
    /// It ended by `exit`, `drop`, or a code of 0, not by running off its end or returning from it.
    pub exit: bool,
}

/// A running script: its frames and registers. A finished one keeps its buffers for the next start, so that
/// one that is used again and again allocates nothing by itself.
#[derive(Debug)]
pub struct Execution {
    program: Option<Arc<Program>>,
    frames: Vec<Frame>,
    stack: Vec<Value>,
    /// Turns of the `while`s that are being run, innermost last.
    loops: Vec<u32>,
    arguments: Vec<ArgValue>,
    scratch: Vec<u8>,
    pc: u32,
    rc: i64,
    steps: u64,
    limits: Limits,
    trace: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    route: RouteId,
    /// Where the caller goes on.
    back: u32,
    /// Height of the stack and of the loops when it was entered.
    base: u32,
    loops: u32,
    /// What it is worth if it ends now.
    last: i64,
    /// Where a failed expression goes on.
    fail: u32,
    /// Its code is a function's, so that 0 ends the script.
    is_function: bool,
}

impl Default for Execution {
    fn default() -> Self {
        Self::new()
    }
}

impl Execution {
    /// An idle one.
    pub fn new() -> Self {
        Self {
            program: None,
            frames: Vec::new(),
            stack: Vec::new(),
            loops: Vec::new(),
            arguments: Vec::new(),
            scratch: Vec::new(),
            pc: 0,
            rc: 0,
            steps: 0,
            limits: Limits::default(),
            trace: false,
        }
    }

    /// Prepares a route's run; whatever ran before is forgotten. With `trace`, [`Host::step`] is told of all
    /// that happens.
    pub fn start(&mut self, program: &Arc<Program>, route: RouteId, limits: Limits, trace: bool) {
        self.frames.clear();
        self.stack.clear();
        self.loops.clear();
        self.rc = 0;
        self.steps = 0;
        self.limits = limits;
        self.trace = trace;
        self.pc = program.routes[route.0 as usize].entry;
        self.frames.push(Frame::outermost(route));
        // The same program as before is the rule: no need to touch its count.
        if !self.program.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, program)) {
            self.program = Some(Arc::clone(program));
        }
    }

    /// Runs until the script ends or waits. One that has not been started ends at once.
    pub fn run<H: Host>(&mut self, host: &mut H) -> Ended {
        host.set_return_code(self.rc);
        self.go(host, None)
    }

    /// Goes on after a wait with what the waiting function answers now.
    pub fn resume<H: Host>(&mut self, answer: Call, host: &mut H) -> Ended {
        self.go(host, Some(answer))
    }

    /// The statement that runs, or at which the script is parked.
    pub fn current_span(&self) -> Option<Span> {
        self.frames.last()?;
        self.program.as_ref()?.spans.get(self.pc.saturating_sub(1) as usize).copied()
    }

    /// The route that runs, or in which the script is parked.
    pub fn route(&self) -> Option<RouteId> {
        self.frames.last().map(|frame| frame.route)
    }

    /// Routes inside one another, outermost first.
    pub fn stack(&self) -> impl Iterator<Item = RouteId> {
        self.frames.iter().map(|frame| frame.route)
    }

    /// `$rc`.
    pub fn return_code(&self) -> i64 {
        self.rc
    }

    /// The program that was started last.
    pub fn program(&self) -> Option<&Arc<Program>> {
        self.program.as_ref()
    }

    fn go<H: Host>(&mut self, host: &mut H, resumed: Option<Call>) -> Ended {
        let idle = Ended::Finished(End { code: 1, drop: false, exit: false });
        if self.frames.is_empty() {
            return idle;
        }
        let Some(program) = self.program.take() else { return idle };
        let mut run = Run::new(self, &program, host);
        let ended = match resumed.map_or(Next::Go, |answer| run.answered(answer)) {
            Next::Stop(ended) => ended,
            Next::Go => run.until_stop(),
        };
        if ended != Ended::Parked {
            self.frames.clear();
            self.stack.clear();
            self.loops.clear();
        }
        self.program = Some(program);
        ended
    }
}

impl Frame {
    fn outermost(route: RouteId) -> Self {
        Self { route, back: 0, base: 0, loops: 0, last: 1, fail: 0, is_function: false }
    }
}
