//! Peers that are trusted by their address, transport, and what they call whom.

use cfg_vm::Str;
use cfg_vm::regex::{Flags, Regex};
use store::{Query, Row};

use crate::source;

/// A peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Its address, compared as text.
    pub(super) source: Vec<u8>,
    /// Its transport in lower case; `any` for any, `none` for never.
    pub(super) proto: Vec<u8>,
    /// What From must match.
    pub(super) from: Option<Pattern>,
    /// What the request URI must match.
    pub(super) ruri: Option<Pattern>,
    /// What scripts get to know of it.
    pub(super) tag: Option<Str>,
    /// Higher comes first.
    pub(super) priority: i64,
}

/// An expression with its text.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) text: Vec<u8>,
    regex: Regex,
}

impl Pattern {
    fn new(text: Vec<u8>) -> Result<Self, String> {
        let regex = Regex::posix(&text, Flags::default());
        let regex = regex.map_err(|error| format!("`{}`: {error}", text.escape_ascii()))?;
        Ok(Self { text, regex })
    }
}

/// Transports that a request can be asked about.
const PROTOS: [&str; 8] = ["any", "udp", "tcp", "tls", "sctp", "ws", "wss", "none"];

/// Whether a text names a transport, in any case.
pub(super) fn is_proto(text: &[u8]) -> bool {
    PROTOS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(text))
}

impl Peer {
    /// Whether it is the sender.
    pub(super) fn is(&self, source: &[u8], proto: &[u8], from: &[u8], ruri: &[u8]) -> bool {
        let matches = |pattern: &Option<Pattern>, text: &[u8]| {
            pattern.as_ref().is_none_or(|pattern| pattern.regex.is_match(text))
        };
        let any = |proto: &[u8]| proto.eq_ignore_ascii_case(b"any");
        self.source == source
            && self.proto != b"none"
            && (any(&self.proto) || any(proto) || self.proto.eq_ignore_ascii_case(proto))
            && matches(&self.from, from)
            && matches(&self.ruri, ruri)
    }

    /// Reads a row of [`query`].
    pub(super) fn of_row(row: &Row) -> Result<Self, String> {
        let text = |at: usize| row.get(at).and_then(source::text_of);
        let pattern = |at: usize| text(at).filter(|text| !text.is_empty()).map(Pattern::new).transpose();
        let proto = text(1).unwrap_or_default().to_ascii_lowercase();
        if !is_proto(&proto) {
            return Err(format!("`{}` is no transport", proto.escape_ascii()));
        }
        Ok(Self {
            source: text(0).ok_or("a peer without an address")?,
            proto,
            from: pattern(2)?,
            ruri: pattern(3)?,
            tag: text(4).map(Str::from),
            priority: row.get(5).and_then(store::Value::as_int).unwrap_or_default(),
        })
    }
}

/// Names of table and columns: source, transport, From, request URI, tag, priority.
pub(super) struct Columns {
    pub(super) table: String,
    pub(super) columns: [String; 6],
}

impl Columns {
    /// All peers.
    pub(super) fn query(&self) -> Query {
        Query { table: self.table.clone(), columns: self.columns.to_vec(), ..Query::default() }
    }
}

/// The peers of rows, the highest priority first; rows that cannot be read are told and left out.
pub(super) fn peers(rows: &[Row]) -> Vec<Peer> {
    let mut peers: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            Peer::of_row(row)
                .inspect_err(
                    |reason| tracing::error!(target: "permissions", "a trusted peer is left out: {reason}"),
                )
                .ok()
        })
        .collect();
    peers.sort_by_key(|peer| std::cmp::Reverse(peer.priority));
    peers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(proto: &str, from: Option<&str>, ruri: Option<&str>, priority: i64) -> Row {
        let optional = |text: Option<&str>| text.map_or(store::Value::Null, store::Value::from);
        Row(vec![
            "10.0.0.1".into(),
            proto.into(),
            optional(from),
            optional(ruri),
            optional(None),
            priority.into(),
        ])
    }

    #[test]
    fn a_peer_is_known_by_address_transport_and_both_uris() {
        let peer = Peer::of_row(&row("udp", Some("^sip:ali"), Some("^sip:9"), 0)).expect("a peer");
        assert!(peer.is(b"10.0.0.1", b"UDP", b"sip:alice@a", b"sip:9@b"));
        assert!(peer.is(b"10.0.0.1", b"any", b"sip:alice@a", b"sip:9@b"));
        assert!(!peer.is(b"10.0.0.1", b"tcp", b"sip:alice@a", b"sip:9@b"));
        assert!(!peer.is(b"10.0.0.2", b"udp", b"sip:alice@a", b"sip:9@b"));
        assert!(!peer.is(b"10.0.0.1", b"udp", b"sip:bob@a", b"sip:9@b"));
        assert!(!peer.is(b"10.0.0.1", b"udp", b"sip:alice@a", b"sip:8@b"));
        let never = Peer::of_row(&row("none", None, None, 0)).expect("a peer");
        assert!(!never.is(b"10.0.0.1", b"any", b"", b""));
    }

    #[test]
    fn higher_priorities_come_first_and_rows_with_mistakes_not_at_all() {
        let rows = [
            row("udp", None, None, 1),
            row("pigeon", None, None, 9),
            row("tcp", Some("("), None, 9),
            row("any", None, None, 5),
        ];
        let protos: Vec<_> = peers(&rows).into_iter().map(|peer| peer.proto).collect();
        assert_eq!(protos, [&b"any"[..], b"udp"]);
    }
}
