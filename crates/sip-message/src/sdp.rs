//! A view of a session description (RFC 8866): lines, media, attributes, in the order they stand.

use std::net::IpAddr;

use memchr::memchr;

use crate::error::{HeaderError, Rule};
use crate::grammar::{decimal, offset_in};

/// One line, as `a=sendrecv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The letter before the equals sign.
    pub kind: u8,
    /// What follows it, without the line end.
    pub value: &'a [u8],
    /// The whole line with its line end.
    pub whole: &'a [u8],
}

/// Which way a stream flows (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways; also when nothing is said.
    #[default]
    SendRecv,
    /// From the writer only.
    SendOnly,
    /// To the writer only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// A session description, borrowed from a body.
#[derive(Clone, Copy, Debug)]
pub struct Sdp<'a> {
    /// The whole description as written.
    pub raw: &'a [u8],
    /// The lines before the first media line.
    pub session: Section<'a>,
    media_text: &'a [u8],
}

/// A run of lines: the session's, or one medium's.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// The lines as written.
    pub raw: &'a [u8],
}

/// One medium: an `m=` line and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// The kind, as `audio`.
    pub kind: &'a [u8],
    /// The port; 0 when the medium is refused.
    pub port: u16,
    /// The transport, as `RTP/AVP`.
    pub protocol: &'a [u8],
    /// The formats as written, between spaces.
    pub formats_text: &'a [u8],
    /// All lines of the medium, the `m=` line first.
    pub section: Section<'a>,
}

impl<'a> Sdp<'a> {
    /// Takes a description apart.
    ///
    /// # Errors
    /// When a line is not a letter, an equals sign and a value. Empty lines at the end are passed over.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let mut session_end = None;
        for line in lines(raw) {
            let line = line.map_err(|at| HeaderError::new(Rule::SdpLine, offset_in(raw, at)))?;
            if line.kind == b'm' && session_end.is_none() {
                session_end = Some(offset_in(raw, line.whole));
            }
        }
        let (session, media_text) = raw.split_at(session_end.unwrap_or(raw.len()));
        Ok(Self { raw, session: Section { raw: session }, media_text })
    }

    /// The media, in order; an `m=` line that cannot be read is passed over with its lines.
    pub fn media(&self) -> impl Iterator<Item = Media<'a>> + use<'a> {
        let mut rest = self.media_text;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let end = media_end(rest);
                let (section, after) = rest.split_at(end);
                rest = after;
                if let Some(media) = Media::new(section) {
                    return Some(media);
                }
            }
            None
        })
    }

    /// A medium's direction: its own attribute, or the session's, or both ways.
    pub fn direction(&self, media: &Media<'a>) -> Direction {
        media.section.direction().or_else(|| self.session.direction()).unwrap_or_default()
    }

    /// A medium's connection address: its own `c=` line, or the session's.
    pub fn connection(&self, media: &Media<'a>) -> Option<&'a [u8]> {
        media.section.connection().or_else(|| self.session.connection())
    }

    /// Whether the offer holds the call: every medium in use is `sendonly` or `inactive`, or its address is the zero
    /// address (RFC 3264 §8.4, and the older way of RFC 2543).
    pub fn is_hold(&self) -> bool {
        let mut used = self.media().filter(|media| media.port != 0).peekable();
        used.peek().is_some()
            && used.all(|media| {
                let quiet = matches!(self.direction(&media), Direction::SendOnly | Direction::Inactive);
                quiet || self.connection(&media).is_some_and(is_unspecified)
            })
    }
}

impl<'a> Section<'a> {
    /// The lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        lines(self.raw).filter_map(Result::ok)
    }

    /// The value of the first line of this kind.
    pub fn value(&self, kind: u8) -> Option<&'a [u8]> {
        self.lines().find(|line| line.kind == kind).map(|line| line.value)
    }

    /// The attributes as name and value; the value is empty for one without a colon.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.lines().filter(|line| line.kind == b'a').map(|line| match memchr(b':', line.value) {
            Some(colon) => (&line.value[..colon], &line.value[colon + 1..]),
            None => (line.value, &line.value[line.value.len()..]),
        })
    }

    /// The value of the first attribute of this name (names are case-sensitive, RFC 8866 §5.13).
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The direction that these lines give.
    pub fn direction(&self) -> Option<Direction> {
        self.attributes().find_map(|(name, _)| match name {
            b"sendrecv" => Some(Direction::SendRecv),
            b"sendonly" => Some(Direction::SendOnly),
            b"recvonly" => Some(Direction::RecvOnly),
            b"inactive" => Some(Direction::Inactive),
            _ => None,
        })
    }

    /// The address of the first `c=` line, without a multicast TTL.
    pub fn connection(&self) -> Option<&'a [u8]> {
        let address = self.value(b'c')?.split(|&byte| byte == b' ').nth(2)?;
        address.split(|&byte| byte == b'/').next()
    }
}

impl<'a> Media<'a> {
    fn new(section: &'a [u8]) -> Option<Self> {
        let line = lines(section).next()?.ok()?;
        let mut words = line.value.splitn(4, |&byte| byte == b' ');
        let kind = words.next()?;
        let port = words.next()?.split(|&byte| byte == b'/').next()?;
        let protocol = words.next()?;
        let formats_text = words.next().unwrap_or_default();
        let port = u16::try_from(decimal(port)?).ok()?;
        Some(Self { kind, port, protocol, formats_text, section: Section { raw: section } })
    }

    /// The formats: payload types for RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats_text.split(|&byte| byte == b' ').filter(|format| !format.is_empty())
    }

    /// The encoding that `rtpmap` gives a format, as `PCMU/8000`.
    pub fn rtpmap(&self, format: &[u8]) -> Option<&'a [u8]> {
        self.section.attributes().filter(|(name, _)| *name == b"rtpmap").find_map(|(_, value)| {
            let space = memchr(b' ', value)?;
            (&value[..space] == format).then(|| &value[space + 1..])
        })
    }
}

fn is_unspecified(address: &[u8]) -> bool {
    let parsed = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
    parsed.is_some_and(|address| address.is_unspecified())
}

/// Where the medium at the start of `text` ends: at the next `m=` line.
fn media_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = memchr(b'\n', &text[at..]) {
        at += length + 1;
        if text[at..].starts_with(b"m=") {
            return at;
        }
    }
    text.len()
}

/// The lines of `text`; an error is the line that is none. Empty lines are passed over.
fn lines(text: &[u8]) -> impl Iterator<Item = Result<Line<'_>, &[u8]>> {
    text.split_inclusive(|&byte| byte == b'\n').filter_map(|whole| match whole.trim_ascii_end() {
        [] => None,
        [kind, b'=', ..] => {
            let end =
                whole.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
            Some(Ok(Line { kind: *kind, value: whole.get(2..end).unwrap_or_default(), whole }))
        }
        _ => Some(Err(whole)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] =
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1/127\r\nt=0 0\r\na=sendonly\r\n\
        m=audio 49170/2 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        m=video 0 RTP/AVP 31\r\nc=IN IP6 ::\r\na=inactive\r\n";

    #[test]
    fn media_and_attributes_are_read() {
        let sdp = Sdp::parse(OFFER).expect("a description");
        let media: Vec<_> = sdp.media().collect();
        assert_eq!(media.len(), 2);
        assert_eq!(
            (media[0].kind, media[0].port, media[0].protocol),
            (&b"audio"[..], 49170, &b"RTP/AVP"[..])
        );
        assert_eq!(media[0].formats().collect::<Vec<_>>(), [b"0", b"8"]);
        assert_eq!(media[0].rtpmap(b"8"), Some(&b"PCMA/8000"[..]));
        assert_eq!(sdp.connection(&media[0]), Some(&b"192.0.2.1"[..]));
        assert_eq!(sdp.connection(&media[1]), Some(&b"::"[..]));
        assert_eq!(sdp.direction(&media[0]), Direction::SendOnly);
        assert_eq!(sdp.session.value(b's'), Some(&b"-"[..]));
    }

    #[test]
    fn hold_is_seen_in_both_ways() {
        let hold = |text: &[u8]| Sdp::parse(text).expect("a description").is_hold();
        assert!(hold(OFFER));
        assert!(hold(b"v=0\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/AVP 0\n"));
        assert!(!hold(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 0\n"));
        assert!(!hold(b"v=0\na=sendonly\nm=audio 9 RTP/AVP 0\na=sendrecv\n"));
        assert!(!hold(b"v=0\na=sendonly\n"));
    }

    #[test]
    fn a_line_that_is_none_is_an_error() {
        assert_eq!(
            Sdp::parse(b"v=0\r\nm =video 1 x y\r\n").expect_err("no line"),
            HeaderError::new(Rule::SdpLine, 5)
        );
        assert!(Sdp::parse(b"").is_ok());
    }
}
