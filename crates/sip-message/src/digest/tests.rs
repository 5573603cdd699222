use super::*;

fn algorithm(name: &str) -> Algorithm {
    Algorithm::parse(name.as_bytes()).expect("an algorithm's name")
}

fn text(digest: &DigestText) -> &str {
    std::str::from_utf8(digest.as_bytes()).expect("digits")
}

/// The example of RFC 7616 §3.9.1.
fn mufasa(name: &str) -> DigestText {
    let algorithm = algorithm(name);
    let ha1 = ha1(algorithm.hash, b"Mufasa", b"http-auth@example.org", b"Circle of Life");
    let input = DigestInput {
        algorithm,
        nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        protection: Some(Protection { qop: b"auth", nonce_count: b"00000001" }),
        cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        method: b"GET",
        uri: b"/dir/index.html",
        body: b"",
    };
    input.response(ha1.as_bytes())
}

#[test]
fn the_examples_of_rfc_7616_come_out() {
    assert_eq!(text(&mufasa("MD5")), "8ca523f5e9506fed4657c9700eebdbec");
    assert_eq!(text(&mufasa("SHA-256")), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

/// The hash of a username in RFC 7616 §3.9.2, as erratum 4897 has it: the RFC's own text was made with SHA-512 cut
/// short. The response is that of CPython's hashlib for the same input.
#[test]
fn sha_512_256_is_not_sha_512_cut_short() {
    let user = "J\u{e4}s\u{f8}n Doe".as_bytes();
    assert_eq!(
        text(&Hash::Sha512_256.of(&[user, b"api@example.org"])),
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    );
    let ha1 = ha1(Hash::Sha512_256, user, b"api@example.org", b"Secret, or not?");
    let input = DigestInput {
        algorithm: algorithm("SHA-512-256"),
        nonce: b"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        protection: Some(Protection { qop: b"auth", nonce_count: b"00000001" }),
        cnonce: b"NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
        method: b"GET",
        uri: b"/doe.json",
        body: b"",
    };
    assert_eq!(
        text(&input.response(ha1.as_bytes())),
        "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c"
    );
}

/// No `qop`, `auth-int`, a session, the answer of the server: each formula of RFC 7616 §3.4 and §3.5, put together from
/// plain hashes.
#[test]
fn every_formula_is_as_the_rfc_writes_it() {
    let md5 = |text: String| Hash::Md5.of(&[text.as_bytes()]);
    let secret = ha1(Hash::Md5, b"bob", b"biloxi.example", b"zanzibar");
    assert_eq!(secret.as_bytes(), md5("bob:biloxi.example:zanzibar".to_owned()).as_bytes());
    let plain = DigestInput {
        algorithm: Algorithm::MD5,
        nonce: b"dcd98b",
        protection: None,
        cnonce: b"0a4f",
        method: b"INVITE",
        uri: b"sip:bob@biloxi.example",
        body: b"v=0\r\n",
    };
    let a2 = md5("INVITE:sip:bob@biloxi.example".to_owned());
    let expected = md5(format!("{}:dcd98b:{}", text(&secret), text(&a2)));
    assert_eq!(text(&plain.response(secret.as_bytes())), text(&expected));

    let protection = Some(Protection { qop: b"auth-int", nonce_count: b"00000002" });
    let whole = DigestInput { protection, ..plain };
    let a2 = md5(format!("INVITE:sip:bob@biloxi.example:{}", text(&md5("v=0\r\n".to_owned()))));
    let expected = md5(format!("{}:dcd98b:00000002:0a4f:auth-int:{}", text(&secret), text(&a2)));
    assert_eq!(text(&whole.response(secret.as_bytes())), text(&expected));

    let session = DigestInput { algorithm: algorithm("md5-SESS"), ..whole };
    let a1 = md5(format!("{}:dcd98b:0a4f", text(&secret)));
    let expected = md5(format!("{}:dcd98b:00000002:0a4f:auth-int:{}", text(&a1), text(&a2)));
    assert_eq!(text(&session.response(secret.as_bytes())), text(&expected));

    let a2 = md5(":sip:bob@biloxi.example".to_owned());
    let expected = md5(format!("{}:dcd98b:{}", text(&secret), text(&a2)));
    assert_eq!(text(&plain.response_auth(secret.as_bytes())), text(&expected));
}

#[test]
fn names_are_read_in_any_case_and_written_as_registered() {
    for (name, known) in NAMES {
        assert_eq!(Algorithm::parse(name.to_ascii_lowercase().as_bytes()), Some(known));
        assert_eq!(known.name(), name);
    }
    assert_eq!(Algorithm::parse(b"SHA-1"), None);
    assert_eq!(Algorithm::parse(b""), None);
}

#[test]
fn only_the_same_text_matches() {
    let digest = Hash::Md5.of(&[b"a", b"b"]);
    let own = text(&digest).to_owned();
    assert_eq!(own, text(&Hash::Md5.of(&[b"a:b"])));
    assert!(digest.matches(own.as_bytes()));
    assert!(!digest.matches(&own.as_bytes()[1..]));
    assert!(!digest.matches(own.to_ascii_uppercase().as_bytes()));
    assert!(!digest.matches(b""));
}
