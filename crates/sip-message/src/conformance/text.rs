//! The grammar of RFC 3261 §25.1, byte for byte, for texts that are already taken apart.

use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::memchr;

use super::Clause;
use crate::grammar::{
    HEADER, PARAM, PASSWORD, UNRESERVED, USER, find_outside, is_in, is_lws, is_token, quoted_end, trim,
    trim_start,
};
use crate::uri::{Scheme, Uri};

/// The first part of a URI that its grammar does not allow, if any.
pub(super) fn uri_fault<'a>(uri: &Uri<'a>) -> Option<(Clause, &'a [u8])> {
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => sip_fault(uri),
        Scheme::Tel => (!is_tel(uri)).then_some((Clause::Uri, uri.raw)),
        // RFC 3986: no white space, no quotes, no brackets, nothing outside ASCII.
        Scheme::Urn | Scheme::Other => {
            let allowed = |&byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"');
            (uri.opaque().is_empty() || !uri.raw.iter().all(allowed)).then_some((Clause::Uri, uri.raw))
        }
    }
}

fn sip_fault<'a>(uri: &Uri<'a>) -> Option<(Clause, &'a [u8])> {
    if let Some(user) = uri.user.filter(|user| user.is_empty() || !is_escaped(user, USER)) {
        return Some((Clause::Uri, user));
    }
    if let Some(password) = uri.password.filter(|password| !is_escaped(password, PASSWORD)) {
        return Some((Clause::Uri, password));
    }
    if !is_host(uri.host) {
        return Some((Clause::Host, uri.host));
    }
    let after_host = &uri.raw[crate::grammar::offset_in(uri.raw, uri.host)..];
    let has_params = after_host[..memchr(b'?', after_host).unwrap_or(after_host.len())].contains(&b';');
    if has_params && !uri.params_text.split(|&byte| byte == b';').all(is_uri_param) {
        return Some((Clause::Uri, uri.params_text));
    }
    let headers = uri.headers_text?;
    (!headers.split(|&byte| byte == b'&').all(is_uri_header)).then_some((Clause::Uri, headers))
}

/// Whether every byte is of the class or part of a `%HH`.
fn is_escaped(text: &[u8], class: u8) -> bool {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let hex = |index: usize| text.get(index).is_some_and(u8::is_ascii_hexdigit);
        at += match byte {
            b'%' if hex(at + 1) && hex(at + 2) => 3,
            _ if is_in(byte, class) => 1,
            _ => return false,
        };
    }
    true
}

fn is_uri_param(text: &[u8]) -> bool {
    match memchr(b'=', text) {
        None => !text.is_empty() && is_escaped(text, PARAM),
        Some(equals) => {
            let (name, value) = (&text[..equals], &text[equals + 1..]);
            !name.is_empty() && is_escaped(name, PARAM) && !value.is_empty() && is_escaped(value, PARAM)
        }
    }
}

fn is_uri_header(text: &[u8]) -> bool {
    memchr(b'=', text).is_some_and(|equals| {
        equals > 0 && is_escaped(&text[..equals], HEADER) && is_escaped(&text[equals + 1..], HEADER)
    })
}

/// `global-number-digits` or `local-number-digits` (RFC 3966 §3), then parameters.
fn is_tel(uri: &Uri<'_>) -> bool {
    let number = uri.user.unwrap_or_default();
    let digits = number.strip_prefix(b"+").unwrap_or(number);
    let global = digits.len() < number.len();
    let allowed = |&byte: &u8| {
        let separator = matches!(byte, b'-' | b'.' | b'(' | b')');
        byte.is_ascii_digit()
            || separator
            || (!global && (byte.is_ascii_hexdigit() || matches!(byte, b'*' | b'#')))
    };
    let params = uri.params_text;
    digits.iter().all(allowed)
        && digits.iter().any(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'))
        && (params.is_empty() || params.split(|&byte| byte == b';').all(is_uri_param))
}

/// A host name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(host: &[u8]) -> bool {
    let parses = |text: &[u8]| std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    match host {
        [b'[', inner @ .., b']'] => parses(inner),
        _ => is_ipv4(host) || is_hostname(host),
    }
}

fn is_ipv4(host: &[u8]) -> bool {
    std::str::from_utf8(host).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok())
}

/// `*( domainlabel "." ) toplabel [ "." ]`: labels of letters, digits and inner hyphens, the last one starting with a
/// letter.
fn is_hostname(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let is_label = |label: &[u8]| {
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        ends(label.first())
            && ends(label.last())
            && label.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let mut labels = host.split(|&byte| byte == b'.');
    labels.clone().all(is_label)
        && labels.next_back().and_then(<[u8]>::first).is_some_and(u8::is_ascii_alphabetic)
}

/// Nothing, tokens between white space, or one quoted string.
pub(super) fn is_display_name(text: &[u8]) -> bool {
    match text.first() {
        Some(b'"') => is_quoted(text),
        _ => text.iter().all(|&byte| is_token(byte) || is_lws(byte)),
    }
}

/// A quoted string: no control bytes but white space, unless behind a backslash; UTF-8.
fn is_quoted(text: &[u8]) -> bool {
    if quoted_end(text, 0) != Some(text.len()) {
        return false;
    }
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' {
            // A quoted pair is any byte below 128 but CR and LF.
            if text.get(at + 1).is_none_or(|&next| next >= 0x80 || matches!(next, b'\r' | b'\n')) {
                return false;
            }
            at += 2;
            continue;
        }
        if (byte < 0x20 && !is_lws(byte)) || byte == 0x7f {
            return false;
        }
        at += 1;
    }
    std::str::from_utf8(text).is_ok()
}

/// Header parameters: each a token, with or without a value that is a token, a host or a quoted string.
pub(super) fn are_params(text: &[u8]) -> bool {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let end = find_outside(text, b';');
        if !is_param(trim(&text[..end.unwrap_or(text.len())])) {
            return false;
        }
        rest = end.map(|end| &text[end + 1..]);
    }
    true
}

fn is_param(text: &[u8]) -> bool {
    let is_word = |text: &[u8]| !text.is_empty() && text.iter().copied().all(is_token);
    let Some(equals) = memchr(b'=', text) else { return is_word(text) };
    let (name, value) = (trim(&text[..equals]), trim(&text[equals + 1..]));
    let is_value = match value {
        [b'"', ..] => is_quoted(value),
        // `received` is an IPv6 address without brackets (RFC 5118 §4.5); both are taken.
        _ => {
            is_word(value)
                || is_host(value)
                || value.iter().all(|&byte| byte.is_ascii_hexdigit() || byte == b':')
        }
    };
    is_word(name) && !value.is_empty() && is_value
}

/// `word [ "@" word ]`
pub(super) fn is_call_id(text: &[u8]) -> bool {
    let is_word = |text: &[u8]| {
        let allowed = |byte: u8| {
            is_token(byte)
                || is_in(byte, UNRESERVED)
                || matches!(byte, b'<' | b'>' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'{' | b'}')
        };
        !text.is_empty() && text.iter().copied().all(allowed)
    };
    let text = trim_start(text);
    match memchr(b'@', text) {
        None => is_word(text),
        Some(at) => is_word(&text[..at]) && is_word(&text[at + 1..]),
    }
}
