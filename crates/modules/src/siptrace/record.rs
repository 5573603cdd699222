//! One message as it is traced, whatever it is then written as.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use sip_message::Message;
use transport::Proto;

/// A message on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// Who sent it.
    pub(super) from: Place,
    /// Who is to get it.
    pub(super) to: Place,
    /// When.
    pub(super) at: SystemTime,
    /// Whether this server received or sent it.
    pub(super) way: Way,
}

/// One end of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) proto: Proto,
    pub(super) address: SocketAddr,
}

/// Seen from this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

impl Record<'_> {
    /// Seconds and microseconds since 1970.
    pub(super) fn time(&self) -> (u64, u32) {
        let since = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        (since.as_secs(), since.subsec_micros())
    }

    /// The method of a request, or of the request that a reply answers.
    pub(super) fn method(&self) -> Vec<u8> {
        let Ok(message) = Message::from_bytes(self.bytes) else { return Vec::new() };
        message.cseq().map(|cseq| cseq.method_text.to_vec()).unwrap_or_default()
    }

    /// Whether it is a reply.
    pub(super) fn is_reply(&self) -> bool {
        self.bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    }
}

impl Place {
    /// A place as Kamailio writes it: `udp:192.0.2.1:5060`, IPv6 without brackets. UDP when no transport stands there,
    /// port 5060 when none does.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let (proto, rest) = match text.split_once(':') {
            Some((name, rest)) if Proto::from_bytes(name.as_bytes()).is_some() => {
                (Proto::from_bytes(name.as_bytes())?, rest)
            }
            _ => (Proto::Udp, text),
        };
        let plain = |host: &str| -> Option<IpAddr> {
            host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
        };
        let split = rest
            .rsplit_once(':')
            .and_then(|(host, port)| Some(SocketAddr::new(plain(host)?, port.parse().ok()?)));
        let address = split.or_else(|| Some(SocketAddr::new(plain(rest)?, proto.default_port())))?;
        Some(Self { proto, address })
    }

    pub(super) fn text(self) -> String {
        format!("{}:{}:{}", self.proto, self.address.ip(), self.address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let place = |text: &str| Place::parse(text.as_bytes()).map(Place::text);
        assert_eq!(place("udp:192.0.2.1:5070").as_deref(), Some("udp:192.0.2.1:5070"));
        assert_eq!(place("tcp:2001:db8::1:5070").as_deref(), Some("tcp:2001:db8::1:5070"));
        assert_eq!(place("[2001:db8::1]:5070").as_deref(), Some("udp:2001:db8::1:5070"));
        assert_eq!(place("192.0.2.1").as_deref(), Some("udp:192.0.2.1:5060"));
        assert_eq!(place("tls:192.0.2.1").as_deref(), Some("tls:192.0.2.1:5061"));
        for broken in ["", "udp", "udp:", "udp:host:5060", "192.0.2.1:x", "192.0.2.1:70000"] {
            assert_eq!(place(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_reply_has_its_requests_method() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(3_000_007);
        let place = Place::parse(b"udp:192.0.2.1:5060").expect("a place");
        let bytes = b"SIP/2.0 200 OK\r\nVia: v\r\nCSeq: 7 OPTIONS\r\n\r\n";
        let record = Record { bytes, from: place, to: place, at, way: Way::Out };
        assert!(record.is_reply());
        assert_eq!(record.method(), b"OPTIONS");
        assert_eq!(record.time(), (3, 7));
    }
}
