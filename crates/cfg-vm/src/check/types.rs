//! Types that are known before anything runs: what Kamailio's parser refuses as a mismatch.

use cfg_syntax::ast::{BinaryOp, Block, Expr, ExprKind, Route, Statement, UnaryOp};
use cfg_syntax::{Diagnostic, Span};

use super::walk::{self, Visitor};
use crate::compile::constant::{Type, type_of};
use crate::compile::expression::is_null;

pub(super) fn check(route: &Route, diagnostics: &mut Vec<Diagnostic>) {
    walk::block(&mut Types { diagnostics }, &route.body);
}

struct Types<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Visitor for Types<'_> {
    fn statements(&mut self, _: &[Statement]) {}

    fn condition(&mut self, condition: &Expr, repeats: Option<&Block>) {
        if repeats.is_some() && type_of(condition) == Type::Str {
            self.wrong(condition.span, "the condition of a `while` is a number, not text");
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Unary { op, operand } => self.unary(*op, operand),
            ExprKind::Binary { op, left, right } => {
                if !matches!(left.kind, ExprKind::Keyword(_) | ExprKind::Myself) {
                    self.binary(op.node, left, right);
                }
            }
            _ => {}
        }
    }
}

impl Types<'_> {
    fn unary(&mut self, op: UnaryOp, operand: &Expr) {
        match (op, type_of(operand)) {
            (UnaryOp::Not | UnaryOp::Minus | UnaryOp::BitNot, Type::Str) => self.no_text(operand),
            (UnaryOp::Defined | UnaryOp::StrLen | UnaryOp::StrEmpty, Type::Int) => self.no_number(operand),
            _ => {}
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let types = (type_of(left), type_of(right));
        match op {
            BinaryOp::Eq | BinaryOp::Ne if is_null(right) => {
                if types.0 == Type::Int {
                    self.no_number(left);
                }
            }
            BinaryOp::Add | BinaryOp::Eq | BinaryOp::Ne | BinaryOp::StrEq | BinaryOp::StrNe => {
                if types == (Type::Int, Type::Str) {
                    self.no_text(right);
                }
            }
            BinaryOp::Match => {
                if types.0 == Type::Int {
                    self.no_number(left);
                }
                if types.1 == Type::Int {
                    self.no_number(right);
                }
            }
            _ => {
                for (side, ty) in [(left, types.0), (right, types.1)] {
                    if ty == Type::Str {
                        self.no_text(side);
                    }
                }
            }
        }
    }

    fn no_text(&mut self, expr: &Expr) {
        let found =
            Diagnostic::error("type-mismatch", expr.span, "a number is needed here, but this is text");
        self.diagnostics
            .push(found.help("the left side decides: write (int) before this, or (str) before the left"));
    }

    fn no_number(&mut self, expr: &Expr) {
        let found =
            Diagnostic::error("type-mismatch", expr.span, "text is needed here, but this is a number");
        self.diagnostics.push(found.help("write (str) before it"));
    }

    fn wrong(&mut self, span: Span, message: &str) {
        self.diagnostics.push(Diagnostic::error("type-mismatch", span, message));
    }
}
