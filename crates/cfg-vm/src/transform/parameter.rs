//! `param.*`: lists such as `a=1;b="two";c`.
//!
//! White space may stand around `=` and before separators, but not inside names and values: then all is
//! undefined. A comma ends the list. A name that comes twice is worth its last value; positions count from the
//! beginning, negative ones from the end.

use super::{int_arg, text_arg};
use crate::catalogue::TransformArgs;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

/// A name and its value.
type Parameter<'a> = (&'a [u8], &'a [u8]);

pub(super) fn value(input: &Value, args: &Args<'_>) -> Value {
    let name = text_arg(args, 0);
    on_list(input, args, 1, |list| {
        let found = list.iter().rfind(|(known, _)| known.eq_ignore_ascii_case(&name));
        found.map_or(Value::text(""), |(_, value)| Value::from(*value))
    })
}

pub(super) fn is_in(input: &Value, args: &Args<'_>) -> Value {
    let name = text_arg(args, 0);
    on_list(input, args, 1, |list| {
        Value::Int(list.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)).into())
    })
}

pub(super) fn value_at(input: &Value, args: &Args<'_>) -> Value {
    let index = int_arg(args, 0);
    on_list(input, args, 1, |list| pick(list, index).map_or(b"".as_slice(), |(_, value)| value).into())
}

pub(super) fn name(input: &Value, args: &Args<'_>) -> Value {
    let index = int_arg(args, 0);
    on_list(input, args, 1, |list| pick(list, index).map_or(b"".as_slice(), |(name, _)| name).into())
}

pub(super) fn count(input: &Value, args: &Args<'_>) -> Value {
    on_list(input, args, 0, |list| Value::Int(list.len() as i64))
}

fn pick<'a>(list: &[Parameter<'a>], index: Option<i64>) -> Option<Parameter<'a>> {
    let index = index?;
    let index = if index < 0 { list.len() as i64 + index } else { index };
    list.get(usize::try_from(index).ok()?).copied()
}

fn on_list(
    input: &Value,
    args: &Args<'_>,
    separator: usize,
    f: impl FnOnce(&[Parameter<'_>]) -> Value,
) -> Value {
    let separator = text_arg(args, separator).first().copied().unwrap_or(b';');
    match input {
        Value::Null => Value::Null,
        input => match list(&input.to_str(), separator) {
            Some(list) => f(&list),
            None => Value::Null,
        },
    }
}

/// Reads a list; none where it cannot be one.
fn list(text: &[u8], separator: u8) -> Option<Vec<Parameter<'_>>> {
    if text.is_empty() {
        return None;
    }
    let mut list = Vec::new();
    let mut rest = text.trim_ascii_start();
    loop {
        let ends = |b: &u8| *b == b'=' || *b == separator || *b == b',' || b.is_ascii_whitespace();
        let (name, after) = rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
        rest = after.trim_ascii_start();
        if rest.len() < after.len() && !rest.starts_with(b"=") {
            return None;
        }
        let value = match rest.strip_prefix(b"=") {
            Some(after) => {
                let (value, after) = value_of(after.trim_ascii_start(), separator)?;
                rest = after.trim_ascii_start();
                value
            }
            None => b"",
        };
        list.push((name, value));
        match rest.split_first() {
            None => return Some(list),
            Some((b',', _)) if separator != b',' => return Some(list),
            Some((byte, after)) if *byte == separator => rest = after.trim_ascii_start(),
            Some(_) => return None,
        }
        // A separator at the very end begins no further parameter.
        if rest.is_empty() {
            return Some(list);
        }
    }
}

/// A value and what follows it; quotes are not part of it.
fn value_of(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    if let [quote @ (b'"' | b'\''), inner @ ..] = text {
        let end = inner.iter().position(|byte| byte == quote)?;
        return Some((&inner[..end], &inner[end + 1..]));
    }
    let end = text.iter().position(|b| *b == separator || *b == b',' || b.is_ascii_whitespace());
    let end = end.unwrap_or(text.len());
    Some(text.split_at(end))
}
