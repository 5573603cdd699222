//! rtpproxy's protocol: a line for a command behind a cookie, a line for its answer; one command for each medium of a
//! session description, which is rewritten here.

use std::fmt;
use std::net::IpAddr;

use sip_message::sdp::Sdp;

use crate::relay::Protocol;

/// What rtpproxy needs said of it to be asked.
pub const PROTOCOL: Protocol = Protocol {
    probe: b"V\n",
    is_alive: |answer| number(answer).is_some_and(|version| version >= 20_040_107),
    declines: |_| false,
    name: "rtpproxy",
};

fn number(answer: &[u8]) -> Option<i64> {
    std::str::from_utf8(answer).ok()?.trim().parse().ok()
}

/// The letters that scripts write for rtpproxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// `c`: the session's address too, where media have their own.
    pub session: bool,
    /// `o`: the address in the origin line too.
    pub origin: bool,
    /// `f`: also what another relay has marked.
    pub force: bool,
    /// `l`: an offer is sent as an answer.
    pub lookup: bool,
    /// `t`: the To tag does not go with a deletion.
    pub without_to_tag: bool,
    /// `1`, `2` or `3`: which Via's branch goes with the Call-ID; 3 means the first in requests, the second in replies.
    pub branch: Option<u8>,
    /// `b`: a variable's value goes with the Call-ID.
    pub extra: bool,
    /// What goes with the command as it is.
    options: String,
    automatic: bool,
}

/// Letters that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLetter(pub char);

impl fmt::Display for BadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no flag of rtpproxy", self.0)
    }
}

impl std::error::Error for BadLetter {}

impl Letters {
    /// Reads letters.
    ///
    /// # Errors
    /// One of them means nothing.
    pub fn read(text: &str) -> Result<Self, BadLetter> {
        let mut letters = Self::default();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                ' ' => {}
                // The address in the description is what rtpproxy gets anyway.
                'r' => {}
                'a' | 'i' | 'e' => letters.options.push(letter.to_ascii_uppercase()),
                'w' => letters.options.push('S'),
                'z' => {
                    letters.options.push('Z');
                    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                        letters.options.push(digit);
                    }
                }
                'c' => letters.session = true,
                'o' => letters.origin = true,
                'f' => letters.force = true,
                'l' => letters.lookup = true,
                't' => letters.without_to_tag = true,
                'x' => letters.automatic = true,
                'b' => letters.extra = true,
                '1'..='3' => letters.branch = letter.to_digit(10).and_then(|digit| u8::try_from(digit).ok()),
                other => return Err(BadLetter(other)),
            }
        }
        Ok(letters)
    }
}

/// The call that a command is about.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The Call-ID, with what goes with it.
    pub call: &'a [u8],
    /// The tag of who describes the session.
    pub from: &'a [u8],
    /// The other's; empty when it has none.
    pub to: &'a [u8],
}

/// Whether bytes of a message can stand in a line without becoming more than one word of it.
pub fn is_word(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte > b' ' && *byte != 0x7F)
}

/// Whether a session is opened or joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `U`.
    Offer,
    /// `L`.
    Answer,
}

/// One command for each medium that is in use, in order: which medium, and the command. A medium whose address or formats
/// are no words is not asked for.
pub fn commands(
    step: Step,
    session: &Session<'_>,
    letters: &Letters,
    sdp: &Sdp<'_>,
) -> Vec<(usize, Vec<u8>)> {
    let mut commands = Vec::new();
    for (at, media) in sdp.media().enumerate().filter(|(_, media)| media.port != 0) {
        let Some(address) = sdp.connection(&media) else { continue };
        let v6 = address.contains(&b':');
        let step = if step == Step::Offer { 'U' } else { 'L' };
        let mut head = format!("{step}{}", letters.options);
        if letters.automatic {
            head.push_str(if v6 { "EI" } else { "IE" });
        }
        if v6 {
            head.push('6');
        }
        let formats: Vec<&[u8]> = media.formats().collect();
        if !is_word(address) || !formats.iter().all(|format| is_word(format)) {
            continue;
        }
        if !formats.is_empty() && media.protocol.starts_with(b"RTP/") {
            head.push('c');
        }
        let number = commands.len() + 1;
        let mut line = head.into_bytes();
        if line.ends_with(b"c") {
            line.extend_from_slice(&formats.join(&b','));
        }
        for part in [session.call, address, media.port.to_string().as_bytes(), session.from] {
            line.push(b' ');
            line.extend_from_slice(part);
        }
        line.extend_from_slice(format!(";{number}").as_bytes());
        if !session.to.is_empty() {
            line.push(b' ');
            line.extend_from_slice(session.to);
            line.extend_from_slice(format!(";{number}").as_bytes());
        }
        line.push(b'\n');
        commands.push((at, line));
    }
    commands
}

/// Where a relay listens for a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// RTP; RTCP is on the next one.
    pub port: u16,
    /// The address that it names, if it does.
    pub address: Option<IpAddr>,
}

/// An answer that gives no place: rtpproxy's `E…`, port 0, or anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlace(pub String);

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer `{}` gives no port", self.0)
    }
}

impl std::error::Error for NoPlace {}

/// Reads the answer to one of [`commands`].
///
/// # Errors
/// It gives no port.
pub fn place(answer: &[u8]) -> Result<Place, NoPlace> {
    let text = String::from_utf8_lossy(answer);
    let mut words = text.split_whitespace();
    let port = words.next().and_then(|word| word.parse().ok()).filter(|port| *port != 0);
    match port {
        Some(port) => Ok(Place { port, address: words.next().and_then(|word| word.parse().ok()) }),
        None => Err(NoPlace(text.trim().escape_debug().to_string())),
    }
}

/// The mark of a description that a relay has rewritten already.
pub fn is_marked(sdp: &Sdp<'_>, mark: &str) -> bool {
    let lines = sdp.raw.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    !mark.is_empty() && lines.into_iter().any(|line| line == mark.as_bytes())
}

/// The description with the relay's places in it; `address` stands where the relay names none. `mark` is added as the
/// last line.
pub fn rewrite(
    sdp: &Sdp<'_>,
    places: &[(usize, Place)],
    address: IpAddr,
    letters: &Letters,
    mark: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(sdp.raw.len() + 64);
    let of = |at: usize| places.iter().find(|(medium, _)| *medium == at).map(|(_, place)| place);
    let first = places.first().and_then(|(_, place)| place.address).unwrap_or(address);
    // A session's address counts for each medium that has none of its own.
    let shared =
        sdp.media().enumerate().any(|(at, media)| of(at).is_some() && media.section.connection().is_none());
    for line in sdp.session.lines() {
        match line.kind {
            b'o' if letters.origin => put_address(&mut out, line.whole, line.value, 4, first),
            b'c' if letters.session || shared => put_address(&mut out, line.whole, line.value, 1, first),
            _ => out.extend_from_slice(line.whole),
        }
    }
    for (at, media) in sdp.media().enumerate() {
        let Some(place) = of(at) else {
            out.extend_from_slice(media.section.raw);
            continue;
        };
        for line in media.section.lines() {
            match line.kind {
                b'm' => put_word(&mut out, line.whole, line.value, 1, &place.port.to_string()),
                b'c' => put_address(&mut out, line.whole, line.value, 1, place.address.unwrap_or(address)),
                b'a' if line.value.starts_with(b"rtcp:") => {
                    let port = place.port.saturating_add(1);
                    out.extend_from_slice(format!("a=rtcp:{port}\r\n").as_bytes());
                }
                _ => out.extend_from_slice(line.whole),
            }
        }
    }
    if !mark.is_empty() && !is_marked(sdp, mark) {
        if !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(mark.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Writes a line with its word number `at` changed.
fn put_word(out: &mut Vec<u8>, whole: &[u8], value: &[u8], at: usize, new: &str) {
    let mut words: Vec<&[u8]> = value.split(|byte| *byte == b' ').collect();
    if let Some(word) = words.get_mut(at) {
        *word = new.as_bytes();
    }
    put_line(out, whole, value, &words);
}

/// Writes a line whose words at `at` and after it are the address's family and the address.
fn put_address(out: &mut Vec<u8>, whole: &[u8], value: &[u8], at: usize, address: IpAddr) {
    let mut words: Vec<&[u8]> = value.split(|byte| *byte == b' ').collect();
    let text = address.to_string();
    if words.len() > at + 1 {
        words[at] = if address.is_ipv4() { b"IP4" } else { b"IP6" };
        words[at + 1] = text.as_bytes();
    }
    put_line(out, whole, value, &words);
}

fn put_line(out: &mut Vec<u8>, whole: &[u8], value: &[u8], words: &[&[u8]]) {
    let (head, end) = (&whole[..2], &whole[2 + value.len()..]);
    out.extend_from_slice(head);
    out.extend_from_slice(&words.join(&b' '));
    out.extend_from_slice(end);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                         m=audio 6000 RTP/AVP 0 8\r\na=rtcp:6001\r\nm=video 6002 RTP/AVP 99\r\nc=IN IP4 127.0.0.2\r\n";

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn each_medium_has_its_command() {
        let sdp = Sdp::parse(OFFER.as_bytes()).unwrap();
        let session = Session { call: b"c1@h", from: b"ft", to: b"" };
        let letters = Letters::read("cor").unwrap();
        let lines: Vec<_> = commands(Step::Offer, &session, &letters, &sdp)
            .into_iter()
            .map(|(at, line)| (at, String::from_utf8(line).unwrap()))
            .collect();
        assert_eq!(
            lines,
            [
                (0, "Uc0,8 c1@h 127.0.0.1 6000 ft;1\n".to_owned()),
                (1, "Uc99 c1@h 127.0.0.2 6002 ft;2\n".to_owned())
            ]
        );
        let session = Session { to: b"tt", ..session };
        let letters = Letters::read("aiez20f1").unwrap();
        let (_, line) = commands(Step::Answer, &session, &letters, &sdp).swap_remove(0);
        assert_eq!(line, b"LAIEZ20c0,8 c1@h 127.0.0.1 6000 ft;1 tt;1\n");
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn the_description_gets_the_relays_places_and_its_mark() {
        let sdp = Sdp::parse(OFFER.as_bytes()).unwrap();
        let place = place(b"35000\n").unwrap();
        let letters = Letters::read("co").unwrap();
        let address = IpAddr::from([9, 8, 7, 6]);
        let mark = "a=nortpproxy:yes";
        let places = [(0, place.clone()), (1, place)];
        let new = rewrite(&sdp, &places, address, &letters, mark);
        assert_eq!(
            String::from_utf8(new.clone()).unwrap(),
            "v=0\r\no=- 1 1 IN IP4 9.8.7.6\r\ns=-\r\nc=IN IP4 9.8.7.6\r\nt=0 0\r\nm=audio 35000 RTP/AVP 0 8\r\n\
             a=rtcp:35001\r\nm=video 35000 RTP/AVP 99\r\nc=IN IP4 9.8.7.6\r\na=nortpproxy:yes\r\n"
        );
        assert!(is_marked(&Sdp::parse(&new).unwrap(), mark) && !is_marked(&sdp, mark));
    }

    #[test]
    fn a_message_cannot_put_commands_of_its_own_into_a_line() {
        assert!(is_word(b"c1@h") && !is_word(b"a b") && !is_word(b"a\nD") && !is_word(b""));
        for sdp in [
            "c=IN IP4 1.2.3.4\tx\r\nm=audio 6000 RTP/AVP 0\r\n",
            "c=IN IP4 1.2.3.4\r\nm=audio 6000 RTP/AVP 0\tD\r\n",
        ] {
            let sdp = Sdp::parse(sdp.as_bytes()).unwrap();
            let session = Session { call: b"c", from: b"f", to: b"" };
            assert_eq!(commands(Step::Offer, &session, &Letters::default(), &sdp), []);
        }
    }

    #[test]
    fn answers_without_a_port_are_told() {
        assert_eq!(place(b"35000 10.0.0.1\n").unwrap().address, Some(IpAddr::from([10, 0, 0, 1])));
        assert!(place(b"E8\n").unwrap_err().to_string().contains("E8"));
        assert!(place(b"0\n").is_err() && place(b"").is_err());
        assert_eq!(Letters::read("q"), Err(BadLetter('q')));
        assert!((PROTOCOL.is_alive)(b"20040107\n") && !(PROTOCOL.is_alive)(b"E1\n"));
    }
}
