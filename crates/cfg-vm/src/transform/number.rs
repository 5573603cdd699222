//! `num.*` and `val.*`.

use super::{map, with_text};
use crate::catalogue::TransformArgs;
use crate::value::{Str, Value};

type Args<'a> = TransformArgs<'a>;

/// Undefined becomes 0.
pub(super) fn null_is_zero(input: &Value, _: &Args<'_>) -> Value {
    if input.is_null() { Value::Int(0) } else { input.clone() }
}

/// Undefined becomes no text.
pub(super) fn null_is_empty(input: &Value, _: &Args<'_>) -> Value {
    if input.is_null() { Value::Str(Str::EMPTY) } else { input.clone() }
}

/// As it stands inside a JSON string (RFC 8259 section 7), without the quotes.
pub(super) fn json(input: &Value, _: &Args<'_>) -> Value {
    map(input, escaped)
}

/// As a JSON value: text in quotes, numbers bare, undefined as no text in quotes.
pub(super) fn json_quoted(input: &Value, _: &Args<'_>) -> Value {
    match input {
        Value::Int(_) => Value::Str(input.to_str()),
        Value::Null => Value::text("\"\""),
        Value::Str(text) => {
            let mut quoted = vec![b'"'];
            quoted.extend(escaped(text));
            quoted.push(b'"');
            quoted.into()
        }
    }
}

fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' | b'\\' => escaped.extend([b'\\', *byte]),
            b'\n' => escaped.extend_from_slice(b"\\n"),
            b'\r' => escaped.extend_from_slice(b"\\r"),
            b'\t' => escaped.extend_from_slice(b"\\t"),
            0x08 => escaped.extend_from_slice(b"\\b"),
            0x0c => escaped.extend_from_slice(b"\\f"),
            0..0x20 => {
                escaped.extend_from_slice(b"\\u00");
                escaped.extend(super::encode::hexa(&[*byte]));
            }
            byte => escaped.push(*byte),
        }
    }
    escaped
}

pub(super) fn first_digit(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        text.iter().find(|byte| byte.is_ascii_digit()).map(|b| i64::from(b - b'0')).into()
    })
}

pub(super) fn last_digit(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| {
        text.iter().rfind(|byte| byte.is_ascii_digit()).map(|b| i64::from(b - b'0')).into()
    })
}
