//! `line.*`: a text's lines, ended by CRLF or LF.

use super::{int_arg, slice, text_arg, with_text};
use crate::catalogue::TransformArgs;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

/// The lines; the end of the last one begins no further line.
fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    whole.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

pub(super) fn count(input: &Value, _: &Args<'_>) -> Value {
    with_text(
        input,
        |text| if text.is_empty() { Value::Null } else { Value::Int(lines(text).count() as i64) },
    )
}

/// `index`: negative ones count from the end.
pub(super) fn at(input: &Value, args: &Args<'_>) -> Value {
    let Some(index) = int_arg(args, 0) else { return Value::Null };
    if matches!(input, Value::Str(text) if text.is_empty()) {
        return Value::Null;
    }
    slice(input, |text| {
        let mut all = lines(text);
        let found = if index >= 0 {
            usize::try_from(index).ok().and_then(|index| all.nth(index))
        } else {
            usize::try_from(-index - 1).ok().and_then(|index| all.nth_back(index))
        };
        found.unwrap_or_default()
    })
}

/// `start`: the first line that begins so.
pub(super) fn sw(input: &Value, args: &Args<'_>) -> Value {
    let start = text_arg(args, 0);
    if matches!(input, Value::Str(text) if text.is_empty()) {
        return Value::Null;
    }
    slice(input, |text| lines(text).find(|line| line.starts_with(&start)).unwrap_or_default())
}
