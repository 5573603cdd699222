//! `switch (e) { case …: … default: … }`.

use super::{Parse, Parser};
use crate::ast::{BinaryOp, Case, CaseLabel, Expr, ExprKind, Statement, StatementKind, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::{Span, Spanned};

/// What the labels of one switch are.
#[derive(Clone, Copy, PartialEq)]
enum LabelType {
    Number,
    Text,
}

impl Parser<'_> {
    pub(super) fn switch_statement(&mut self) -> Parse<StatementKind> {
        self.bump();
        let subject = Box::new(self.condition("switch"));
        if !self.is(Punct::BraceOpen) {
            return Err(self.expected(
                codes::EXPECTED_TOKEN,
                "`{`",
                "the labels of a switch stand in braces",
            ));
        }
        let open = self.bump().span;
        let mut cases: Vec<Case> = Vec::new();
        loop {
            if let Some(close) = self.eat(Punct::BraceClose) {
                self.brace_pair(open, close);
                break;
            }
            if self.at_end() || (self.at_route_head() && self.peek().on_new_line) {
                self.unclosed_brace(open);
                break;
            }
            if self.is_word("case") || self.is_word("default") {
                let start = self.bump().span;
                let label = self.label(start);
                let body = self.case_body();
                cases.push(Case { label, body, span: start });
            } else {
                self.no_label();
            }
        }
        self.check_labels(&cases);
        Ok(StatementKind::Switch { subject, cases })
    }

    /// Statements before the first label.
    fn no_label(&mut self) {
        let span = self.peek().span;
        let message = format!("a label is expected, but {} was found", self.peek().describe());
        self.report(
            Diagnostic::error(codes::BAD_CASE, span, message)
                .help("each statement of a switch stands behind `case value:` or `default:`"),
        );
        let start = self.at;
        self.case_body();
        if self.at == start {
            self.bump();
        }
    }

    /// Up to the next label or the end of the switch.
    fn case_body(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        while !self.is_word("case")
            && !self.is_word("default")
            && !self.is(Punct::BraceClose)
            && !self.at_end()
        {
            if self.at_route_head() && self.peek().on_new_line {
                break;
            }
            let start = self.at;
            if let Ok(statement) = self.statement() {
                statements.push(statement);
            }
            if self.at == start {
                self.bump();
            }
        }
        statements
    }

    /// What stands between the word and the colon; after an error, goes on behind the colon or at the next line.
    fn label(&mut self, keyword: Span) -> CaseLabel {
        let label = if self.tokens[self.at - 1].is_word("default") {
            Ok(CaseLabel::Default)
        } else if self.is(Punct::Slash) {
            self.regex_label()
        } else {
            self.value_label(keyword)
        };
        let result = label.and_then(|label| {
            self.expect(Punct::Colon, "a label ends with `:`")?;
            Ok(label)
        });
        result.unwrap_or_else(|_| {
            while !self.at_end()
                && !self.peek().on_new_line
                && ![Punct::BraceOpen, Punct::BraceClose, Punct::Semicolon]
                    .iter()
                    .any(|punct| self.is(*punct))
            {
                if self.bump().is(Punct::Colon) {
                    break;
                }
            }
            CaseLabel::Value(Box::new(super::statements::error_expr(keyword)))
        })
    }

    /// `/"expression"`: a slash before, none behind.
    fn regex_label(&mut self) -> Parse<CaseLabel> {
        const FORM: &str = "write case /\"expression\": with one slash";
        self.bump();
        let token = self.peek();
        let TokenKind::Str(string) = &token.kind else {
            return Err(self.expected(codes::BAD_CASE, "an expression in quotes", FORM));
        };
        self.bump();
        if !self.is(Punct::Colon) {
            return Err(self.expected(
                codes::BAD_CASE,
                "`:`",
                "there is no second slash, and there are no flags",
            ));
        }
        Ok(CaseLabel::Regex { pattern: Spanned::new(string.clone(), token.span), flags: String::new() })
    }

    fn value_label(&mut self, keyword: Span) -> Parse<CaseLabel> {
        self.operators = 0;
        let value = self.expression()?;
        if !is_constant(&value) {
            self.report(
                Diagnostic::error(codes::BAD_CASE, value.span, "a label must be a constant")
                    .also(keyword, "of this case")
                    .help("use if and else if to compare with variables"),
            );
        }
        Ok(CaseLabel::Value(Box::new(value)))
    }

    /// One `default`; all numbers or all text.
    fn check_labels(&mut self, cases: &[Case]) {
        let mut default: Option<Span> = None;
        let mut kind: Option<(LabelType, Span)> = None;
        for case in cases {
            let label = match &case.label {
                CaseLabel::Default => {
                    if let Some(first) = default.replace(case.span) {
                        self.report(
                            Diagnostic::error(codes::BAD_CASE, case.span, "a switch has one `default` only")
                                .also(first, "the first one")
                                .help("take one of them away"),
                        );
                    }
                    continue;
                }
                CaseLabel::Regex { .. } => LabelType::Text,
                CaseLabel::Value(value) => match label_type(value) {
                    Some(label) => label,
                    None => continue,
                },
            };
            match kind {
                None => kind = Some((label, case.span)),
                Some((first, span)) if first != label => {
                    self.report(
                        Diagnostic::error(
                            codes::BAD_CASE,
                            case.span,
                            "numbers and strings are mixed in one switch",
                        )
                        .also(span, "the first label is of the other kind")
                        .help("write all labels as numbers, or all as strings"),
                    );
                    return;
                }
                Some(_) => {}
            }
        }
    }
}

fn is_constant(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Error => true,
        ExprKind::Unary { operand, .. } => is_constant(operand),
        ExprKind::Binary { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

/// The type of a constant: that of its left side, where an operator keeps it.
fn label_type(value: &Expr) -> Option<LabelType> {
    match &value.kind {
        ExprKind::Str(_) => Some(LabelType::Text),
        ExprKind::Int(_) => Some(LabelType::Number),
        ExprKind::Unary { op: UnaryOp::ToStr, .. } => Some(LabelType::Text),
        ExprKind::Unary { .. } => Some(LabelType::Number),
        ExprKind::Binary { op, left, .. } if op.node == BinaryOp::Add => label_type(left),
        ExprKind::Binary { .. } => Some(LabelType::Number),
        _ => None,
    }
}
