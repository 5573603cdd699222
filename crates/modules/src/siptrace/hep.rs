//! HEP, the encapsulation that capture servers such as Homer read: versions 1 and 2 with a fixed head, version 3 with
//! chunks (the "HEP3 network protocol specification", revision 36).

use std::net::{IpAddr, Ipv6Addr};

use transport::Proto;

use super::record::Record;

/// How packets are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hep {
    pub(super) version: Version,
    /// Tells capture agents apart; version 2 has room for its lower half.
    pub(super) capture_id: u32,
    /// Only in version 3; empty for none.
    pub(super) auth_key: Vec<u8>,
}

/// Which HEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
    Three,
}

/// What is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Sip,
    /// A line of log, which Homer shows beside the call.
    Log,
}

impl Payload {
    fn number(self) -> u8 {
        match self {
            Self::Sip => 1,
            Self::Log => 100,
        }
    }
}

/// Chunk types of vendor 0.
mod chunk {
    pub(super) const FAMILY: u16 = 1;
    pub(super) const PROTO: u16 = 2;
    pub(super) const SOURCE_4: u16 = 3;
    pub(super) const DESTINATION_4: u16 = 4;
    pub(super) const SOURCE_6: u16 = 5;
    pub(super) const DESTINATION_6: u16 = 6;
    pub(super) const SOURCE_PORT: u16 = 7;
    pub(super) const DESTINATION_PORT: u16 = 8;
    pub(super) const SECONDS: u16 = 9;
    pub(super) const MICROSECONDS: u16 = 10;
    pub(super) const PAYLOAD_TYPE: u16 = 11;
    pub(super) const CAPTURE_ID: u16 = 12;
    pub(super) const AUTH_KEY: u16 = 14;
    pub(super) const PAYLOAD: u16 = 15;
    pub(super) const CORRELATION: u16 = 17;
}

/// What a chunk adds to its value: vendor, type and length.
const CHUNK_HEAD: usize = 6;

impl Hep {
    /// One packet. What does not fit into its 16-bit length is cut off at the end.
    pub(super) fn packet(&self, record: &Record<'_>, correlation: &[u8], payload: Payload) -> Vec<u8> {
        let mut out = Vec::with_capacity(record.bytes.len() + 160);
        match self.version {
            Version::One | Version::Two => self.write_fixed(record, &mut out),
            Version::Three => self.write_chunks(record, correlation, payload, &mut out),
        }
        out
    }

    /// Ports are in network order, times and the capture id in the little-endian order that capture agents use.
    fn write_fixed(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (from, to) = same_family(record);
        let head = 8 + 2 * if from.is_ipv4() { 4 } else { 16 };
        let version = if self.version == Version::One { 1 } else { 2 };
        out.extend_from_slice(&[version, head, family(from), proto_number(record.from.proto)]);
        out.extend_from_slice(&record.from.address.port().to_be_bytes());
        out.extend_from_slice(&record.to.address.port().to_be_bytes());
        write_ip(from, out);
        write_ip(to, out);
        if self.version == Version::Two {
            let (seconds, microseconds) = record.time();
            out.extend_from_slice(&(seconds as u32).to_le_bytes());
            out.extend_from_slice(&microseconds.to_le_bytes());
            out.extend_from_slice(&(self.capture_id as u16).to_le_bytes());
            out.extend_from_slice(&[0, 0]);
        }
        out.extend_from_slice(record.bytes);
    }

    fn write_chunks(&self, record: &Record<'_>, correlation: &[u8], payload: Payload, out: &mut Vec<u8>) {
        let (from, to) = same_family(record);
        let (source, destination) = match from {
            IpAddr::V4(_) => (chunk::SOURCE_4, chunk::DESTINATION_4),
            IpAddr::V6(_) => (chunk::SOURCE_6, chunk::DESTINATION_6),
        };
        let (seconds, microseconds) = record.time();
        out.extend_from_slice(b"HEP3\0\0");
        write_chunk(chunk::FAMILY, &[family(from)], out);
        write_chunk(chunk::PROTO, &[proto_number(record.from.proto)], out);
        write_address(source, from, out);
        write_address(destination, to, out);
        write_chunk(chunk::SOURCE_PORT, &record.from.address.port().to_be_bytes(), out);
        write_chunk(chunk::DESTINATION_PORT, &record.to.address.port().to_be_bytes(), out);
        write_chunk(chunk::SECONDS, &(seconds as u32).to_be_bytes(), out);
        write_chunk(chunk::MICROSECONDS, &microseconds.to_be_bytes(), out);
        write_chunk(chunk::PAYLOAD_TYPE, &[payload.number()], out);
        write_chunk(chunk::CAPTURE_ID, &self.capture_id.to_be_bytes(), out);
        for (number, text) in [(chunk::CORRELATION, correlation), (chunk::AUTH_KEY, &self.auth_key)] {
            if !text.is_empty() {
                write_chunk(number, &text[..text.len().min(TEXT)], out);
            }
        }
        let room = usize::from(u16::MAX) - out.len() - CHUNK_HEAD;
        write_chunk(chunk::PAYLOAD, &record.bytes[..record.bytes.len().min(room)], out);
        // The room was reckoned so that it fits.
        let length = out.len() as u16;
        out[4..6].copy_from_slice(&length.to_be_bytes());
    }
}

/// Bytes of a correlation id or key at most, so that a payload always finds room.
const TEXT: usize = 1024;

fn write_chunk(number: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&0_u16.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    // Callers keep values below the packet's length.
    out.extend_from_slice(&((value.len() + CHUNK_HEAD) as u16).to_be_bytes());
    out.extend_from_slice(value);
}

fn write_address(number: u16, ip: IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => write_chunk(number, &ip.octets(), out),
        IpAddr::V6(ip) => write_chunk(number, &ip.octets(), out),
    }
}

fn write_ip(ip: IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
}

/// Both addresses as IPv4, or both as IPv6 (RFC 4291 §2.5.5.2): a packet has room for one family.
pub(super) fn same_family(record: &Record<'_>) -> (IpAddr, IpAddr) {
    let mapped = |ip| -> Ipv6Addr {
        match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        }
    };
    match (record.from.address.ip(), record.to.address.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (from.into(), to.into()),
        (from, to) => (mapped(from).into(), mapped(to).into()),
    }
}

/// `AF_INET` and `AF_INET6` as Linux numbers them.
fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 2 } else { 10 }
}

/// The number of the IP protocol below.
fn proto_number(proto: Proto) -> u8 {
    match proto {
        Proto::Udp => 17,
        Proto::Sctp => 132,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::record::{Place, Way};
    use super::*;

    const SIP: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\r\n";

    fn record<'a>(bytes: &'a [u8], from: &str, to: &str) -> Record<'a> {
        let place = |text: &str| Place::parse(text.as_bytes()).expect("a place");
        let at = SystemTime::UNIX_EPOCH + Duration::new(0x6b06_aebc, 551_420_000);
        Record { bytes, from: place(from), to: place(to), at, way: Way::In }
    }

    fn hep(version: Version) -> Hep {
        Hep { version, capture_id: 1234, auth_key: b"secret".to_vec() }
    }

    /// As Kamailio 5.6.3 sends it.
    #[test]
    fn version_3_has_its_chunks_in_order() {
        let record = record(SIP, "udp:127.0.0.1:5091", "udp:127.0.0.1:5090");
        let packet = hep(Version::Three).packet(&record, b"c-1-abc", Payload::Sip);
        let mut expected =
            b"HEP3\x00\x95\0\0\0\x01\0\x07\x02\0\0\0\x02\0\x07\x11\0\0\0\x03\0\x0a\x7f\0\0\x01\
            \0\0\0\x04\0\x0a\x7f\0\0\x01\0\0\0\x07\0\x08\x13\xe3\0\0\0\x08\0\x08\x13\xe2\
            \0\0\0\x09\0\x0ak\x06\xae\xbc\0\0\0\x0a\0\x0a\0\x08i\xfc\0\0\0\x0b\0\x07\x01\
            \0\0\0\x0c\0\x0a\0\0\x04\xd2\0\0\0\x11\0\x0dc-1-abc\0\0\0\x0e\0\x0csecret\0\0\0\x0f\0\x1f"
                .to_vec();
        expected.extend_from_slice(SIP);
        assert_eq!(packet, expected);
    }

    #[test]
    fn versions_1_and_2_have_a_fixed_head() {
        let four = record(SIP, "udp:127.0.0.1:5091", "udp:127.0.0.1:5090");
        let one = hep(Version::One).packet(&four, b"ignored", Payload::Sip);
        assert_eq!(one[..16], *b"\x01\x10\x02\x11\x13\xe3\x13\xe2\x7f\0\0\x01\x7f\0\0\x01");
        assert_eq!(one[16..], *SIP);
        let two = hep(Version::Two).packet(&four, b"", Payload::Sip);
        assert_eq!(two[16..28], *b"\xbc\xae\x06k\xfci\x08\0\xd2\x04\0\0");
        let six = record(SIP, "tcp:::1:5091", "tcp:::1:5090");
        let one = hep(Version::One).packet(&six, b"", Payload::Sip);
        assert_eq!(one[..8], *b"\x01\x28\x0a\x06\x13\xe3\x13\xe2");
        assert_eq!(one.len(), 40 + SIP.len());
    }

    #[test]
    fn a_packet_never_passes_its_length_field() {
        let long = vec![b'x'; 100_000];
        let record = record(&long, "udp:192.0.2.1:5060", "udp:2001:db8::1:5060");
        let packet = hep(Version::Three).packet(&record, &long, Payload::Log);
        assert_eq!(packet.len(), usize::from(u16::MAX));
        assert_eq!(packet[4..6], [0xff, 0xff]);
        assert_eq!(packet[12], 10, "mixed families are written as IPv6");
    }
}
