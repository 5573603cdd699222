//! `$rm`, `$ci`, `$rb`, `$ml` and the rest of a message that is neither URI nor address.

use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::{Context, Cx, PvArgs};
use sip_message::{HeaderId, Message, Method, Span};

/// Kamailio's numbers of methods: one bit each.
fn method_number(method: Method) -> i64 {
    match method {
        Method::Invite => 1,
        Method::Cancel => 1 << 1,
        Method::Ack => 1 << 2,
        Method::Bye => 1 << 3,
        Method::Info => 1 << 4,
        Method::Register => 1 << 5,
        Method::Subscribe => 1 << 6,
        Method::Notify => 1 << 7,
        Method::Message => 1 << 8,
        Method::Options => 1 << 9,
        Method::Prack => 1 << 10,
        Method::Update => 1 << 11,
        Method::Refer => 1 << 12,
        Method::Publish => 1 << 13,
        Method::Kdmq => 1 << 14,
        Method::Get => 1 << 15,
        Method::Post => 1 << 16,
        Method::Put => 1 << 17,
        Method::Delete => 1 << 18,
        Method::Other => 1 << 19,
    }
}

/// Whether every header can be read: where one has no proper name, or what may stand once stands twice, Kamailio's
/// reading of headers ends with an error, and what looks through all of them finds nothing.
pub(super) fn is_readable(message: &Message) -> bool {
    const ONCE: [HeaderId; 6] = [
        HeaderId::From,
        HeaderId::To,
        HeaderId::CallId,
        HeaderId::CSeq,
        HeaderId::MaxForwards,
        HeaderId::ContentLength,
    ];
    let index = message.index();
    !index.has(HeaderId::Malformed)
        && ONCE.iter().all(|id| !index.has(*id) || index.all(*id).nth(1).is_none())
        && message.content_length().is_none_or(|length| length.is_ok())
}

fn header(cx: &Cx<'_>, id: HeaderId) -> Value {
    cx.context.message.index().first(id).map(|field| cx.context.slice(field.value)).into()
}

fn text(cx: &Cx<'_>, part: &[u8]) -> Value {
    if part.is_empty() { Value::Null } else { Value::Str(cx.context.keep(part)) }
}

pub(super) fn method(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    match cx.context.message.method() {
        Method::Other => text(cx, cx.context.message.method_text()),
        known => Value::Str(Str::from_static(known.as_bytes())),
    }
}

pub(super) fn method_id(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(method_number(cx.context.message.method()))
}

pub(super) fn status(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.message.status().map(i64::from).into()
}

pub(super) fn reason(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    match cx.context.message.status() {
        Some(_) => Value::Str(cx.context.keep(cx.context.message.reason())),
        None => Value::Null,
    }
}

pub(super) fn version(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Str(cx.context.keep(cx.context.message.version()))
}

pub(super) fn body(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    text(cx, cx.context.message.body())
}

pub(super) fn body_size(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.context.message.body().len() as i64)
}

pub(super) fn content_length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.message.content_length().and_then(Result::ok).map(i64::from).into()
}

pub(super) fn content_type(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    header(cx, HeaderId::ContentType)
}

pub(super) fn length(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.context.message.buffer().len() as i64)
}

pub(super) fn buffer(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    Value::Str(Str::slice(message.buffer(), 0, message.buffer().len()))
}

/// `$mbu`: the message as it would go out now.
pub(super) fn updated_buffer(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Str(written(cx.context).into())
}

/// The message with its changes, the request URI's among them.
pub(super) fn written(context: &Context) -> Vec<u8> {
    match &context.destination.uri {
        Some(uri) => {
            let mut edits = context.edits.clone();
            edits.set_uri(&context.message, uri);
            edits.to_vec(&context.message)
        }
        None => context.edits.to_vec(&context.message),
    }
}

pub(super) fn kind(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(if cx.context.message.is_request() { 1 } else { 2 })
}

pub(super) fn kind_name(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::text(if cx.context.message.is_request() { "rq" } else { "rp" })
}

pub(super) fn number(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.context.number as i64)
}

pub(super) fn call_id(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    header(cx, HeaderId::CallId)
}

/// The number as text: it may be longer than any number here.
pub(super) fn cseq_number(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let Some(value) = cx.context.message.value(HeaderId::CSeq) else { return Value::Null };
    let length = value.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    text(cx, &value[..length])
}

pub(super) fn cseq(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    header(cx, HeaderId::CSeq)
}

pub(super) fn contact(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    header(cx, HeaderId::Contact)
}

/// `$ctu`: the first Contact's URI.
pub(super) fn contact_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let first = message.contact_values().next().and_then(|value| message.name_addr(value).ok());
    first.filter(|addr| !addr.is_star()).map(|addr| cx.context.keep(addr.uri_text)).into()
}

/// `$cts`: 0 without Contact, 1 with one, 2 with the Contact `*`.
pub(super) fn contact_state(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(match cx.context.message.value(HeaderId::Contact) {
        None => 0,
        Some(b"*") => 2,
        Some(_) => 1,
    })
}

pub(super) fn user_agent(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    header(cx, HeaderId::UserAgent)
}

/// What `$msg(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessagePart {
    Length,
    Buffer,
    Body,
    BodyLength,
    Headers,
    HeadersLength,
    HeaderCount,
    FirstLine,
    FirstPart,
    LastPart,
}

/// Names in `$msg(…)`.
pub(super) const MESSAGE_PARTS: &[(&str, MessagePart)] = &[
    ("len", MessagePart::Length),
    ("buf", MessagePart::Buffer),
    ("body", MessagePart::Body),
    ("body_len", MessagePart::BodyLength),
    ("hdrs", MessagePart::Headers),
    ("hdrs_len", MessagePart::HeadersLength),
    ("hdrc", MessagePart::HeaderCount),
    ("fline", MessagePart::FirstLine),
    ("fpart", MessagePart::FirstPart),
    ("lpart", MessagePart::LastPart),
];

/// `$msg(part)`
pub(super) fn part(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<MessagePart>() else { return Value::Null };
    let context = &*cx.context;
    let headers = header_span(&context.message);
    let whole = context.message.buffer().len();
    let span = |start: usize, end: usize| Value::Str(context.slice(Span::new(start, end.max(start))));
    match part {
        MessagePart::Length => Value::Int(whole as i64),
        MessagePart::Buffer => span(0, whole),
        MessagePart::Body => text(cx, context.message.body()),
        MessagePart::BodyLength => Value::Int(context.message.body().len() as i64),
        MessagePart::Headers => span(headers.start as usize, headers.end as usize),
        MessagePart::HeadersLength => Value::Int(headers.len() as i64),
        MessagePart::HeaderCount => Value::Int(context.message.headers().len() as i64),
        MessagePart::FirstLine => Value::Str(context.slice(context.message.index().start_span())),
        MessagePart::FirstPart => span(0, headers.end as usize),
        MessagePart::LastPart => span(headers.start as usize, whole),
    }
}

/// All header fields but the last one's line end.
fn header_span(message: &Message) -> Span {
    let bytes = message.as_bytes();
    let mut end = message.index().fields_end();
    let start = message.headers().first().map_or(end, |field| field.whole.start as usize);
    for line_end in [b'\n', b'\r'] {
        if end > start && bytes.get(end - 1) == Some(&line_end) {
            end -= 1;
        }
    }
    Span::new(start, end)
}

/// `$msgbuf(n)`: one byte of the message.
pub(super) fn byte(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let byte = args.parsed::<usize>().and_then(|at| cx.context.message.as_bytes().get(*at));
    byte.map(|byte| Str::copy(&[*byte])).into()
}

/// `$msgbuf(n) = "X"`: the message is read anew, with X for its byte.
pub(super) fn set_byte(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let text = super::uri::text_of(value, "a byte of the message")?;
    let mut bytes = cx.context.message.as_bytes().to_vec();
    let place = args.parsed::<usize>().and_then(|at| bytes.get_mut(*at));
    let (Some(place), Some(new)) = (place, text.first()) else {
        return Err(WriteError::Unfit("there is no such byte".to_owned()));
    };
    *place = *new;
    cx.replace_message(bytes)
        .map_err(|error| WriteError::Unfit(format!("the message with that byte: {error}")))
}

/// `$expires(min)` and `$expires(max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Most,
}

/// Names in `$expires(…)`.
pub(super) const EXTREMES: &[(&str, Extreme)] = &[("min", Extreme::Least), ("max", Extreme::Most)];

/// The least or most `expires` of the contacts; one without it has the Expires header's.
pub(super) fn expires(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let general = message.expires().and_then(Result::ok);
    let of_contact = |value| {
        let own = message.name_addr(value).ok().and_then(|addr| addr.expires());
        match own {
            Some(own) => own.ok(),
            None => general,
        }
    };
    let all = message.contact_values().filter_map(of_contact);
    let found = match args.parsed::<Extreme>() {
        Some(Extreme::Most) => all.max(),
        _ => all.min(),
    };
    // A message without Contact may still say how long.
    found.or(general).map(i64::from).into()
}

/// `$rpl(duri)` is the place that a reply goes to.
pub(super) fn reply_destination(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    if cx.context.message.is_request() {
        return Value::Null;
    }
    let message = &cx.context.message;
    let Some(via) = message.via_values().nth(1).and_then(|value| message.via(value).ok()) else {
        return Value::Null;
    };
    let host = via.received().unwrap_or(via.host);
    let port = match via.rport() {
        sip_message::Rport::Port(port) => port,
        _ => via.port_or_default(),
    };
    let text = format!(
        "sip:{}:{port};transport={}",
        String::from_utf8_lossy(host),
        String::from_utf8_lossy(via.transport).to_lowercase()
    );
    Value::Str(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &str) -> Message {
        Message::from_bytes(format!("OPTIONS sip:a@b SIP/2.0\r\n{headers}\r\nbody").into_bytes()).unwrap()
    }

    #[test]
    fn headers_end_before_the_last_line_end() {
        let message = message("A: 1\r\nB: 2\r\n");
        assert_eq!(message.bytes(header_span(&message)), b"A: 1\r\nB: 2");
    }

    #[test]
    fn one_bad_header_keeps_all_from_being_looked_through() {
        assert!(is_readable(&message("A: 1\r\nCall-ID: 1\r\n")));
        assert!(!is_readable(&message("A: 1\r\nC%6Fnt\u{e9}: 2\r\nB: 3\r\n")));
        assert!(!is_readable(&message("CSeq: 1 OPTIONS\r\nCSeq: 2 OPTIONS\r\n")));
        assert!(!is_readable(&message("Content-Length: -1\r\n")));
    }

    #[test]
    fn methods_have_kamailios_numbers() {
        assert_eq!(method_number(Method::Message), 256);
        assert_eq!(method_number(Method::Options), 512);
        assert_eq!(method_number(Method::Other), 524_288);
    }
}
