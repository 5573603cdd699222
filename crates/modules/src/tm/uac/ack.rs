//! The ACK of a 2xx to an INVITE that was made here (RFC 3261 §13.2.2.4).

use sip_message::{HeaderId, Message, Uri};

/// Where an ACK goes next and what it says.
#[derive(Debug)]
pub(super) struct Path {
    /// The request URI.
    uri: Vec<u8>,
    /// Route values, in their order.
    routes: Vec<Vec<u8>>,
    /// The URI of the next hop.
    pub(super) next: Vec<u8>,
}

impl Path {
    /// The way that the reply's Contact and Record-Route name (RFC 3261 §12.1.2, §12.2.1.1).
    pub(super) fn of(invite: &Message, reply: &Message) -> Option<Self> {
        let contact = reply.contact_values().next().and_then(|value| reply.name_addr(value).ok());
        let target = contact.filter(|contact| !contact.is_star()).map(|contact| contact.uri_text);
        let target = target.or_else(|| invite.request_uri())?.to_vec();
        let mut routes: Vec<Vec<u8>> =
            reply.record_route_values().map(|value| reply.bytes(value.span).to_vec()).collect();
        routes.reverse();
        let Some(first) = routes.first() else {
            return Some(Self { next: target.clone(), uri: target, routes });
        };
        let first = sip_message::NameAddr::parse(first).ok()?.uri_text.to_vec();
        let is_loose = Uri::parse(&first).is_ok_and(|uri| uri.params().has(b"lr"));
        if is_loose {
            return Some(Self { uri: target, routes, next: first });
        }
        // A strict router wants itself in the request URI and the target last.
        routes.remove(0);
        routes.push([b"<", &target[..], b">"].concat());
        Some(Self { uri: first.clone(), routes, next: first })
    }

    /// Appends the ACK; `via` and `user_agent` as in the INVITE, the Via with its line end, the other without.
    pub(super) fn write(
        &self,
        invite: &Message,
        reply: &Message,
        via: &[u8],
        agent: &[u8],
        out: &mut Vec<u8>,
    ) {
        let Ok(cseq) = invite.cseq() else { return };
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[b"ACK ", &self.uri, b" SIP/2.0\r\n", via]);
        let parts = [(invite, HeaderId::From), (invite, HeaderId::CallId), (reply, HeaderId::To)];
        for (message, id) in parts {
            if let Some(value) = message.value(id) {
                put(&[id.name().as_bytes(), b": ", value, b"\r\n"]);
            }
        }
        put(&[b"CSeq: ", cseq.number_text, b" ACK\r\n"]);
        if !self.routes.is_empty() {
            put(&[b"Route: ", &self.routes.join(&b", "[..]), b"\r\n"]);
        }
        if !agent.is_empty() {
            put(&[agent, b"\r\n"]);
        }
        put(&[b"Content-Length: 0\r\n\r\n"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP me;branch=z9hG4bK1\r\nTo: <sip:b@h>\r\n\
        From: <sip:a@h>;tag=1\r\nCSeq: 10 INVITE\r\nCall-ID: c\r\n\r\n";

    fn ack(headers: &str) -> (String, String) {
        let invite = Message::from_bytes(INVITE).unwrap();
        let reply = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP me;branch=z9hG4bK1\r\nTo: <sip:b@h>;tag=2\r\nFrom: <sip:a@h>;tag=1\r\n\
             CSeq: 10 INVITE\r\nCall-ID: c\r\n{headers}\r\n"
        );
        let reply = Message::from_bytes(reply).unwrap();
        let path = Path::of(&invite, &reply).unwrap();
        let mut out = Vec::new();
        path.write(&invite, &reply, b"Via: V\r\n", b"User-Agent: x", &mut out);
        (String::from_utf8(path.next).unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn it_goes_to_the_contact_with_the_tag_of_the_reply() {
        let (next, text) = ack("Contact: <sip:c@k>\r\n");
        assert_eq!(next, "sip:c@k");
        assert_eq!(
            text,
            "ACK sip:c@k SIP/2.0\r\nVia: V\r\nFrom: <sip:a@h>;tag=1\r\nCall-ID: c\r\nTo: <sip:b@h>;tag=2\r\n\
             CSeq: 10 ACK\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn it_goes_by_the_route_set_from_its_far_end() {
        let (next, text) = ack("Record-Route: <sip:far;lr>, <sip:near;lr>\r\nContact: <sip:c@k>\r\n");
        assert_eq!(next, "sip:near;lr");
        assert!(text.starts_with("ACK sip:c@k SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:near;lr>, <sip:far;lr>\r\n"), "{text}");
    }

    #[test]
    fn a_strict_router_gets_its_own_uri_and_the_target_last() {
        let (next, text) = ack("Record-Route: <sip:near>\r\nContact: <sip:c@k>\r\n");
        assert_eq!(next, "sip:near");
        assert!(text.starts_with("ACK sip:near SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:c@k>\r\n"), "{text}");
    }

    #[test]
    fn without_a_contact_it_goes_where_the_invite_went() {
        assert_eq!(ack("").0, "sip:b@h");
    }
}
