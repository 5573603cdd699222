//! Addresses in session descriptions (RFC 8866 §5.2, §5.7; RFC 3605).

use std::net::IpAddr;

use engine::{Args, Context, Cx, Flow};
use sip_message::sdp::{Line, Sdp};
use sip_message::{Class, ContentType, EditList, HeaderId, Message};

use modules::sender::parse;

use super::Nathelper;

/// The description in a message's body, alone or as a part of it.
pub(super) fn description(message: &Message) -> Option<Sdp<'_>> {
    let kind = ContentType::parse(message.value(HeaderId::ContentType)?).ok()?;
    let is_sdp = |kind: &ContentType<'_>| kind.is(b"application", b"sdp");
    let text = if kind.is_multipart() {
        let mut parts = kind.parts(message.body()).ok()?;
        parts.find(|part| part.content_type().is_some_and(|kind| is_sdp(&kind)))?.body
    } else {
        Some(message.body()).filter(|_| is_sdp(&kind))?
    };
    Sdp::parse(text).ok()
}

/// Addresses of all `c=` lines.
pub(super) fn media_addresses<'a>(sdp: &Sdp<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    lines(sdp).filter(|line| line.kind == b'c').filter_map(|line| address_in(line.value, 2))
}

fn lines<'a>(sdp: &Sdp<'a>) -> impl Iterator<Item = Line<'a>> + use<'a> {
    sip_message::sdp::Section { raw: sdp.raw }.lines()
}

/// The word that is an address, without a multicast TTL.
fn address_in(value: &[u8], word: usize) -> Option<&[u8]> {
    let text = value.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).nth(word)?;
    text.split(|&byte| byte == b'/').next()
}

const DIRECTION: i64 = 1;
const MEDIA: i64 = 2;
const NO_PROXY: i64 = 4;
const ORIGIN: i64 = 8;

pub(super) fn fix(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let flags = args.int(0).unwrap_or_default();
    let Some(new) = new_address(cx, args) else { return Flow::FALSE };
    let nathelper = cx.state::<Nathelper>();
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(sdp) = description(message) else {
        tracing::error!(target: "nathelper", "the message holds no session description");
        return Flow::FALSE;
    };
    let Some(place) = message.span_of(sdp.raw) else { return Flow::FALSE };
    let mut fixed = Fixing { message, edits, end: place.end as usize, new, replaced: 0 };
    if flags & DIRECTION != 0 {
        for media in sdp.media() {
            fixed.add_after(media.section.raw, b"a=direction:active\r\n");
        }
    }
    if flags & NO_PROXY != 0 && !nathelper.no_proxy_line.is_empty() {
        fixed.add_line(&nathelper.no_proxy_line, b"");
    }
    if flags & MEDIA != 0 {
        let keep = nathelper.keeps_old_addresses;
        lines(&sdp).filter(|line| line.kind == b'c').for_each(|line| fixed.replace(line.value, 2, keep));
    }
    if flags & ORIGIN != 0 {
        let keep = nathelper.keeps_old_addresses;
        lines(&sdp).filter(|line| line.kind == b'o').for_each(|line| fixed.replace(line.value, 5, keep));
    }
    if flags & (MEDIA | ORIGIN) != 0 {
        let rtcp = lines(&sdp).filter(|line| line.kind == b'a' && line.value.starts_with(b"rtcp:"));
        rtcp.for_each(|line| fixed.replace(line.value, 3, false));
    }
    if fixed.replaced > 0 { Flow::TRUE } else { Flow::Done(2) }
}

/// The address given, or the sender's.
fn new_address(cx: &Cx<'_>, args: &Args<'_>) -> Option<IpAddr> {
    if args.len() < 2 {
        return Some(cx.context.received.source.ip());
    }
    let given = parse(args.text(1));
    if given.is_none() {
        tracing::error!(target: "nathelper", "\"{}\" is no address", args.text(1).escape_ascii());
    }
    given
}

/// Edits of one description.
struct Fixing<'a> {
    message: &'a Message,
    edits: &'a mut EditList,
    /// Where the description ends in the message.
    end: usize,
    new: IpAddr,
    replaced: usize,
}

impl Fixing<'_> {
    /// Replaces the address in a line; the old one is kept in a line of its own if wanted. The zero address holds a
    /// stream (RFC 3264 §8.4) and stays.
    fn replace(&mut self, value: &[u8], word: usize, keep: bool) {
        let Some(old) = address_in(value, word) else { return };
        let Some(parsed) = parse(old) else { return };
        if parsed.is_unspecified() || parsed == self.new {
            return;
        }
        let Some(place) = self.message.span_of(old) else { return };
        self.edits.replace(place, self.new.to_string().as_bytes());
        if parsed.is_ipv4() != self.new.is_ipv4()
            && let Some(family) = address_in(value, word - 1).and_then(|family| self.message.span_of(family))
        {
            self.edits.replace(family, if self.new.is_ipv4() { b"IP4" } else { b"IP6" });
        }
        if keep {
            self.add_line(b"a=oldmediaip:", old);
        }
        self.replaced += 1;
    }

    /// Adds a line at the description's end.
    fn add_line(&mut self, start: &[u8], rest: &[u8]) {
        let line = [start, rest, b"\r\n"].concat();
        self.edits.insert(self.end, Class::Text, &line);
    }

    /// Adds text after some lines of the description.
    fn add_after(&mut self, section: &[u8], text: &[u8]) {
        if let Some(place) = self.message.span_of(section) {
            self.edits.insert(place.end as usize, Class::Text, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, body: &str) -> Message {
        let text = format!("INVITE sip:a SIP/2.0\r\nVia: v\r\nContent-Type: {kind}\r\n\r\n{body}");
        Message::from_bytes(text).expect("a message")
    }

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1/127\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n\
                         c=IN IP6 ::1\r\na=rtcp:5 IN IP4 10.0.0.3\r\n";

    #[test]
    fn descriptions_are_found_alone_and_in_parts() {
        let alone = message("application/sdp", OFFER);
        let sdp = description(&alone).expect("a description");
        assert_eq!(media_addresses(&sdp).collect::<Vec<_>>(), [&b"10.0.0.1"[..], b"::1"]);
        let body = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n--b--\r\n");
        let part = message("multipart/mixed;boundary=b", &body);
        assert!(description(&part).is_some());
        assert!(description(&message("text/plain", OFFER)).is_none());
    }

    #[test]
    fn addresses_are_replaced_with_their_families() {
        let message = message("application/sdp", OFFER);
        let sdp = description(&message).expect("a description");
        let mut edits = EditList::new();
        let new = "192.0.2.9".parse().expect("an address");
        let end = message.as_bytes().len();
        let mut fixed = Fixing { message: &message, edits: &mut edits, end, new, replaced: 0 };
        for line in lines(&sdp) {
            match line.kind {
                b'c' => fixed.replace(line.value, 2, true),
                b'a' => fixed.replace(line.value, 3, false),
                _ => {}
            }
        }
        let written = String::from_utf8(edits.to_vec(&message)).expect("text");
        assert!(written.contains("c=IN IP4 192.0.2.9/127\r\n"), "{written}");
        assert!(written.contains("c=IN IP4 192.0.2.9\r\na=rtcp:5 IN IP4 192.0.2.9\r\n"), "{written}");
        assert!(written.ends_with("a=oldmediaip:10.0.0.1\r\na=oldmediaip:::1\r\n"), "{written}");
    }
}
