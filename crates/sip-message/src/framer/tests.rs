use super::*;

const FIRST: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length:\r\n  5\r\n\r\n1\r\n\r\n";
const SECOND: &[u8] = b"BYE sip:a SIP/2.0\nl: 0\n\n";

/// Everything a stream holds, fed `step` bytes at a time.
fn frames(stream: &[u8], step: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::default();
    let mut received = Vec::new();
    let mut found = Vec::new();
    for chunk in stream.chunks(step) {
        received.extend_from_slice(chunk);
        loop {
            let consumed = match framer.next(&received).expect("a good stream") {
                Frame::Incomplete { skip } => {
                    received.drain(..skip);
                    break;
                }
                Frame::Ping { consumed } => {
                    found.push(b"ping".to_vec());
                    consumed
                }
                Frame::Pong { consumed } => {
                    found.push(b"pong".to_vec());
                    consumed
                }
                Frame::Message { start, end } => {
                    found.push(received[start..end].to_vec());
                    end
                }
            };
            received.drain(..consumed);
        }
    }
    found
}

#[test]
fn messages_are_found_however_they_arrive() {
    let stream = [FIRST, SECOND, b"\r\n", FIRST].concat();
    for step in [1, 2, 3, 7, 1000] {
        let found: Vec<_> = frames(&stream, step).into_iter().filter(|frame| frame != b"pong").collect();
        assert_eq!(found, [FIRST, SECOND, FIRST], "step {step}");
    }
}

#[test]
fn a_double_crlf_is_a_ping_and_a_single_one_a_pong() {
    assert_eq!(frames(b"\r\n\r\n", 4), [b"ping"]);
    assert_eq!(frames(b"\r\n", 2), [b"pong"]);
    assert_eq!(frames(b"\r\n\r\n", 2), [b"pong", b"ping"]);
    assert_eq!(frames(b"\r\n\r\n\r\n\r\n", 8), [b"ping", b"ping"]);
}

#[test]
fn a_missing_length_is_refused_or_no_body() {
    let text = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\nrest";
    assert_eq!(Framer::default().next(text), Err(FrameError::NoContentLength { headers: (0, 28) }));
    let mut framer = Framer::new(Limits::DEFAULT, MissingLength::NoBody);
    assert_eq!(framer.next(text), Ok(Frame::Message { start: 0, end: 28 }));
}

#[test]
fn lengths_that_are_no_number_or_differ_are_refused() {
    for lengths in ["l: x", "l: -1", "l: 1\r\nContent-Length: 2", "l:", "l: 99999999999999"] {
        let text = format!("A b c/d\r\n{lengths}\r\n\r\n");
        let error = Framer::default().next(text.as_bytes()).expect_err("a bad length");
        assert!(matches!(error, FrameError::BadContentLength { .. }), "{lengths}: {error}");
    }
    let text = b"A b c/d\r\nl: 1\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(Framer::default().next(text), Ok(Frame::Message { start: 0, end: text.len() }));
}

#[test]
fn limits_hold_before_the_bytes_are_there() {
    let limits = Limits { message_size: 100, header_count: 10, header_size: 50 };
    let mut framer = Framer::new(limits, MissingLength::Refuse);
    assert_eq!(framer.next(&[b'x'; 50]), Ok(Frame::Incomplete { skip: 0 }));
    assert_eq!(framer.next(&[b'x'; 51]), Err(FrameError::HeadersTooLong));
    let mut framer = Framer::new(limits, MissingLength::Refuse);
    let text = b"A b c/d\r\nl: 78\r\n\r\n";
    assert_eq!(framer.next(text), Ok(Frame::Incomplete { skip: 0 }));
    let mut framer = Framer::new(limits, MissingLength::Refuse);
    let text = b"A b c/d\r\nl: 90\r\n\r\n";
    assert_eq!(framer.next(text), Err(FrameError::MessageTooLong { length: 108 }));
}
