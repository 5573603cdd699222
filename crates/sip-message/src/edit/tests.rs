use super::*;

const TEXT: &[u8] = b"INVITE sip:bob@b SIP/2.0\r\n\
    Via: SIP/2.0/UDP a\r\n\
    To: <sip:bob@b>\r\n\
    l: 4\r\n\
    \r\n\
    body";

fn message() -> Message {
    Message::from_bytes(TEXT).expect("a message")
}

fn written(message: &Message, edits: &EditList) -> String {
    String::from_utf8(edits.to_vec(message)).expect("text")
}

#[test]
fn without_edits_the_bytes_are_the_same() {
    assert_eq!(EditList::new().to_vec(&message()), TEXT);
}

#[test]
fn classes_order_what_stands_at_one_offset() {
    let message = message();
    let via = message.headers()[0];
    let mut edits = EditList::new();
    edits.insert_before(&via, b"X: 1\r\n");
    edits.insert(via.whole.start as usize, Class::Via, b"Via: own\r\n");
    edits.insert(via.whole.start as usize, Class::RecordRoute, b"Record-Route: a\r\n");
    edits.insert_first(via.whole.start as usize, Class::RecordRoute, b"Record-Route: b\r\n");
    edits.insert_before(&via, b"X: 2\r\n");
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:bob@b SIP/2.0\r\nRecord-Route: b\r\nRecord-Route: a\r\nVia: own\r\nX: 1\r\nX: 2\r\n\
         Via: SIP/2.0/UDP a\r\nTo: <sip:bob@b>\r\nl: 4\r\n\r\nbody"
    );
}

#[test]
fn overlapping_deletes_delete_each_byte_once_and_keep_inserted_text() {
    let message = message();
    let to = message.headers()[1];
    let mut edits = EditList::new();
    edits.delete_header(&to);
    edits.delete_header(&to);
    edits.delete(Span { start: to.whole.start - 5, end: to.whole.start + 4 });
    edits.insert(to.value.start as usize, Class::Text, b"<kept>");
    assert!(edits.is_deleted(to.whole));
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UD<kept>l: 4\r\n\r\nbody"
    );
}

#[test]
fn the_uri_is_set_once() {
    let message = message();
    let mut edits = EditList::new();
    edits.set_uri(&message, b"sip:first@x");
    edits.set_uri(&message, b"sip:second@x");
    edits.set_status(&message, 200, b"OK");
    assert!(written(&message, &edits).starts_with("INVITE sip:second@x SIP/2.0\r\nVia"));
}

#[test]
fn a_reply_takes_another_status() {
    let message = Message::from_bytes(&b"SIP/2.0 404 Not Found\r\nl: 0\r\n\r\n"[..]).expect("a message");
    let mut edits = EditList::new();
    edits.set_status(&message, 480, b"Gone for lunch");
    assert_eq!(written(&message, &edits), "SIP/2.0 480 Gone for lunch\r\nl: 0\r\n\r\n");
    let message = Message::from_bytes(&b"SIP/2.0 404\r\n\r\n"[..]).expect("a message");
    edits.clear();
    edits.set_status(&message, 480, b"Gone");
    assert_eq!(written(&message, &edits), "SIP/2.0 480 Gone\r\n\r\n");
}

#[test]
fn a_new_body_brings_its_length_and_type() {
    let message = message();
    let mut edits = EditList::new();
    edits.set_body(&message, b"hello world", Some(b"text/plain")).expect("a place for a body");
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:bob@b>\r\nl: 11\r\n\
         Content-Type: text/plain\r\n\r\nhello world"
    );
    edits.clear();
    edits.remove_body(&message).expect("a place for a body");
    assert!(written(&message, &edits).ends_with("l: 0\r\n\r\n"));
}

#[test]
fn edits_within_the_body_adjust_its_length() {
    let message = message();
    let body = message.index().body();
    let mut edits = EditList::new();
    edits.replace(Span { start: body.start, end: body.start + 1 }, b"BBB");
    edits.delete(Span { start: body.start, end: body.start + 2 });
    assert!(written(&message, &edits).ends_with("l: 5\r\n\r\nBBBdy"));
}

#[test]
fn a_deleted_length_is_written_anew_when_the_body_changes() {
    let message = message();
    let length = *message.index().first(HeaderId::ContentLength).expect("a length");
    let mut edits = EditList::new();
    edits.delete_header(&length);
    edits.set_body(&message, b"x", None).expect("a place for a body");
    assert!(written(&message, &edits).ends_with("To: <sip:bob@b>\r\nContent-Length: 1\r\n\r\nx"));
}

#[test]
fn rollback_takes_a_branch_back() {
    let message = message();
    let via = message.headers()[0];
    let mut edits = EditList::new();
    edits.append_header(&message, b"X: all\r\n");
    let mark = edits.mark();
    edits.insert(via.whole.start as usize, Class::Via, b"Via: one\r\n");
    edits.set_body(&message, b"", None).expect("a place for a body");
    edits.rollback(mark);
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:bob@b>\r\nl: 4\r\nX: all\r\n\r\nbody"
    );
}

#[test]
fn apply_makes_the_edits_readable() {
    let mut message = message();
    let mut edits = EditList::new();
    edits.set_uri(&message, b"sip:carol@c");
    assert_eq!(message.request_uri(), Some(b"sip:bob@b".as_slice()));
    edits.apply(&mut message, &Limits::DEFAULT).expect("still a message");
    assert_eq!(message.request_uri(), Some(b"sip:carol@c".as_slice()));
    assert!(edits.is_empty());
    edits.set_uri(&message, b"\n");
    assert!(edits.apply(&mut message, &Limits::DEFAULT).is_err());
    assert_eq!(message.request_uri(), Some(b"sip:carol@c".as_slice()));
}

/// As Kamailio 5.6.3 wrote it.
#[test]
fn a_content_type_in_place_moves_behind_the_other_fields() {
    let text = b"INVITE sip:b SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length:   10\r\nEnd: 1\r\n\r\n0123456789";
    let message = Message::from_bytes(&text[..]).expect("a message");
    let mut edits = EditList::new();
    edits.set_body(&message, b"first", Some(b"text/first")).expect("a place for a body");
    edits.set_body(&message, b"hello", Some(b"text/x")).expect("a place for a body");
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:b SIP/2.0\r\nContent-Length:   5\r\nEnd: 1\r\nContent-Type: text/x\r\n\r\nhello"
    );
    let text = b"INVITE sip:b SIP/2.0\r\nR: x\r\n\r\n";
    let message = Message::from_bytes(&text[..]).expect("a message");
    edits.clear();
    edits.set_body(&message, b"hello", Some(b"text/x")).expect("a place for a body");
    edits.append_header(&message, b"X: last\r\n");
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:b SIP/2.0\r\nR: x\r\nContent-Type: text/x\r\nX: last\r\nContent-Length: 5\r\n\r\nhello"
    );
}

#[test]
fn a_message_whose_headers_do_not_end_takes_no_body() {
    let message = Message::from_bytes(&b"INVITE sip:b SIP/2.0\r\nR: x\r\n"[..]).expect("a message");
    let mut edits = EditList::new();
    assert_eq!(edits.set_body(&message, b"x", None), Err(ScanError::NoEndOfHeaders { at: 28 }));
    assert!(edits.is_empty());
}

#[test]
fn every_content_length_follows_the_body() {
    let text = b"INVITE sip:b SIP/2.0\r\nl:\r\nX: 1\r\nContent-Length: 7\r\n\r\nbody";
    let message = Message::from_bytes(&text[..]).expect("a message");
    let mut edits = EditList::new();
    edits.set_body(&message, b"hello", None).expect("a place for a body");
    assert_eq!(
        written(&message, &edits),
        "INVITE sip:b SIP/2.0\r\nl:5\r\nX: 1\r\nContent-Length: 5\r\n\r\nhello"
    );
}

#[test]
fn max_forwards_keeps_the_width_of_its_digits() {
    let written = |value: &str, new: u32| {
        let text = format!("OPTIONS sip:a SIP/2.0\r\nVia: v\r\n{value}To: b\r\n\r\n");
        let message = Message::from_bytes(text).expect("a message");
        let mut edits = EditList::new();
        edits.set_max_forwards(&message, 99);
        edits.set_max_forwards(&message, new);
        assert_eq!(edits.new_max_forwards(), Some(new.to_string().as_bytes()));
        String::from_utf8(edits.to_vec(&message)).expect("text")
    };
    assert!(written("Max-Forwards: 10\r\n", 9).contains("Max-Forwards:  9\r\nTo"));
    assert!(written("Max-Forwards:   007  \r\n", 6).contains("Max-Forwards:     6  \r\n"));
    assert!(written("Max-Forwards: 9\r\n", 10).contains("Max-Forwards: 10\r\n"));
    assert_eq!(written("", 10), "OPTIONS sip:a SIP/2.0\r\nMax-Forwards: 10\r\nVia: v\r\nTo: b\r\n\r\n");
}

#[test]
fn record_route_lines_keep_their_place_when_they_are_set_again() {
    let message = Message::from_bytes(&b"OPTIONS sip:a SIP/2.0\r\nVia: v\r\n\r\n"[..]).expect("a message");
    let at = message.headers()[0].whole.start as usize;
    let mut edits = EditList::new();
    edits.insert(at, Class::RecordRoute, b"X-Before: 1\r\n");
    edits.set_record_route(&message, b"");
    edits.insert(at, Class::RecordRoute, b"X-After: 1\r\n");
    edits.set_record_route(&message, b"Record-Route: <sip:p;lr>\r\n");
    let written = String::from_utf8(edits.to_vec(&message)).expect("text");
    assert_eq!(
        written,
        "OPTIONS sip:a SIP/2.0\r\nX-Before: 1\r\nRecord-Route: <sip:p;lr>\r\nX-After: 1\r\nVia: v\r\n\r\n"
    );
}

#[test]
fn a_slot_keeps_its_place_and_is_filled_as_often_as_one_likes() {
    let message = message();
    let mut edits = EditList::new();
    let end = message.index().fields_end();
    edits.append_header(&message, b"X: 1\r\n");
    let slot = edits.insert_slot(end, Class::Text, b"Path: ?\r\n");
    edits.append_header(&message, b"X: 2\r\n");
    let lines = |edits: &EditList| {
        let text = written(&message, edits);
        text[TEXT.len() - 6..text.len() - 6].to_owned()
    };
    assert_eq!(lines(&edits), "X: 1\r\nPath: ?\r\nX: 2\r\n");
    let mark = edits.mark();
    for branch in ["Path: first\r\n", "Path: second\r\n"] {
        edits.fill(slot, branch.as_bytes());
        assert_eq!(lines(&edits), format!("X: 1\r\n{branch}X: 2\r\n"));
        edits.rollback(mark);
        assert_eq!(lines(&edits), "X: 1\r\nX: 2\r\n");
    }
    edits.clear();
    edits.fill(slot, b"Path: late\r\n");
    assert_eq!(lines(&edits), "");
}
