//! RFC 4475's torture messages: what the RFC says of each, and that each goes through unchanged.

use std::path::Path;

use sip_message::conformance::{Clause, verdict};
use sip_message::{EditList, HeaderId, Message, ScanError};

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475").join(name).with_extension("dat");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn message(name: &str) -> Message {
    Message::from_bytes(bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Messages whose form is right; what an application makes of some of them (an unknown body, scheme or credential, a
/// Max-Forwards of 0) is not the parser's matter.
const VALID: [&str; 23] = [
    "TC_WSINV",        // 3.1.1.1
    "TC_INTMETH",      // 3.1.1.2
    "TC_ESC01_V",      // 3.1.1.3
    "TC_ESCNULL_V",    // 3.1.1.4
    "TC_ESC02_V",      // 3.1.1.5
    "TC_LWSDISP_V",    // 3.1.1.6
    "TC_LONGREQ_V",    // 3.1.1.7
    "TC_DBLREQ",       // 3.1.1.8
    "TC_SEMIURI_V",    // 3.1.1.9
    "TC_TRANSPORTS_V", // 3.1.1.10
    "TC_MPART01",      // 3.1.1.11
    "TC_UNREASON_V",   // 3.1.1.12
    "TC_NOREASON_V",   // 3.1.1.13
    "TC_UNKSM2_V",     // 3.3.4
    "TC_INVUT_V",      // 3.3.6
    "TC_REGAUT01_V",   // 3.3.7
    "TC_BCAST_V",      // 3.3.10
    "TC_ZEROMF_V",     // 3.3.11
    "TC_CPARAM01_V",   // 3.3.12
    "TC_CPARAM02_V",   // 3.3.13
    "TC_REGESCRT_V",   // 3.3.14
    "TC_SDP01_V",      // 3.3.15
    "TC_INV2543_I",    // 3.4.1: legal by RFC 2543, to be taken
];

/// What is wrong, and the status that answers it; a response is dropped.
const INVALID: [(&str, Clause, Option<u16>); 24] = [
    ("TC_BADINV01_I", Clause::Parameters, Some(400)),   // 3.1.2.1
    ("TC_CLERR_I", Clause::BodyLength, Some(400)),      // 3.1.2.2
    ("TC_NCL_I", Clause::ContentLength, Some(400)),     // 3.1.2.3
    ("TC_SCALAR02_V", Clause::CSeqNumber, Some(400)),   // 3.1.2.4
    ("TC_SCALARLG_V", Clause::CSeqNumber, None),        // 3.1.2.5
    ("TC_QUOTBAL_I", Clause::DisplayName, Some(400)),   // 3.1.2.6
    ("TC_LTGTRURI_I", Clause::RequestUri, Some(400)),   // 3.1.2.7
    ("TC_LWSRURI_I", Clause::RequestUri, Some(400)),    // 3.1.2.8
    ("TC_LWSSTART_V", Clause::StartLine, Some(400)),    // 3.1.2.9
    ("TC_TRWS_I", Clause::StartLine, Some(400)),        // 3.1.2.10
    ("TC_ESCRURI_V", Clause::RequestUri, Some(400)),    // 3.1.2.11
    ("TC_BADDATE_V", Clause::Date, Some(400)),          // 3.1.2.12
    ("TC_REGBADCT_I", Clause::Address, Some(400)),      // 3.1.2.13
    ("TC_BADASPEC_I", Clause::Address, Some(400)),      // 3.1.2.14
    ("TC_BADDN_I", Clause::DisplayName, Some(400)),     // 3.1.2.15
    ("TC_BADVERS_V", Clause::Version, Some(505)),       // 3.1.2.16
    ("TC_MISMATCH01_V", Clause::CSeqMethod, Some(400)), // 3.1.2.17
    ("TC_MISMATCH02_V", Clause::CSeqMethod, Some(400)), // 3.1.2.18
    ("TC_BIGCODE_V", Clause::StatusCode, None),         // 3.1.2.19
    ("TC_BADBRANCH_V", Clause::Branch, Some(400)),      // 3.2.1
    ("TC_INSUF_I", Clause::RequiredHeader, Some(400)),  // 3.3.1
    ("TC_UNKSCM_V", Clause::RequestUriScheme, Some(416)), // 3.3.2
    ("TC_NOVELSC_V", Clause::RequestUriScheme, Some(416)), // 3.3.3
    ("TC_MULTI01_I", Clause::SingleHeader, Some(400)),  // 3.3.8
];

#[test]
fn valid_messages_break_no_rule() {
    for name in VALID {
        let message = message(name);
        let found: Vec<_> = verdict(&message).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn invalid_messages_break_the_rule_that_the_rfc_names() {
    for (name, clause, status) in INVALID {
        let found = verdict(&message(name));
        let first = found.first().unwrap_or_else(|| panic!("{name} passes"));
        assert_eq!((first.clause, first.status), (clause, status), "{name}: {first}");
    }
}

/// 3.3.5: options that nobody supports; a proxy looks at Proxy-Require, an endpoint at Require.
#[test]
fn unknown_options_are_listed() {
    let message = message("TC_BEXT01_V");
    let found: Vec<_> = verdict(&message)
        .iter()
        .map(|violation| (violation.status, message.bytes(violation.span).to_vec()))
        .collect();
    let expected = [
        "noProxiesSupportThis",
        "norDoAnyProxiesSupportThis",
        "nothingSupportsThis",
        "nothingSupportsThisEither",
    ];
    assert_eq!(found, expected.map(|tag| (Some(420), tag.as_bytes().to_vec())));
}

/// 3.3.9: two lengths that differ.
#[test]
fn two_content_lengths_are_refused() {
    let found = verdict(&message("TC_MCL01_I"));
    assert_eq!((found[0].clause, found[0].status), (Clause::SingleHeader, Some(400)));
}

#[test]
fn a_first_line_without_a_version_is_no_message() {
    assert!(matches!(Message::from_bytes(bytes("TC_TEST_I")), Err(ScanError::StartLine { .. })));
}

#[test]
fn every_message_is_written_as_it_came() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        if let Ok(message) = Message::from_bytes(bytes.clone()) {
            assert_eq!(EditList::new().to_vec(&message), bytes);
            count += 1;
        }
    }
    assert_eq!(count, 49);
}

/// 3.1.1.1: folds, odd cases, white space everywhere.
#[test]
fn wsinv_is_read() {
    let message = message("TC_WSINV");
    assert_eq!(message.to().expect("To").tag(), Some(b"1918181833n".as_slice()));
    assert_eq!(message.from().expect("From").display_unquoted().as_ref(), br#"J Rosenberg \""#);
    assert_eq!(message.cseq().expect("CSeq").number, 9);
    assert_eq!(message.max_forwards(), Some(Ok(68)));
    let vias: Vec<_> = message.via_values().map(|value| message.via(value).expect("Via")).collect();
    assert_eq!(vias.iter().map(|via| via.transport).collect::<Vec<_>>(), [&b"UDP"[..], b"TCP", b"UDP"]);
    assert_eq!(vias[2].branch(), Some(b"z9hG4bK30239".as_slice()));
    let contact = message.contact_values().next().expect("a Contact");
    assert_eq!(message.name_addr(contact).expect("an address").q(), Some(330));
}

/// 3.1.1.8: what follows the first message's length is not its body, but is in the datagram.
#[test]
fn dblreq_keeps_what_follows() {
    let message = message("TC_DBLREQ");
    assert_eq!(message.content_length(), Some(Ok(0)));
    assert!(message.body().len() > 400);
    assert_eq!(message.headers().len(), 8);
}

/// 3.1.1.5: escapes in a method or a header's name have no meaning.
#[test]
fn esc02_has_an_unknown_header() {
    let message = message("TC_ESC02_V");
    assert_eq!(message.method_text(), b"RE%47IST%45R");
    assert_eq!(message.index().all(HeaderId::Contact).count(), 2);
}
