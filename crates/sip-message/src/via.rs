//! One Via value (RFC 3261 §20.42, RFC 3581, RFC 5923).

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, find_outside, is_token, offset_in, trim_end, trim_start};
use crate::params::Params;
use crate::uri::{host, port, unbracketed};

/// A Via value, borrowed from where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// The protocol's name: `SIP`.
    pub protocol: &'a [u8],
    /// The protocol's version: `2.0`.
    pub version: &'a [u8],
    /// The transport: `UDP`, `TCP`, …
    pub transport: &'a [u8],
    /// The sender's host; an IPv6 address with its brackets.
    pub host: &'a [u8],
    /// The sender's port, when one is written.
    pub port: Option<u16>,
    /// The parameters as written, without the first semicolon.
    pub params_text: &'a [u8],
    /// Offset after the sent-by, counted from the start of the value: where `;received=` goes.
    pub sent_by_end: usize,
    /// The whole value as written.
    pub raw: &'a [u8],
}

/// What a Via's `rport` says (RFC 3581).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rport {
    /// No `rport` parameter.
    Absent,
    /// `;rport`: the sender asks for the port.
    Asked,
    /// `;rport=5062`
    Port(u16),
    /// A value that is no port.
    Unreadable,
}

impl<'a> Via<'a> {
    /// Takes one value apart; `raw` is one value, not a list.
    ///
    /// # Errors
    /// When a part is missing or another value follows. Positions count from the start of `raw`.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let (via, end) = Self::parse_first(raw)?;
        if end < raw.len() { Err(HeaderError::new(Rule::AfterBracket, end)) } else { Ok(via) }
    }

    /// Takes the first value of a list apart, and gives the offset where it ends: at a comma or the end.
    ///
    /// # Errors
    /// When the protocol, version, transport or sender is missing.
    pub fn parse_first(raw: &'a [u8]) -> Result<(Self, usize), HeaderError> {
        let (protocol, at) = token(raw, 0)?;
        let (version, at) = token(raw, slash(raw, at)?)?;
        let (transport, at) = token(raw, slash(raw, at)?)?;
        let start = skip(raw, at);
        if start == at {
            return Err(HeaderError::new(Rule::SentBy, at));
        }
        let (host, sent_by_end, port) = sent_by(raw, start)?;
        let at = skip(raw, sent_by_end);
        let (params_text, end) = match raw.get(at) {
            None | Some(b',') => (&raw[at..at], at),
            Some(b';') => {
                let rest = &raw[at + 1..];
                let length = find_outside(rest, b',').unwrap_or(rest.len());
                (trim_end(&rest[..length]), at + 1 + length)
            }
            Some(_) => return Err(HeaderError::new(Rule::SentBy, at)),
        };
        let value = trim_end(&raw[..end]);
        Ok((Self { protocol, version, transport, host, port, params_text, sent_by_end, raw: value }, end))
    }

    /// The sender's host without the brackets of an IPv6 address.
    pub fn host_unbracketed(&self) -> &'a [u8] {
        unbracketed(self.host)
    }

    /// The sender's port, or the default of its transport: 5061 for TLS, 80 and 443 for WS and WSS, else 5060
    /// (RFC 3261 §18.2.2, RFC 7118 §5.4).
    pub fn port_or_default(&self) -> u16 {
        let is = |name: &[u8]| self.transport.eq_ignore_ascii_case(name);
        match self.port {
            Some(port) => port,
            None if is(b"TLS") || is(b"TLS-SCTP") => 5061,
            None if is(b"WS") => 80,
            None if is(b"WSS") => 443,
            None => 5060,
        }
    }

    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        Params::of_header(self.params_text)
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params().value(b"branch")
    }

    /// The `received` parameter.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params().value(b"received")
    }

    /// The `rport` parameter.
    pub fn rport(&self) -> Rport {
        match self.params().find(b"rport") {
            None => Rport::Absent,
            Some(param) => match param.value {
                None | Some(b"") => Rport::Asked,
                Some(text) => port(text).map_or(Rport::Unreadable, Rport::Port),
            },
        }
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&'a [u8]> {
        self.params().value(b"maddr")
    }

    /// The `ttl` parameter, when it is a number from 0 to 255.
    pub fn ttl(&self) -> Option<u8> {
        decimal(self.params().value(b"ttl")?).and_then(|value| u8::try_from(value).ok())
    }

    /// The `i` parameter: Kamailio's number of the connection the request came by.
    pub fn connection_id(&self) -> Option<&'a [u8]> {
        self.params().value(b"i")
    }

    /// Whether `alias` is there: the sender's connection may be used for requests to it (RFC 5923).
    pub fn has_alias(&self) -> bool {
        self.params().has(b"alias")
    }

    /// Whether the branch starts with RFC 3261's `z9hG4bK` (§8.1.1.7).
    pub fn has_magic_cookie(&self) -> bool {
        self.branch().is_some_and(|branch| branch.starts_with(b"z9hG4bK"))
    }
}

fn skip(raw: &[u8], at: usize) -> usize {
    offset_in(raw, trim_start(&raw[at..]))
}

/// A token after white space at `at`, and the offset after it.
fn token(raw: &[u8], at: usize) -> Result<(&[u8], usize), HeaderError> {
    let start = skip(raw, at);
    let length = raw[start..].iter().position(|&byte| !is_token(byte)).unwrap_or(raw.len() - start);
    if length == 0 {
        return Err(HeaderError::new(Rule::SentProtocol, start));
    }
    Ok((&raw[start..start + length], start + length))
}

/// The offset after a slash at `at`, white space around it allowed.
fn slash(raw: &[u8], at: usize) -> Result<usize, HeaderError> {
    let at = skip(raw, at);
    if raw.get(at) == Some(&b'/') { Ok(at + 1) } else { Err(HeaderError::new(Rule::SentProtocol, at)) }
}

/// `host [: port]` with white space around the colon, and the offset after it.
fn sent_by(raw: &[u8], start: usize) -> Result<(&[u8], usize, Option<u16>), HeaderError> {
    let value_end = memchr::memchr(b',', &raw[start..]).map_or(raw.len(), |length| start + length);
    let (host, end) = host(&raw[..value_end], start)?;
    let colon = skip(raw, end);
    if raw.get(colon) != Some(&b':') {
        return Ok((host, end, None));
    }
    let digits = skip(raw, colon + 1);
    let length = raw[digits..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(raw.len() - digits);
    let port = port(&raw[digits..digits + length]).ok_or_else(|| HeaderError::new(Rule::Port, digits))?;
    Ok((host, digits + length, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_stand_around_every_part() {
        let via = Via::parse(b"SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 : 5061 ; branch = z9hG4bK1 ;rport")
            .expect("a Via");
        assert_eq!((via.protocol, via.version, via.transport), (&b"SIP"[..], &b"2.0"[..], &b"UDP"[..]));
        assert_eq!((via.host, via.port), (&b"192.0.2.2"[..], Some(5061)));
        assert_eq!(via.branch(), Some(b"z9hG4bK1".as_slice()));
        assert_eq!(via.rport(), Rport::Asked);
        assert!(via.has_magic_cookie());
    }

    #[test]
    fn the_first_of_a_list_ends_at_its_comma() {
        let raw = b"SIP/2.0/TCP [2001:db8::9:1]:5080;received=[2001:db8::9:255];i=3, SIP/2.0/UDP h;x=\"a,b\"";
        let (via, end) = Via::parse_first(raw).expect("a Via");
        assert_eq!(via.host_unbracketed(), b"2001:db8::9:1");
        assert_eq!(via.received(), Some(b"[2001:db8::9:255]".as_slice()));
        assert_eq!(via.connection_id(), Some(b"3".as_slice()));
        assert_eq!(raw[end], b',');
        let second = Via::parse(&raw[end + 1..]).expect("a Via");
        assert_eq!((second.host, second.port_or_default()), (&b"h"[..], 5060));
        assert!(Via::parse(raw).is_err());
    }

    #[test]
    fn errors_say_where() {
        let error = |text: &[u8]| Via::parse(text).expect_err("no Via");
        assert_eq!(error(b"SIP/2.0"), HeaderError::new(Rule::SentProtocol, 7));
        assert_eq!(error(b"SIP/2.0/UDP"), HeaderError::new(Rule::SentBy, 11));
        assert_eq!(error(b"SIP/2.0/UDP h:99999"), HeaderError::new(Rule::Port, 14));
        assert_eq!(error(b"SIP/2.0/UDP h x"), HeaderError::new(Rule::SentBy, 14));
    }
}
