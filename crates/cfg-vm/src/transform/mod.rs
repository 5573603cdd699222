//! The transformations that need nothing but their input: `s.`, `line.`, `param.`, `num.`, `val.`, `re.`.
//!
//! Constant arguments reach them as [`Value::Str`], as written; those from pseudo-variables as their values.
//! Undefined input stays undefined unless a transformation says otherwise.

mod digest;
mod encode;
mod escape;
mod line;
mod number;
mod parameter;
mod string;
mod time;

use crate::catalogue::{ParseFn, Parsed, TransformArgs, TransformDecl};
use crate::number::parse_int;
use crate::subst::Subst;
use crate::value::{Str, Value};

type Run = fn(&Value, &TransformArgs<'_>) -> Value;

/// All of module `pv`'s in this crate.
pub const PURE: &[TransformDecl] = &[
    one("s.len", string::len),
    one("s.int", string::int),
    one("s.intv", string::int),
    one("s.md5", digest::md5),
    one("s.sha1", digest::sha1),
    one("s.sha256", digest::sha256),
    one("s.sha384", digest::sha384),
    one("s.sha512", digest::sha512),
    one("s.crc32", digest::crc32),
    some("s.corehash", 0, 1, digest::corehash),
    one("s.tolower", string::tolower),
    one("s.toupper", string::toupper),
    one("s.numeric", string::numeric),
    some("s.substr", 1, 2, string::substr),
    some("s.select", 2, 2, string::select),
    some("s.selectws", 1, 1, string::selectws),
    some("s.selectsw", 2, 2, string::selectsw),
    some("s.strip", 1, 1, string::strip),
    some("s.striptail", 1, 1, string::striptail),
    some("s.stripto", 1, 1, string::stripto),
    some("s.prefixes", 0, 1, string::prefixes),
    some("s.prefixes.quoted", 0, 1, string::prefixes_quoted),
    some("s.ftime", 1, 1, time::ftime),
    some("s.replace", 2, 2, string::replace),
    some("s.rm", 1, 1, string::rm),
    one("s.rmws", string::rmws),
    one("s.rmhdws", string::rmhdws),
    one("s.rmhlws", string::rmhlws),
    one("s.trim", string::trim),
    one("s.rtrim", string::rtrim),
    one("s.ltrim", string::ltrim),
    one("s.unquote", string::unquote),
    one("s.unbracket", string::unbracket),
    some("s.count", 1, 1, string::count),
    some("s.after", 1, 1, string::after),
    some("s.before", 1, 1, string::before),
    some("s.rafter", 1, 1, string::rafter),
    some("s.rbefore", 1, 1, string::rbefore),
    some("s.fmtlines", 2, 2, string::fmtlines),
    some("s.fmtlinet", 2, 2, string::fmtlinet),
    some("s.charat", 1, 1, string::charat),
    some("s.byteat", 1, 1, string::byteat),
    one("s.encode.hexa", encode::to_hexa),
    one("s.decode.hexa", encode::from_hexa),
    one("s.encode.7bit", encode::to_7bit),
    one("s.decode.7bit", encode::from_7bit),
    one("s.encode.base58", encode::to_base58),
    one("s.decode.base58", encode::from_base58),
    one("s.encode.base64", encode::to_base64),
    one("s.decode.base64", encode::from_base64),
    one("s.encode.base64t", encode::to_base64t),
    one("s.decode.base64t", encode::from_base64t),
    one("s.encode.base64url", encode::to_base64url),
    one("s.decode.base64url", encode::from_base64url),
    one("s.encode.base64urlt", encode::to_base64urlt),
    one("s.decode.base64urlt", encode::from_base64url),
    one("s.escape.common", escape::common),
    one("s.unescape.common", escape::uncommon),
    one("s.escape.crlf", escape::crlf),
    one("s.unescape.crlf", escape::uncrlf),
    one("s.escape.user", escape::user),
    one("s.unescape.user", escape::unpercent),
    one("s.escape.param", escape::param),
    one("s.unescape.param", escape::unpercent),
    one("s.escape.csv", escape::csv),
    one("s.urlencode.param", escape::url),
    one("s.urldecode.param", escape::unurl),
    some("param.value", 1, 2, parameter::value),
    some("param.in", 1, 2, parameter::is_in),
    some("param.valueat", 1, 2, parameter::value_at),
    some("param.name", 1, 2, parameter::name),
    some("param.count", 0, 1, parameter::count),
    one("line.count", line::count),
    some("line.at", 1, 1, line::at),
    some("line.sw", 1, 1, line::sw),
    one("val.n0", number::null_is_zero),
    one("val.ne", number::null_is_empty),
    one("val.json", number::json),
    one("val.jsonqe", number::json_quoted),
    one("num.fdigit", number::first_digit),
    one("num.ldigit", number::last_digit),
];

/// `re.subst`, of module `textops`.
pub const RE: &[TransformDecl] = &[TransformDecl {
    name: "re.subst",
    required: 1,
    most: 1,
    parse: Some(parse_subst as ParseFn),
    run: subst,
}];

const fn one(name: &'static str, run: Run) -> TransformDecl {
    some(name, 0, 0, run)
}

const fn some(name: &'static str, required: usize, most: usize, run: Run) -> TransformDecl {
    TransformDecl { name, required, most, parse: None, run }
}

/// Applies to the text of a defined input.
fn with_text(input: &Value, f: impl FnOnce(&[u8]) -> Value) -> Value {
    match input {
        Value::Null => Value::Null,
        value => f(&value.to_str()),
    }
}

/// Bytes from a defined input's text.
fn map(input: &Value, f: impl FnOnce(&[u8]) -> Vec<u8>) -> Value {
    with_text(input, |text| f(text).into())
}

/// A slice of a defined input's text; the whole is not copied.
fn slice(input: &Value, f: impl FnOnce(&[u8]) -> &[u8]) -> Value {
    match input {
        Value::Null => Value::Null,
        value => {
            let text = value.to_str();
            let part = f(&text);
            if part.len() == text.len() { Value::Str(text.clone()) } else { part.into() }
        }
    }
}

/// An argument as a number.
fn int_arg(args: &TransformArgs<'_>, index: usize) -> Option<i64> {
    match args.values.get(index)? {
        Value::Int(number) => Some(*number),
        Value::Str(text) => parse_int(text.trim_ascii()),
        Value::Null => None,
    }
}

/// An argument as text.
fn text_arg(args: &TransformArgs<'_>, index: usize) -> Str {
    args.values.get(index).map(Value::to_str).unwrap_or_default()
}

fn parse_subst(text: &[u8]) -> Result<Parsed, String> {
    Subst::parse(text).map(|subst| std::sync::Arc::new(subst) as Parsed)
}

/// Pseudo-variables cannot stand in it: braces and commas end a transformation.
fn subst(input: &Value, args: &TransformArgs<'_>) -> Value {
    let Some(subst) = args.parsed.and_then(|parsed| parsed.downcast_ref::<Subst>()) else {
        return Value::Null;
    };
    match input {
        Value::Str(text) if text.is_empty() => Value::Null,
        value => with_text(value, |text| match subst.apply(text, &mut |_| Str::EMPTY) {
            Some(changed) => changed.into(),
            None => Value::from(text),
        }),
    }
}

#[cfg(test)]
mod tests;
