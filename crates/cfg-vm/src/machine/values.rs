//! Values on the stack: operators, comparisons, decisions.

use super::run::Run;
use crate::host::{Host, Notice};
use crate::op::Op;
use crate::operate;
use crate::program::CaseTest;
use crate::regex::{Flags, Regex};
use crate::value::{Str, Value};

impl<H: Host> Run<'_, H> {
    #[inline(always)]
    pub(super) fn jump(&mut self, op: Op) {
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

    #[inline(always)]
    pub(super) fn operate(&mut self, op: Op) {
        match op {
            Op::ToInt => {
                let number = self.pop_int();
                self.push(Value::Int(number));
            }
            Op::ToStr => {
                let text = self.pop().into_str();
                self.push(Value::Str(text));
            }
            Op::Not => {
                let is_zero = self.pop_int() == 0;
                self.truth(is_zero);
            }
            Op::Negate => self.unary(i64::wrapping_neg),
            Op::BitNot => self.unary(|number| !number),
            Op::Defined => {
                let defined = !self.pop().is_null();
                self.truth(defined);
            }
            Op::StrLen => {
                let length = self.pop().to_str().len();
                self.push(Value::Int(length as i64));
            }
            Op::StrEmpty => {
                let is_empty = self.pop().to_str().is_empty();
                self.truth(is_empty);
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
                self.truth(equal != negated);
            }
            Op::EqualFoldPair(negated) => {
                let (left, right) = self.pop_pair();
                let equal = operate::equal_fold(&left, &right);
                self.truth(equal != negated);
            }
            Op::Match(index) => {
                let text = self.pop().into_str();
                let found = self.program.patterns[index as usize].is_match(&text);
                self.truth(found);
            }
            Op::MatchMade => self.match_made(),
            _ => {}
        }
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
        self.truth(equal != negated);
    }

    fn match_made(&mut self) {
        let pattern = self.pop().into_str();
        let text = self.pop().into_str();
        match Regex::cached(&pattern, Flags { ignore_case: true, newline: false }) {
            Ok(regex) => {
                let found = regex.is_match(&text);
                self.truth(found);
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

    /// Pushes 1 or 0. A jump that would take it at once is taken here, so that conditions push nothing.
    pub(super) fn truth(&mut self, truth: bool) {
        let taken = match self.program.code[self.execution.pc as usize] {
            Op::JumpUnlessPositive(target) | Op::JumpIfZero(target) => (!truth).then_some(target),
            Op::JumpIfNotZero(target) => truth.then_some(target),
            _ => return self.push(Value::Int(truth.into())),
        };
        self.execution.pc = taken.unwrap_or(self.execution.pc + 1);
    }

    fn unary(&mut self, f: impl FnOnce(i64) -> i64) {
        let number = self.pop_int();
        self.push(Value::Int(f(number)));
    }

    pub(super) fn pop_int(&mut self) -> i64 {
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

    pub(super) fn push(&mut self, value: Value) {
        self.execution.stack.push(value);
    }

    /// The compiler pushes before it pops, so there is always one.
    pub(super) fn pop(&mut self) -> Value {
        self.execution.stack.pop().unwrap_or_default()
    }

    fn pop_pair(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }
}
