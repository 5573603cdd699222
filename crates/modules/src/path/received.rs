//! Following a Path of ours: the request goes to where the registration came from.

use cfg_vm::Str;
use engine::Cx;
use sip_message::{Param, Params};

use super::{Format, Path};
use crate::sender::{self, write_uri};

/// Sends the request to the address in the parameters of the Route that led it here.
pub(super) fn follow(cx: &mut Cx<'_>, params: &[u8]) {
    let path = cx.state::<Path>();
    let Some(value) = value_of(params, &path.received_name) else { return };
    let uri = match path.format {
        Format::Uri => unescaped(value),
        Format::Alias => sender::read_alias(value).map(|(address, proto)| {
            let mut uri = Vec::new();
            write_uri(address, proto, &mut uri);
            uri
        }),
    };
    match uri {
        Some(uri) => cx.context.destination.uri_to_send = Some(Str::from(uri)),
        None => {
            tracing::error!(target: "path", "the Route's address cannot be read: {}", value.escape_ascii());
        }
    }
}

/// The value of the last parameter of a name, without quotes; none where one of them has no name.
fn value_of<'a>(params: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let all = || Params::of_uri(params);
    if all().any(|param| param.name.is_empty()) {
        return None;
    }
    let named = |param: &Param<'_>| param.name.eq_ignore_ascii_case(name);
    let value = all().filter(named).last()?.value?;
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    (!bare.is_empty()).then_some(bare)
}

/// RFC 3986 §2.1; nothing for an escape that is none, or that hides a control character.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digits = rest.split_off(..2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        plain.push(u8::from_str_radix(digits, 16).ok().filter(|byte| !byte.is_ascii_control())?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts() {
        let value = |params: &'static str| value_of(params.as_bytes(), b"received");
        assert_eq!(value(";lr;received=sip:a;received=sip:b"), Some(&b"sip:b"[..]));
        assert_eq!(value(";lr;RECEIVED=\"sip:a\";ob"), Some(&b"sip:a"[..]));
        for nothing in [";lr", ";lr;received", ";lr;received=", ";lr;=;received=sip:a"] {
            assert_eq!(value(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn escapes_are_undone_or_the_value_is_none() {
        let plain = |text: &str| unescaped(text.as_bytes()).map(|t| String::from_utf8_lossy(&t).into_owned());
        assert_eq!(plain("sip:a%3Btransport%3dtcp").as_deref(), Some("sip:a;transport=tcp"));
        for broken in ["sip:a%3", "sip:a%", "sip:a%zz", "sip:a%+1", "sip:a%0d%0aX"] {
            assert_eq!(plain(broken), None, "{broken}");
        }
    }
}
