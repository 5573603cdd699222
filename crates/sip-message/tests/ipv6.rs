//! RFC 5118's messages: IPv6 addresses wherever SIP has a host.

use sip_message::conformance::{Clause, verdict};
use sip_message::sdp::Sdp;
use sip_message::{Message, Uri};

fn register(uri: &str, via: &str) -> Message {
    let text = format!(
        "REGISTER {uri} SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\n\
        Via: SIP/2.0/UDP {via};branch=z9hG4bKas3-111\r\nCall-ID: SSG9559905523997077@hlau_4100\r\n\
        Max-Forwards: 70\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 REGISTER\r\n\
        Content-Length: 0\r\n\r\n"
    );
    Message::from_bytes(text).expect("a message")
}

/// §4.1
#[test]
fn a_reference_in_brackets_is_a_host() {
    let message = register("sip:[2001:db8::10]", "[2001:db8::9:1]");
    assert_eq!(verdict(&message), []);
    assert_eq!(message.uri().expect("a URI").host_unbracketed(), b"2001:db8::10");
    assert_eq!(message.top_via().expect("a Via").host, b"[2001:db8::9:1]");
}

/// §4.2
#[test]
fn a_request_uri_without_brackets_is_refused() {
    let message = register("sip:2001:db8::10", "[2001:db8::9:1]");
    assert!(message.uri().is_err());
    let first = verdict(&message)[0];
    assert_eq!((first.clause, first.status), (Clause::RequestUri, Some(400)));
}

/// §4.3: the port is within the brackets, so it is part of the address.
#[test]
fn what_looks_like_a_port_within_the_brackets_is_none() {
    let message = register("sip:[2001:db8::10:5070]", "[2001:db8::9:1]");
    assert_eq!(verdict(&message), []);
    let uri = message.uri().expect("a URI");
    assert_eq!((uri.host_unbracketed(), uri.port), (&b"2001:db8::10:5070"[..], None));
}

/// §4.4
#[test]
fn a_port_follows_the_brackets() {
    let message = register("sip:[2001:db8::10]:5070", "[2001:db8::9:1]:5080");
    assert_eq!(verdict(&message), []);
    assert_eq!(message.uri().expect("a URI").port, Some(5070));
    assert_eq!(message.top_via().expect("a Via").port, Some(5080));
}

/// §4.5: `received` comes with and without brackets; both are taken.
#[test]
fn received_may_have_brackets_or_not() {
    for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
        let message = register("sip:[2001:db8::10]", &format!("[2001:db8::9:1]:5060;received={received}"));
        assert_eq!(verdict(&message), []);
        assert_eq!(message.top_via().expect("a Via").received(), Some(received.as_bytes()));
    }
}

/// §4.6, §4.7: several addresses of both families, in headers and in SDP.
#[test]
fn both_families_stand_side_by_side() {
    let body = "v=0\r\no=bob 280744730 28977631 IN IP6 2001:db8::20\r\ns= \r\nt=0 0\r\n\
        m=audio 22334 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::20\r\n";
    let text = format!(
        "BYE sip:user@host.example.com SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n\
        Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\nCall-ID: 997077@lau_4100\r\n\
        Max-Forwards: 70\r\nCSeq: 89187 BYE\r\nTo: sip:user@example.net;tag=9817--94\r\n\
        From: sip:user@example.com;tag=81x2\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let message = Message::from_bytes(text).expect("a message");
    assert_eq!(verdict(&message), []);
    let hosts: Vec<_> = message.via_values().map(|value| message.via(value).expect("a Via").host).collect();
    assert_eq!(hosts, [&b"[2001:db8::9:1]"[..], b"192.0.2.1", b"[2001:db8::9:255]"]);
    let sdp = Sdp::parse(message.body()).expect("a description");
    let addresses: Vec<_> = sdp.media().map(|media| sdp.connection(&media)).collect();
    assert_eq!(addresses, [Some(&b"2001:db8::1"[..]), Some(b"2001:db8::20")]);
}

/// §4.8
#[test]
fn an_ipv4_mapped_address_is_a_host() {
    let message = register("sip:user@[::ffff:192.0.2.10]:19823", "[::ffff:192.0.2.2]");
    assert_eq!(verdict(&message), []);
    assert_eq!(message.uri().expect("a URI").port, Some(19823));
}

/// §4.9: RFC 3261's grammar lets three colons through by mistake; they are read, but the verdict is no.
#[test]
fn three_colons_are_read_but_refused() {
    let message = register("sip:user@[2001:db8:::192.0.2.1]", "[2001:db8::1]");
    assert_eq!(message.uri().expect("a URI").host, b"[2001:db8:::192.0.2.1]");
    assert_eq!(verdict(&message)[0].clause, Clause::Host);
}

#[test]
fn addresses_compare_by_value() {
    let uri = |text: &'static str| Uri::parse(text.as_bytes()).expect("a URI");
    assert!(uri("sip:a@[2001:db8::9:1]").matches(&uri("sip:a@[2001:0DB8:0::9:1]")));
    assert!(!uri("sip:a@[2001:db8::9:1]").matches(&uri("sip:a@[2001:db8::9:2]")));
}
