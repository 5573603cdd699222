//! How a sender's address is written into a message for others to find it again: as a URI, or as an alias.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use transport::Proto;

/// An address, IPv6 with or without brackets.
pub fn parse(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text).parse().ok()
}

/// `ip:port`, or with another character between them; IPv6 in brackets.
pub fn write(address: SocketAddr, between: char, out: &mut Vec<u8>) {
    // A Vec takes everything.
    let _ = match address.ip() {
        IpAddr::V4(ip) => write!(out, "{ip}{between}{}", address.port()),
        IpAddr::V6(ip) => write!(out, "[{ip}]{between}{}", address.port()),
    };
}

/// `sip:ip:port`, with `;transport=…` for all but UDP.
pub fn write_uri(address: SocketAddr, proto: Proto, out: &mut Vec<u8>) {
    out.extend_from_slice(b"sip:");
    write(address, ':', out);
    if proto != Proto::Udp {
        // A Vec takes everything.
        let _ = write!(out, ";transport={proto}");
    }
}

/// Transports by their numbers in aliases, from 1.
const PROTOS: [Proto; 6] = [Proto::Udp, Proto::Tcp, Proto::Tls, Proto::Sctp, Proto::Ws, Proto::Wss];

/// A transport's number in aliases.
fn number_of(proto: Proto) -> usize {
    PROTOS.iter().position(|known| *known == proto).map_or(0, |at| at + 1)
}

/// The transport of a number in aliases.
fn proto_of(number: &[u8]) -> Option<Proto> {
    let number: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    PROTOS.get(number.checked_sub(1)?).copied()
}

/// `;name=ip~port~transport`: a sender's address as `nathelper` and `path` put it into a URI.
pub fn alias(name: &[u8], address: SocketAddr, proto: Proto) -> Vec<u8> {
    let mut text = [b";", name, b"="].concat();
    write(address, '~', &mut text);
    // A Vec takes everything.
    let _ = write!(text, "~{}", number_of(proto));
    text
}

/// The address that an alias's value holds.
pub fn read_alias(value: &[u8]) -> Option<(SocketAddr, Proto)> {
    let mut parts = value.split(|&byte| byte == b'~');
    let ip = parse(parts.next()?)?;
    let port = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let proto = proto_of(parts.next()?)?;
    parts.next().is_none().then_some((SocketAddr::new(ip, port), proto))
}

/// `;name=…` within a URI, where a semicolon and an equals sign of the value must be escaped.
pub fn escaped(name: &[u8], uri: &[u8]) -> Vec<u8> {
    let mut text = [b";", name, b"="].concat();
    for &byte in uri {
        match byte {
            b';' => text.extend_from_slice(b"%3B"),
            b'=' => text.extend_from_slice(b"%3D"),
            _ => text.push(byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_of_addresses() {
        let written = |address: &str, proto| {
            let mut out = Vec::new();
            write_uri(address.parse().expect("an address"), proto, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(written("192.0.2.1:5060", Proto::Udp), "sip:192.0.2.1:5060");
        assert_eq!(written("[::1]:5061", Proto::Tls), "sip:[::1]:5061;transport=tls");
    }

    #[test]
    fn an_alias_that_was_written_is_read_back() {
        let address = "192.0.2.4:5070".parse().expect("an address");
        assert_eq!(alias(b"alias", address, Proto::Tcp), b";alias=192.0.2.4~5070~2");
        assert_eq!(read_alias(b"192.0.2.4~5070~2"), Some((address, Proto::Tcp)));
        let six = "[2001:db8::1]:5060".parse().expect("an address");
        assert_eq!(alias(b"a", six, Proto::Udp), b";a=[2001:db8::1]~5060~1");
        assert_eq!(read_alias(b"[2001:db8::1]~5060~1"), Some((six, Proto::Udp)));
        for broken in
            ["192.0.2.4~5070", "192.0.2.4~5070~9", "name~5070~1", "192.0.2.4~x~1", "192.0.2.4~1~1~1"]
        {
            assert_eq!(read_alias(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn transports_have_numbers() {
        assert_eq!(number_of(Proto::Udp), 1);
        assert_eq!(proto_of(b"2"), Some(Proto::Tcp));
        assert_eq!(proto_of(b"0"), None);
        assert_eq!(proto_of(b"7"), None);
    }

    #[test]
    fn a_uri_within_a_uri_is_escaped() {
        assert_eq!(
            escaped(b"received", b"sip:1.1.1.1:5;transport=tcp"),
            b";received=sip:1.1.1.1:5%3Btransport%3Dtcp"
        );
    }
}
