//! Statements and control flow.

use cfg_syntax::ast::{Block, Case, CaseLabel, Expr, ExprKind, Statement, StatementKind};
use cfg_syntax::{Diagnostic, Span};

use super::constant::{Type, may_fail, type_of, value_of};
use super::expression::Codes;
use super::{Breakable, Compiler};
use crate::op::Op;
use crate::program::{CaseTest, Switch};
use crate::regex::{Flags, Regex};
use crate::value::Value;

impl Compiler<'_> {
    pub(super) fn block(&mut self, block: &Block) {
        for statement in &block.statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Call(call) => {
                let name = call.name.node.clone();
                self.begin(&name, span);
                self.call(call);
                self.emit(Op::LastFromCode, span);
            }
            StatementKind::Assign { target, value } => {
                self.begin("assign", span);
                let guard = may_fail(value).then(|| self.emit(Op::Guard(0), span));
                self.assign(target, value);
                if let Some(guard) = guard {
                    let past = self.emit(Op::Jump(0), span);
                    self.land(&[guard]);
                    self.emit(Op::Last(-1), span);
                    self.land(&[past]);
                }
            }
            StatementKind::If { condition, then, otherwise } => {
                self.branch(condition, then, otherwise.as_ref(), span);
            }
            StatementKind::While { condition, body } => self.repeat(condition, body, span),
            StatementKind::Switch { subject, cases } => self.switch(subject, cases, span),
            StatementKind::Block(block) => self.block(block),
            StatementKind::Break => {
                self.begin("break", span);
                if self.breakable.is_empty() {
                    self.emit(Op::Break, span);
                } else {
                    self.emit(Op::Last(0), span);
                    let jump = self.emit(Op::Jump(0), span);
                    if let Some(inner) = self.breakable.last_mut() {
                        inner.jumps.push(jump);
                    }
                }
            }
            StatementKind::Return(value) => self.end("return", value.as_deref(), 1, Op::Return, span),
            StatementKind::Exit(value) => self.end("exit", value.as_deref(), 1, Op::Exit, span),
            StatementKind::Drop(value) => self.end("drop", value.as_deref(), 0, Op::Drop, span),
            StatementKind::Expr(expr) => {
                self.begin("expression", span);
                let guard = may_fail(expr).then(|| self.emit(Op::Guard(0), span));
                let mut jumps = self.unless(expr);
                jumps.extend(guard);
                self.land(&jumps);
            }
            StatementKind::Empty => {}
        }
    }

    /// `target = value`; leaves nothing on the stack.
    pub(super) fn assign(&mut self, target: &Expr, value: &Expr) {
        self.any(value, Codes::Raw);
        let ExprKind::Pv(pv) = &target.kind else {
            if !matches!(target.kind, ExprKind::Error) {
                self.tell(Diagnostic::error(
                    "assignment",
                    target.span,
                    "only a pseudo-variable can be assigned to",
                ));
            }
            return;
        };
        let Some(pv_ref) = self.binder.pv(pv) else { return };
        if !pv.transformations.is_empty() {
            let message = "a pseudo-variable with transformations cannot be assigned to";
            return self.tell(Diagnostic::error("read-only", pv.span, message));
        }
        if !self.binder.pool.info(pv_ref).writable {
            let message = format!("`${}` is read-only", pv.name.node);
            return self.tell(Diagnostic::error("read-only", pv.span, message));
        }
        self.emit(Op::Write(pv_ref), target.span.to(value.span));
    }

    fn begin(&mut self, what: &str, span: Span) {
        let name = self.name(what);
        self.emit(Op::Statement(name), span);
    }

    fn branch(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Block>, span: Span) {
        let place = span_of_head(span, condition);
        self.begin("if", place);
        let guard = may_fail(condition).then(|| self.emit(Op::Guard(0), place));
        let mut to_else = self.unless(condition);
        to_else.extend(guard);
        self.body(then);
        let past = self.emit(Op::Jump(0), then.span);
        self.land(&to_else);
        match otherwise {
            Some(otherwise) => self.body(otherwise),
            None => {
                self.emit(Op::Last(1), place);
            }
        }
        self.land(&[past]);
    }

    /// A block whose worth is its last statement's, or 1 when there is none.
    fn body(&mut self, block: &Block) {
        if block.statements.iter().all(|statement| matches!(statement.kind, StatementKind::Empty)) {
            self.emit(Op::Last(1), block.span);
        }
        self.block(block);
    }

    fn repeat(&mut self, condition: &Expr, body: &Block, span: Span) {
        let place = span_of_head(span, condition);
        self.begin("while", place);
        self.emit(Op::Last(1), place);
        self.emit(Op::LoopEnter, place);
        let top = self.here();
        let mut leave = Vec::new();
        if may_fail(condition) {
            leave.push(self.emit(Op::Guard(0), place));
        }
        leave.extend(self.unless(condition));
        leave.push(self.emit(Op::LoopTurn(0), place));
        self.breakable.push(Breakable::default());
        self.block(body);
        self.emit(Op::Jump(top), place);
        leave.extend(self.breakable.pop().unwrap_or_default().jumps);
        self.land(&leave);
        self.emit(Op::LoopLeave, place);
    }

    fn switch(&mut self, subject: &Expr, cases: &[Case], span: Span) {
        let place = span_of_head(span, subject);
        self.begin("switch", place);
        let guard = may_fail(subject).then(|| self.emit(Op::Guard(0), place));
        let tests: Vec<Option<CaseTest>> = cases.iter().map(|case| self.label(case)).collect();
        self.labels_fit(cases, subject, span);
        if tests.iter().any(|test| matches!(test, Some(CaseTest::Int(_)))) {
            self.number(subject, Codes::Truth);
        } else {
            self.any(subject, Codes::Truth);
        }
        let index = self.program.switches.len() as u32;
        self.emit(Op::Switch(index), place);
        // Its place is taken, so that a switch inside gets another.
        self.program.switches.push(Switch { cases: Box::new([]), otherwise: 0 });
        self.breakable.push(Breakable::default());
        let mut table = Vec::new();
        let mut otherwise = None;
        for (case, test) in cases.iter().zip(tests) {
            match test {
                Some(test) => table.push((test, self.here())),
                None => otherwise = Some(self.here()),
            }
            for statement in &case.body {
                self.statement(statement);
            }
        }
        let mut ends = vec![self.emit(Op::Jump(0), place)];
        let no_match = self.here();
        self.emit(Op::Last(1), place);
        ends.extend(self.breakable.pop().unwrap_or_default().jumps);
        self.land(&ends);
        let otherwise = otherwise.unwrap_or(no_match);
        if let Some(guard) = guard {
            self.program.code[guard].set_target(otherwise);
        }
        self.program.switches[index as usize] = Switch { cases: table.into(), otherwise };
    }

    /// What a label compares with; none for `default`, and after a diagnostic.
    fn label(&mut self, case: &Case) -> Option<CaseTest> {
        match &case.label {
            CaseLabel::Default => None,
            CaseLabel::Value(expr) => match value_of(expr) {
                Some(Value::Int(number)) => Some(CaseTest::Int(number)),
                Some(value) => Some(CaseTest::Str(value.to_str())),
                None => {
                    self.tell(Diagnostic::error("case-label", expr.span, "a case needs a constant"));
                    None
                }
            },
            CaseLabel::Regex { pattern, flags } => {
                let flags = Flags { ignore_case: flags.contains('i'), newline: false };
                match Regex::posix(&pattern.node, flags) {
                    Ok(regex) => Some(CaseTest::Regex(regex)),
                    Err(error) => {
                        self.bad_regex(&error, pattern.span);
                        None
                    }
                }
            }
        }
    }

    /// No label twice, and not only `default`; the parser has seen to their types.
    fn labels_fit(&mut self, cases: &[Case], subject: &Expr, span: Span) {
        let mut seen: Vec<(&Case, Value)> = Vec::new();
        for case in cases {
            let CaseLabel::Value(label) = &case.label else { continue };
            let Some(value) = value_of(label) else { continue };
            if let Some((first, _)) = seen.iter().find(|(_, known)| *known == value) {
                let found = Diagnostic::error("duplicate-case", case.span, "this label was there before");
                let found = found.also(first.span, "the first one");
                self.tell(found);
            }
            seen.push((case, value));
        }
        let only_default = matches!(cases, [Case { label: CaseLabel::Default, .. }]);
        if only_default && value_of(subject).is_none() {
            let message = "a switch with nothing but `default` stops Kamailio's start";
            self.tell(
                Diagnostic::error("default-only", span_of_head(span, subject), message)
                    .help("write its statements without the switch"),
            );
        }
    }

    fn end(&mut self, what: &str, value: Option<&Expr>, default: i32, op: Op, span: Span) {
        self.begin(what, span);
        let Some(value) = value else {
            self.emit(Op::Int(default), span);
            self.emit(op, span);
            return;
        };
        if type_of(value) == Type::Str {
            let message = format!("`{what}` takes a number, not text");
            return self.tell(Diagnostic::error("return-type", value.span, message));
        }
        let guard = may_fail(value).then(|| self.emit(Op::Guard(0), span));
        self.number(value, Codes::Truth);
        self.emit(op, span);
        if let Some(guard) = guard {
            self.land(&[guard]);
            self.emit(Op::ReturnFailed, span);
        }
    }
}

/// Of `if (c) {…}`, the part before the block.
fn span_of_head(span: Span, condition: &Expr) -> Span {
    Span { end: condition.span.end.max(span.start), ..span }
}
