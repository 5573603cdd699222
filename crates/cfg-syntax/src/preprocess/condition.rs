//! `#!ifdef`, `#!ifndef`, `#!ifexp`, `#!else`, `#!endif`.

use super::{Directive, Test, directive_at, expression, is_complete};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::Lexer;
use crate::source::Span;

/// The conditions that are open, outermost first.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    open: Vec<Condition>,
    /// How many of them do not hold.
    failing: usize,
}

#[derive(Debug)]
struct Condition {
    span: Span,
    holds: bool,
    has_else: bool,
}

impl Conditions {
    pub(crate) fn open(&mut self, span: Span, holds: bool) {
        self.failing += usize::from(!holds);
        self.open.push(Condition { span, holds, has_else: false });
    }

    /// The text that follows is not read.
    pub(crate) fn skip(&self) -> bool {
        self.failing > 0
    }
}

impl Lexer<'_> {
    /// Passes over text whose condition does not hold, up to the directive that ends that.
    ///
    /// Directives count wherever they stand, in comments too.
    pub(crate) fn skip(&mut self) {
        while let Some(frame) = self.input.last_mut() {
            let Some(ahead) = frame.rest().windows(2).position(|pair| matches!(pair, b"#!" | b"!!")) else {
                self.input.pop();
                continue;
            };
            frame.advance(ahead);
            if self.skipped_directive() {
                return;
            }
        }
    }

    /// Looks at a sigil in skipped text; `true` when a condition has changed.
    fn skipped_directive(&mut self) -> bool {
        let frame = self.frame();
        let from = frame.at;
        let Some((directive, length)) = directive_at(frame.rest()) else {
            frame.advance(1);
            return false;
        };
        let before = frame.text[..from].iter().rev();
        let begins_line = before.take_while(|byte| **byte != b'\n').all(u8::is_ascii_whitespace);
        frame.advance(length);
        let span = frame.span_from(from);
        let complete = is_complete(directive, frame);
        match directive {
            Directive::If(test) if complete => self.begin_condition(test, span),
            Directive::Else if complete => self.otherwise(span),
            Directive::Endif if complete => self.end_condition(span),
            Directive::Else | Directive::Endif if begins_line => self.incomplete(directive, span),
            _ => return false,
        }
        true
    }

    pub(super) fn begin_condition(&mut self, test: Test, span: Span) {
        let reading = !self.conditions.skip();
        let holds = self.test(test);
        self.conditions.open(span, holds);
        let frame = self.frame();
        let from = frame.at;
        frame.advance(frame.to_line_end());
        let rest = frame.text[from..frame.at].trim_ascii();
        let only_name = rest.is_empty() || rest.starts_with(b"#") || rest.starts_with(b"//");
        let span = frame.span_from(from);
        if reading && !only_name {
            self.report(
                Diagnostic::warning(codes::TEXT_AFTER_DIRECTIVE, span, "only the first name is tested")
                    .label("this is passed over")
                    .help("nest one #!ifdef in the other, or use #!ifexp"),
            );
        }
    }

    /// Reads what a condition tests, and tests it.
    pub(crate) fn test(&mut self, test: Test) -> bool {
        if test == Test::Expression {
            return self.test_expression();
        }
        let defined = self.directive_name().is_some_and(|named| self.defines.contains(&named.name));
        defined == (test == Test::Defined)
    }

    fn test_expression(&mut self) -> bool {
        let reading = !self.conditions.skip();
        let frame = self.frame();
        frame.skip_blanks();
        let from = frame.at;
        frame.advance(frame.to_line_end());
        let span = frame.span_from(from);
        let text = String::from_utf8_lossy(&frame.text[from..frame.at]).into_owned();
        if !reading {
            return false;
        }
        match expression::evaluate(&text, &self.defines) {
            Ok(value) => value.is_true(),
            Err(reason) => {
                self.bad_expression(&reason, span);
                false
            }
        }
    }

    pub(super) fn bad_expression(&mut self, reason: &str, span: Span) {
        self.report(
            Diagnostic::error(codes::BAD_EXPRESSION, span, format!("this cannot be evaluated: {reason}"))
                .help("write numbers, strings and names with + - * / % ( ) == != < > <= >= && || !"),
        );
    }

    pub(crate) fn otherwise(&mut self, span: Span) {
        let Some(condition) = self.conditions.open.last_mut() else {
            self.report(
                Diagnostic::warning(codes::STRAY_ELSE, span, "`#!else` without `#!ifdef`; it does nothing")
                    .help("take it out, or put the #!ifdef back"),
            );
            return;
        };
        let (first, again) = (condition.span, std::mem::replace(&mut condition.has_else, true));
        condition.holds = !condition.holds;
        if condition.holds {
            self.conditions.failing -= 1;
        } else {
            self.conditions.failing += 1;
        }
        if again {
            self.report(
                Diagnostic::warning(
                    codes::STRAY_ELSE,
                    span,
                    "a second `#!else` turns the condition round once more",
                )
                .also(first, "the condition begins here")
                .help("take one of them out"),
            );
        }
    }

    pub(crate) fn end_condition(&mut self, span: Span) {
        match self.conditions.open.pop() {
            Some(condition) => self.conditions.failing -= usize::from(!condition.holds),
            None => self.report(
                Diagnostic::error(codes::STRAY_ENDIF, span, "`#!endif` without `#!ifdef`")
                    .help("take it out, or put the #!ifdef back"),
            ),
        }
    }

    /// At the end of the configuration.
    pub(crate) fn report_open_conditions(&mut self) {
        for condition in std::mem::take(&mut self.conditions.open) {
            self.report(
                Diagnostic::error(codes::MISSING_ENDIF, condition.span, "this condition has no `#!endif`")
                    .label("begins here")
                    .help("end it with a line `#!endif`"),
            );
        }
    }
}
