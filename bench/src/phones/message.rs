//! What the phones say and hear. They write every message themselves and read by looking for whole lines: a
//! tester must not share a parser's mistakes with the server that it tests.

use std::net::SocketAddr;

/// The body of every offer; with it an INVITE has the size of an ordinary phone's.
const OFFER: &str = "v=0\r\no=phone 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
                     a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";

/// Who the two phones are, and what tells this run's calls from another's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) caller: SocketAddr,
    pub(crate) answerer: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Part of every Call-ID and branch.
    pub(crate) run: u32,
}

/// A received message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    bytes: &'a [u8],
}

impl<'a> Received<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The lines of the header, the first line included, without their ends.
    fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.bytes.split(|&byte| byte == b'\n');
        lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).take_while(|line| !line.is_empty())
    }

    /// The status code of a reply.
    pub(crate) fn code(self) -> Option<u16> {
        let digits = self.bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The method of a request or, by its CSeq, of what a reply answers.
    pub(crate) fn method(self) -> Option<&'a str> {
        self.value("CSeq")?.split(' ').next_back()
    }

    /// The first value of a header field, written by its full name.
    pub(crate) fn value(self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// All values of a header field.
    pub(crate) fn values(self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.as_bytes();
        self.lines().filter_map(move |line| {
            let value = line.strip_prefix(name)?.strip_prefix(b":")?;
            std::str::from_utf8(value).ok().map(str::trim)
        })
    }

    /// The number of the call, if the message is of this run.
    pub(crate) fn call(self, run: u32) -> Option<u32> {
        let (number, of) = self.value("Call-ID")?.split_once('@')?.0.split_once('-')?;
        (of.parse() == Ok(run)).then(|| number.parse().ok())?
    }
}

/// What a caller has to remember of the 2xx: where the rest of the call goes (RFC 3261 §12.1.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dialog {
    to: String,
    target: String,
    routes: Vec<String>,
}

impl Dialog {
    pub(crate) fn of(success: Received<'_>) -> Option<Self> {
        let contact = success.value("Contact")?;
        let mut routes: Vec<String> = success.values("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Some(Self {
            to: success.value("To")?.to_owned(),
            target: contact.trim_matches(['<', '>']).to_owned(),
            routes,
        })
    }
}

/// The INVITE of a call, the same each time.
pub(crate) fn invite(names: &Names, call: u32) -> Vec<u8> {
    let target = format!("sip:{call}@{}", names.server);
    let to = format!("<{target}>");
    request(
        names,
        call,
        Line { method: "INVITE", target: &target, to: &to, routes: &[], branch: 'i', cseq: 1 },
    )
}

/// The ACK of a failure: the INVITE's branch, the reply's To (RFC 3261 §17.1.1.3).
pub(crate) fn ack_of_failure(names: &Names, call: u32, failure: Received<'_>) -> Vec<u8> {
    let target = format!("sip:{call}@{}", names.server);
    let to = failure.value("To").unwrap_or_default();
    request(names, call, Line { method: "ACK", target: &target, to, routes: &[], branch: 'i', cseq: 1 })
}

/// The ACK of a 2xx, which is a request of its own.
pub(crate) fn ack(names: &Names, call: u32, dialog: &Dialog) -> Vec<u8> {
    request(names, call, in_dialog("ACK", dialog, 'a', 1))
}

/// The BYE, the same each time.
pub(crate) fn bye(names: &Names, call: u32, dialog: &Dialog) -> Vec<u8> {
    request(names, call, in_dialog("BYE", dialog, 'b', 2))
}

struct Line<'a> {
    method: &'a str,
    target: &'a str,
    to: &'a str,
    routes: &'a [String],
    /// What tells the branches of one call apart.
    branch: char,
    cseq: u32,
}

fn in_dialog<'a>(method: &'a str, dialog: &'a Dialog, branch: char, cseq: u32) -> Line<'a> {
    Line { method, target: &dialog.target, to: &dialog.to, routes: &dialog.routes, branch, cseq }
}

fn request(names: &Names, call: u32, line: Line<'_>) -> Vec<u8> {
    let Names { caller, run, .. } = names;
    let Line { method, target, to, routes, branch, cseq } = line;
    let routes: String = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let body = if method == "INVITE" {
        let length = OFFER.len();
        format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{OFFER}")
    } else {
        "Content-Length: 0\r\n\r\n".to_owned()
    };
    format!(
        "{method} {target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {caller};branch=z9hG4bK{branch}{run}x{call};rport\r\n\
         {routes}\
         From: \"Caller\" <sip:caller@{caller}>;tag=c{run}x{call}\r\n\
         To: {to}\r\n\
         Call-ID: {call}-{run}@phones\r\n\
         CSeq: {cseq} {method}\r\n\
         Contact: <sip:caller@{caller}>\r\n\
         Max-Forwards: 70\r\n\
         User-Agent: phone\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, REFER, NOTIFY, MESSAGE\r\n\
         Supported: replaces, timer, 100rel\r\n\
         {body}"
    )
    .into_bytes()
}

/// A reply that copies what RFC 3261 §8.2.6.2 asks for; a call number makes the To tag.
pub(crate) fn reply(names: &Names, request: Received<'_>, status: &str, call: u32) -> Vec<u8> {
    let mut reply = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().skip(1).filter_map(|line| std::str::from_utf8(line).ok()) {
        let copied = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
        if line.split_once(':').is_some_and(|(name, _)| copied.contains(&name)) {
            reply.push_str(line);
            if line.starts_with("To:") && !line.contains(";tag=") {
                reply.push_str(&format!(";tag=a{}x{call}", names.run));
            }
            reply.push_str("\r\n");
        }
    }
    reply.push_str(&format!("Contact: <sip:{}>\r\nContent-Length: 0\r\n\r\n", names.answerer));
    reply.into_bytes()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn names() -> Names {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        Names { caller: address(1), answerer: address(2), server: address(3), run: 7 }
    }

    #[test]
    fn a_reply_names_the_call_and_the_method_of_its_request() {
        let invite = invite(&names(), 12);
        let ringing = reply(&names(), Received::new(&invite), "180 Ringing", 12);
        let ringing = Received::new(&ringing);
        assert_eq!(
            (ringing.code(), ringing.method(), ringing.call(7)),
            (Some(180), Some("INVITE"), Some(12))
        );
        assert_eq!(ringing.value("To"), Some("<sip:12@127.0.0.1:3>;tag=a7x12"));
        assert_eq!(ringing.call(8), None);
        assert_eq!(Received::new(&invite).code(), None);
    }

    #[test]
    fn a_dialog_goes_back_along_the_recorded_routes() {
        let success = b"SIP/2.0 200 OK\r\nRecord-Route: <sip:b;lr>\r\nRecord-Route: <sip:a;lr>\r\n\
                        To: <sip:x>;tag=t\r\nContact: <sip:x@callee>\r\n\r\n";
        let dialog = Dialog::of(Received::new(success)).expect("a contact is there");
        let bye = String::from_utf8(bye(&names(), 3, &dialog)).expect("ASCII");
        assert!(bye.starts_with("BYE sip:x@callee SIP/2.0\r\n"), "{bye}");
        assert!(bye.contains("\r\nRoute: <sip:a;lr>\r\nRoute: <sip:b;lr>\r\n"), "{bye}");
        assert!(bye.contains("\r\nTo: <sip:x>;tag=t\r\n"), "{bye}");
    }

    #[test]
    fn an_invite_is_as_long_as_an_ordinary_phones() {
        assert!((600..1000).contains(&invite(&names(), 1).len()));
    }
}
