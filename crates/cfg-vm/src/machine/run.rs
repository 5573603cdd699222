//! One run over the bytecode: statements, calls, routes.

use cfg_syntax::Span;
use cfg_syntax::ast::RouteKind;

use super::{End, Ended, Execution, Frame};
use crate::arguments;
use crate::host::{Call, Host, Notice, Step};
use crate::op::Op;
use crate::program::{ArgPlans, Program, PvRef, RouteId};
use crate::read::Reader;
use crate::value::Value;

/// The code of a `return` whose expression failed.
const FAILED_RETURN: i64 = -5;

/// What a call of a route that does not exist is worth.
const NO_ROUTE: i64 = -10;

/// Whether the run goes on.
pub(super) enum Next {
    Go,
    Stop(Ended),
}

/// One run's view: the registers, the program, the host.
pub(super) struct Run<'a, H> {
    pub(super) execution: &'a mut Execution,
    pub(super) program: &'a Program,
    pub(super) host: &'a mut H,
}

impl<'a, H: Host> Run<'a, H> {
    pub(super) fn new(execution: &'a mut Execution, program: &'a Program, host: &'a mut H) -> Self {
        Self { execution, program, host }
    }

    pub(super) fn until_stop(&mut self) -> Ended {
        loop {
            let op = self.program.code[self.execution.pc as usize];
            self.execution.pc += 1;
            if let Next::Stop(ended) = self.step(op) {
                return ended;
            }
        }
    }

    // One caller, on every operation's way: inlined, the loop keeps its registers.
    #[inline(always)]
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
                self.truth(is_myself);
            }
            Op::Address(index) => {
                let (keyword, pattern) = &self.program.addresses[index as usize];
                let matches = self.host.address_matches(*keyword, pattern);
                self.truth(matches);
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
        let outcome = match &site.arguments {
            ArgPlans::Constant(arguments) => self.host.call(site.function, arguments),
            ArgPlans::Made(plans) => {
                let span = self.span();
                let execution = &mut *self.execution;
                let mut buffers = arguments::Buffers {
                    stack: &mut execution.stack,
                    scratch: &mut execution.scratch,
                    arguments: &mut execution.arguments,
                    trace: execution.trace,
                    span,
                };
                let fits = arguments::make(plans, self.program, self.host, &mut buffers);
                if !fits {
                    self.execution.arguments.clear();
                    return self.called(-1);
                }
                let outcome = self.host.call(site.function, &self.execution.arguments);
                self.execution.arguments.clear();
                outcome
            }
        };
        self.answered(outcome)
    }

    /// A function answered, at once or after it waited.
    pub(super) fn answered(&mut self, answer: Call) -> Next {
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
        let name = self.pop().into_str();
        match self.program.route(RouteKind::Named, &name) {
            Some(route) => self.enter(route, false),
            None => {
                let span = self.span();
                self.host.notice(span, Notice::NoRoute(&name));
                // `$rc` stays what it was: nothing ran.
                self.execution.rc = NO_ROUTE;
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

    pub(super) fn frame(&mut self) -> &mut Frame {
        self.execution.frames.last_mut().expect("a running script has a frame")
    }

    pub(super) fn span(&self) -> Span {
        self.program.spans[self.execution.pc as usize - 1]
    }

    fn reader(&mut self) -> Reader<'_, H> {
        Reader::new(self.host, &self.program.pool, &mut self.execution.scratch, self.execution.trace)
    }
}
