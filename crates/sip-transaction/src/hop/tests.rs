//! The bytes are what Kamailio 5.6.3 put on the wire for the same INVITE and reply.

use super::*;

const INVITE: &str = "INVITE sip:bob@example.org;x=1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:27060;branch=z9hG4bK06f1.72517d5d.0\r\n\
    v: SIP/2.0/UDP 192.0.2.2:27062;branch=z9hG4bKaa1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold\r\n\
    t:  Bob\r\n  <sip:bob@example.org>\r\n\
    CSeq:  0012   INVITE\r\n\
    Route: <sip:192.0.2.3:27061;lr>,  <sip:192.0.2.5;lr>\r\n\
    i: c1\r\n\
    Max-Forwards: 17\r\n\
    f: <sip:al@example.org>;tag=77\r\n\
    Route: <sip:192.0.2.6;lr>\r\n\
    Contact: <sip:al@192.0.2.2:27062>\r\n\
    Require: foo\r\n\
    Proxy-Require: bar\r\n\
    User-Agent: ua\r\n\
    Authorization: Digest x\r\n\
    Priority: urgent\r\n\
    X-One: 1\r\n\
    x-two: 2\r\n\
    Record-Route: <sip:192.0.2.7;lr>\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 2\r\n\
    X-Mine: 1\r\n\
    \r\n\
    hi";

const REPLY: &str = "SIP/2.0 487 Request Terminated\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:27060;branch=z9hG4bK06f1.72517d5d.0\r\n\
    TO : \"Bob\" <sip:bob@example.org>;tag=zz\r\n\
    CSeq:  0012   INVITE\r\n\
    i: c1\r\n\
    f: <sip:al@example.org>;tag=77\r\n\
    Content-Length: 0\r\n\
    \r\n";

fn message(text: &str) -> Message {
    Message::from_bytes(text).expect("a message")
}

fn cancel(copied: &Copied<'_>, request: &str, reason: &str) -> String {
    let mut out = Vec::new();
    copied.write_cancel(&message(request), reason.as_bytes(), &mut out);
    String::from_utf8(out).expect("text")
}

fn ack(copied: &Copied<'_>, request: &str, reply: &str) -> String {
    let mut out = Vec::new();
    copied.write_ack(&message(request), &message(reply), &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_cancel_has_the_invites_headers_in_its_order() {
    let reason = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    assert_eq!(
        cancel(&Copied::NEEDED, INVITE, reason),
        "CANCEL sip:bob@example.org;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:27060;branch=z9hG4bK06f1.72517d5d.0\r\n\
         t:  Bob\r\n  <sip:bob@example.org>\r\n\
         CSeq:  0012   CANCEL\r\n\
         Route: <sip:192.0.2.3:27061;lr>,  <sip:192.0.2.5;lr>\r\n\
         i: c1\r\n\
         Max-Forwards: 17\r\n\
         f: <sip:al@example.org>;tag=77\r\n\
         Route: <sip:192.0.2.6;lr>\r\n\
         Content-Length: 0\r\n\
         Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n\
         \r\n"
    );
}

#[test]
fn an_ack_has_the_replys_to() {
    assert_eq!(
        ack(&Copied::NEEDED, INVITE, REPLY),
        "ACK sip:bob@example.org;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:27060;branch=z9hG4bK06f1.72517d5d.0\r\n\
         TO : \"Bob\" <sip:bob@example.org>;tag=zz\r\n\
         CSeq:  0012   ACK\r\n\
         Route: <sip:192.0.2.3:27061;lr>,  <sip:192.0.2.5;lr>\r\n\
         i: c1\r\n\
         Max-Forwards: 17\r\n\
         f: <sip:al@example.org>;tag=77\r\n\
         Route: <sip:192.0.2.6;lr>\r\n\
         Content-Length: 0\r\n\
         \r\n"
    );
}

#[test]
fn headers_of_the_given_prefix_are_repeated_in_their_place() {
    let written = ack(&Copied { prefix: b"X-" }, INVITE, REPLY);
    let end = "Route: <sip:192.0.2.6;lr>\r\nX-One: 1\r\nx-two: 2\r\nContent-Length: 0\r\nX-Mine: 1\r\n\r\n";
    assert!(written.ends_with(end), "{written}");
}

#[test]
fn a_prefix_does_not_bring_what_a_cancel_must_not_have() {
    for prefix in ["Re", "Con", "Pro", "v", "c"] {
        let copied = Copied { prefix: prefix.as_bytes() };
        assert_eq!(cancel(&copied, INVITE, ""), cancel(&Copied::NEEDED, INVITE, ""), "{prefix}");
    }
}

#[test]
fn our_via_is_taken_out_of_a_list_and_a_missing_length_is_written() {
    let invite = "INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1 , SIP/2.0/UDP c\r\nFrom: <sip:a@a>;tag=1\r\n\
                  To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
    assert_eq!(
        cancel(&Copied::NEEDED, invite, ""),
        "CANCEL sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n\
         Call-ID: c\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_reply_without_to_leaves_the_requests() {
    let reply = "SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP a\r\n\r\n";
    assert!(ack(&Copied::NEEDED, INVITE, reply).contains("\r\nt:  Bob\r\n  <sip:bob@example.org>\r\n"));
}

#[test]
fn nothing_is_made_of_a_response() {
    assert_eq!(cancel(&Copied::NEEDED, REPLY, "X: 1\r\n"), "");
    assert_eq!(ack(&Copied::NEEDED, REPLY, REPLY), "");
}

#[test]
fn what_is_written_matches_the_invite() {
    let hasher = std::hash::RandomState::new();
    let invite = crate::matching::request_key(&hasher, &message(INVITE));
    let ack = message(&ack(&Copied::NEEDED, INVITE, REPLY));
    let cancel = message(&cancel(&Copied::NEEDED, INVITE, ""));
    assert!(invite.is_some());
    assert_eq!(crate::matching::request_key(&hasher, &ack), invite);
    assert_eq!(crate::matching::invite_key(&hasher, &cancel), invite);
}

#[test]
fn cancel_and_ack_come_out_the_same_from_what_is_left_of_the_invite() {
    for copied in [Copied::NEEDED, Copied { prefix: b"x-" }] {
        let mut left = Vec::new();
        copied.write_remainder(&message(INVITE), &mut left);
        let left = String::from_utf8(left).expect("text");
        assert!(left.len() < INVITE.len() - 200, "{left}");
        assert_eq!(cancel(&copied, &left, "Reason: x\r\n"), cancel(&copied, INVITE, "Reason: x\r\n"));
        assert_eq!(ack(&copied, &left, REPLY), ack(&copied, INVITE, REPLY));
    }
}
