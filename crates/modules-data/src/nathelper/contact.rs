//! The Contact that functions of this module look at, and its address.

use engine::{Args, Context, Cx, Flow};
use sip_message::{HeaderId, HeaderValue, Message, NameAddr, Span};

use modules::sender;

/// The last value of the first Contact header: of several Contacts, Kamailio works on this one.
pub(super) fn chosen(message: &Message) -> Option<(HeaderValue, NameAddr<'_>)> {
    let first = message.contact_values().next()?;
    let value = message.contact_values().take_while(|value| value.header == first.header).last()?;
    let contact = message.name_addr(value).ok()?;
    (!contact.is_star()).then_some((value, contact))
}

/// Whether there is a Contact header at all.
pub(super) fn is_there(message: &Message) -> bool {
    message.index().has(HeaderId::Contact)
}

/// Where host and port stand in the message.
pub(super) fn host_port(message: &Message, contact: &NameAddr<'_>) -> Option<Span> {
    let uri = contact.uri().ok().filter(|uri| uri.is_sip())?;
    let host = message.span_of(uri.host)?;
    let end = uri.port_text.and_then(|port| message.span_of(port)).map_or(host.end, |port| port.end);
    Some(Span { start: host.start, end })
}

pub(super) fn fix(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Context { message, edits, received, .. } = &mut *cx.context;
    if !is_there(message) {
        return Flow::FALSE;
    }
    let Some(span) = chosen(message).and_then(|(_, contact)| host_port(message, &contact)) else {
        tracing::error!(target: "nathelper", "Contact holds no SIP URI");
        return Flow::FALSE;
    };
    let mut text = Vec::new();
    sender::write(received.source, ':', &mut text);
    edits.replace(span, &text);
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_contacts_the_last_of_the_first_header_is_chosen() {
        let text = "INVITE sip:a SIP/2.0\r\nVia: v\r\nContact: <sip:a@1.1.1.1:5>, sip:b@2.2.2.2;x\r\nContact: <sip:c>\r\n\r\n";
        let message = Message::from_bytes(text).expect("a message");
        let (_, contact) = chosen(&message).expect("a Contact");
        assert_eq!(contact.uri_text, b"sip:b@2.2.2.2");
        let span = host_port(&message, &contact).expect("an address");
        assert_eq!(message.bytes(span), b"2.2.2.2");
    }
}
