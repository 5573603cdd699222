use super::*;

fn scan(text: &str) -> Result<Index, ScanError> {
    let mut index = Index::new();
    index.scan(text.as_bytes()).map(|()| index)
}

#[test]
fn limits_are_kept() {
    let text = b"BYE sip:a SIP/2.0\r\nA: 1\r\nB: 2\r\n\r\nbody";
    let scan = |limits: Limits| Index::new().scan_limited(text, &limits);
    let enough = Limits { message_size: text.len(), header_count: 2, header_size: 33 };
    assert_eq!(scan(enough), Ok(()));
    assert_eq!(scan(Limits { message_size: 36, ..enough }), Err(ScanError::MessageTooLong { limit: 36 }));
    assert_eq!(scan(Limits { header_count: 1, ..enough }), Err(ScanError::TooManyHeaders { at: 25 }));
    assert_eq!(scan(Limits { header_size: 32, ..enough }), Err(ScanError::HeadersTooLong { limit: 32 }));
}

#[test]
fn loose_first_lines_are_taken_apart_and_marked() {
    for (line, fault) in [
        ("BYE sip:a SIP/2.0", None),
        ("BYE  sip:a SIP/2.0", Some(StartFault::Separator)),
        ("BYE\tsip:a SIP/2.0", Some(StartFault::Separator)),
        ("BYE sip:a;b =c SIP/2.0", Some(StartFault::SpaceInUri)),
        ("BYE sip:a SIP/2.0 \t", Some(StartFault::TrailingSpace)),
        ("SIP/2.0 200 OK", None),
        ("sip/2.0 200", None),
        ("SIP/2.0 20 OK", Some(StartFault::Status)),
        ("SIP/2.0 4294967301 OK", Some(StartFault::Status)),
        ("HTTP/1.1 200 OK", None),
    ] {
        let index = scan(&format!("\r\n{line}\r\n\r\n")).expect("it is taken apart");
        assert_eq!(index.start_fault(), fault, "{line}");
        assert_eq!(index.start_span(), Span::new(2, 2 + line.len()), "{line}");
    }
}

#[test]
fn what_is_no_first_line_is_an_error() {
    for line in ["BYE sip:a", "BYE", "B(E sip:a SIP/2.0", "SIP/2.0", "SIP/2.0 2x0 OK", "GET /x"] {
        let error = scan(&format!("{line}\r\n\r\n")).expect_err(line);
        assert_eq!(error, ScanError::StartLine { at: offset(line.len()) }, "{line}");
    }
    assert_eq!(scan("BYE sip:a SIP/2.0").expect_err("no line end"), ScanError::StartLine { at: 17 });
    assert_eq!(scan(" \r\n").expect_err("nothing"), ScanError::Empty);
}

#[test]
fn names_values_and_lines_are_found() {
    let text = "BYE sip:a SIP/2.0\r\nTO \t :\r\n one\r\n\ttwo  \r\nx:\r\nX-Y:1\n\nbody";
    let index = scan(text).expect("it is a message");
    let part = |span: Span| &text[span.range()];
    let fields: Vec<_> = index
        .headers()
        .iter()
        .map(|field| (field.id, part(field.name), part(field.value), part(field.whole)))
        .collect();
    assert_eq!(
        fields,
        [
            (HeaderId::To, "TO", "one\r\n\ttwo", "TO \t :\r\n one\r\n\ttwo  \r\n"),
            (HeaderId::SessionExpires, "x", "", "x:\r\n"),
            (HeaderId::Other, "X-Y", "1", "X-Y:1\n"),
        ]
    );
    assert_eq!(part(index.body()), "body");
    assert_eq!(index.headers()[1].value.start as usize, text.find("x:").expect("it is there") + 2);
}

#[test]
fn a_failed_scan_leaves_an_empty_index() {
    let mut index = scan("BYE sip:a SIP/2.0\r\nTo: x\r\n\r\n").expect("it is a message");
    assert!(index.scan(b"").is_err());
    assert_eq!((index.headers().len(), index.has(HeaderId::To)), (0, false));
}
