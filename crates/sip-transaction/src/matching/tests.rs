//! Keys of requests that differ in one part each.

use std::hash::{BuildHasherDefault, DefaultHasher};

use super::*;

type Fixed = BuildHasherDefault<DefaultHasher>;

/// The INVITE's parts that a test changes.
struct Request<'a> {
    line: &'a str,
    via: &'a str,
    to: &'a str,
    cseq: &'a str,
    call_id: &'a str,
}

const INVITE: Request<'_> = Request {
    line: "INVITE sip:bob@b.example SIP/2.0",
    via: "SIP/2.0/UDP a.example:5060;branch=z9hG4bKx",
    to: "<sip:bob@b.example>",
    cseq: "1 INVITE",
    call_id: "c1",
};

impl Request<'_> {
    fn message(&self) -> Message {
        let Request { line, via, to, cseq, call_id } = self;
        let text = format!(
            "{line}\r\nVia: {via}\r\nFrom: <sip:al@a.example>;tag=1\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
        );
        Message::from_bytes(text).expect("a message")
    }

    fn key(&self) -> Option<ServerKey> {
        request_key(&Fixed::default(), &self.message())
    }

    fn of_invite(&self) -> Option<ServerKey> {
        invite_key(&Fixed::default(), &self.message())
    }

    fn merged(&self) -> Option<MergeKey> {
        merge_key(&Fixed::default(), &self.message())
    }
}

const ACK: Request<'_> = Request {
    line: "ACK sip:bob@b.example SIP/2.0",
    to: "<sip:bob@b.example>;tag=9",
    cseq: "1 ACK",
    ..INVITE
};

const CANCEL: Request<'_> = Request { line: "CANCEL sip:bob@b.example SIP/2.0", cseq: "1 CANCEL", ..INVITE };

#[test]
fn an_ack_has_its_invites_key_and_a_cancel_its_own() {
    assert!(INVITE.key().is_some());
    assert_eq!(ACK.key(), INVITE.key());
    assert_ne!(CANCEL.key(), INVITE.key());
    assert_eq!(CANCEL.of_invite(), INVITE.key());
    assert_eq!(ACK.of_invite(), INVITE.key());
    assert_eq!(INVITE.of_invite(), INVITE.key());
}

#[test]
fn other_methods_are_about_no_invite() {
    let bye = Request { line: "BYE sip:bob@b.example SIP/2.0", cseq: "1 BYE", ..INVITE };
    assert_eq!(bye.of_invite(), None);
    assert_ne!(bye.key(), INVITE.key());
    let new = |name: &str| {
        Request { line: &format!("{name} sip:bob@b.example SIP/2.0"), cseq: &format!("1 {name}"), ..INVITE }
            .key()
    };
    assert_ne!(new("NEWONE"), new("NEWTWO"));
}

#[test]
fn branch_sender_call_and_number_tell_transactions_apart() {
    let others = [
        Request { via: "SIP/2.0/UDP a.example:5060;branch=z9hG4bKy", ..INVITE },
        Request { via: "SIP/2.0/UDP c.example:5060;branch=z9hG4bKx", ..INVITE },
        Request { via: "SIP/2.0/UDP a.example:5062;branch=z9hG4bKx", ..INVITE },
        Request { call_id: "c2", ..INVITE },
        Request { cseq: "2 INVITE", ..INVITE },
    ];
    for other in others {
        assert_ne!(other.key(), INVITE.key(), "{}", other.via);
    }
}

#[test]
fn the_sender_is_compared_without_case_and_with_its_default_port() {
    let same = Request { via: "SIP / 2.0 / UDP A.Example ;rport;branch=z9hG4bKx", ..INVITE };
    assert_eq!(same.key(), INVITE.key());
    let long = "x".repeat(200);
    let (lower, upper) = (
        format!("SIP/2.0/UDP {long};branch=z9hG4bKx"),
        format!("SIP/2.0/UDP {};branch=z9hG4bKx", long.to_uppercase()),
    );
    assert_eq!(Request { via: &lower, ..INVITE }.key(), Request { via: &upper, ..INVITE }.key());
}

#[test]
fn with_the_cookie_the_rest_of_the_request_does_not_count() {
    let changed = Request { line: "INVITE sip:other@b.example SIP/2.0", to: "<sip:x@y>", ..INVITE };
    assert_eq!(changed.key(), INVITE.key());
}

#[test]
fn without_the_cookie_the_rules_of_rfc_2543_hold() {
    for via in
        ["SIP/2.0/UDP a.example:5060", "SIP/2.0/UDP a.example:5060;branch=1", "SIP/2.0/UDP a;branch=z9hG4bK"]
    {
        let invite = Request { via, ..INVITE };
        assert_eq!(Request { via, ..ACK }.key(), invite.key());
        assert_eq!(Request { via, ..CANCEL }.of_invite(), invite.key());
        assert_ne!(Request { via, ..CANCEL }.key(), invite.key());
        let elsewhere = Request { via, line: "INVITE sip:other@b.example SIP/2.0", ..INVITE };
        assert_ne!(elsewhere.key(), invite.key());
        assert_ne!(Request { via, call_id: "c2", ..INVITE }.key(), invite.key());
    }
}

#[test]
fn what_cannot_be_read_has_no_key() {
    assert_eq!(Request { via: "SIP/2.0/UDP", ..INVITE }.key(), None);
    assert_eq!(Request { cseq: "x INVITE", ..INVITE }.key(), None);
    assert_eq!(Request { call_id: "", ..INVITE }.key(), None);
    let response = Request { line: "SIP/2.0 200 OK", ..INVITE };
    assert_eq!((response.key(), response.of_invite(), response.merged()), (None, None, None));
}

#[test]
fn copies_that_came_by_two_ways_have_one_merge_key() {
    let copy = Request {
        line: "INVITE sip:bob@192.0.2.1 SIP/2.0",
        via: "SIP/2.0/UDP c.example;branch=z9hG4bKother",
        ..INVITE
    };
    assert!(INVITE.merged().is_some());
    assert_eq!(copy.merged(), INVITE.merged());
    assert_ne!(Request { cseq: "2 INVITE", ..INVITE }.merged(), INVITE.merged());
    assert_eq!(Request { to: "<sip:bob@b.example>;tag=9", ..INVITE }.merged(), None);
    assert_eq!((ACK.merged(), CANCEL.merged()), (None, None));
}
