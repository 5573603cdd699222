//! How the parser goes on after a mistake.

use super::{Parser, Reported};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::Span;

/// What is known of the braces of the route that is being read.
#[derive(Debug, Default)]
pub(super) struct Braces {
    /// The first pair whose closing brace is indented as if it closed another one.
    suspect: Option<(Span, Span)>,
    /// The token at which a missing brace was reported: blocks around it say nothing more.
    reported_at: Option<usize>,
}

/// Words that begin a statement.
pub(super) const STATEMENT_WORDS: &[&str] =
    &["if", "else", "while", "switch", "case", "default", "return", "exit", "drop", "break"];

impl Parser<'_> {
    /// Passes over the rest of a statement that was not understood.
    pub(super) fn skip_statement(&mut self) {
        let mut parentheses = 0usize;
        let start = self.at;
        loop {
            let token = self.peek();
            match &token.kind {
                TokenKind::End => return,
                TokenKind::Punct(Punct::Semicolon) => {
                    self.bump();
                    return;
                }
                TokenKind::Punct(Punct::BraceClose) => return,
                TokenKind::Punct(Punct::BraceOpen) => {
                    self.given_up_at = Some(self.at);
                    return;
                }
                TokenKind::Punct(Punct::ParenOpen) => parentheses += 1,
                TokenKind::Punct(Punct::ParenClose) => parentheses = parentheses.saturating_sub(1),
                _ if self.at > start && token.on_new_line && self.begins_statement(parentheses > 0) => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// Whether a statement surely begins at this token, which is the first of its line.
    pub(super) fn begins_statement(&self, in_parentheses: bool) -> bool {
        if self.at_route_head() {
            return true;
        }
        match &self.peek().kind {
            TokenKind::Word(word) if STATEMENT_WORDS.contains(&word.as_str()) => true,
            TokenKind::Word(_) => !in_parentheses && self.nth(1).is(Punct::ParenOpen),
            TokenKind::Pv(_) => !in_parentheses && self.nth(1).is(Punct::Assign),
            _ => false,
        }
    }

    /// Passes over the rest of a condition, its closing parenthesis included, up to the block.
    pub(super) fn skip_condition(&mut self) {
        while !self.at_end()
            && !self.is(Punct::BraceOpen)
            && !self.is(Punct::BraceClose)
            && !self.is(Punct::Semicolon)
        {
            let at_line = self.peek().on_new_line;
            if at_line && self.begins_statement(false) {
                return;
            }
            self.bump();
        }
    }

    /// Passes over the rest of an item that was not understood.
    pub(super) fn skip_item(&mut self) {
        let start = self.at;
        while !self.at_end() {
            if self.at > start
                && self.peek().on_new_line
                && (self.begins_item() || self.begins_statement(false))
            {
                return;
            }
            if self.is(Punct::BraceOpen) || self.is(Punct::BraceClose) {
                return;
            }
            if self.bump().is(Punct::Semicolon) {
                return;
            }
        }
    }

    /// Remembers a pair of braces whose indentation does not fit.
    pub(super) fn brace_pair(&mut self, open: Span, close: Span) {
        if self.braces.suspect.is_some() {
            return;
        }
        let (Some(opening), Some(closing)) = (self.indentation(open, false), self.indentation(close, true))
        else {
            return;
        };
        if closing < opening {
            self.braces.suspect = Some((open, close));
        }
    }

    /// The white space before a line's first byte; with `alone`, only if the span begins the line.
    fn indentation(&self, span: Span, alone: bool) -> Option<usize> {
        let text = &self.sources.file(span.file).text;
        let before = text.get(..span.start as usize)?;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = &text[start..];
        let indentation = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        (!alone || start + indentation == span.start as usize).then_some(indentation)
    }

    /// A new route: what was known of the braces is past.
    pub(super) fn forget_braces(&mut self) {
        self.braces.suspect = None;
    }

    /// A block reaches the end of the file, or the next route, without its `}`.
    pub(super) fn unclosed_brace(&mut self, open: Span) -> Reported {
        if self.braces.reported_at.replace(self.at) == Some(self.at) {
            return Reported;
        }
        let suspect = self.braces.suspect.take();
        let mut report = Diagnostic::error(
            codes::UNCLOSED_BRACE,
            suspect.map_or(open, |(open, _)| open),
            "this `{` is not closed",
        )
        .help("put the missing `}` where this block ends");
        if let Some((_, close)) = suspect {
            report = report.label("perhaps this one is meant to end earlier");
            report = report.also(close, "this `}` closes it, but stands further to the left");
        }
        let at = self.peek().span;
        report = if self.at_end() {
            report.also(at, "the file ends here")
        } else {
            report.also(at, "the next one begins here")
        };
        self.report(report)
    }
}
