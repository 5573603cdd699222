//! What the fuzz targets do with their input. `tests/corpus.rs` does it with the corpus.

use std::hint::black_box;
use std::sync::Arc;

use sip_message::{
    Class, ContentType, Credentials, Date, EditList, Frame, Framer, HeaderField, HeaderId, Limits, Message,
    MissingLength, NameAddr, Reason, Reply, Span, StartLine, Uri, UriBuf, Via, conformance, sdp,
};

const ROOMY: Limits = Limits { message_size: 1 << 20, header_count: 1 << 16, header_size: 1 << 20 };

/// Parses a message, reads all of it, edits it, writes it, and parses it again.
pub(crate) fn message(data: &[u8]) {
    let Ok(message) = Message::parse(Arc::new(data.to_vec())) else { return };
    spans_cover_the_buffer(&message);
    read(&message);
    assert_eq!(EditList::new().to_vec(&message), data);
    edits_leave_a_message(&message);
    any_edits_are_safe(&message, data);
    replies_are_messages(&message);
}

fn spans_cover_the_buffer(message: &Message) {
    let index = message.index();
    let mut at = None;
    for field in message.headers() {
        assert!(at.is_none_or(|at| at == field.whole.start));
        assert!(field.whole.start <= field.name.start && field.name.end <= field.whole.end);
        assert!(field.whole.start <= field.value.start && field.value.end <= field.whole.end);
        at = Some(field.whole.end);
    }
    let fields_end = index.fields_end();
    assert!(at.is_none_or(|at| at as usize == fields_end));
    let gap = index.body().start as usize - fields_end;
    assert_eq!(index.is_terminated(), gap > 0);
    assert_eq!(index.body().end as usize, message.as_bytes().len());
}

fn read(message: &Message) {
    black_box((
        message.method(),
        message.method_text(),
        message.status(),
        message.reason(),
        message.version(),
    ));
    black_box((
        message.call_id().is_ok(),
        message.content_length(),
        message.max_forwards(),
        message.expires(),
    ));
    black_box(message.cseq().is_ok());
    let _ = message.uri().map(|parsed| read_uri(&parsed));
    let _ = message.top_via().map(|parsed| read_via(&parsed));
    for id in [
        HeaderId::Via,
        HeaderId::Contact,
        HeaderId::Route,
        HeaderId::RecordRoute,
        HeaderId::From,
        HeaderId::To,
    ] {
        for value in message.values(id) {
            let _ = message.via(value).map(|parsed| read_via(&parsed));
            let _ = message.name_addr(value).map(|parsed| read_name_addr(&parsed));
        }
    }
    for field in message.headers() {
        let value = message.bytes(field.value);
        black_box(message.header_named(message.bytes(field.name)).next());
        let _ = Via::parse(value).map(|parsed| read_via(&parsed));
        let _ = NameAddr::parse(value).map(|parsed| read_name_addr(&parsed));
        let _ = Credentials::parse(value)
            .map(|parsed| black_box((parsed.params().count(), parsed.realm(), parsed.nonce_count())));
        let _ = Reason::parse(value).map(|parsed| black_box((parsed.cause(), parsed.text())));
        let _ = Date::parse(value)
            .map(|parsed| assert_eq!(Date::parse(parsed.to_string().as_bytes()), Ok(parsed)));
        if let Ok(kind) = ContentType::parse(value) {
            for part in kind.parts(message.body()).into_iter().flatten() {
                black_box((part.content_type().is_some(), part.body));
            }
        }
    }
    black_box(message.option_tags(HeaderId::Supported).count());
    if let Ok(session) = sdp::Sdp::parse(message.body()) {
        black_box(session.is_hold());
        for media in session.media() {
            black_box((
                media.formats().filter_map(|format| media.rtpmap(format)).count(),
                session.direction(&media),
            ));
        }
    }
    for violation in conformance::verdict(message) {
        assert!(violation.span.end as usize <= message.as_bytes().len());
        black_box(violation.to_string());
    }
}

fn read_uri(uri: &Uri<'_>) {
    black_box((uri.userinfo(), uri.host_unbracketed(), uri.port_or_default(), uri.transport(), uri.ttl()));
    black_box((
        uri.is_loose_router(),
        uri.is_phone(),
        uri.opaque(),
        uri.headers().count(),
        uri.params().count(),
    ));
}

fn read_via(via: &Via<'_>) {
    black_box((via.branch(), via.received(), via.rport(), via.ttl(), via.has_alias(), via.port_or_default()));
    assert!(via.sent_by_end <= via.raw.len());
}

fn read_name_addr(addr: &NameAddr<'_>) {
    black_box((
        addr.display_unquoted(),
        addr.tag(),
        addr.q(),
        addr.expires(),
        addr.instance(),
        addr.is_star(),
    ));
    let _ = addr.uri().map(|parsed| read_uri(&parsed));
}

/// Edits that keep whole lines whole leave something that parses, with the values that were set.
fn edits_leave_a_message(message: &Message) {
    let mut edits = EditList::new();
    let removed = message.headers().iter().step_by(2).copied().collect::<Vec<HeaderField>>();
    removed.iter().for_each(|field| edits.delete_header(field));
    if let Some(first) = message.headers().first() {
        edits.insert(first.whole.start as usize, Class::Via, b"Via: SIP/2.0/UDP own\r\n");
    }
    edits.set_uri(message, b"sip:new@h");
    edits.set_status(message, 299, b"Set");
    edits.append_header(message, b"X-Last: 1\r\n");
    let has_body = edits.set_body(message, b"new body", Some(b"text/plain")).is_ok();
    let mut changed = message.clone();
    edits.apply(&mut changed, &ROOMY).expect("whole lines leave a message");
    match changed.start_line() {
        StartLine::Request { uri, .. } => assert_eq!(changed.bytes(uri), b"sip:new@h"),
        StartLine::Response { status, .. } => {
            assert_eq!((status, changed.reason()), (299, b"Set".as_slice()))
        }
    }
    if has_body {
        assert_eq!(changed.body(), b"new body");
        assert_eq!(changed.content_length(), Some(Ok(8)));
        assert!(changed.index().has(HeaderId::ContentType));
    }
}

/// Edits anywhere, drawn from the data itself, never panic, and inserted texts all come out.
fn any_edits_are_safe(message: &Message, data: &[u8]) {
    let mut edits = EditList::new();
    let mut inserted = 0;
    for (turn, piece) in data.chunks(3).take(64).enumerate() {
        let place = |byte: u8| usize::from(byte) * (data.len() + 1) / 255;
        let (start, end) = (place(piece[0]), place(*piece.last().unwrap_or(&0)));
        match turn % 3 {
            0 => edits.delete(Span::new(start.min(end), start.max(end))),
            1 => edits.insert(start, Class::Text, b"\x01"),
            _ => edits.replace(Span::new(start.min(end), start.max(end)), b"\x01"),
        }
        inserted += usize::from(turn % 3 != 0);
    }
    let old = data.iter().filter(|byte| **byte == 1).count();
    let new = edits.to_vec(message).iter().filter(|byte| **byte == 1).count();
    assert!(new >= inserted && new <= inserted + old);
}

fn replies_are_messages(message: &Message) {
    let reply = Reply {
        status: 200,
        reason: b"OK",
        to_tag: Some(b"t"),
        received: Some(b"192.0.2.1"),
        rport: Some(5060),
        headers: b"X: 1\r\n",
        server: b"Server: s",
        body: b"",
    };
    let text = reply.to_vec(message);
    let parsed = Message::parse_limited(Arc::new(text), &ROOMY).expect("a reply is a message");
    assert_eq!(parsed.status(), Some(200));
}

/// Parses URIs, compares and changes them. A zero byte separates two URIs.
pub(crate) fn uri(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == 0);
    let (left, right) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let _ = NameAddr::parse(data).map(|parsed| read_name_addr(&parsed));
    let Ok(parsed) = Uri::parse(left) else { return };
    read_uri(&parsed);
    assert!(parsed.matches(&parsed) && parsed.same_aor(&parsed));
    if let Ok(other) = Uri::parse(right) {
        assert_eq!(parsed.matches(&other), other.matches(&parsed));
        assert_eq!(parsed.same_aor(&other), other.same_aor(&parsed));
    }
    if parsed.is_sip() {
        changed_parts_are_read_back(left);
    }
}

fn changed_parts_are_read_back(text: &[u8]) {
    let mut buf = UriBuf::new(text);
    let good = "each change leaves a URI";
    buf.set_param(b"lr", Some(b"on")).expect(good);
    buf.set_user(Some(b"new")).expect(good);
    buf.set_password(Some(b"pw")).expect(good);
    buf.set_host(b"h.example").expect(good);
    buf.set_port(Some(5070)).expect(good);
    let uri = buf.uri().expect(good);
    assert_eq!((uri.user, uri.password), (Some(b"new".as_slice()), Some(b"pw".as_slice())));
    assert_eq!(
        (uri.host, uri.port, uri.param(b"lr")),
        (b"h.example".as_slice(), Some(5070), Some(b"on".as_slice()))
    );
    buf.remove_param(b"lr").expect(good);
    buf.set_port(None).expect(good);
    buf.set_user(None).expect(good);
    let uri = buf.uri().expect(good);
    assert_eq!((uri.user, uri.password, uri.port), (None, None, None));
    assert!(!uri.is_loose_router());
}

/// Finds the same messages however the stream is cut.
pub(crate) fn framer(data: &[u8]) {
    let (step, stream) =
        data.split_first().map_or((1, data), |(first, rest)| (usize::from(first % 61) + 1, rest));
    for missing in [MissingLength::Refuse, MissingLength::NoBody] {
        assert_eq!(frames(stream, stream.len().max(1), missing), frames(stream, step, missing));
    }
}

/// The messages in a stream fed `step` bytes at a time, and whether it ended in an error.
fn frames(stream: &[u8], step: usize, missing: MissingLength) -> (Vec<Vec<u8>>, bool) {
    let limits = Limits { message_size: 2000, header_count: 64, header_size: 700 };
    let mut framer = Framer::new(limits, missing);
    let mut received = Vec::new();
    let mut found = Vec::new();
    for chunk in stream.chunks(step) {
        received.extend_from_slice(chunk);
        loop {
            let consumed = match framer.next(&received) {
                Err(_) => return (found, true),
                Ok(Frame::Incomplete { skip }) => {
                    received.drain(..skip);
                    break;
                }
                Ok(Frame::Ping { consumed } | Frame::Pong { consumed }) => consumed,
                Ok(Frame::Message { start, end }) => {
                    found.push(received[start..end].to_vec());
                    end
                }
            };
            assert!(consumed > 0 && consumed <= received.len());
            received.drain(..consumed);
        }
    }
    (found, false)
}
