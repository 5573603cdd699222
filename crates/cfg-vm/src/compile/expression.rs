//! Expressions. Each is compiled for what its place wants: a number, any value, or a decision.
//!
//! The same `+` adds where a number is wanted and joins where any value is: `return $avp(s) + 1` is 13 and
//! `$var(x) = $avp(s) + 1` is "121" for an `$avp(s)` of "12".

use cfg_syntax::Span;
use cfg_syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

use super::Compiler;
use super::constant::{Type, arith, has_open_add, text, type_of, value_of, without_neutral};
use crate::op::{Arith, Op};
use crate::regex::{Flags, Regex};
use crate::value::Value;

/// How a function's code counts where it is an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codes {
    /// As it is: the value of an assignment.
    Raw,
    /// 1 or 0: everywhere else.
    Truth,
}

/// When a decision jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// `if` and `while`: true above 0.
    Positive,
    /// Inside `&&`, `||`: true unless 0.
    NotZero,
}

impl Compiler<'_> {
    /// Any value.
    pub(super) fn any(&mut self, expr: &Expr, codes: Codes) {
        if let Some(value) = value_of(expr) {
            return self.constant(value, expr.span);
        }
        if let Some(inner) = without_neutral(expr) {
            return self.number(inner, codes);
        }
        match &expr.kind {
            ExprKind::Pv(pv) => {
                if let Some(pv_ref) = self.binder.pv(pv) {
                    self.emit(Op::Read(pv_ref), pv.span);
                }
            }
            ExprKind::Select(path) => {
                let name = self.name(path);
                self.emit(Op::Select(name), expr.span);
            }
            ExprKind::Call(call) => {
                self.call(call);
                self.emit(if codes == Codes::Raw { Op::PushCode } else { Op::PushTruth }, call.span);
            }
            ExprKind::Unary { op, operand } => self.unary(*op, operand, expr.span),
            ExprKind::Binary { op, left, right } => self.binary(op.node, left, right, expr.span),
            ExprKind::Assign { target, value } => {
                self.assign(target, value);
                self.emit(Op::PushLast, expr.span);
            }
            ExprKind::Keyword(_) | ExprKind::Myself | ExprKind::Word(_) => self.misplaced(expr),
            // Constants are done; errors were told by the parser.
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Error => {}
        }
    }

    /// A number: an open `+` adds.
    pub(super) fn number(&mut self, expr: &Expr, codes: Codes) {
        if let Some(value) = value_of(expr) {
            self.constant(value, expr.span);
            if type_of(expr) != Type::Int {
                self.emit(Op::ToInt, expr.span);
            }
            return;
        }
        match &expr.kind {
            ExprKind::Binary { op, left, right }
                if op.node == BinaryOp::Add
                    && type_of(left) == Type::Open
                    && without_neutral(expr).is_none() =>
            {
                self.number(left, Codes::Truth);
                self.number(right, Codes::Truth);
                self.emit(Op::Arith(Arith::Add), expr.span);
            }
            _ => {
                self.any(expr, codes);
                if type_of(expr) != Type::Int {
                    self.emit(Op::ToInt, expr.span);
                }
            }
        }
    }

    /// Text.
    fn string(&mut self, expr: &Expr) {
        self.any(expr, Codes::Truth);
        if type_of(expr) != Type::Str {
            self.emit(Op::ToStr, expr.span);
        }
    }

    /// Jumps unless an `if`'s or `while`'s condition holds; the jumps are to be given their target.
    pub(super) fn unless(&mut self, condition: &Expr) -> Vec<usize> {
        let mut jumps = Vec::new();
        self.decide(condition, Test::Positive, false, &mut jumps);
        jumps
    }

    /// Jumps if the expression comes out as `when`, else goes on.
    fn decide(&mut self, expr: &Expr, test: Test, when: bool, jumps: &mut Vec<usize>) {
        if value_of(expr).is_none() && without_neutral(expr).is_none() {
            match &expr.kind {
                ExprKind::Call(call) => {
                    self.call(call);
                    let op = if when { Op::JumpIfTrue(0) } else { Op::JumpUnlessTrue(0) };
                    return jumps.push(self.emit(op, expr.span));
                }
                ExprKind::Unary { op: UnaryOp::Not, operand } => {
                    return self.decide(operand, Test::NotZero, !when, jumps);
                }
                ExprKind::Binary { op, left, right } if matches!(op.node, BinaryOp::And | BinaryOp::Or) => {
                    // The result that the left side alone can settle.
                    let settled = op.node == BinaryOp::Or;
                    if settled == when {
                        self.decide(left, Test::NotZero, when, jumps);
                        return self.decide(right, Test::NotZero, when, jumps);
                    }
                    let mut past = Vec::new();
                    self.decide(left, Test::NotZero, settled, &mut past);
                    self.decide(right, Test::NotZero, when, jumps);
                    return self.land(&past);
                }
                _ => {}
            }
        }
        self.number(expr, Codes::Truth);
        let op = match (test, when) {
            (Test::NotZero, true) => Op::JumpIfNotZero(0),
            (Test::NotZero, false) => Op::JumpIfZero(0),
            (Test::Positive, false) => Op::JumpUnlessPositive(0),
            (Test::Positive, true) => {
                self.emit(Op::Int(0), expr.span);
                self.emit(Op::Arith(Arith::Gt), expr.span);
                Op::JumpIfNotZero(0)
            }
        };
        jumps.push(self.emit(op, expr.span));
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr, span: Span) {
        let op = match op {
            UnaryOp::Not => Op::Not,
            UnaryOp::Minus => Op::Negate,
            UnaryOp::BitNot => Op::BitNot,
            UnaryOp::ToInt => return self.number(operand, Codes::Truth),
            UnaryOp::ToStr => return self.string(operand),
            UnaryOp::Defined => {
                self.any(operand, Codes::Truth);
                return self.then(Op::Defined, span);
            }
            UnaryOp::StrLen => {
                self.any(operand, Codes::Truth);
                return self.then(Op::StrLen, span);
            }
            UnaryOp::StrEmpty => {
                self.any(operand, Codes::Truth);
                return self.then(Op::StrEmpty, span);
            }
        };
        self.number(operand, Codes::Truth);
        self.then(op, span);
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) {
        if self.keyword_comparison(op, left, right, span) {
            return;
        }
        match op {
            BinaryOp::And | BinaryOp::Or => self.logical(op, left, right, span),
            BinaryOp::Add => self.add(left, right, span),
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op == BinaryOp::Ne, left, right, span),
            BinaryOp::StrEq | BinaryOp::StrNe => {
                self.string(left);
                self.string(right);
                self.then(Op::Equal(op == BinaryOp::StrNe), span);
            }
            BinaryOp::Match => self.matching(left, right, span),
            _ => {
                self.number(left, Codes::Truth);
                self.number(right, Codes::Truth);
                if let Some(arith) = arith(op) {
                    self.then(Op::Arith(arith), span);
                }
            }
        }
    }

    /// `&&` and `||` as a value: 1 or 0; the right side is not evaluated for nothing.
    fn logical(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) {
        let settled = op == BinaryOp::Or;
        let mut jumps = Vec::new();
        self.decide(left, Test::NotZero, settled, &mut jumps);
        self.decide(right, Test::NotZero, settled, &mut jumps);
        self.emit(Op::Int((!settled).into()), span);
        let past = self.emit(Op::Jump(0), span);
        self.land(&jumps);
        self.emit(Op::Int(settled.into()), span);
        self.land(&[past]);
    }

    fn add(&mut self, left: &Expr, right: &Expr, span: Span) {
        match type_of(left) {
            Type::Int => {
                self.number(left, Codes::Truth);
                self.number(right, Codes::Truth);
                self.then(Op::Arith(Arith::Add), span);
            }
            Type::Str => {
                self.string(left);
                self.string(right);
                self.then(Op::Concat, span);
            }
            Type::Open => {
                self.any(left, Codes::Truth);
                self.typed_by_left(right, |compiler, number| {
                    compiler.then(if number { Op::Arith(Arith::Add) } else { Op::Add }, span);
                });
            }
        }
    }

    fn equality(&mut self, negated: bool, left: &Expr, right: &Expr, span: Span) {
        if is_null(right) {
            self.any(left, Codes::Truth);
            self.then(Op::Defined, span);
            if !negated {
                self.then(Op::Not, span);
            }
            return;
        }
        match type_of(left) {
            Type::Int => {
                self.number(left, Codes::Truth);
                self.number(right, Codes::Truth);
                self.then(Op::Arith(if negated { Arith::Ne } else { Arith::Eq }), span);
            }
            Type::Str => {
                self.string(left);
                self.string(right);
                self.then(Op::Equal(negated), span);
            }
            Type::Open => {
                self.any(left, Codes::Truth);
                if let Some(value) = value_of(right) {
                    // Kamailio makes `strempty()` of `x == ""`, so that 0 is not empty; `x != ""` it does not touch.
                    if !negated && value.as_text().is_some_and(<[u8]>::is_empty) {
                        return self.then(Op::StrEmpty, span);
                    }
                    let constant = self.keep(value);
                    return self.then(Op::EqualConst(negated, constant), span);
                }
                self.typed_by_left(right, |compiler, _| compiler.then(Op::Equal(negated), span));
            }
        }
    }

    /// The right operand where the left one's type is only known when it runs: a `+` in it must add if that
    /// is a number and join if not, so it is compiled both ways.
    fn typed_by_left(&mut self, right: &Expr, mut operator: impl FnMut(&mut Self, bool)) {
        if !has_open_add(right) {
            self.any(right, Codes::Truth);
            return operator(self, false);
        }
        let to_number = self.emit(Op::JumpIfInt(0), right.span);
        self.any(right, Codes::Truth);
        operator(self, false);
        let past = self.emit(Op::Jump(0), right.span);
        self.land(&[to_number]);
        self.number(right, Codes::Truth);
        operator(self, true);
        self.land(&[past]);
    }

    pub(super) fn matching(&mut self, left: &Expr, right: &Expr, span: Span) {
        self.any(left, Codes::Truth);
        self.pattern(right, span);
    }

    /// The right side of `=~`; what it is held against is on the stack.
    pub(super) fn pattern(&mut self, right: &Expr, span: Span) {
        let Some(pattern) = value_of(right) else {
            self.any(right, Codes::Truth);
            return self.then(Op::MatchMade, span);
        };
        match Regex::posix(&pattern.to_str(), Flags { ignore_case: true, newline: false }) {
            Ok(regex) => {
                self.program.patterns.push(regex);
                let index = self.program.patterns.len() as u32 - 1;
                self.then(Op::Match(index), span);
            }
            Err(error) => self.bad_regex(&error, right.span),
        }
    }

    fn constant(&mut self, value: Value, span: Span) {
        let op = match value {
            Value::Int(number) if i32::try_from(number).is_ok() => Op::Int(number as i32),
            value => Op::Const(self.keep(value)),
        };
        self.emit(op, span);
    }

    pub(super) fn keep(&mut self, value: Value) -> u32 {
        let constants = &mut self.program.constants;
        let index = constants.iter().position(|kept| *kept == value).unwrap_or_else(|| {
            constants.push(value);
            constants.len() - 1
        });
        index as u32
    }

    pub(super) fn keep_text(&mut self, bytes: &[u8]) -> u32 {
        self.keep(text(bytes))
    }

    pub(super) fn then(&mut self, op: Op, span: Span) {
        self.emit(op, span);
    }
}

/// `$null` itself.
pub(crate) fn is_null(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Pv(pv) if pv.name.node == "null" && pv.transformations.is_empty())
}
