//! When two URIs are the same (RFC 3261 §19.1.4), and when they name the same address of record.

use super::{Scheme, Uri};
use crate::params::Param;

impl Uri<'_> {
    /// Whether both URIs are equivalent by RFC 3261 §19.1.4.
    ///
    /// The relation is not transitive, as the RFC says: a parameter that only one of them has is passed over,
    /// unless it is `user`, `ttl`, `method`, `maddr` or `transport`. URIs of other schemes compare byte for byte after
    /// the scheme; `tel` compares by digits (RFC 3966 §4).
    pub fn matches(&self, other: &Uri<'_>) -> bool {
        if !self.scheme_text.eq_ignore_ascii_case(other.scheme_text) {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                same_optional(self.user, other.user)
                    && same_optional(self.password, other.password)
                    && same_host(self.host, other.host)
                    && self.port == other.port
                    && same_params(self, other)
                    && same_headers(self, other)
            }
            Scheme::Tel => same_number(self, other),
            Scheme::Urn => self.opaque().eq_ignore_ascii_case(other.opaque()),
            Scheme::Other => self.opaque() == other.opaque(),
        }
    }

    /// Whether both name the same address of record: same scheme, user and host, and the same port once the default
    /// is filled in (RFC 3261 §10.3 step 5: parameters do not count).
    pub fn same_aor(&self, other: &Uri<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip | Scheme::Sips, Scheme::Sip | Scheme::Sips) => {
                self.scheme == other.scheme
                    && same_optional(self.user, other.user)
                    && same_host(self.host, other.host)
                    && self.port_or_default() == other.port_or_default()
            }
            _ => self.matches(other),
        }
    }
}

/// The bytes a text stands for: each `%41` is an `A` (RFC 3261 §19.1.4: an escape equals its character).
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_pair);
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(byte))
    })
}

fn hex_pair(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

fn same_text(left: &[u8], right: &[u8]) -> bool {
    unescaped(left).eq(unescaped(right))
}

fn same_text_without_case(left: &[u8], right: &[u8]) -> bool {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    unescaped(left).map(lower).eq(unescaped(right).map(lower))
}

fn same_optional(left: Option<&[u8]>, right: Option<&[u8]>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => same_text(left, right),
        (None, None) => true,
        _ => false,
    }
}

/// Names compare without case; IPv6 addresses by value (RFC 5954 §4.2).
fn same_host(left: &[u8], right: &[u8]) -> bool {
    left.eq_ignore_ascii_case(right)
        || matches!((ipv6(left), ipv6(right)), (Some(left), Some(right)) if left == right)
}

fn ipv6(host: &[u8]) -> Option<std::net::Ipv6Addr> {
    let inner = host.strip_prefix(b"[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inner).ok()?.parse().ok()
}

/// Parameters that count even when only one URI has them.
const DECISIVE: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

/// Most parameters and headers of one URI that are compared one by one: each is looked up in the other URI, so the
/// bound keeps a hostile pair's work in hand. Longer lists must be equal as written.
const COMPARED: usize = 32;

fn same_params(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    if left.params().nth(COMPARED).is_some() || right.params().nth(COMPARED).is_some() {
        return left.params_text == right.params_text;
    }
    each_agrees(left, right) && each_agrees(right, left)
}

fn each_agrees(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.params().all(|param| {
        let same_name = |other: &Param<'_>| same_text_without_case(other.name, param.name);
        let mut namesakes = other.params().filter(same_name).peekable();
        match namesakes.peek() {
            None => !DECISIVE.iter().any(|name| param.name.eq_ignore_ascii_case(name)),
            Some(_) => namesakes.any(|found| same_value(&found, &param)),
        }
    })
}

fn same_value(left: &Param<'_>, right: &Param<'_>) -> bool {
    same_text_without_case(left.value.unwrap_or_default(), right.value.unwrap_or_default())
}

fn same_headers(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    let count = |uri: &Uri<'_>| uri.headers().take(COMPARED + 1).count();
    let (ours, theirs) = (count(left), count(right));
    if ours > COMPARED || theirs > COMPARED {
        return left.headers_text == right.headers_text;
    }
    let holds = |one: &Uri<'_>, other: &Uri<'_>| {
        one.headers().all(|(name, value)| {
            other.headers().any(|(found, text)| same_text_without_case(name, found) && same_text(value, text))
        })
    };
    ours == theirs && holds(left, right) && holds(right, left)
}

/// Digits compare without their visual separators, parameters without order (RFC 3966 §4).
fn same_number(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    let digits = |uri: &Uri<'_>| -> Vec<u8> {
        let number = uri.user.unwrap_or_default().iter();
        number.filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')')).map(u8::to_ascii_lowercase).collect()
    };
    let count = |uri: &Uri<'_>| uri.params().take(COMPARED + 1).count();
    if digits(left) != digits(right) || count(left) != count(right) {
        return false;
    }
    if count(left) > COMPARED {
        return left.params_text == right.params_text;
    }
    let holds = |one: &Uri<'_>, other: &Uri<'_>| {
        one.params().all(|param| {
            other
                .params()
                .any(|found| found.name.eq_ignore_ascii_case(param.name) && same_value(&found, &param))
        })
    };
    holds(left, right) && holds(right, left)
}
