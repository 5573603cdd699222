//! What came out for one message, and its text in a recording.

use std::fmt::Write as _;

use crate::endpoint::Transport;

/// One message that a server sent, or the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The endpoint that received it.
    pub at: &'static str,
    /// Over what.
    pub transport: Transport,
    /// The sender's socket address.
    pub from: String,
    /// `None` when the server closed the stream.
    pub bytes: Option<Vec<u8>>,
    /// How often the same bytes came, where retransmissions are counted.
    pub copies: usize,
}

/// All that a server did with one message, as far as the outside can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The message's name.
    pub name: String,
    /// By endpoint, then in order of arrival.
    pub deliveries: Vec<Delivery>,
    /// The script's log lines.
    pub log: Vec<String>,
    /// Why a scenario did not get to its end.
    pub stuck: Option<String>,
}

impl Outcome {
    /// Whether bytes left the server.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.bytes.is_some())
    }

    /// The text of a recording, from which every byte can be told.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for delivery in &self.deliveries {
            let Delivery { at, transport, from, bytes, copies } = delivery;
            let times = if *copies > 1 { format!(", {copies} times") } else { String::new() };
            let over = transport.name();
            match bytes {
                Some(bytes) => {
                    let _ = writeln!(text, "-> {at} over {over} from {from}{times}");
                    text.push_str(&readable(bytes));
                }
                None => {
                    let _ = writeln!(text, "-> {at} over {over}: closed by {from}");
                }
            }
        }
        if self.deliveries.is_empty() {
            text.push_str("-> nothing\n");
        }
        for line in &self.log {
            let _ = writeln!(text, "log {line}");
        }
        if let Some(stuck) = &self.stuck {
            let _ = writeln!(text, "stuck: {stuck}");
        }
        text
    }
}

/// A line for each CRLF, indented; any other control or non-ASCII byte as an escape; `\` at the end when the
/// last line has no CRLF.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::from("    ");
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'\r', [b'\n', after @ ..]) => {
                text.push('\n');
                if !after.is_empty() {
                    text.push_str("    ");
                }
                rest = after;
                continue;
            }
            (b'\\', _) => text.push_str("\\\\"),
            (b'\r', _) => text.push_str("\\r"),
            (b'\n', _) => text.push_str("\\n"),
            (b'\t', _) => text.push_str("\\t"),
            (0x20..=0x7e, _) => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        rest = tail;
    }
    if !text.ends_with('\n') {
        text.push_str("\\\n");
    }
    text.lines().map(|line| format!("{}\n", if line.trim().is_empty() { "" } else { line })).collect()
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn every_byte_can_be_told() {
        assert_eq!(readable(b"a\r\n\r\n"), "    a\n\n");
        assert_eq!(readable(b"a\nb\x00\\"), "    a\\nb\\x00\\\\\\\n");
    }
}
