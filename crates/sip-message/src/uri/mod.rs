//! URIs: `sip`, `sips`, `tel`, `urn`, and any other kept whole (RFC 3261 §19.1, RFC 3966, RFC 5031).
//!
//! [`Uri::parse`] finds the parts and asks only for what is needed to tell them apart; whether every byte is
//! allowed where it stands is [`conformance`](crate::conformance)'s question.

mod compare;
mod edit;
#[cfg(test)]
mod tests;

pub use edit::UriBuf;

use memchr::{memchr, memchr2};

use crate::error::{HeaderError, Rule};
use crate::grammar::decimal;
use crate::params::Params;

/// A URI's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel`
    Tel,
    /// `urn`
    Urn,
    /// Any other; the URI is not taken apart.
    Other,
}

impl Scheme {
    fn from_bytes(text: &[u8]) -> Self {
        match text {
            _ if text.eq_ignore_ascii_case(b"sip") => Self::Sip,
            _ if text.eq_ignore_ascii_case(b"sips") => Self::Sips,
            _ if text.eq_ignore_ascii_case(b"tel") => Self::Tel,
            _ if text.eq_ignore_ascii_case(b"urn") => Self::Urn,
            _ => Self::Other,
        }
    }
}

/// A URI, borrowed from where it stands.
///
/// | scheme | `user` | `host` | `params` | `headers` |
/// |---|---|---|---|---|
/// | `sip`, `sips` | before `@` | after it | after the first `;` | after `?` |
/// | `tel` | the number | empty | after the first `;` | empty |
/// | `urn` | the namespace (`service`), if another colon follows | the rest (`sos.fire`) | empty | empty |
/// | other | none | empty | empty | empty |
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// Which scheme it is.
    pub scheme: Scheme,
    /// The whole URI as written.
    pub raw: &'a [u8],
    /// The scheme as written, without its colon.
    pub scheme_text: &'a [u8],
    /// The user part, escapes as written; without the password.
    pub user: Option<&'a [u8]>,
    /// The password, escapes as written.
    pub password: Option<&'a [u8]>,
    /// The host as written; an IPv6 address with its brackets.
    pub host: &'a [u8],
    /// The port, when one is written.
    pub port: Option<u16>,
    /// The port's digits, when one is written.
    pub port_text: Option<&'a [u8]>,
    /// The parameters as written, without the first semicolon.
    pub params_text: &'a [u8],
    /// The headers as written, without the question mark; `None` when there is no question mark.
    pub headers_text: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart.
    ///
    /// # Errors
    /// When there is no scheme, a SIP URI has no host, an empty user or two `@`, brackets of an IPv6 address do not close,
    /// or the port is no port. Positions count from the start of `raw`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let colon = memchr(b':', raw).ok_or_else(|| HeaderError::new(Rule::Scheme, 0))?;
        let scheme_text = &raw[..colon];
        if !is_scheme(scheme_text) {
            return Err(HeaderError::new(Rule::Scheme, 0));
        }
        let scheme = Scheme::from_bytes(scheme_text);
        let uri = Self {
            scheme,
            raw,
            scheme_text,
            user: None,
            password: None,
            host: &[],
            port: None,
            port_text: None,
            params_text: &[],
            headers_text: None,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.with_sip_parts(colon + 1),
            Scheme::Tel => uri.with_number(colon + 1),
            Scheme::Urn => uri.with_namespace(colon + 1),
            Scheme::Other => Ok(uri),
        }
    }

    fn with_sip_parts(mut self, start: usize) -> Result<Self, HeaderError> {
        let rest = &self.raw[start..];
        let mut at = start;
        if let Some(length) = memchr(b'@', rest) {
            let userinfo = &rest[..length];
            let (user, password) = match memchr(b':', userinfo) {
                Some(colon) => (&userinfo[..colon], Some(&userinfo[colon + 1..])),
                None => (userinfo, None),
            };
            if user.is_empty() || password.is_some_and(|password| memchr2(b';', b'?', password).is_some()) {
                return Err(HeaderError::new(Rule::Userinfo, start));
            }
            (self.user, self.password) = (Some(user), password);
            at += length + 1;
        }
        let end = self.take_host_port(at)?;
        if let Some(second) = memchr(b'@', &self.raw[end..]) {
            return Err(HeaderError::new(Rule::Userinfo, end + second));
        }
        self.take_tail(end);
        Ok(self)
    }

    /// Reads `host[:port]` at `at`, and gives the offset after it.
    fn take_host_port(&mut self, at: usize) -> Result<usize, HeaderError> {
        let (host, end) = host(self.raw, at)?;
        self.host = host;
        match self.raw.get(end) {
            Some(b':') => {}
            None | Some(b';' | b'?') => return Ok(end),
            Some(_) => return Err(HeaderError::new(Rule::Host, end)),
        }
        let start = end + 1;
        let length = self.raw[start..].iter().position(|byte| matches!(byte, b';' | b'?'));
        let end = length.map_or(self.raw.len(), |length| start + length);
        let text = &self.raw[start..end];
        self.port = Some(port(text).ok_or_else(|| HeaderError::new(Rule::Port, start))?);
        self.port_text = Some(text);
        Ok(end)
    }

    /// Reads `;params?headers` at `at`, where nothing, `;` or `?` stands.
    fn take_tail(&mut self, at: usize) {
        let tail = &self.raw[at..];
        let question = memchr(b'?', tail);
        let params = &tail[..question.unwrap_or(tail.len())];
        self.params_text = params.get(1..).unwrap_or_default();
        self.headers_text = question.map(|question| &tail[question + 1..]);
    }

    fn with_number(mut self, start: usize) -> Result<Self, HeaderError> {
        let rest = &self.raw[start..];
        let end = memchr(b';', rest).unwrap_or(rest.len());
        if end == 0 {
            return Err(HeaderError::new(Rule::Empty, start));
        }
        self.user = Some(&rest[..end]);
        self.params_text = rest.get(end + 1..).unwrap_or_default();
        Ok(self)
    }

    fn with_namespace(mut self, start: usize) -> Result<Self, HeaderError> {
        let rest = &self.raw[start..];
        match memchr(b':', rest) {
            Some(colon) => {
                self.user = Some(&rest[..colon]);
                self.host = &rest[colon + 1..];
            }
            None => self.host = rest,
        }
        if self.host.is_empty() {
            return Err(HeaderError::new(Rule::Empty, self.raw.len()));
        }
        Ok(self)
    }

    /// The URI's parameters.
    pub fn params(&self) -> Params<'a> {
        Params::of_uri(self.params_text)
    }

    /// The value of a parameter as written: empty for one without a value, `None` when it is not there.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params().find(name).map(|param| param.value.unwrap_or_default())
    }

    /// The URI's headers as name and value, as written.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let text = self.headers_text.unwrap_or_default();
        text.split(|&byte| byte == b'&').filter(|part| !part.is_empty()).map(|part| {
            match memchr(b'=', part) {
                Some(equals) => (&part[..equals], &part[equals + 1..]),
                None => (part, &part[part.len()..]),
            }
        })
    }

    /// Everything after the scheme's colon.
    pub fn opaque(&self) -> &'a [u8] {
        &self.raw[self.scheme_text.len() + 1..]
    }

    /// Everything between the scheme's colon and the `@`: user and password as written.
    pub fn userinfo(&self) -> Option<&'a [u8]> {
        match self.scheme {
            Scheme::Sip | Scheme::Sips => memchr(b'@', self.opaque()).map(|end| &self.opaque()[..end]),
            _ => self.user,
        }
    }

    /// The host without the brackets of an IPv6 address.
    pub fn host_unbracketed(&self) -> &'a [u8] {
        unbracketed(self.host)
    }

    /// Whether this is a `sip` or `sips` URI.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The port, or the scheme's default: 5061 for `sips`, else 5060 (RFC 3261 §19.1.2).
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Sips { 5061 } else { 5060 })
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param(b"transport")
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&'a [u8]> {
        self.param(b"maddr")
    }

    /// The `method` parameter.
    pub fn method(&self) -> Option<&'a [u8]> {
        self.param(b"method")
    }

    /// The `ttl` parameter, when it is a number from 0 to 255.
    pub fn ttl(&self) -> Option<u8> {
        decimal(self.param(b"ttl")?).and_then(|value| u8::try_from(value).ok())
    }

    /// Whether `lr` is there: a loose router (RFC 3261 §16.12); `lr=on` counts.
    pub fn is_loose_router(&self) -> bool {
        self.params().has(b"lr")
    }

    /// Whether `user=phone` is there.
    pub fn is_phone(&self) -> bool {
        self.param(b"user").is_some_and(|value| value.eq_ignore_ascii_case(b"phone"))
    }

    /// The `gr` parameter: empty for a temporary GRUU (RFC 5627 §3.4).
    pub fn gruu(&self) -> Option<&'a [u8]> {
        self.param(b"gr")
    }

    /// Whether `ob` is there (RFC 5626 §4.3).
    pub fn is_outbound(&self) -> bool {
        self.params().has(b"ob")
    }
}

/// `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`
pub(crate) fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// The host at `at`, brackets included, and the offset after it: at the first byte that no host has. Underscores are no
/// host's by the RFC, but people's networks have them.
pub(crate) fn host(text: &[u8], at: usize) -> Result<(&[u8], usize), HeaderError> {
    let rest = &text[at..];
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let length = match rest.strip_prefix(b"[") {
        None => rest.iter().position(|byte| !is_host(byte)).unwrap_or(rest.len()),
        Some(inner) => {
            // A zone (RFC 6874) is let pass, as in Kamailio.
            let is_ipv6 = |byte: &u8| is_host(byte) || matches!(byte, b':' | b'%');
            let end = inner.iter().position(|byte| !is_ipv6(byte)).unwrap_or(inner.len());
            if inner.get(end) != Some(&b']') || end == 0 {
                return Err(HeaderError::new(Rule::Ipv6Reference, at));
            }
            end + 2
        }
    };
    if length == 0 {
        return Err(HeaderError::new(Rule::Host, at));
    }
    Ok((&rest[..length], at + length))
}

/// A port's digits as a number.
pub(crate) fn port(text: &[u8]) -> Option<u16> {
    decimal(text).and_then(|value| u16::try_from(value).ok())
}

/// A host without an IPv6 address's brackets.
pub(crate) fn unbracketed(host: &[u8]) -> &[u8] {
    match host {
        [b'[', inner @ .., b']'] => inner,
        _ => host,
    }
}

/// Where a URI that stands without brackets ends: at the first `;`, `?` or white space (RFC 3261 §20: what
/// follows belongs to the header).
pub(crate) fn bare_end(text: &[u8]) -> usize {
    let special = memchr2(b';', b'?', text).unwrap_or(text.len());
    text[..special].iter().position(u8::is_ascii_whitespace).unwrap_or(special)
}
