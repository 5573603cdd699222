//! Words, numbers, pseudo-variables and selects.

use super::token::TokenKind;
use super::{Frame, Lexer, Origin, is_word_byte, is_word_start};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

impl Lexer<'_> {
    /// A word, unless it is a define or takes in a file.
    pub(super) fn word(&mut self) {
        let frame = self.frame();
        let length = frame.run(is_word_byte);
        let from = frame.at;
        let word = String::from_utf8_lossy(&frame.rest()[..length]).into_owned();
        frame.advance(length);
        let span = frame.span_from(from);
        match word.as_str() {
            "include_file" => self.include(span, true),
            "import_file" => self.include(span, false),
            _ if self.expand(&word, span) => {}
            _ => self.push(TokenKind::Word(word), span),
        }
    }

    /// Puts the text of a define in its name's place; `false` when there is nothing to put.
    fn expand(&mut self, name: &str, span: Span) -> bool {
        let Some(entry) = self.defines.get(name) else { return false };
        let (value, defined_at) = (entry.value.clone(), entry.span);
        if value.is_empty() {
            return false;
        }
        let is_open =
            |frame: &Frame| matches!(&frame.origin, Origin::Define { name: open, .. } if open == name);
        if self.input.iter().any(is_open) {
            let message = format!("`{name}` is defined by itself");
            let mut report = Diagnostic::error(codes::DEFINE_LOOP, span, message)
                .help("give one of the names in the circle another text");
            if let Some(at) = defined_at {
                report = report.also(at, "its text leads back to its name");
            }
            self.report_once(report);
            return false;
        }
        if !self.may_expand(value.len()) {
            let message = format!("`{name}` makes more text than a configuration can hold");
            self.report_once(
                Diagnostic::error(codes::TOO_MUCH_TEXT, span, message)
                    .help("look for defines that multiply each other's text"),
            );
            return false;
        }
        self.input.push(Frame::new(value, Origin::Define { name: name.to_owned(), used_at: span }));
        true
    }

    pub(super) fn number(&mut self) {
        let frame = self.frame();
        let from = frame.at;
        let length = frame.run(is_word_byte);
        let text = String::from_utf8_lossy(&frame.rest()[..length]).into_owned();
        frame.advance(length);
        let span = frame.span_from(from);
        let kind = match number_value(&text) {
            Some(Ok(value)) => TokenKind::Number { value, text },
            Some(Err(TooLarge)) => {
                let message = format!("`{text}` does not fit into 64 bits");
                self.report(
                    Diagnostic::error(codes::NUMBER_TOO_LARGE, span, message)
                        .help(format!("the largest number is {}", i64::MAX)),
                );
                TokenKind::Number { value: i64::MAX, text }
            }
            None => TokenKind::Mixed(text),
        };
        self.push(kind, span);
    }

    /// `$name`, `$name(…)`, `$(…)`: up to where the parentheses balance.
    pub(super) fn pseudo_variable(&mut self) {
        let frame = self.frame();
        let from = frame.at;
        frame.advance(1);
        frame.advance(frame.run(is_name_byte));
        let mut closed = true;
        if frame.peek(0) == Some(b'(') {
            let length = balanced(frame.rest());
            closed = length.is_some();
            let to_gap = || frame.run(|byte| !byte.is_ascii_whitespace() && byte != b';');
            frame.advance(length.unwrap_or_else(to_gap));
        }
        let span = frame.span_from(from);
        if closed {
            let text = frame.text[from..frame.at].to_vec();
            self.push(TokenKind::Pv(text), span);
            return;
        }
        self.report(
            Diagnostic::error(
                codes::UNCLOSED_VARIABLE,
                span,
                "this pseudo-variable is not closed on its line",
            )
            .help("close each `(` with a `)`"),
        );
        // A variable nobody can name, so that the statement goes on and nothing more is said.
        self.push(TokenKind::Pv(b"$null".to_vec()), span);
    }

    /// `@class.part[1]…`
    pub(super) fn select(&mut self) {
        /// No key in brackets is longer; so that a forgotten `]` does not make each `[` read far.
        const LONGEST_KEY: usize = 256;
        let frame = self.frame();
        let from = frame.at;
        frame.advance(1);
        loop {
            match frame.peek(0) {
                Some(b'.' | b'%' | b'?') => frame.advance(1),
                Some(b'[') => {
                    let key = frame.rest().iter().take(LONGEST_KEY).position(|byte| *byte == b']');
                    let Some(end) = key else { break };
                    frame.advance(end + 1);
                }
                Some(byte) if is_word_byte(byte) => frame.advance(frame.run(is_word_byte)),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&frame.text[from..frame.at]).into_owned();
        let span = frame.span_from(from);
        let names = text.as_bytes().get(1).copied().is_some_and(is_word_start);
        self.push(if names { TokenKind::Select(text) } else { TokenKind::Stray(b'@') }, span);
    }
}

/// A byte of a pseudo-variable's name.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    is_word_byte(byte) || byte == b'.' || byte == b'?'
}

/// The length of `(…)` up to the parenthesis that closes the first; `None` if none on this line does.
fn balanced(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => return None,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

struct TooLarge;

/// `0x1F`, `101b`, `017`, `10`; `None` if it is no number.
fn number_value(text: &str) -> Option<Result<i64, TooLarge>> {
    let (digits, base) = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        (hex, 16)
    } else if let Some(binary) = text.strip_suffix(['b', 'B']) {
        (binary, 2)
    } else if text.len() > 1 && text.starts_with('0') {
        (&text[1..], 8)
    } else {
        (text, 10)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    Some(i64::from_str_radix(digits, base).map_err(|_| TooLarge))
}
