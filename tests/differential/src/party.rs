//! The SIP side of an endpoint in a scenario: what it has sent and got, and the messages that follow from it.
//!
//! Simple on purpose: it answers any request, whatever it is, and keeps one dialog. Addresses are canonical.

use std::net::SocketAddr;

use crate::endpoint::{ENDPOINTS, Transport};
use crate::flow::Pattern;

/// A message that an endpoint got.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// As characters of the bytes' numbers, so that none is lost.
    pub(crate) text: String,
    pub(crate) transport: Transport,
    /// The sender's address in this run, for the reply.
    pub(crate) from: SocketAddr,
    /// How often these bytes came.
    pub(crate) copies: usize,
    /// A step has got it.
    pub(crate) taken: bool,
}

/// A message that an endpoint sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) text: String,
    pub(crate) transport: Transport,
    /// An address in this run; `None` is the server's socket.
    pub(crate) to: Option<SocketAddr>,
}

/// An endpoint within one scenario.
#[derive(Debug)]
pub(crate) struct Party {
    name: &'static str,
    address: &'static str,
    call_id: String,
    cseq: usize,
    branches: usize,
    pub(crate) received: Vec<Received>,
    /// The messages that steps have got, newest last, as indices of `received`.
    got: Vec<usize>,
    pub(crate) sent: Vec<Sent>,
}

impl Party {
    /// The endpoint at `index` of [`ENDPOINTS`] in the call `call_id`.
    pub(crate) fn new(index: usize, call_id: &str) -> Self {
        let (name, address) = ENDPOINTS[index];
        Self {
            name,
            address,
            call_id: call_id.to_owned(),
            cseq: 0,
            branches: 0,
            received: Vec::new(),
            got: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Takes the oldest message that fits and that no step has got.
    pub(crate) fn get(&mut self, pattern: &Pattern) -> Option<()> {
        let at = self.received.iter().position(|message| !message.taken && fits(&message.text, pattern))?;
        self.received[at].taken = true;
        self.got.push(at);
        Some(())
    }

    /// How often the newest message that fits has come.
    pub(crate) fn copies(&self, pattern: &Pattern) -> usize {
        self.received.iter().rfind(|message| fits(&message.text, pattern)).map_or(0, |message| message.copies)
    }

    /// The newest message sent that fits.
    pub(crate) fn newest_sent(&self, pattern: &Pattern) -> Option<Sent> {
        self.sent.iter().rfind(|sent| fits(&sent.text, pattern)).cloned()
    }

    /// The parts of messages that this endpoint makes up itself and a server passes on.
    pub(crate) fn own_values(&self) -> Vec<String> {
        let branches = (1..=self.branches).map(|number| format!("branch={};", self.branch(number)));
        branches.chain([format!(";tag={};", self.tag())]).collect()
    }

    /// A request outside a dialog.
    pub(crate) fn request(&mut self, method: &str, uri: &str, transport: Transport) -> Draft {
        let from = format!("\"Alice\" <sip:alice@atlanta.example>;tag={}", self.tag());
        self.draft(method, uri, transport, &from, "\"Bob\" <sip:bob@biloxi.example>")
    }

    /// A request in the dialog that the newest INVITE, sent or got, has made.
    pub(crate) fn request_in_dialog(&mut self, method: &str) -> Option<(Draft, Transport)> {
        let reply_to_invite = Pattern::Reply(String::new(), Some("INVITE".to_owned()));
        let answered = self.newest_got(&reply_to_invite).cloned();
        let invited = self.newest_got(&Pattern::Request("INVITE".to_owned())).cloned();
        let (peer, routes, from, to) = match (&answered, &invited) {
            (Some(reply), _) => {
                // Requests within a dialog, and so their replies, record no route anew.
                let recorded = self.got.iter().rev().map(|at| &self.received[*at]).find(|message| {
                    fits(&message.text, &reply_to_invite) && header(&message.text, "Record-Route").is_some()
                });
                let mut routes = recorded.map_or_else(Vec::new, |reply| headers(&reply.text, "Record-Route"));
                routes.reverse();
                (reply, routes, header(&reply.text, "From")?, header(&reply.text, "To")?)
            }
            (None, Some(request)) => {
                let from = format!("{};tag={}", header(&request.text, "To")?, self.tag());
                (request, headers(&request.text, "Record-Route"), from, header(&request.text, "From")?)
            }
            (None, None) => return None,
        };
        let uri = header(&peer.text, "Contact").unwrap_or_else(|| to.clone());
        let uri = uri.split(['<', '>']).find(|part| part.starts_with("sip:"))?.to_owned();
        let mut draft = self.draft(method, &uri, peer.transport, &from, &to);
        draft.headers.extend(routes.into_iter().map(|route| ("Route".to_owned(), route)));
        Some((draft, peer.transport))
    }

    /// The ACK of the newest final reply to an INVITE: of a 2xx in the dialog, of any other in its transaction.
    pub(crate) fn ack(&mut self) -> Option<(Draft, Transport)> {
        let reply = self.newest_got(&Pattern::Reply(String::new(), Some("INVITE".to_owned())))?.clone();
        let number = header(&reply.text, "CSeq")?.split(' ').next()?.to_owned();
        let (mut draft, transport) = if reply.text.starts_with("SIP/2.0 2") {
            let own = self.cseq;
            let ack = self.request_in_dialog("ACK")?;
            self.cseq = own;
            ack
        } else {
            self.in_transaction("ACK", &header(&reply.text, "To")?)?
        };
        draft.set("CSeq", &format!("{number} ACK"));
        Some((draft, transport))
    }

    /// The CANCEL of the newest INVITE that was sent.
    pub(crate) fn cancel(&self) -> Option<(Draft, Transport)> {
        let invite = self.newest_sent(&Pattern::Request("INVITE".to_owned()))?;
        self.in_transaction("CANCEL", &header(&invite.text, "To")?)
    }

    /// A reply to the newest request, or to the newest of `method`, and where it goes.
    pub(crate) fn reply(&self, status: &str, method: Option<&str>) -> Option<(Draft, Transport, SocketAddr)> {
        let request = self.got.iter().rev().map(|at| &self.received[*at]).find(|message| {
            let first = message.text.split(' ').next().unwrap_or_default();
            method.map_or(first != "SIP/2.0" && first != "ACK", |method| method == first)
        })?;
        let mut draft =
            Draft { start: format!("SIP/2.0 {status}"), headers: Vec::new(), body: String::new() };
        for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
            let values = headers(&request.text, name).into_iter().map(|value| (name.to_owned(), value));
            draft.headers.extend(values);
        }
        let to = header(&request.text, "To")?;
        if !to.contains(";tag=") && !status.starts_with("100") {
            draft.set("To", &format!("{to};tag={}", self.tag()));
        }
        if request.text.starts_with("INVITE ") {
            draft.headers.push(("Contact".to_owned(), self.contact()));
        }
        Some((draft, request.transport, request.from))
    }

    fn in_transaction(&self, method: &str, to: &str) -> Option<(Draft, Transport)> {
        let invite = self.newest_sent(&Pattern::Request("INVITE".to_owned()))?;
        let uri = invite.text.split(' ').nth(1)?;
        let mut draft =
            Draft { start: format!("{method} {uri} SIP/2.0"), headers: Vec::new(), body: String::new() };
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Route"] {
            draft.headers.extend(header(&invite.text, name).map(|value| (name.to_owned(), value)));
        }
        let number = header(&invite.text, "CSeq")?.split(' ').next()?.to_owned();
        draft.set("CSeq", &format!("{number} {method}"));
        draft.set("To", to);
        Some((draft, invite.transport))
    }

    fn newest_got(&self, pattern: &Pattern) -> Option<&Received> {
        self.got.iter().rev().map(|at| &self.received[*at]).find(|message| fits(&message.text, pattern))
    }

    fn draft(&mut self, method: &str, uri: &str, transport: Transport, from: &str, to: &str) -> Draft {
        self.cseq += 1;
        self.branches += 1;
        let via =
            format!("SIP/2.0/{} {};branch={}", transport.name(), self.address, self.branch(self.branches));
        let headers = [
            ("Via", via),
            ("Max-Forwards", "70".to_owned()),
            ("From", from.to_owned()),
            ("To", to.to_owned()),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} {method}", self.cseq)),
            ("Contact", self.contact()),
        ];
        Draft {
            start: format!("{method} {uri} SIP/2.0"),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: String::new(),
        }
    }

    fn branch(&self, number: usize) -> String {
        let call = self.call_id.split('@').next().unwrap_or_default();
        format!("z9hG4bK-{call}-{}-{number}", self.name)
    }

    fn tag(&self) -> String {
        format!("{}-7", self.name)
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.name, self.address)
    }
}

/// A message in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    start: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Draft {
    /// Gives the message what a step says of it.
    pub(crate) fn amend(&mut self, lines: &[String], body: &[String]) {
        let given: Vec<(String, String)> = lines
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        // In the place of the first of its name; new names at the end.
        for (at, (name, _)) in given.iter().enumerate() {
            if given[..at].iter().any(|(earlier, _)| earlier == name) {
                continue;
            }
            let own = given.iter().filter(|(other, _)| other == name).cloned();
            let place = self.headers.iter().position(|(known, _)| known == name);
            self.headers.retain(|(known, _)| known != name);
            let place = place.unwrap_or(self.headers.len());
            self.headers.splice(place..place, own);
        }
        self.body = body.iter().map(|line| format!("{line}\r\n")).collect();
    }

    /// The message's text, with its Content-Length.
    pub(crate) fn text(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}Content-Length: {}\r\n\r\n{}", self.start, self.body.len(), self.body)
    }

    fn set(&mut self, name: &str, value: &str) {
        for header in self.headers.iter_mut().filter(|(known, _)| known == name) {
            value.clone_into(&mut header.1);
        }
    }
}

/// Whether a message is one that `pattern` names; an empty code is any final one.
pub(crate) fn fits(text: &str, pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Request(method) => text.split(' ').next() == Some(method),
        Pattern::Reply(code, method) => {
            let Some(status) = text.strip_prefix("SIP/2.0 ") else { return false };
            let is_code = if code.is_empty() { !status.starts_with('1') } else { status.starts_with(code) };
            let of = header(text, "CSeq").and_then(|value| Some(value.split(' ').nth(1)?.to_owned()));
            is_code && method.as_ref().is_none_or(|method| of.as_ref() == Some(method))
        }
    }
}

/// The value of the first header `name`; a server writes names as the endpoints do.
pub(crate) fn header(text: &str, name: &str) -> Option<String> {
    headers(text, name).into_iter().next()
}

fn headers(text: &str, name: &str) -> Vec<String> {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Draft, Party, Received};
    use crate::endpoint::Transport;
    use crate::flow::Pattern;

    fn party_with(text: &str) -> Party {
        let mut party = Party::new(2, "x@atlanta.example");
        let from = "127.0.0.1:5060".parse().unwrap();
        party.received.push(Received {
            text: text.to_owned(),
            transport: Transport::Udp,
            from,
            copies: 1,
            taken: false,
        });
        party
    }

    #[test]
    fn a_reply_copies_what_belongs_to_the_transaction() {
        let mut party =
            party_with("INVITE sip:b SIP/2.0\r\nVia: v1\r\nVia: v2\r\nTo: <sip:b>\r\nCSeq: 1 INVITE\r\n\r\n");
        party.get(&Pattern::Request("INVITE".to_owned())).unwrap();
        let (draft, _, _) = party.reply("180 Ringing", None).unwrap();
        let text = draft.text();
        assert!(
            text.starts_with("SIP/2.0 180 Ringing\r\nVia: v1\r\nVia: v2\r\nTo: <sip:b>;tag=callee-7\r\n")
        );
    }

    #[test]
    fn a_message_is_got_once() {
        let mut party = party_with("SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n");
        let pattern = Pattern::Reply("200".to_owned(), Some("BYE".to_owned()));
        assert_eq!(party.get(&pattern), Some(()));
        assert_eq!(party.get(&pattern), None);
    }

    #[test]
    fn a_given_header_replaces_those_of_its_name() {
        let mut draft = Draft {
            start: "X".to_owned(),
            headers: vec![("Via".to_owned(), "1".to_owned()), ("To".to_owned(), "2".to_owned())],
            body: String::new(),
        };
        draft.amend(&["Via: a".to_owned(), "X-New: c".to_owned(), "Via: b".to_owned()], &[]);
        assert_eq!(draft.text(), "X\r\nVia: a\r\nVia: b\r\nTo: 2\r\nX-New: c\r\nContent-Length: 0\r\n\r\n");
    }
}
