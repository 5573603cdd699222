//! `s.*`: cutting and joining bytes.

use super::{int_arg, map, slice, text_arg, with_text};
use crate::catalogue::TransformArgs;
use crate::number::parse_int;
use crate::value::Value;

type Args<'a> = TransformArgs<'a>;

pub(super) fn len(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| Value::Int(text.len() as i64))
}

/// The number in it; undefined if it is none.
pub(super) fn int(input: &Value, _: &Args<'_>) -> Value {
    with_text(input, |text| match text {
        [] => Value::text(""),
        // The form with 0x is no number here.
        [b'0', b'x' | b'X', ..] => Value::Null,
        text => parse_int(text).into(),
    })
}

pub(super) fn tolower(input: &Value, _: &Args<'_>) -> Value {
    map(input, <[u8]>::to_ascii_lowercase)
}

pub(super) fn toupper(input: &Value, _: &Args<'_>) -> Value {
    map(input, <[u8]>::to_ascii_uppercase)
}

/// Its digits.
pub(super) fn numeric(input: &Value, _: &Args<'_>) -> Value {
    keep(input, u8::is_ascii_digit)
}

fn keep(input: &Value, wanted: impl Fn(&u8) -> bool) -> Value {
    map(input, |text| text.iter().copied().filter(|byte| wanted(byte)).collect())
}

/// `offset,length`: negative offsets count from the end, length 0 reaches to it. Outside: undefined.
pub(super) fn substr(input: &Value, args: &Args<'_>) -> Value {
    let (Some(offset), length) = (int_arg(args, 0), int_arg(args, 1).unwrap_or(0)) else {
        return Value::Null;
    };
    with_text(input, |text| {
        let start = if offset < 0 { text.len() as i64 + offset } else { offset };
        match usize::try_from(start) {
            Ok(start) if start < text.len() && length >= 0 => {
                let rest = &text[start..];
                let length = if length == 0 { rest.len() } else { rest.len().min(length as usize) };
                rest[..length].into()
            }
            _ => Value::Null,
        }
    })
}

/// `index,separator`: negative indexes count from the end.
pub(super) fn select(input: &Value, args: &Args<'_>) -> Value {
    let (Some(index), separator) = (int_arg(args, 0), text_arg(args, 1)) else { return Value::Null };
    let separator = separator.first().copied().unwrap_or(b',');
    slice(input, |text| field(text, index, |byte| byte == separator))
}

/// `index`: fields between white space.
pub(super) fn selectws(input: &Value, args: &Args<'_>) -> Value {
    let Some(index) = int_arg(args, 0) else { return Value::Null };
    with_text(input, |text| {
        let fields: Vec<&[u8]> =
            text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect();
        pick(&fields, index).unwrap_or_default().into()
    })
}

/// `separators,index`: a field between any of the separators.
pub(super) fn selectsw(input: &Value, args: &Args<'_>) -> Value {
    let (separators, Some(index)) = (text_arg(args, 0), int_arg(args, 1)) else { return Value::Null };
    slice(input, |text| field(text, index, |byte| separators.contains(&byte)))
}

fn field(text: &[u8], index: i64, is_separator: impl Fn(u8) -> bool) -> &[u8] {
    let mut fields = text.split(|byte| is_separator(*byte));
    let found = if index >= 0 {
        usize::try_from(index).ok().and_then(|index| fields.nth(index))
    } else {
        usize::try_from(-index - 1).ok().and_then(|index| fields.nth_back(index))
    };
    found.unwrap_or_default()
}

fn pick<'a>(fields: &[&'a [u8]], index: i64) -> Option<&'a [u8]> {
    let index = if index < 0 { fields.len() as i64 + index } else { index };
    fields.get(usize::try_from(index).ok()?).copied()
}

pub(super) fn strip(input: &Value, args: &Args<'_>) -> Value {
    let count = int_arg(args, 0).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    slice(input, |text| text.get(count..).unwrap_or_default())
}

pub(super) fn striptail(input: &Value, args: &Args<'_>) -> Value {
    let count = int_arg(args, 0).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    slice(input, |text| &text[..text.len().saturating_sub(count)])
}

/// From the first such byte on; nothing if there is none.
pub(super) fn stripto(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    slice(input, |text| match text.iter().position(|byte| Some(*byte) == wanted) {
        Some(at) => &text[at..],
        None => b"",
    })
}

pub(super) fn prefixes(input: &Value, args: &Args<'_>) -> Value {
    join_prefixes(input, args, "")
}

pub(super) fn prefixes_quoted(input: &Value, args: &Args<'_>) -> Value {
    join_prefixes(input, args, "'")
}

fn join_prefixes(input: &Value, args: &Args<'_>, quote: &str) -> Value {
    let most = int_arg(args, 0).and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
    map(input, |text| {
        let mut list = Vec::new();
        for length in 1..=text.len().min(most.unwrap_or(usize::MAX)) {
            if length > 1 {
                list.push(b',');
            }
            list.extend_from_slice(quote.as_bytes());
            list.extend_from_slice(&text[..length]);
            list.extend_from_slice(quote.as_bytes());
        }
        list
    })
}

pub(super) fn replace(input: &Value, args: &Args<'_>) -> Value {
    let (from, to) = (text_arg(args, 0), text_arg(args, 1));
    map(input, |text| replaced(text, &from, &to))
}

pub(super) fn rm(input: &Value, args: &Args<'_>) -> Value {
    let what = text_arg(args, 0);
    map(input, |text| replaced(text, &what, b""))
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    result.extend_from_slice(rest);
    result
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    if what.is_empty() {
        return None;
    }
    text.windows(what.len()).position(|window| window == what)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) fn rmws(input: &Value, _: &Args<'_>) -> Value {
    keep(input, |byte| !is_blank(*byte))
}

/// Removes folding and doubled blanks of a header's body.
pub(super) fn rmhdws(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut result: Vec<u8> = Vec::with_capacity(text.len());
        for byte in text.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
            if !(is_blank(*byte) && result.last().is_none_or(|last| is_blank(*last))) {
                result.push(*byte);
            }
        }
        while result.last().is_some_and(|last| is_blank(*last)) {
            result.pop();
        }
        result
    })
}

/// Unfolds a header's body: a line end before white space goes.
pub(super) fn rmhlws(input: &Value, _: &Args<'_>) -> Value {
    map(input, |text| {
        let mut result = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            let end = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"));
            match end {
                Some(folded) if matches!(folded.first(), Some(b' ' | b'\t')) => {
                    rest = folded.trim_ascii_start();
                    result.push(b' ');
                }
                _ => {
                    result.push(*byte);
                    rest = after;
                }
            }
        }
        result
    })
}

pub(super) fn trim(input: &Value, _: &Args<'_>) -> Value {
    slice(input, |text| trimmed_end(trimmed_start(text)))
}

pub(super) fn rtrim(input: &Value, _: &Args<'_>) -> Value {
    slice(input, trimmed_end)
}

pub(super) fn ltrim(input: &Value, _: &Args<'_>) -> Value {
    slice(input, trimmed_start)
}

fn trimmed_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(*byte)).unwrap_or(text.len());
    &text[start..]
}

fn trimmed_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
    &text[..end]
}

pub(super) fn unquote(input: &Value, _: &Args<'_>) -> Value {
    slice(input, |text| match text {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        text => text,
    })
}

pub(super) fn unbracket(input: &Value, _: &Args<'_>) -> Value {
    slice(input, |text| match text {
        [b'<', inner @ .., b'>'] => inner,
        text => text,
    })
}

pub(super) fn count(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    with_text(input, |text| Value::Int(text.iter().filter(|byte| Some(**byte) == wanted).count() as i64))
}

/// What follows the first such byte.
pub(super) fn after(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    slice(input, |text| text.iter().position(|b| Some(*b) == wanted).map_or(b"", |at| &text[at + 1..]))
}

/// What precedes the first such byte; the whole if there is none.
pub(super) fn before(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    slice(input, |text| text.iter().position(|b| Some(*b) == wanted).map_or(text, |at| &text[..at]))
}

/// What follows the last such byte.
pub(super) fn rafter(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    slice(input, |text| text.iter().rposition(|b| Some(*b) == wanted).map_or(b"", |at| &text[at + 1..]))
}

/// What precedes the last such byte; the whole if there is none.
pub(super) fn rbefore(input: &Value, args: &Args<'_>) -> Value {
    let wanted = text_arg(args, 0).first().copied();
    slice(input, |text| text.iter().rposition(|b| Some(*b) == wanted).map_or(text, |at| &text[..at]))
}

/// `length,spaces`: lines that begin with spaces.
pub(super) fn fmtlines(input: &Value, args: &Args<'_>) -> Value {
    lines(input, args, b' ')
}

/// The same with tabs.
pub(super) fn fmtlinet(input: &Value, args: &Args<'_>) -> Value {
    lines(input, args, b'\t')
}

/// A line ends where the text so far, line ends and blanks counted, reaches the length of one more line; as
/// Kamailio counts, only the first few lines are broken.
fn lines(input: &Value, args: &Args<'_>, blank: u8) -> Value {
    let (Some(length), Some(blanks)) = (int_arg(args, 0), int_arg(args, 1)) else { return Value::Null };
    let (Ok(length), Ok(blanks)) = (usize::try_from(length), usize::try_from(blanks)) else {
        return Value::Null;
    };
    map(input, |text| broken(text, length, blanks, blank))
}

fn broken(text: &[u8], length: usize, blanks: usize, blank: u8) -> Vec<u8> {
    let mut result = Vec::new();
    for (number, byte) in text.iter().enumerate() {
        result.push(*byte);
        if number + 1 < length && number + 1 < text.len() {
            result.extend_from_slice(b"\r\n");
            result.extend(std::iter::repeat_n(blank, blanks));
        }
    }
    result
}

pub(super) fn charat(input: &Value, args: &Args<'_>) -> Value {
    let index = int_arg(args, 0).and_then(|index| usize::try_from(index).ok());
    with_text(input, |text| match index.and_then(|index| text.get(index)) {
        Some(byte) => std::slice::from_ref(byte).into(),
        None => Value::Null,
    })
}

pub(super) fn byteat(input: &Value, args: &Args<'_>) -> Value {
    let index = int_arg(args, 0).and_then(|index| usize::try_from(index).ok());
    with_text(input, |text| index.and_then(|index| text.get(index)).map(|byte| i64::from(*byte)).into())
}
