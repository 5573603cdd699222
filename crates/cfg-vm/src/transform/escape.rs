//! Escapes: of quotes, of URI parts (RFC 3261 25.1), of CSV.

use super::encode::digit;
use super::{map, with_text};
use crate::catalogue::TransformArgs;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

/// A backslash before quotes, backslashes and NUL.
pub(super) fn common(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut escaped = Vec::with_capacity(text.len());
        for byte in text {
            match byte {
                b'\'' | b'"' | b'\\' => escaped.extend([b'\\', *byte]),
                0 => escaped.extend_from_slice(b"\\0"),
                byte => escaped.push(*byte),
            }
        }
        escaped
    })
}

/// Back; other backslashes stay.
pub(super) fn uncommon(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            match rest {
                [b'\\', escaped @ (b'\'' | b'"' | b'\\'), after @ ..] => {
                    plain.push(*escaped);
                    rest = after;
                }
                [b'\\', b'0', after @ ..] => {
                    plain.push(0);
                    rest = after;
                }
                _ => {
                    plain.push(*byte);
                    rest = after;
                }
            }
        }
        plain
    })
}

/// Line ends and backslashes as `\r`, `\n`, `\\`.
pub(super) fn crlf(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut escaped = Vec::with_capacity(text.len());
        for byte in text {
            match byte {
                b'\r' => escaped.extend_from_slice(b"\\r"),
                b'\n' => escaped.extend_from_slice(b"\\n"),
                b'\\' => escaped.extend_from_slice(b"\\\\"),
                byte => escaped.push(*byte),
            }
        }
        escaped
    })
}

/// Back.
pub(super) fn uncrlf(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            let (push, after) = match rest {
                [b'\\', b'r', after @ ..] => (b'\r', after),
                [b'\\', b'n', after @ ..] => (b'\n', after),
                [b'\\', b'\\', after @ ..] => (b'\\', after),
                _ => (*byte, after),
            };
            plain.push(push);
            rest = after;
        }
        plain
    })
}

/// For a URI's user part: unreserved, and what may stand there. Text that is not ASCII, or holds control
/// characters, is undefined.
pub(super) fn user(input: &Value, _: &Args<'_>) -> Value {
    uri_part(input, b"-_.!~*'()&=+$,;?")
}

/// For a URI's parameter. The same limits.
pub(super) fn param(input: &Value, _: &Args<'_>) -> Value {
    uri_part(input, b"-_.!~*'()[]/:&+$")
}

fn uri_part(input: &Value, also: &[u8]) -> Value {
    with_text(input, |text| {
        if text.iter().any(|byte| *byte < 32 || *byte > 126) {
            return Value::Null;
        }
        percent(text, |byte| byte.is_ascii_alphanumeric() || also.contains(&byte)).into()
    })
}

fn percent(text: &[u8], stays: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        if stays(*byte) {
            escaped.push(*byte);
        } else {
            escaped.push(b'%');
            escaped.extend(super::encode::hexa(&[*byte]));
        }
    }
    escaped
}

/// Back from either; a `%` without two digits makes it undefined.
pub(super) fn unpercent(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            if *byte != b'%' {
                plain.push(*byte);
                rest = after;
                continue;
            }
            let [high, low, after @ ..] = after else { return Value::Null };
            match (digit(*high), digit(*low)) {
                (Some(high @ 2..8), Some(low)) => plain.push(high << 4 | low),
                _ => return Value::Null,
            }
            rest = after;
        }
        plain.into()
    })
}

/// In quotes, with its quotes doubled.
pub(super) fn csv(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut escaped = vec![b'"'];
        for byte in text {
            if *byte == b'"' {
                escaped.push(b'"');
            }
            escaped.push(*byte);
        }
        escaped.push(b'"');
        escaped
    })
}

/// For an HTTP query.
pub(super) fn url(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| percent(text, |byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)))
}

/// Back; `+` is a blank.
pub(super) fn unurl(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            match byte {
                b'+' => plain.push(b' '),
                b'%' => {
                    // A lone one at the end is passed over.
                    if let [high, low, after @ ..] = after {
                        plain.push(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0));
                        rest = after;
                    }
                }
                byte => plain.push(*byte),
            }
        }
        plain
    })
}
