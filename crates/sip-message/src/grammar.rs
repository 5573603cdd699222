//! Character classes and the small shapes that all headers share: tokens, quoted strings, lists, parameters.

use std::borrow::Cow;

use crate::span::Span;

/// One bit per class, so that each byte is classified by one load.
static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        let alphanumeric = c.is_ascii_alphanumeric();
        let mark = matches!(c, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
        let mut class = 0;
        if alphanumeric || matches!(c, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
            class |= TOKEN;
        }
        if alphanumeric || mark {
            class |= UNRESERVED;
        }
        if alphanumeric || mark || matches!(c, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/') {
            class |= USER;
        }
        if alphanumeric || mark || matches!(c, b'&' | b'=' | b'+' | b'$' | b',') {
            class |= PASSWORD;
        }
        if alphanumeric || mark || matches!(c, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$') {
            class |= PARAM;
        }
        if alphanumeric || mark || matches!(c, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$') {
            class |= HEADER;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

pub(crate) const TOKEN: u8 = 1;
pub(crate) const UNRESERVED: u8 = 2;
pub(crate) const USER: u8 = 4;
pub(crate) const PASSWORD: u8 = 8;
pub(crate) const PARAM: u8 = 16;
pub(crate) const HEADER: u8 = 32;

pub(crate) fn is_in(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

pub(crate) fn is_token(byte: u8) -> bool {
    is_in(byte, TOKEN)
}

/// SP, HT, CR and LF: what linear white space is made of (RFC 3261 §25.1).
pub(crate) fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

pub(crate) fn trim_start(text: &[u8]) -> &[u8] {
    let kept = text.iter().position(|&byte| !is_lws(byte)).unwrap_or(text.len());
    &text[kept..]
}

pub(crate) fn trim_end(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|&byte| !is_lws(byte)).map_or(0, |last| last + 1);
    &text[..kept]
}

/// Where a slice of `text` begins in it; the text's length for a foreign slice.
pub(crate) fn offset_in(text: &[u8], part: &[u8]) -> usize {
    Span::locate(text, part).map_or(text.len(), |span| span.start as usize)
}

/// Offset after the quoted string that opens at `at`; `None` when it is not closed.
pub(crate) fn quoted_end(text: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        next += memchr::memchr2(b'"', b'\\', text.get(next..)?)?;
        if text[next] == b'"' {
            return Some(next + 1);
        }
        next += 2;
    }
}

/// Offset of the first `separator` outside quoted strings and outside angle brackets.
pub(crate) fn find_outside(text: &[u8], separator: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(separator, b'"', b'<', text.get(at..)?)?;
        at = match text[at] {
            b'"' if separator != b'"' => quoted_end(text, at)?,
            b'<' if separator != b'<' => at + 1 + memchr::memchr(b'>', &text[at..])?,
            _ => return Some(at),
        };
    }
}

/// The comma-separated values of a header's text, trimmed; empty ones are left out (RFC 3261 §7.3.1).
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    /// The values in `text`. Commas within quoted strings and angle brackets separate nothing.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text) }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let text = self.rest?;
            let value = match find_outside(text, b',') {
                Some(comma) => {
                    self.rest = Some(&text[comma + 1..]);
                    &text[..comma]
                }
                None => {
                    self.rest = None;
                    text
                }
            };
            let value = trim(value);
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// The text of a quoted string without its quotes and escapes; any other text as it is.
pub fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = text else { return Cow::Borrowed(text) };
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        let kept = if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte };
        out.push(kept);
    }
    Cow::Owned(out)
}

/// A decimal number of digits only; `None` when it is empty, has another byte, or is too large.
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u32, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}
