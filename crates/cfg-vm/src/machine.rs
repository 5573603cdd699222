//! The interpreter: frames instead of recursion, so that a script can be parked anywhere a function waits.

use std::sync::Arc;

use cfg_syntax::Span;

use crate::arguments;
use crate::host::{ArgValue, Call, Host, Notice, Step};
use crate::op::Op;
use crate::operate;
use crate::program::{CaseTest, Program, PvRef, RouteId};
use crate::read::Reader;
use crate::regex::{Flags, Regex};
use crate::value::{Str, Value};

pub use crate::read::{evaluate, read, write};

/// The code of a `return` whose expression failed.
const FAILED_RETURN: i64 = -5;

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

enum Next {
    Go,
    Stop(Ended),
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
        let mut run = Run { execution: self, program: &program, host };
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

/// One run's view: the registers, the program, the host.
struct Run<'a, H> {
    execution: &'a mut Execution,
    program: &'a Program,
    host: &'a mut H,
}

impl<H: Host> Run<'_, H> {
    fn until_stop(&mut self) -> Ended {
        loop {
            let op = self.program.code[self.execution.pc as usize];
            self.execution.pc += 1;
            if let Next::Stop(ended) = self.step(op) {
                return ended;
            }
        }
    }

    fn step(&mut self, op: Op) -> Next {
        match op {
            Op::Statement(name) => return self.statement(name),
            Op::Guard(target) => self.frame().fail = target,
            Op::Const(index) => self.push(self.program.constants[index as usize].clone()),
            Op::Int(number) => self.push(Value::Int(number.into())),
            Op::Read(pv) => {
                let value = self.reader().read(pv);
                self.push(value);
            }
            Op::Write(pv) => self.write(pv),
            Op::Keyword(keyword) => {
                let value = self.host.keyword(keyword);
                self.push(value);
            }
            Op::Select(name) => {
                let value = self.host.select(&self.program.names[name as usize]);
                self.push(value);
            }
            Op::Myself(keyword) => {
                let is_myself = self.host.is_myself(keyword);
                self.push(Value::Int(is_myself.into()));
            }
            Op::Address(index) => {
                let (keyword, pattern) = &self.program.addresses[index as usize];
                let matches = self.host.address_matches(*keyword, pattern);
                self.push(Value::Int(matches.into()));
            }
            Op::PushCode => self.push(Value::Int(self.execution.rc)),
            Op::PushTruth => self.push(Value::Int((self.execution.rc > 0).into())),
            Op::PushLast => {
                let last = self.frame().last;
                self.push(Value::Int(last));
            }
            Op::Call(site) => return self.call(site),
            Op::Enter(route) => return self.enter(route, false),
            Op::EnterNamed => return self.enter_named(),
            Op::Leave => {
                let code = self.frame().last;
                return self.leave(code);
            }
            Op::Return => {
                let code = self.pop_int();
                return if code == 0 {
                    self.finish(End { code, drop: false, exit: true })
                } else {
                    self.leave(code)
                };
            }
            Op::ReturnFailed => return self.leave(FAILED_RETURN),
            Op::Break => return self.leave(0),
            Op::Exit => {
                let code = self.pop_int();
                return self.finish(End { code, drop: false, exit: true });
            }
            Op::Drop => {
                let code = self.pop_int();
                return self.finish(End { code, drop: true, exit: true });
            }
            Op::LoopEnter => self.execution.loops.push(0),
            Op::LoopTurn(target) => return self.turn(target),
            Op::LoopLeave => {
                self.execution.loops.pop();
            }
            Op::Last(code) => self.frame().last = code.into(),
            Op::LastFromCode => {
                let code = self.execution.rc;
                self.frame().last = code;
            }
            jump @ (Op::Jump(_)
            | Op::JumpUnlessPositive(_)
            | Op::JumpIfZero(_)
            | Op::JumpIfNotZero(_)
            | Op::JumpUnlessTrue(_)
            | Op::JumpIfTrue(_)
            | Op::JumpIfInt(_)
            | Op::Switch(_)) => self.jump(jump),
            operator => self.operate(operator),
        }
        Next::Go
    }

    fn jump(&mut self, op: Op) {
        let (taken, target) = match op {
            Op::Jump(target) => (true, target),
            Op::JumpUnlessPositive(target) => (self.pop_int() <= 0, target),
            Op::JumpIfZero(target) => (self.pop_int() == 0, target),
            Op::JumpIfNotZero(target) => (self.pop_int() != 0, target),
            Op::JumpUnlessTrue(target) => (self.execution.rc <= 0, target),
            Op::JumpIfTrue(target) => (self.execution.rc > 0, target),
            Op::JumpIfInt(target) => (matches!(self.execution.stack.last(), Some(Value::Int(_))), target),
            Op::Switch(index) => (true, self.case(index)),
            _ => return,
        };
        if taken {
            self.execution.pc = target;
        }
    }

    fn operate(&mut self, op: Op) {
        match op {
            Op::ToInt => {
                let number = self.pop_int();
                self.push(Value::Int(number));
            }
            Op::ToStr => {
                let text = self.pop().to_str();
                self.push(Value::Str(text));
            }
            Op::Not => self.unary(|number| i64::from(number == 0)),
            Op::Negate => self.unary(i64::wrapping_neg),
            Op::BitNot => self.unary(|number| !number),
            Op::Defined => {
                let defined = !self.pop().is_null();
                self.push(Value::Int(defined.into()));
            }
            Op::StrLen => {
                let length = self.pop().to_str().len();
                self.push(Value::Int(length as i64));
            }
            Op::StrEmpty => {
                let is_empty = self.pop().to_str().is_empty();
                self.push(Value::Int(is_empty.into()));
            }
            Op::Add => self.add(),
            Op::Concat => {
                let (left, right) = self.pop_pair();
                let text = self.concat(&left.to_str(), &right.to_str());
                self.push(Value::Str(text));
            }
            Op::Arith(arith) => {
                let right = self.pop_int();
                let left = self.pop_int();
                match arith.apply(left, right) {
                    Some(number) => self.push(Value::Int(number)),
                    None => self.fail(&Notice::DivisionByZero),
                }
            }
            Op::Equal(negated) => {
                let (left, right) = self.pop_pair();
                self.equal(negated, &left, &right);
            }
            Op::EqualConst(negated, index) => {
                let left = self.pop();
                self.equal(negated, &left, &self.program.constants[index as usize]);
            }
            Op::EqualFold(negated, index) => {
                let left = self.pop();
                let equal = operate::equal_fold(&left, &self.program.constants[index as usize]);
                self.push(Value::Int((equal != negated).into()));
            }
            Op::EqualFoldPair(negated) => {
                let (left, right) = self.pop_pair();
                let equal = operate::equal_fold(&left, &right);
                self.push(Value::Int((equal != negated).into()));
            }
            Op::Match(index) => {
                let text = self.pop().to_str();
                let found = self.program.patterns[index as usize].is_match(&text);
                self.push(Value::Int(found.into()));
            }
            Op::MatchMade => self.match_made(),
            _ => {}
        }
    }

    fn statement(&mut self, name: u32) -> Next {
        let execution = &mut *self.execution;
        let span = self.program.spans[execution.pc as usize - 1];
        execution.steps += 1;
        if execution.steps > execution.limits.steps {
            self.host.notice(span, Notice::StepLimit(execution.limits.steps));
            return Next::Stop(Ended::Cut(span));
        }
        if let Some(frame) = execution.frames.last() {
            self.host.at(frame.route, span);
        }
        if execution.trace {
            self.host.step(Step::Statement { span, what: &self.program.names[name as usize] });
        }
        Next::Go
    }

    fn turn(&mut self, target: u32) -> Next {
        let span = self.span();
        let execution = &mut *self.execution;
        execution.steps += 1;
        if execution.steps > execution.limits.steps {
            self.host.notice(span, Notice::StepLimit(execution.limits.steps));
            return Next::Stop(Ended::Cut(span));
        }
        let limit = execution.limits.loops;
        if let Some(turns) = execution.loops.last_mut() {
            *turns += 1;
            if limit != 0 && *turns > limit {
                self.host.notice(span, Notice::LoopLimit(limit));
                self.frame().last = -1;
                self.execution.pc = target;
            }
        }
        Next::Go
    }

    fn call(&mut self, site: u32) -> Next {
        let site = &self.program.calls[site as usize];
        let span = self.span();
        let execution = &mut *self.execution;
        let made = arguments::make(
            &site.arguments,
            self.program,
            self.host,
            &mut arguments::Buffers {
                stack: &mut execution.stack,
                scratch: &mut execution.scratch,
                arguments: &mut execution.arguments,
                trace: execution.trace,
                span,
            },
        );
        if !made {
            self.execution.arguments.clear();
            return self.called(-1);
        }
        let outcome = self.host.call(site.function, &self.execution.arguments);
        self.execution.arguments.clear();
        self.answered(outcome)
    }

    /// A function answered, at once or after it waited.
    fn answered(&mut self, answer: Call) -> Next {
        match answer {
            Call::Done(code) => self.called(code),
            Call::Kept(code) => {
                self.execution.rc = code;
                self.after_call(code)
            }
            Call::Wait => Next::Stop(Ended::Parked),
            Call::Route(route) => self.enter(route, true),
            Call::Exit => self.finish(End { code: 1, drop: false, exit: true }),
            Call::Drop => self.finish(End { code: 0, drop: true, exit: true }),
        }
    }

    /// A function came back.
    fn called(&mut self, code: i64) -> Next {
        self.set_code(code);
        self.after_call(code)
    }

    /// 0 ends the script.
    fn after_call(&mut self, code: i64) -> Next {
        if code == 0 { self.finish(End { code, drop: false, exit: true }) } else { Next::Go }
    }

    fn set_code(&mut self, code: i64) {
        self.execution.rc = code;
        self.host.set_return_code(code);
        if self.execution.trace {
            self.host.step(Step::Returned { code });
        }
    }

    fn enter(&mut self, route: RouteId, is_function: bool) -> Next {
        let span = self.span();
        let execution = &mut *self.execution;
        if execution.frames.len() >= execution.limits.recursion as usize {
            self.host.notice(span, Notice::Recursion(execution.limits.recursion));
            return self.called(-1);
        }
        execution.frames.push(Frame {
            route,
            back: execution.pc,
            base: execution.stack.len() as u32,
            loops: execution.loops.len() as u32,
            last: 1,
            fail: 0,
            is_function,
        });
        execution.pc = self.program.routes[route.0 as usize].entry;
        if execution.trace {
            self.host.step(Step::Enter(route));
        }
        Next::Go
    }

    fn enter_named(&mut self) -> Next {
        let name = self.pop().to_str();
        match self.program.route(cfg_syntax::ast::RouteKind::Named, &name) {
            Some(route) => self.enter(route, false),
            None => {
                let span = self.span();
                self.host.notice(span, Notice::NoRoute(&name));
                self.set_code(-1);
                Next::Go
            }
        }
    }

    fn leave(&mut self, code: i64) -> Next {
        let Some(frame) = self.execution.frames.pop() else {
            return self.finish(End { code, drop: false, exit: false });
        };
        if self.execution.frames.is_empty() {
            self.execution.frames.push(frame);
            return self.finish(End { code, drop: false, exit: false });
        }
        self.execution.stack.truncate(frame.base as usize);
        self.execution.loops.truncate(frame.loops as usize);
        self.execution.pc = frame.back;
        if self.execution.trace {
            self.host.step(Step::Leave(frame.route));
        }
        if frame.is_function {
            return self.called(code);
        }
        self.set_code(code);
        Next::Go
    }

    fn finish(&mut self, end: End) -> Next {
        if self.execution.trace {
            for frame in self.execution.frames.iter().rev() {
                self.host.step(Step::Leave(frame.route));
            }
        }
        Next::Stop(Ended::Finished(end))
    }

    fn write(&mut self, pv: PvRef) {
        let value = self.pop();
        let last = match self.reader().write(pv, value) {
            Ok(()) => 1,
            Err(error) => {
                let span = self.span();
                self.host.notice(span, Notice::Write(&error));
                -1
            }
        };
        self.frame().last = last;
    }

    fn case(&mut self, index: u32) -> u32 {
        let switch = &self.program.switches[index as usize];
        let value = self.pop();
        let number = matches!(switch.cases.first(), Some((CaseTest::Int(_), _))).then(|| self.int_of(&value));
        let text = if number.is_none() { value.to_str() } else { Str::EMPTY };
        let found = switch.cases.iter().find(|(test, _)| match test {
            CaseTest::Int(case) => number == Some(*case),
            CaseTest::Str(case) => *case == text,
            CaseTest::Regex(regex) => regex.is_match(&text),
        });
        found.map_or(switch.otherwise, |(_, target)| *target)
    }

    fn add(&mut self) {
        let (left, right) = self.pop_pair();
        let sum = match &left {
            Value::Int(number) => Value::Int(number.wrapping_add(self.int_of(&right))),
            _ => Value::Str(self.concat(&left.to_str(), &right.to_str())),
        };
        self.push(sum);
    }

    fn concat(&mut self, left: &Str, right: &Str) -> Str {
        if right.is_empty() {
            return left.clone();
        }
        if left.is_empty() {
            return right.clone();
        }
        let scratch = &mut self.execution.scratch;
        let start = scratch.len();
        scratch.extend_from_slice(left);
        scratch.extend_from_slice(right);
        let text = Str::copy(&scratch[start..]);
        scratch.truncate(start);
        text
    }

    fn equal(&mut self, negated: bool, left: &Value, right: &Value) {
        let (equal, unread) = operate::equal(left, right);
        if let Some(text) = unread {
            let span = self.span();
            self.host.notice(span, Notice::NotANumber(text));
        }
        self.push(Value::Int((equal != negated).into()));
    }

    fn match_made(&mut self) {
        let pattern = self.pop().to_str();
        let text = self.pop().to_str();
        match Regex::cached(&pattern, Flags { ignore_case: true, newline: false }) {
            Ok(regex) => {
                let found = regex.is_match(&text);
                self.push(Value::Int(found.into()));
            }
            Err(error) => self.fail(&Notice::Regex(&error.0)),
        }
    }

    /// Gives up the statement's expression.
    fn fail(&mut self, notice: &Notice<'_>) {
        let span = self.span();
        self.host.notice(span, notice.clone());
        let (base, target) = {
            let frame = self.frame();
            (frame.base, frame.fail)
        };
        self.execution.stack.truncate(base as usize);
        self.execution.pc = target;
    }

    fn unary(&mut self, f: impl FnOnce(i64) -> i64) {
        let number = self.pop_int();
        self.push(Value::Int(f(number)));
    }

    fn pop_int(&mut self) -> i64 {
        let value = self.pop();
        self.int_of(&value)
    }

    fn int_of(&mut self, value: &Value) -> i64 {
        operate::int(value).unwrap_or_else(|text| {
            let span = self.span();
            self.host.notice(span, Notice::NotANumber(text));
            0
        })
    }

    fn push(&mut self, value: Value) {
        self.execution.stack.push(value);
    }

    /// The compiler pushes before it pops, so there is always one.
    fn pop(&mut self) -> Value {
        self.execution.stack.pop().unwrap_or_default()
    }

    fn pop_pair(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }

    fn frame(&mut self) -> &mut Frame {
        self.execution.frames.last_mut().expect("a running script has a frame")
    }

    fn span(&self) -> Span {
        self.program.spans[self.execution.pc as usize - 1]
    }

    fn reader(&mut self) -> Reader<'_, H> {
        Reader::new(self.host, &self.program.pool, &mut self.execution.scratch, self.execution.trace)
    }
}
