//! What runs, but not as it reads: the language's traps, each a warning where it is met.

use cfg_syntax::ast::{BinaryOp, Block, Expr, ExprKind, Pv, Route, RouteKind, Statement, StatementKind};
use cfg_syntax::{Diagnostic, Span};

use super::walk::{self, Visitor};
use crate::catalogue::PvType;
use crate::compile::constant::{Type, type_of, value_of};
use crate::compile::identity;
use crate::operate;
use crate::scope::Scope;
use crate::value::Value;

/// Functions that come back true whatever happens.
const ALWAYS_TRUE: [&str; 16] = [
    "xlog",
    "xlogl",
    "xlogm",
    "xnotice",
    "xinfo",
    "xwarn",
    "xerr",
    "xdbg",
    "xalert",
    "xcrit",
    "log",
    "setflag",
    "resetflag",
    "setbflag",
    "append_hf",
    "force_rport",
];

pub(super) fn check(route: &Route, scope: &Scope<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let (kind, _) = identity(route);
    let mut surprises = Surprises { scope, kind, diagnostics };
    walk::block(&mut surprises, &route.body);
    if kind == RouteKind::CoreReply {
        surprises.last_of_reply(&route.body.statements);
    }
}

struct Surprises<'a> {
    scope: &'a Scope<'a>,
    kind: RouteKind,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Visitor for Surprises<'_> {
    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Return(Some(value)) => self.returned(value, statement.span),
                StatementKind::Assign { value, .. } => self.uninterpolated(value),
                _ => {}
            }
        }
        let mut meant = statements.iter().filter(|statement| !matches!(statement.kind, StatementKind::Empty));
        let end = meant.by_ref().find(|statement| ends(statement));
        if let (Some(end), Some(next)) = (end, meant.next()) {
            self.warn("unreachable", next.span, "this is never reached", |found| {
                found.also(end.span, "everything ends here")
            });
        }
    }

    fn condition(&mut self, condition: &Expr, repeats: Option<&Block>) {
        match repeats {
            Some(body) => self.endless(condition, body),
            None => self.constant_condition(condition),
        }
        // Of a `while`, text that is known as such is an error, told elsewhere.
        if repeats.is_none() || type_of(condition) != Type::Str {
            self.text_condition(condition);
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Binary { op, left, right } => {
                self.compared_code(op.node, left, right);
                if op.node == BinaryOp::Add {
                    self.added_text(left, right);
                }
                if op.node != BinaryOp::Match {
                    self.uninterpolated(left);
                    self.uninterpolated(right);
                }
            }
            ExprKind::Unary { operand, .. } => self.uninterpolated(operand),
            ExprKind::Assign { .. } => {
                self.warn(
                    "assignment-as-condition",
                    expr.span,
                    "this assigns, it does not compare",
                    |found| found.help("write == to compare"),
                );
            }
            _ => {}
        }
    }
}

impl Surprises<'_> {
    fn warn(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        more: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let found = more(Diagnostic::warning(code, span, message));
        if !self.diagnostics.contains(&found) {
            self.diagnostics.push(found);
        }
    }

    fn constant_condition(&mut self, condition: &Expr) {
        let Some(value) = value_of(condition) else { return };
        let holds = operate::int(&value).unwrap_or(0) > 0;
        let always = if holds { "always" } else { "never" };
        if type_of(condition) == Type::Str {
            let message = format!("this condition {always} holds: text counts as the number in it");
            self.warn("text-condition", condition.span, message, |found| {
                found.help("compare it with something, or write a number")
            });
        } else {
            let message = format!("this condition is a constant: it {always} holds");
            self.warn("constant-condition", condition.span, message, |found| found);
        }
    }

    fn endless(&mut self, condition: &Expr, body: &Block) {
        let holds = value_of(condition).is_some_and(|value| operate::int(&value).unwrap_or(0) > 0);
        if holds && !body.statements.iter().any(may_leave) {
            let message = "this loop never ends by itself; it is cut after `max_while_loops` (100) turns";
            self.warn("endless-loop", condition.span, message, |found| found);
        }
    }

    fn text_condition(&mut self, condition: &Expr) {
        let is_text = match &condition.kind {
            ExprKind::Pv(pv) => self.pv_type(pv) == PvType::Str,
            _ => type_of(condition) == Type::Str && value_of(condition).is_none(),
        };
        if is_text {
            let message = "text is true only if it is a number above 0";
            self.warn("text-condition", condition.span, message, |found| {
                found.help("to test for presence, compare: != $null, or != \"\"")
            });
        }
    }

    /// `route(X) == -1` is never true.
    fn compared_code(&mut self, op: BinaryOp, left: &Expr, right: &Expr) {
        let compares = matches!(
            op,
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge
        );
        let (call, other) = match (&left.kind, &right.kind) {
            (ExprKind::Call(call), _) => (call, right),
            (_, ExprKind::Call(call)) => (call, left),
            _ => return,
        };
        if let Some(Value::Int(number)) = value_of(other)
            && compares
            && !matches!(number, 0 | 1)
        {
            let message = format!("in an expression `{}` is 1 or 0, never {number}", call.name.node);
            self.warn("compared-code", other.span, message, |found| {
                found.help("call it first, then compare $rc")
            });
        }
    }

    /// `$sp + ":"` adds a number and text that is none.
    fn added_text(&mut self, left: &Expr, right: &Expr) {
        let ExprKind::Pv(pv) = &left.kind else { return };
        let Some(Value::Str(text)) = value_of(right) else { return };
        if self.pv_type(pv) == PvType::Int && crate::number::parse_int(&text).is_none() {
            let message =
                format!("`${}` is a number, so this + adds, and the text counts as 0", pv.name.node);
            self.warn("added-text", right.span, message, |found| {
                found.help(format!("the left side decides: write \"\" + ${} + …", pv.name.node))
            });
        }
    }

    /// `"text $rU"` stays as it is.
    fn uninterpolated(&mut self, expr: &Expr) {
        let ExprKind::Str(text) = &expr.kind else { return };
        let Some(name) = self.variable_in(text) else { return };
        let message = format!("`${name}` in this text is not replaced by its value");
        self.warn("uninterpolated", expr.span, message, |found| {
            found.help(format!("join with +: \"…\" + ${name}"))
        });
    }

    /// The first name in a text that looks like a pseudo-variable's.
    fn variable_in(&self, text: &[u8]) -> Option<String> {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            rest = &rest[at + 1..];
            let after = rest.strip_prefix(b"(").unwrap_or(rest);
            let length = after.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            let name = String::from_utf8_lossy(&after[..length]);
            if length > 0 && self.scope.pv(&name).is_some() {
                return Some(name.into_owned());
            }
        }
        None
    }

    fn pv_type(&self, pv: &Pv) -> PvType {
        match self.scope.pv(&pv.name.node) {
            Some(id) if pv.transformations.is_empty() => self.scope.catalogue.pv(id).decl.ty,
            _ => PvType::Any,
        }
    }

    fn returned(&mut self, value: &Expr, span: Span) {
        let Some(value) = value_of(value) else { return };
        let code = operate::int(&value).unwrap_or(0);
        match (self.kind, code) {
            (RouteKind::CoreReply, ..=0) => {
                self.warn("discarded-reply", span, "this discards the reply", |found| {
                    found.help("write `drop` if that is meant, `return` or `exit` if not")
                });
            }
            (_, 0) => {
                self.warn("return-zero", span, "0 ends the whole script, not only this route", |found| {
                    found.help("write `exit` if that is meant, `return -1` for a false result")
                });
            }
            _ => {}
        }
    }

    /// A reply route is worth its last statement: if that comes out false, the reply is discarded.
    fn last_of_reply(&mut self, statements: &[Statement]) {
        let last = statements.iter().rfind(|statement| !matches!(statement.kind, StatementKind::Empty));
        let Some(last) = last else { return };
        match &last.kind {
            StatementKind::Call(call) if !ALWAYS_TRUE.contains(&call.name.node.as_str()) => {
                let message = format!("if `{}` comes out false, the reply is discarded", call.name.node);
                self.warn("discarded-reply", call.span, message, |found| {
                    found.help("a reply route is worth its last statement: end it with `exit;`")
                });
            }
            StatementKind::Break => {
                self.warn(
                    "discarded-reply",
                    last.span,
                    "`break` ends the route with 0, which discards the reply",
                    |found| found.help("write `exit`"),
                );
            }
            StatementKind::If { then, otherwise, .. } => {
                self.last_of_reply(&then.statements);
                if let Some(otherwise) = otherwise {
                    self.last_of_reply(&otherwise.statements);
                }
            }
            StatementKind::Block(block) => self.last_of_reply(&block.statements),
            _ => {}
        }
    }
}

/// Does nothing after it run?
fn ends(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Break | StatementKind::Return(_) | StatementKind::Exit(_) | StatementKind::Drop(_) => {
            true
        }
        StatementKind::Block(block) => block.statements.iter().any(ends),
        StatementKind::If { then, otherwise: Some(otherwise), .. } => {
            then.statements.iter().any(ends) && otherwise.statements.iter().any(ends)
        }
        _ => false,
    }
}

/// May it leave the loop that it stands in?
fn may_leave(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Break
        | StatementKind::Return(_)
        | StatementKind::Exit(_)
        | StatementKind::Drop(_)
        // A function or route may end the script.
        | StatementKind::Call(_) => true,
        StatementKind::If { then, otherwise, .. } => {
            then.statements.iter().any(may_leave)
                || otherwise.as_ref().is_some_and(|block| block.statements.iter().any(may_leave))
        }
        StatementKind::Switch { cases, .. } => cases.iter().any(|case| case.body.iter().any(may_leave)),
        StatementKind::While { body, .. } | StatementKind::Block(body) => body.statements.iter().any(may_leave),
        _ => false,
    }
}
