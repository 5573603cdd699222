//! What we say in the sender's Via about where its message came from (RFC 3261 §18.2.1, RFC 3581).

use std::io::Write as _;

use sip_message::{Class, HeaderField, HeaderId, Message, Rport, Span, Via};

use crate::context::{Context, Received};
use crate::cx::Cx;
use crate::listener::host_texts;

/// What is to be added to the topmost Via.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// `;rport=` with this port, where none is asked for but the script forces it.
    pub(crate) forced_rport: Option<u16>,
    /// The value for the `rport` parameter that is there.
    pub(crate) asked_rport: Option<u16>,
    /// `;received=` with the source address.
    pub(crate) received: bool,
}

impl Mark {
    /// What the topmost Via lacks: `received` where the sender's address is another, and for who asks for `rport`
    /// (RFC 3581 §4).
    pub(crate) fn of(via: &Via<'_>, received: &Received, force_rport: bool) -> Self {
        let asked = via.rport() != Rport::Absent;
        let port = received.source.port();
        let named = crate::reply::host_address(via.received().unwrap_or(via.host));
        Self {
            forced_rport: (force_rport && !asked).then_some(port),
            asked_rport: asked.then_some(port),
            received: asked || named != Some(received.source.ip()),
        }
    }

    /// The parameters to add, each with its semicolon, in Kamailio's order.
    pub(crate) fn write_added(self, received: &Received, out: &mut Vec<u8>) {
        // A Vec takes everything.
        if let Some(port) = self.forced_rport {
            let _ = write!(out, ";rport={port}");
        }
        if self.received {
            out.extend_from_slice(b";received=");
            out.extend_from_slice(&host_texts_of(received));
        }
    }
}

/// Whether every line of the header part is a header, and none that may be there once is there twice: Kamailio reads
/// them all before it makes a reply.
pub fn is_readable(message: &Message) -> bool {
    let is_single = |id| message.index().all(id).nth(1).is_none();
    message.headers().iter().all(|field| has_plain_name(message, field))
        && message.content_length().is_none_or(|length| length.is_ok())
        && SINGLE_HEADERS.into_iter().all(is_single)
}

/// A header whose name Kamailio reads: it knows fewer bytes than RFC 3261's token.
pub(crate) fn has_plain_name(message: &Message, field: &HeaderField) -> bool {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'~');
    match field.id {
        HeaderId::Malformed => false,
        HeaderId::Other => message.bytes(field.name).iter().all(is_plain),
        _ => true,
    }
}

/// Headers that may be there once.
pub(crate) const SINGLE_HEADERS: [HeaderId; 6] = [
    HeaderId::From,
    HeaderId::To,
    HeaderId::CSeq,
    HeaderId::CallId,
    HeaderId::MaxForwards,
    HeaderId::ContentLength,
];

fn host_texts_of(received: &Received) -> cfg_vm::Str {
    host_texts(received.source.ip()).1
}

/// Marks the topmost Via of a request that leaves; once a message.
pub(crate) fn mark(cx: &mut Cx<'_>) {
    if cx.context.via.marked {
        return;
    }
    cx.context.via.marked = true;
    let force = cx.context.via.force_rport || cx.running.core.force_rport;
    let mut text = std::mem::take(&mut cx.shard.scratch);
    text.clear();
    add(cx.context, force, &mut text);
    cx.shard.scratch = text;
}

fn add(context: &mut Context, force_rport: bool, text: &mut Vec<u8>) {
    let Context { message, edits, received, .. } = context;
    let Some(field) = message.index().first(HeaderId::Via) else { return };
    let Ok(via) = message.top_via() else { return };
    let mark = Mark::of(&via, received, force_rport);
    if let Some(port) = mark.asked_rport
        && let Some(place) = parameter_place(message, &via, b"rport")
    {
        // A Vec takes everything.
        let _ = write!(text, ";rport={port}");
        edits.replace(place, text);
        text.clear();
    }
    let there = mark.received.then(|| parameter_place(message, &via, b"received")).flatten();
    mark.write_added(received, text);
    match there {
        Some(place) => edits.replace(place, text),
        None if text.is_empty() => {}
        // Before an rport that stands first and was filled.
        None => edits.insert_first(params_start(field, message, &via), Class::Text, text),
    }
}

/// A parameter with its semicolon, up to the next parameter's or the value's end.
fn parameter_place(message: &Message, via: &Via<'_>, name: &[u8]) -> Option<Span> {
    let param = via.params().find(name)?;
    let bytes = message.as_bytes();
    let name = message.span_of(param.name)?;
    let semicolon = bytes[..name.start as usize].iter().rposition(|byte| *byte == b';')?;
    let end =
        param.value.and_then(|value| message.span_of(value)).map_or(name.end, |value| value.end) as usize;
    let blanks = bytes[end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let follows = matches!(bytes.get(end + blanks), Some(b';' | b','));
    let end = if follows { end + blanks } else { end };
    Some(Span { start: semicolon as u32, end: end as u32 })
}

/// Where the first parameter's semicolon stands, or would.
fn params_start(field: &HeaderField, message: &Message, via: &Via<'_>) -> usize {
    let sent_by_end = field.value.start as usize + via.sent_by_end;
    let rest = &message.as_bytes()[sent_by_end..field.value.end as usize];
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if rest.get(blanks) == Some(&b';') { sent_by_end + blanks } else { sent_by_end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::ListenerId;
    use transport::Proto;

    fn mark(via: &str, source: &str, force: bool) -> String {
        let received = Received {
            proto: Proto::Udp,
            source: source.parse().unwrap(),
            destination: "127.0.0.1:5060".parse().unwrap(),
            listener: ListenerId(0),
            connection: None,
            at: std::time::SystemTime::UNIX_EPOCH,
        };
        let mut context = Context::of_message(
            format!("OPTIONS sip:a@b SIP/2.0\r\nVia: {via}\r\n\r\n").into_bytes(),
            received,
        )
        .unwrap();
        add(&mut context, force, &mut Vec::new());
        let written = String::from_utf8(context.edits.to_vec(&context.message)).unwrap();
        written.lines().nth(1).unwrap()["Via: ".len()..].to_owned()
    }

    #[test]
    fn a_sender_behind_another_address_is_marked() {
        let via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1";
        assert_eq!(mark(via, "192.0.2.1:9", false), via);
        assert_eq!(
            mark(via, "192.0.2.9:9", false),
            "SIP/2.0/UDP 192.0.2.1:5060;received=192.0.2.9;branch=z9hG4bK1"
        );
        assert_eq!(mark("SIP/2.0/UDP a.example", "[::1]:9", false), "SIP/2.0/UDP a.example;received=::1");
    }

    #[test]
    fn an_rport_that_is_asked_for_is_filled_in_its_place() {
        let via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport;x=1";
        assert_eq!(
            mark(via, "192.0.2.1:9", false),
            "SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;branch=z9hG4bK1;rport=9;x=1"
        );
    }

    #[test]
    fn an_rport_that_is_forced_comes_after_the_sender() {
        let via = "SIP/2.0/UDP c.example;branch=z9hG4bK1";
        assert_eq!(
            mark(via, "192.0.2.9:7", true),
            "SIP/2.0/UDP c.example;rport=7;received=192.0.2.9;branch=z9hG4bK1"
        );
    }
}
