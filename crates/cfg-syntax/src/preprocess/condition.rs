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
        let frame = self.frame();
        frame.skip_blanks();
        let length = frame.to_line_end();
        let from = frame.at;
        let name_length = match test {
            Test::Defined | Test::NotDefined => frame.run(|byte| !byte.is_ascii_whitespace()),
            Test::Expression => length,
        };
        let name = String::from_utf8_lossy(&frame.rest()[..name_length]).into_owned();
        let after = frame.rest()[name_length..length].trim_ascii();
        let only_name = after.is_empty() || after.starts_with(b"#") || after.starts_with(b"//");
        let (at, rest) =
            (frame.span(from, from + name_length), frame.span(from + name_length, from + length));
        frame.advance(length);
        let holds = match test {
            Test::Defined => self.defines.contains(&name),
            Test::NotDefined => !self.defines.contains(&name),
            Test::Expression => reading && self.test_expression(&name, at),
        };
        if reading && !only_name {
            self.report(
                Diagnostic::warning(codes::TEXT_AFTER_DIRECTIVE, rest, "only the first name is tested")
                    .label("this is passed over")
                    .help("nest one #!ifdef in the other, or use #!ifexp"),
            );
        }
        self.conditions.failing += usize::from(!holds);
        self.conditions.open.push(Condition { span, holds, has_else: false });
    }

    fn test_expression(&mut self, text: &str, span: Span) -> bool {
        match expression::evaluate(text, &self.defines) {
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

    pub(super) fn otherwise(&mut self, span: Span) {
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

    pub(super) fn end_condition(&mut self, span: Span) {
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
