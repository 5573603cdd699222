use super::*;

/// A valid request with one line put in place of another.
fn request(line: &str, with: &str) -> Message {
    let text = "OPTIONS sip:user@example.com SIP/2.0\r\n\
        Via: SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bK1;received=2001:db8::2\r\n\
        From: \"A\" <sip:a@example.com>;tag=1\r\n\
        To: sip:user@example.com\r\n\
        Call-ID: c@h\r\n\
        CSeq: 1 OPTIONS\r\n\
        Max-Forwards: 70\r\n\
        Contact: <sip:a@192.0.2.1>;q=0.5, Tom Jones <tel:+1-201-555-0123;phone-context=x>\r\n\
        Content-Length: 0\r\n\r\n";
    assert!(line.is_empty() || text.contains(line), "{line}");
    Message::from_bytes(text.replacen(line, with, 1)).expect("a message")
}

fn clauses(line: &str, with: &str) -> Vec<Clause> {
    verdict(&request(line, with)).iter().map(|violation| violation.clause).collect()
}

#[test]
fn a_good_request_breaks_nothing() {
    assert_eq!(verdict(&request("", "")), []);
}

#[test]
fn each_rule_is_seen() {
    for (line, with, clause) in [
        ("OPTIONS sip", "OPTIONS  sip", Clause::StartLine),
        (" SIP/2.0\r\nVia", " SIP/3.0\r\nVia", Clause::Version),
        ("sip:user@example.com SIP", "<sip:user@example.com> SIP", Clause::RequestUri),
        ("sip:user@example.com SIP", "http://x SIP", Clause::RequestUriScheme),
        ("sip:user@example.com SIP", "sip:us{er@example.com SIP", Clause::Uri),
        ("sip:user@example.com SIP", "sip:user@-example.com SIP", Clause::Host),
        ("sip:user@example.com SIP", "sip:user@[2001:db8:::1] SIP", Clause::Host),
        ("sip:user@example.com SIP", "sip:user@example.com;;lr SIP", Clause::Uri),
        ("Call-ID: c@h", "no header", Clause::HeaderLine),
        ("Call-ID: c@h", "X: c@h", Clause::RequiredHeader),
        ("Call-ID: c@h", "Call-ID: c h", Clause::CallId),
        ("Max-Forwards: 70", "Max-Forwards: 256", Clause::MaxForwards),
        ("Max-Forwards: 70", "Expires: soon", Clause::Number),
        ("Max-Forwards: 70", "Call-ID: d", Clause::SingleHeader),
        ("Max-Forwards: 70", "Date: today", Clause::Date),
        ("Max-Forwards: 70", "Content-Type: text", Clause::ContentType),
        ("Max-Forwards: 70", "Authorization: Digest a", Clause::Credentials),
        ("Max-Forwards: 70", "Require: 100rel", Clause::Require),
        ("Max-Forwards: 70", "Proxy-Require: x", Clause::ProxyRequire),
        ("Max-Forwards: 70", "Contact: <sip:a@b>,,<sip:c@d>", Clause::ListSeparator),
        ("Max-Forwards: 70", "Contact: <sip:a@b", Clause::Address),
        ("Max-Forwards: 70", "Contact: a,b <sip:a@b>", Clause::Uri),
        ("branch=z9hG4bK1", "branch=z9hG4bK", Clause::Branch),
        ("received=2001:db8::2", "received=@", Clause::Parameters),
        ("SIP/2.0/UDP", "SIP/2.0", Clause::Via),
        ("\"A\" <", "\"A <", Clause::DisplayName),
        ("CSeq: 1", "CSeq: 2147483648", Clause::CSeqNumber),
        ("CSeq: 1 OPTIONS", "CSeq: 1 options", Clause::CSeqMethod),
        ("Content-Length: 0", "Content-Length: x", Clause::ContentLength),
        ("Content-Length: 0", "Content-Length: 1", Clause::BodyLength),
        ("Content-Length: 0\r\n\r\n", "", Clause::EndOfHeaders),
    ] {
        assert_eq!(clauses(line, with).first(), Some(&clause), "{with}");
    }
}

#[test]
fn a_violation_says_where_and_what_to_answer() {
    let message = request("Max-Forwards: 70", "Require: path, 100rel");
    let found = verdict(&message);
    assert_eq!(message.bytes(found[0].span), b"path");
    assert_eq!(message.bytes(found[1].span), b"100rel");
    assert_eq!(found[0].status, Some(420));
    let element = Element { options: &[b"100rel", b"path"], ..Element::default() };
    assert_eq!(verdict_for(&message, &element), []);
}

#[test]
fn a_tel_request_uri_is_for_those_who_understand_it() {
    let message = request("sip:user@example.com SIP", "tel:+1234 SIP");
    assert_eq!(verdict(&message), []);
    let element = Element { other_schemes: OtherSchemes::None, ..Element::default() };
    assert_eq!(verdict_for(&message, &element)[0].status, Some(416));
}
