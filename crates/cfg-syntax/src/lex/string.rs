//! Strings: `"…"` with escapes, `'…'` as they stand; both go through the `#!subst` rules.

use super::token::TokenKind;
use super::{Frame, Lexer};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Span;

/// What was read of one pair of quotes.
pub(crate) struct Quoted {
    pub(crate) value: Vec<u8>,
    pub(crate) closed: bool,
}

impl Lexer<'_> {
    /// `"…"`; those that only white space separates are one.
    pub(super) fn quoted(&mut self) {
        let frame = self.frame();
        let from = frame.at;
        let mut whole = read_quoted(frame);
        let mut span = frame.span_from(from);
        while whole.closed && self.another_string_follows() {
            let frame = self.frame();
            let from = frame.at;
            let more = read_quoted(frame);
            span = span.to(frame.span_from(from));
            whole.value.extend_from_slice(&more.value);
            whole.closed = more.closed;
        }
        self.string(span, whole, '"');
    }

    /// Goes to the next `"`, if only white space and the end of a define's text stand before it.
    fn another_string_follows(&mut self) -> bool {
        let mut ended = 0;
        for frame in self.input.iter_mut().rev() {
            let blanks = frame.run(|byte| byte.is_ascii_whitespace());
            match frame.peek(blanks) {
                Some(b'"') => {
                    frame.advance(blanks);
                    self.input.truncate(self.input.len() - ended);
                    return true;
                }
                None if !frame.is_file() => ended += 1,
                _ => return false,
            }
        }
        false
    }

    /// `'…'`
    pub(super) fn raw(&mut self) {
        let frame = self.frame();
        let from = frame.at;
        frame.advance(1);
        let length = frame.run(|byte| byte != b'\'');
        let value = frame.rest()[..length].to_vec();
        let closed = frame.peek(length).is_some();
        frame.advance(length + 1);
        let span = frame.span_from(from);
        self.string(span, Quoted { value, closed }, '\'');
    }

    fn string(&mut self, span: Span, quoted: Quoted, quote: char) {
        if !quoted.closed {
            let opening = Span::new(span.file, span.start, (span.start + 1).min(span.end));
            self.report(
                Diagnostic::error(codes::UNCLOSED_STRING, opening, "this string is not closed")
                    .label("opened here")
                    .help(format!("close it with `{quote}`")),
            );
        }
        let mut value = quoted.value;
        for subst in &self.substs {
            if let Some(changed) = subst.apply(&value) {
                value = changed;
            }
        }
        if let Some(nul) = value.iter().position(|byte| *byte == 0) {
            value.truncate(nul);
            self.report(
                Diagnostic::warning(codes::NUL_IN_STRING, span, "the string ends at a zero byte")
                    .help("strings cannot hold the byte 0; take it out"),
            );
        }
        self.push(TokenKind::Str(value), span);
    }
}

/// Reads one `"…"` with its escapes.
pub(crate) fn read_quoted(frame: &mut Frame) -> Quoted {
    let mut quoted = Quoted { value: Vec::new(), closed: false };
    frame.advance(1);
    while let Some(byte) = frame.peek(0) {
        match byte {
            b'"' => {
                frame.advance(1);
                quoted.closed = true;
                break;
            }
            b'\\' => read_escape(frame, &mut quoted.value),
            _ => {
                quoted.value.push(byte);
                frame.advance(1);
            }
        }
    }
    quoted
}

fn read_escape(frame: &mut Frame, value: &mut Vec<u8>) {
    let length = escape(frame.rest(), value);
    frame.advance(length);
}

/// Reads `\x` at the start of a text and gives its length; what is no escape stands for itself, backslash included.
pub(crate) fn escape(rest: &[u8], value: &mut Vec<u8>) -> usize {
    let Some(escaped) = rest.get(1).copied() else {
        value.push(b'\\');
        return 1;
    };
    let digits = |from: usize, most: usize, base: u32| {
        let is_digit = |at: &usize| rest.get(*at).is_some_and(|byte| char::from(*byte).is_digit(base));
        (from..from + most).take_while(is_digit).count()
    };
    let (hex, octal) = (digits(2, 2, 16), digits(1, 3, 8));
    match escaped {
        b'n' => value.push(b'\n'),
        b'r' => value.push(b'\r'),
        b't' => value.push(b'\t'),
        b'a' => value.push(7),
        b'"' | b'\\' => value.push(escaped),
        b'\n' => {}
        b'\r' if rest.get(2) == Some(&b'\n') => return 3,
        b'x' if hex > 0 => {
            value.push(number(&rest[2..2 + hex], 16));
            return 2 + hex;
        }
        _ if octal > 1 => {
            value.push(number(&rest[1..=octal], 8));
            return 1 + octal;
        }
        _ => value.extend_from_slice(&[b'\\', escaped]),
    }
    2
}

/// The value of at most three digits, cut to a byte as Kamailio cuts it (`\400` is 0).
fn number(digits: &[u8], base: u32) -> u8 {
    digits.iter().fold(0, |n, digit| n * base + char::from(*digit).to_digit(base).unwrap_or(0)) as u8
}
