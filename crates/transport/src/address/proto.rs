//! Transport protocols.

use std::fmt;
use std::str::FromStr;

/// A transport protocol under a SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Proto {
    /// Datagrams, RFC 3261 §18.
    Udp = 1,
    /// TCP, RFC 3261 §18.
    Tcp = 2,
    /// TLS over TCP, RFC 3261 §26.2.
    Tls = 3,
    /// SCTP, RFC 4168.
    Sctp = 4,
    /// WebSocket, RFC 7118.
    Ws = 5,
    /// WebSocket over TLS, RFC 7118.
    Wss = 6,
}

impl Proto {
    /// Every protocol, in the order of its number.
    pub const ALL: [Self; 6] = [Self::Udp, Self::Tcp, Self::Tls, Self::Sctp, Self::Ws, Self::Wss];

    /// The number that Kamailio's `;alias=ip~port~proto` and `$prid` use (1 for UDP to 6 for WSS).
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The protocol of such a number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Udp),
            2 => Some(Self::Tcp),
            3 => Some(Self::Tls),
            4 => Some(Self::Sctp),
            5 => Some(Self::Ws),
            6 => Some(Self::Wss),
            _ => None,
        }
    }

    /// The name as a URI's `transport` parameter and a socket's name have it: `udp`, `tcp` …
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Sctp => "sctp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The name as a Via header has it: `UDP`, `TCP` …
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The port used when none is written: 5061 for TLS, 80 and 443 for WebSocket (RFC 7118 §5.2.1), else 5060.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp | Self::Sctp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether messages arrive over connections.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls | Self::Ws | Self::Wss)
    }

    /// Whether the transport delivers reliably, so that nothing is sent again (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether the transport is encrypted, as a `sips` URI asks (RFC 3261 §26.2.2).
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The protocol of a name in bytes, whatever its case.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|proto| proto.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownProto;

impl fmt::Display for UnknownProto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown transport protocol; use udp, tcp, tls, sctp, ws or wss")
    }
}

impl std::error::Error for UnknownProto {}

impl FromStr for Proto {
    type Err = UnknownProto;

    fn from_str(text: &str) -> Result<Self, UnknownProto> {
        Self::from_bytes(text.as_bytes()).ok_or(UnknownProto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_the_protocol() {
        for proto in Proto::ALL {
            assert_eq!(proto.name().parse(), Ok(proto));
            assert_eq!(proto.via_name().parse(), Ok(proto));
            assert_eq!(Proto::from_number(proto.number()), Some(proto));
        }
        assert_eq!("dccp".parse::<Proto>(), Err(UnknownProto));
        assert_eq!(Proto::from_number(0), None);
    }
}
