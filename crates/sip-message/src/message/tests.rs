use super::*;

const INVITE: &[u8] = b"INVITE sip:bob@biloxi.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds, SIP/2.0/TCP first\r\n\
    v: SIP/2.0/UDP second\r\n\
    Max-Forwards: 70\r\n\
    To: Bob <sip:bob@biloxi.com>\r\n\
    f: \"Alice, A.\"\r\n <sip:alice@atlanta.com>;tag=1928301774\r\n\
    Call-ID: a84b4c76e66710\r\n\
    CSeq: 314159 INVITE\r\n\
    X-Own: one\r\n\
    x-OWN:two\r\n\
    m: <sip:alice@pc33.atlanta.com?a,b>, sip:other@h\r\n\
    Content-Length: 4\r\n\
    \r\n\
    body";

fn invite() -> Message {
    Message::from_bytes(INVITE).expect("a message")
}

#[test]
fn a_request_is_read_on_demand() {
    let message = invite();
    assert!(message.is_request());
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.request_uri(), Some(b"sip:bob@biloxi.com".as_slice()));
    assert_eq!(message.call_id(), Ok(b"a84b4c76e66710".as_slice()));
    assert_eq!(message.cseq().map(|cseq| cseq.number), Ok(314_159));
    assert_eq!(message.from().expect("a From").tag(), Some(b"1928301774".as_slice()));
    assert_eq!(message.from().expect("a From").display_unquoted().as_ref(), b"Alice, A.");
    assert_eq!(message.to().expect("a To").tag(), None);
    assert_eq!(message.top_via().expect("a Via").host, b"pc33.atlanta.com");
    assert_eq!(message.max_forwards(), Some(Ok(70)));
    assert_eq!(message.content_length(), Some(Ok(4)));
    assert_eq!(message.body(), b"body");
}

#[test]
fn values_are_counted_across_lines() {
    let message = invite();
    let hosts: Vec<_> = message
        .via_values()
        .map(|value| (value.header, message.via(value).expect("a Via").host.to_vec()))
        .collect();
    assert_eq!(hosts, [(0, b"pc33.atlanta.com".to_vec()), (0, b"first".to_vec()), (1, b"second".to_vec())]);
    let contacts: Vec<_> = message.contact_values().map(|value| message.bytes(value.span)).collect();
    assert_eq!(contacts, [b"<sip:alice@pc33.atlanta.com?a,b>".as_slice(), b"sip:other@h"]);
}

#[test]
fn names_compare_without_case_and_compact_is_long() {
    let message = invite();
    let values = |name: &[u8]| -> Vec<Vec<u8>> {
        message.header_named(name).map(|field| message.bytes(field.value).to_vec()).collect()
    };
    assert_eq!(values(b"X-Own"), [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(values(b"Via").len(), 2);
    assert_eq!(values(b"l"), [b"4".to_vec()]);
    assert_eq!(values(b"X-Other"), Vec::<Vec<u8>>::new());
}

#[test]
fn a_response_takes_its_method_from_cseq() {
    let message =
        Message::from_bytes(&b"SIP/2.0 180 Ringing now\r\nCSeq: 1 INVITE\r\n\r\n"[..]).expect("a message");
    assert!(!message.is_request());
    assert_eq!((message.status(), message.reason()), (Some(180), b"Ringing now".as_slice()));
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.call_id().expect_err("no Call-ID").rule, Rule::Missing);
}

#[test]
fn bare_line_feeds_end_lines_too() {
    let text: Vec<u8> = INVITE.iter().copied().filter(|&byte| byte != b'\r').collect();
    let message = Message::from_bytes(text).expect("a message");
    assert_eq!(message.headers().len(), invite().headers().len());
    assert_eq!(message.body(), b"body");
    assert!(message.index().is_terminated());
}

#[test]
fn lines_that_are_no_headers_are_marked() {
    let text = b"BYE sip:a SIP/2.0\r\nTo: x\r\ngarbage\r\n: y\r\nA B: z\r\nlast: cut";
    let message = Message::from_bytes(&text[..]).expect("a message");
    let ids: Vec<_> = message.headers().iter().map(|field| field.id).collect();
    use HeaderId::{Malformed, To};
    assert_eq!(ids, [To, Malformed, Malformed, Malformed, Malformed]);
    assert!(!message.index().is_terminated());
}

#[test]
fn errors_count_from_the_message_start() {
    let text = b"BYE sip:a SIP/2.0\r\nCSeq: x BYE\r\nContent-Length: -1\r\n\r\n";
    let message = Message::from_bytes(&text[..]).expect("a message");
    assert_eq!(message.cseq(), Err(HeaderError { rule: Rule::Number, at: 25 }));
    assert_eq!(message.content_length(), Some(Err(HeaderError { rule: Rule::Number, at: 48 })));
}

#[test]
fn a_failed_reparse_leaves_the_message() {
    let mut message = invite();
    assert_eq!(message.reparse(Arc::new(b"\r\n".to_vec())), Err(ScanError::Empty));
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.headers().len(), 11);
    assert_eq!(message.reparse(Arc::new(b"SIP/2.0 200 OK\r\n\r\n".to_vec())), Ok(()));
    assert_eq!(message.status(), Some(200));
}
