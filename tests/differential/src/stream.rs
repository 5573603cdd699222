//! Cutting a byte stream into SIP messages, simply: the test reads only what a server wrote well.

use crate::network::find;

/// The size of the first complete message in `bytes`: a CRLF of a keep-alive, or headers with their body.
#[must_use]
pub fn first_message(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(if bytes.starts_with(b"\r\n\r\n") { 4 } else { 2 });
    }
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let size = head + body_size(&bytes[..head]);
    (bytes.len() >= size).then_some(size)
}

fn body_size(head: &[u8]) -> usize {
    head.split(|byte| *byte == b'\n')
        .find_map(|line| {
            let line = String::from_utf8_lossy(line);
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            let ours = name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l");
            ours.then(|| value.trim().parse().ok()).flatten()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::first_message;

    #[test]
    fn a_message_ends_with_its_body() {
        let text = b"SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcSIP/2.0 ";
        assert_eq!(first_message(text), Some(text.len() - 8));
    }

    #[test]
    fn half_a_message_is_none_yet() {
        assert_eq!(first_message(b"SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nab"), None);
        assert_eq!(first_message(b"SIP/2.0 200 OK\r\n"), None);
    }

    #[test]
    fn a_keep_alive_answer_is_a_message_of_its_own() {
        assert_eq!(first_message(b"\r\nSIP/2.0"), Some(2));
    }
}
