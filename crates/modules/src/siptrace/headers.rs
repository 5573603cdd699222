//! `X-Siptrace-*` headers: where a duplicate came from, told to another server that gets it as plain SIP.

use std::time::{Duration, SystemTime};

use sip_message::Message;

use super::record::{Place, Record, Way};

/// What the headers of a duplicate say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) at: SystemTime,
    pub(super) way: Way,
    /// The message without them.
    pub(super) bytes: Vec<u8>,
}

const PREFIX: &[u8] = b"X-Siptrace-";

/// The message with the headers after its own.
pub(super) fn with(record: &Record<'_>) -> Vec<u8> {
    let end = Message::from_bytes(record.bytes).map_or(record.bytes.len(), |m| m.index().fields_end());
    let (seconds, microseconds) = record.time();
    let (before, after) = record.bytes.split_at(end);
    let mut out = before.to_vec();
    let method = record.method();
    let time = format!("{seconds} {microseconds}");
    let (from, to) = (record.from.text(), record.to.text());
    let fields: [(&str, &[u8]); 5] = [
        ("Fromip", from.as_bytes()),
        ("Toip", to.as_bytes()),
        ("Time", time.as_bytes()),
        ("Method", &method),
        ("Dir", record.way.name().as_bytes()),
    ];
    for (name, value) in fields {
        out.extend_from_slice(PREFIX);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(after);
    out
}

/// Reads and removes them; nothing when one that must be there is not, or cannot be read.
pub(super) fn read(bytes: &[u8]) -> Option<Told> {
    let message = Message::from_bytes(bytes).ok()?;
    let value = |name: &str| {
        let field = message.headers().iter().find(|field| is_named(message.bytes(field.name), name))?;
        Some(message.bytes(field.value).trim_ascii())
    };
    let from = Place::parse(value("Fromip")?)?;
    let to = Place::parse(value("Toip")?)?;
    let time = std::str::from_utf8(value("Time")?).ok()?;
    let (seconds, microseconds) = time.split_once(' ')?;
    let since = Duration::from_secs(seconds.parse().ok()?)
        + Duration::from_micros(u64::from(microseconds.trim().parse::<u32>().ok()?));
    let at = SystemTime::UNIX_EPOCH.checked_add(since)?;
    let way = if value("Dir")? == b"out" { Way::Out } else { Way::In };
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at_byte = 0;
    for field in message.headers().iter().filter(|field| is_ours(message.bytes(field.name))) {
        kept.extend_from_slice(&bytes[at_byte..field.whole.start as usize]);
        at_byte = field.whole.end as usize;
    }
    kept.extend_from_slice(&bytes[at_byte..]);
    Some(Told { from, to, at, way, bytes: kept })
}

fn is_ours(name: &[u8]) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn is_named(name: &[u8], last: &str) -> bool {
    is_ours(name) && name[PREFIX.len()..].eq_ignore_ascii_case(last.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_removed() {
        let bytes = b"SIP/2.0 200 OK\r\nVia: v\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody";
        let place = |text: &str| Place::parse(text.as_bytes()).expect("a place");
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_600_050_199_152);
        let (from, to) = (place("udp:127.0.0.1:5090"), place("tcp:::1:5091"));
        let record = Record { bytes, from, to, at, way: Way::Out };
        let written = with(&record);
        assert_eq!(
            String::from_utf8_lossy(&written),
            "SIP/2.0 200 OK\r\nVia: v\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\
             X-Siptrace-Fromip: udp:127.0.0.1:5090\r\nX-Siptrace-Toip: tcp:::1:5091\r\n\
             X-Siptrace-Time: 1795600050 199152\r\nX-Siptrace-Method: OPTIONS\r\nX-Siptrace-Dir: out\r\n\r\nbody"
        );
        assert_eq!(read(&written), Some(Told { from, to, at, way: Way::Out, bytes: bytes.to_vec() }));
        assert_eq!(read(bytes), None);
        let huge = String::from_utf8_lossy(&written).replace("1795600050", "18446744073709551615");
        assert_eq!(read(huge.as_bytes()), None);
    }
}
