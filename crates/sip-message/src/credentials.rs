//! Digest credentials and challenges (RFC 3261 §20.7, §20.44, RFC 7616, RFC 8760).

use std::borrow::Cow;

use crate::error::{HeaderError, Rule};
use crate::grammar::{find_outside, is_lws, is_token, offset_in, trim, trim_start, unquote};

/// The value of Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate: a scheme and parameters
/// between commas.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The scheme as written, as `Digest`.
    pub scheme: &'a [u8],
    /// The parameters as written.
    pub params_text: &'a [u8],
}

/// One parameter of [`Credentials`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthParam<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value as written, quotes included; empty when there is none.
    pub value: &'a [u8],
}

impl<'a> Credentials<'a> {
    /// Takes credentials or a challenge apart.
    ///
    /// # Errors
    /// When there is no scheme, or a parameter is not `name=value`, or a quote is not closed. Positions count from the
    /// start of `raw`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let start = offset_in(raw, trim_start(raw));
        let length = raw[start..].iter().position(|&byte| !is_token(byte)).unwrap_or(raw.len() - start);
        let end = start + length;
        if length == 0 || raw.get(end).copied().is_some_and(|byte| !is_lws(byte)) {
            return Err(HeaderError::new(Rule::AuthScheme, end));
        }
        let credentials = Self { scheme: &raw[start..end], params_text: trim(&raw[end..]) };
        if credentials.is_digest() {
            credentials.check(raw)?;
        }
        Ok(credentials)
    }

    fn check(&self, raw: &[u8]) -> Result<(), HeaderError> {
        for text in parts(self.params_text) {
            let at = offset_in(raw, text);
            let param = AuthParam::new(text);
            let quote_open = param.value.first() == Some(&b'"')
                && (crate::grammar::quoted_end(param.value, 0) != Some(param.value.len()));
            if quote_open {
                return Err(HeaderError::new(Rule::Quote, at));
            }
            if param.name.is_empty() || param.value.is_empty() || !param.name.iter().copied().all(is_token) {
                return Err(HeaderError::new(Rule::AuthParam, at));
            }
        }
        Ok(())
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// Every parameter, in order.
    pub fn params(&self) -> impl Iterator<Item = AuthParam<'a>> + use<'a> {
        parts(self.params_text).map(AuthParam::new)
    }

    /// A parameter's value without quotes and escapes; `None` when it is not there.
    pub fn param(&self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        self.raw_param(name).map(unquote)
    }

    /// A parameter's value as written.
    pub fn raw_param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.value)
    }

    /// `username`
    pub fn username(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"username")
    }

    /// `realm`
    pub fn realm(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"realm")
    }

    /// `nonce`
    pub fn nonce(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"nonce")
    }

    /// `uri`
    pub fn uri(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"uri")
    }

    /// `response`
    pub fn response(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"response")
    }

    /// `cnonce`
    pub fn cnonce(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"cnonce")
    }

    /// `nc`, eight hexadecimal digits, as a number.
    pub fn nonce_count(&self) -> Option<u32> {
        let text = self.raw_param(b"nc")?;
        u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
    }

    /// `qop`: one value in credentials, a list in a challenge.
    pub fn qop(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"qop")
    }

    /// `algorithm`
    pub fn algorithm(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"algorithm")
    }

    /// `opaque`
    pub fn opaque(&self) -> Option<Cow<'a, [u8]>> {
        self.param(b"opaque")
    }
}

impl<'a> AuthParam<'a> {
    fn new(text: &'a [u8]) -> Self {
        match memchr::memchr(b'=', text) {
            Some(equals) => Self { name: trim(&text[..equals]), value: trim(&text[equals + 1..]) },
            None => Self { name: text, value: &text[text.len()..] },
        }
    }
}

/// The texts between commas outside quotes. (Angle brackets have no meaning here, but do not occur outside quotes.)
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let comma = find_outside(text, b',');
            rest = comma.map(|comma| &text[comma + 1..]);
            let part = trim(&text[..comma.unwrap_or(text.len())]);
            if !part.is_empty() {
                return Some(part);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_credentials_are_read() {
        let text =
            b"Digest username=\"bob\", realm=\"a \\\"b\\\", c\",nonce=\"n\" , uri=\"sip:bob@b;x=1,2\",\r\n \
            response=\"6629fae4\", qop=auth, nc=0000000A, cnonce=\"0a\", algorithm=MD5, opaque=\"\"";
        let digest = Credentials::parse(text).expect("credentials");
        assert!(digest.is_digest());
        assert_eq!(digest.username().as_deref(), Some(&b"bob"[..]));
        assert_eq!(digest.realm().as_deref(), Some(&b"a \"b\", c"[..]));
        assert_eq!(digest.uri().as_deref(), Some(&b"sip:bob@b;x=1,2"[..]));
        assert_eq!(digest.nonce_count(), Some(10));
        assert_eq!(digest.qop().as_deref(), Some(&b"auth"[..]));
        assert_eq!(digest.opaque().as_deref(), Some(&b""[..]));
        assert_eq!(digest.params().count(), 10);
    }

    #[test]
    fn other_schemes_are_not_taken_apart() {
        let other = Credentials::parse(b"NoOneKnowsThisScheme opaque-data=here").expect("credentials");
        assert!(!other.is_digest());
        assert_eq!(other.param(b"opaque-data").as_deref(), Some(&b"here"[..]));
    }

    #[test]
    fn errors_say_where() {
        let error = |text: &[u8]| Credentials::parse(text).expect_err("no credentials");
        assert_eq!(error(b""), HeaderError::new(Rule::AuthScheme, 0));
        assert_eq!(error(b"Digest=x"), HeaderError::new(Rule::AuthScheme, 6));
        assert_eq!(error(b"Digest a=b, c"), HeaderError::new(Rule::AuthParam, 12));
        assert_eq!(error(b"Digest a=\"b"), HeaderError::new(Rule::Quote, 7));
    }
}
