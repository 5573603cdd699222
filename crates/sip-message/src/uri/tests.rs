use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).expect("a URI")
}

#[test]
fn a_sip_uri_is_taken_apart() {
    let uri = uri("sip:alice:secret@[2001:db8::10]:5070;transport=TCP;lr?Subject=a&Priority=urgent");
    assert_eq!(uri.scheme, Scheme::Sip);
    assert_eq!((uri.user, uri.password), (Some(&b"alice"[..]), Some(&b"secret"[..])));
    assert_eq!(uri.userinfo(), Some(&b"alice:secret"[..]));
    assert_eq!(
        (uri.host, uri.host_unbracketed(), uri.port),
        (&b"[2001:db8::10]"[..], &b"2001:db8::10"[..], Some(5070))
    );
    assert_eq!(uri.transport(), Some(&b"TCP"[..]));
    assert!(uri.is_loose_router());
    assert_eq!(uri.headers().collect::<Vec<_>>(), [(&b"Subject"[..], &b"a"[..]), (b"Priority", b"urgent")]);
}

#[test]
fn the_user_part_may_hold_semicolons_and_question_marks() {
    let uri = uri("sip:user;par=u%40example.net?x@example.com;a");
    assert_eq!(uri.user, Some(&b"user;par=u%40example.net?x"[..]));
    assert_eq!((uri.host, uri.params_text), (&b"example.com"[..], &b"a"[..]));
}

#[test]
fn tel_urn_and_unknown_schemes() {
    let tel = uri("tel:+1-201-555-0123;phone-context=x");
    assert_eq!((tel.user, tel.host), (Some(&b"+1-201-555-0123"[..]), &b""[..]));
    assert_eq!(tel.param(b"phone-context"), Some(&b"x"[..]));
    let urn = uri("urn:service:sos.fire");
    assert_eq!((urn.user, urn.host), (Some(&b"service"[..]), &b"sos.fire"[..]));
    let urn = uri("urn:service");
    assert_eq!((urn.user, urn.host), (None, &b"service"[..]));
    let other = uri("nobodyKnowsThisScheme:totallyopaquecontent");
    assert_eq!((other.scheme, other.opaque()), (Scheme::Other, &b"totallyopaquecontent"[..]));
}

#[test]
fn errors_say_where() {
    let error = |text: &str| Uri::parse(text.as_bytes()).expect_err("no URI");
    assert_eq!(error("bob"), HeaderError::new(Rule::Scheme, 0));
    assert_eq!(error("sip:"), HeaderError::new(Rule::Host, 4));
    assert_eq!(error("sip:bob@"), HeaderError::new(Rule::Host, 8));
    assert_eq!(error("sip:a@b@c"), HeaderError::new(Rule::Host, 7));
    assert_eq!(error("sip:a@b;x=c@d"), HeaderError::new(Rule::Userinfo, 11));
    assert_eq!(error("sip:@h"), HeaderError::new(Rule::Userinfo, 4));
    assert_eq!(error("sip:a:b;c=d@h"), HeaderError::new(Rule::Userinfo, 4));
    assert_eq!(error("sip:a@b c"), HeaderError::new(Rule::Host, 7));
    assert_eq!(error("sip:a@[::1"), HeaderError::new(Rule::Ipv6Reference, 6));
    assert_eq!(error("sip:a@[::1]x"), HeaderError::new(Rule::Host, 11));
    assert_eq!(error("sip:a@2001:db8::10"), HeaderError::new(Rule::Port, 11));
    assert_eq!(error("sip:a@h:65536"), HeaderError::new(Rule::Port, 8));
}

/// RFC 3261 §19.1.4's own examples.
#[test]
fn equivalent_uris_match() {
    for (left, right) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("tel:+1-201-555-0123;a=b;c=d", "TEL:+12015550123;c=D;a=b"),
        ("urn:service:SOS", "urn:service:sos"),
        ("sip:a@b;x=1;x=2", "sip:a@b;x=2;x=1"),
    ] {
        assert!(uri(left).matches(&uri(right)), "{left} {right}");
        assert!(uri(right).matches(&uri(left)), "{right} {left}");
    }
}

/// RFC 3261 §19.1.4's own examples.
#[test]
fn different_uris_do_not_match() {
    for (left, right) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a@b", "sip:a:pw@b"),
        ("tel:+1", "tel:+2"),
    ] {
        assert!(!uri(left).matches(&uri(right)), "{left} {right}");
        assert!(!uri(right).matches(&uri(left)), "{right} {left}");
    }
}

#[test]
fn an_aor_has_no_parameters_and_a_default_port() {
    assert!(uri("sip:bob@b;transport=tcp").same_aor(&uri("sip:b%6fb@B:5060")));
    assert!(!uri("sip:bob@b").same_aor(&uri("sip:bob@b:5070")));
    assert!(!uri("sip:bob@b").same_aor(&uri("sips:bob@b")));
}

#[test]
fn one_part_is_rewritten_and_the_others_stay() {
    let mut buf = UriBuf::new(*b"sip:alice:pw@example.com:5070;lr;x=1?h=v");
    let mut set = |change: &dyn Fn(&mut UriBuf) -> Result<(), HeaderError>, expected: &str| {
        change(&mut buf).expect("a URI");
        assert_eq!(String::from_utf8_lossy(buf.as_bytes()), expected);
    };
    set(&|uri| uri.set_user(Some(b"bob")), "sip:bob:pw@example.com:5070;lr;x=1?h=v");
    set(&|uri| uri.set_password(None), "sip:bob@example.com:5070;lr;x=1?h=v");
    set(&|uri| uri.set_password(Some(b"k")), "sip:bob:k@example.com:5070;lr;x=1?h=v");
    set(&|uri| uri.set_host(b"[::1]"), "sip:bob:k@[::1]:5070;lr;x=1?h=v");
    set(&|uri| uri.set_port(None), "sip:bob:k@[::1];lr;x=1?h=v");
    set(&|uri| uri.set_port(Some(80)), "sip:bob:k@[::1]:80;lr;x=1?h=v");
    set(&|uri| uri.set_param(b"x", Some(b"22")), "sip:bob:k@[::1]:80;lr;x=22?h=v");
    set(&|uri| uri.set_param(b"lr", Some(b"on")), "sip:bob:k@[::1]:80;lr=on;x=22?h=v");
    set(&|uri| uri.set_param(b"y", None), "sip:bob:k@[::1]:80;lr=on;x=22;y?h=v");
    set(&|uri| uri.remove_param(b"LR"), "sip:bob:k@[::1]:80;x=22;y?h=v");
    set(&|uri| uri.remove_param(b"x"), "sip:bob:k@[::1]:80;y?h=v");
    set(&|uri| uri.remove_param(b"y"), "sip:bob:k@[::1]:80?h=v");
    set(&|uri| uri.set_user(None), "sip:[::1]:80?h=v");
    set(&|uri| uri.set_user(Some(b"c")), "sip:c@[::1]:80?h=v");
}
