//! Walking the tree: every statement and every expression of a route.

use cfg_syntax::ast::{Argument, ArgumentKind, Block, CaseLabel, Expr, ExprKind, Statement, StatementKind};

/// Sees what a walk passes.
pub trait Visitor {
    /// A list of statements: a block or a case.
    fn statements(&mut self, statements: &[Statement]);
    /// A condition of `if` (or of a `while` that repeats a block); [`Visitor::expression`] follows.
    fn condition(&mut self, condition: &Expr, repeats: Option<&Block>) {
        let _ = (condition, repeats);
    }
    /// An expression, before its operands.
    fn expression(&mut self, expr: &Expr);
}

/// Shows `visitor` all of a block, from the first statement to the last, outer before inner.
pub fn block(visitor: &mut impl Visitor, block: &Block) {
    statements(visitor, &block.statements);
}

fn statements(visitor: &mut impl Visitor, list: &[Statement]) {
    visitor.statements(list);
    for statement in list {
        match &statement.kind {
            StatementKind::Call(call) => arguments(visitor, &call.arguments),
            StatementKind::Assign { target, value } => {
                expression(visitor, target);
                expression(visitor, value);
            }
            StatementKind::If { condition, then, otherwise } => {
                visitor.condition(condition, None);
                expression(visitor, condition);
                block(visitor, then);
                if let Some(otherwise) = otherwise {
                    block(visitor, otherwise);
                }
            }
            StatementKind::While { condition, body } => {
                visitor.condition(condition, Some(body));
                expression(visitor, condition);
                block(visitor, body);
            }
            StatementKind::Switch { subject, cases } => {
                expression(visitor, subject);
                for case in cases {
                    if let CaseLabel::Value(label) = &case.label {
                        expression(visitor, label);
                    }
                    statements(visitor, &case.body);
                }
            }
            StatementKind::Block(inner) => block(visitor, inner),
            StatementKind::Return(value) | StatementKind::Exit(value) | StatementKind::Drop(value) => {
                if let Some(value) = value {
                    expression(visitor, value);
                }
            }
            StatementKind::Expr(expr) => expression(visitor, expr),
            StatementKind::Break | StatementKind::Empty => {}
        }
    }
}

fn expression(visitor: &mut impl Visitor, expr: &Expr) {
    visitor.expression(expr);
    match &expr.kind {
        ExprKind::Unary { operand, .. } => expression(visitor, operand),
        ExprKind::Binary { left, right, .. } => {
            expression(visitor, left);
            expression(visitor, right);
        }
        ExprKind::Assign { target, value } => {
            expression(visitor, target);
            expression(visitor, value);
        }
        ExprKind::Call(call) => arguments(visitor, &call.arguments),
        _ => {}
    }
}

fn arguments(visitor: &mut impl Visitor, list: &[Argument]) {
    for argument in list {
        if let ArgumentKind::Expr(expr) = &argument.kind {
            expression(visitor, expr);
        }
    }
}
