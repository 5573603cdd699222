//! Types that are known before anything runs: what Kamailio's parser refuses as a mismatch.

use cfg_syntax::ast::{BinaryOp, Block, Expr, ExprKind, Route, Statement, UnaryOp};
use cfg_syntax::{Diagnostic, Span};

use super::walk::{self, Visitor};
use crate::compile::constant::{Type, binary_fits, type_of, unary_fits};
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
            ExprKind::Binary { op, left, right }
                if !matches!(left.kind, ExprKind::Keyword(_) | ExprKind::Myself) =>
            {
                self.binary(op.node, left, right);
            }
            _ => {}
        }
    }
}

impl Types<'_> {
    fn unary(&mut self, op: UnaryOp, operand: &Expr) {
        if !unary_fits(op, type_of(operand)) {
            self.wrong_operand(operand);
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne) && is_null(right) {
            // Asked whether it is defined, which a number always is.
            if type_of(left) == Type::Int {
                self.wrong_operand(left);
            }
            return;
        }
        // Where the left side alone is fine, it is the right one that does not go with it.
        match (binary_fits(op, type_of(left), type_of(right)), binary_fits(op, type_of(left), Type::Open)) {
            (true, _) => {}
            (false, true) => self.wrong_operand(right),
            (false, false) => self.wrong_operand(left),
        }
    }

    fn wrong_operand(&mut self, operand: &Expr) {
        match type_of(operand) {
            Type::Str => self.no_text(operand),
            _ => self.no_number(operand),
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
