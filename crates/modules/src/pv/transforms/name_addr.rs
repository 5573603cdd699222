//! `{nameaddr.…}` and `{tobody.…}`

use cfg_vm::Value;
use cfg_vm::catalogue::TransformArgs;
use sip_message::NameAddr;

use super::text;
use crate::pv::uri as parts;

/// An address as `{nameaddr.…}` sees it: it takes what it finds and checks nothing.
struct Loose<'a> {
    name: &'a [u8],
    uri: &'a [u8],
    length: usize,
}

fn loose(input: &[u8]) -> Loose<'_> {
    let Some(open) = opening(input) else { return Loose { name: b"", uri: input, length: input.len() } };
    let inner = &input[open + 1..];
    match inner.iter().position(|&byte| byte == b'>') {
        Some(close) => Loose { name: &input[..open], uri: &inner[..close], length: open + close + 2 },
        None => Loose { name: &input[..open], uri: inner, length: 0 },
    }
}

/// The first `<` outside quotes.
fn opening(input: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    input.iter().position(|&byte| {
        let opens = byte == b'<' && !quoted;
        if byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = byte == b'\\' && !escaped;
        opens
    })
}

pub(super) fn name(input: &Value, _: &TransformArgs<'_>) -> Value {
    if input.is_null() { Value::Null } else { text(Some(loose(&input.to_str()).name)) }
}

pub(super) fn uri(input: &Value, _: &TransformArgs<'_>) -> Value {
    if input.is_null() { Value::Null } else { text(Some(loose(&input.to_str()).uri)) }
}

/// Of no bytes there is no length.
pub(super) fn length(input: &Value, _: &TransformArgs<'_>) -> Value {
    let text_of = input.to_str();
    match input {
        Value::Null => Value::Null,
        _ if text_of.is_empty() => text(None),
        _ => Value::Int(loose(&text_of).length as i64),
    }
}

/// Reads something of a To body; what is none gives no bytes, and what is undefined stays so.
fn body(input: &Value, pick: impl for<'a> FnOnce(&NameAddr<'a>) -> Option<&'a [u8]>) -> Value {
    let raw = match input {
        Value::Str(raw) => raw,
        Value::Null => return Value::Null,
        Value::Int(_) => return text(None),
    };
    match NameAddr::parse(raw) {
        Ok(addr) if !addr.uri_text.is_empty() => text(pick(&addr)),
        _ => text(None),
    }
}

pub(super) fn body_uri(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| Some(addr.uri_text))
}

pub(super) fn body_tag(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| addr.tag())
}

pub(super) fn body_user(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| parts::parse(addr.uri_text).and_then(|uri| parts::user(&uri)))
}

pub(super) fn body_host(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| parts::parse(addr.uri_text).and_then(|uri| parts::host(&uri)))
}

pub(super) fn body_params(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| Some(addr.params_text))
}

pub(super) fn body_display(input: &Value, _: &TransformArgs<'_>) -> Value {
    body(input, |addr| Some(addr.display))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(transform: fn(&Value, &TransformArgs<'_>) -> Value, input: &str) -> String {
        let args = TransformArgs { values: &[], parsed: None };
        transform(&Value::Str(input.into()), &args).to_str().to_lossy().into_owned()
    }

    #[test]
    fn an_address_is_taken_as_it_comes() {
        let all = |input| [name, uri, length].map(|transform| run(transform, input));
        assert_eq!(all("\"Al B\" <sip:a@b:5060>;tag=xyz;p=1"), ["\"Al B\" ", "sip:a@b:5060", "21"]);
        assert_eq!(all("sip:a@b;tag=t"), ["", "sip:a@b;tag=t", "13"]);
        assert_eq!(all("Al B <sip:a@b>"), ["Al B ", "sip:a@b", "14"]);
        assert_eq!(all("\"a\" <sip:a@b>;x=1, <sip:c@d>"), ["\"a\" ", "sip:a@b", "13"]);
        assert_eq!(all("<sip:a@b"), ["", "sip:a@b", "0"]);
        assert_eq!(all("\"<\" <sip:a@b>"), ["\"<\" ", "sip:a@b", "13"]);
        assert_eq!(all(""), ["", "", ""]);
    }

    #[test]
    fn a_body_is_read_as_a_to_header() {
        let quoted = "\"Al B\" <sip:a@b:5060>;tag=xyz;p=1";
        let parts = [body_uri, body_tag, body_user, body_host, body_params, body_display];
        assert_eq!(
            parts.map(|transform| run(transform, quoted)),
            ["sip:a@b:5060", "xyz", "a", "b", "tag=xyz;p=1", "\"Al B\""]
        );
        assert_eq!(
            parts.map(|transform| run(transform, "sip:a@b;tag=t")),
            ["sip:a@b", "t", "a", "b", "tag=t", ""]
        );
        assert_eq!(run(body_display, "Al B<sip:a@b>"), "Al B");
        assert_eq!(parts.map(|transform| run(transform, "<sip:a@b")), [""; 6]);
    }
}
