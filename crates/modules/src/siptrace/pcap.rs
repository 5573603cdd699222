//! Traced messages as packets of a pcap file: the classic format in microseconds, link type "raw IP".
//!
//! Each message stands in one UDP datagram from its sender to its receiver, also where it came over a stream: a stream's
//! segments are not known here, and whoever reads the file wants messages.

use std::net::IpAddr;

use super::hep::same_family;
use super::record::Record;

/// `LINKTYPE_RAW`: a packet begins with its IP header.
const LINK_TYPE: u32 = 101;
/// What a file says packets are cut at.
const SNAP_LENGTH: u32 = 262_144;
/// The longest datagram over either IP.
const LONGEST: usize = u16::MAX as usize - IP4_HEAD - UDP_HEAD;

const UDP: u8 = 17;
const IP4_HEAD: usize = 20;
const IP6_HEAD: usize = 40;
const UDP_HEAD: usize = 8;

/// What a file begins with.
pub(super) fn head() -> [u8; 24] {
    let mut head = [0; 24];
    head[..4].copy_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    head[4..6].copy_from_slice(&2_u16.to_le_bytes());
    head[6..8].copy_from_slice(&4_u16.to_le_bytes());
    head[16..20].copy_from_slice(&SNAP_LENGTH.to_le_bytes());
    head[20..].copy_from_slice(&LINK_TYPE.to_le_bytes());
    head
}

/// One message with its packet head. A message that is longer than any datagram is cut.
pub(super) fn packet(record: &Record<'_>) -> Vec<u8> {
    let (from, to) = same_family(record);
    let payload = &record.bytes[..record.bytes.len().min(LONGEST)];
    let length = UDP_HEAD + payload.len();
    let ip_head = if from.is_ipv4() { IP4_HEAD } else { IP6_HEAD };
    let (seconds, microseconds) = record.time();
    let mut out = Vec::with_capacity(16 + ip_head + length);
    out.extend_from_slice(&(seconds as u32).to_le_bytes());
    out.extend_from_slice(&microseconds.to_le_bytes());
    for _captured_and_whole in 0..2 {
        out.extend_from_slice(&((ip_head + length) as u32).to_le_bytes());
    }
    write_ip_head(from, to, length, &mut out);
    let udp = out.len();
    out.extend_from_slice(&record.from.address.port().to_be_bytes());
    out.extend_from_slice(&record.to.address.port().to_be_bytes());
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    let sum = udp_checksum(from, to, &out[udp..]);
    out[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
    out
}

/// RFC 791 §3.1 or RFC 8200 §3, for `length` bytes behind it.
fn write_ip_head(from: IpAddr, to: IpAddr, length: usize, out: &mut Vec<u8>) {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let start = out.len();
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&((IP4_HEAD + length) as u16).to_be_bytes());
            // No fragment, time to live 64.
            out.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
            let sum = !folded(words(&out[start..]));
            out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        }
        (from, to) => {
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&(length as u16).to_be_bytes());
            out.extend_from_slice(&[UDP, 64]);
            write_octets(from, out);
            write_octets(to, out);
        }
    }
}

fn write_octets(ip: IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
}

/// RFC 768, over the pseudo header of either IP.
fn udp_checksum(from: IpAddr, to: IpAddr, datagram: &[u8]) -> u16 {
    let mut pseudo = Vec::with_capacity(IP6_HEAD);
    write_octets(from, &mut pseudo);
    write_octets(to, &mut pseudo);
    let sum = words(&pseudo) + words(datagram) + u64::from(UDP) + datagram.len() as u64;
    match !folded(sum) {
        // Nought stands for "none".
        0 => u16::MAX,
        sum => sum,
    }
}

fn words(bytes: &[u8]) -> u64 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    bytes.chunks(2).map(word).sum()
}

fn folded(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::record::{Place, Way};
    use super::*;

    fn record<'a>(bytes: &'a [u8], from: &str, to: &str) -> Record<'a> {
        let place = |text: &str| Place::parse(text.as_bytes()).expect("a place");
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(5_000_006);
        Record { bytes, from: place(from), to: place(to), at, way: Way::In }
    }

    #[test]
    fn sums_over_what_was_summed_come_out_even() {
        let packet = packet(&record(b"odd", "udp:192.0.2.1:5060", "udp:198.51.100.7:5070"));
        assert_eq!(packet[..16], [5, 0, 0, 0, 6, 0, 0, 0, 31, 0, 0, 0, 31, 0, 0, 0]);
        let (ip, udp) = packet[16..].split_at(IP4_HEAD);
        assert_eq!(folded(words(ip)), u16::MAX);
        let pseudo = words(&ip[12..20]) + u64::from(UDP) + udp.len() as u64;
        assert_eq!(folded(pseudo + words(udp)), u16::MAX);
        assert_eq!(udp[8..], *b"odd");
    }

    #[test]
    fn ipv6_has_its_head() {
        let packet = packet(&record(b"SIP", "tcp:2001:db8::1:5060", "tcp:2001:db8::2:5070"));
        assert_eq!(packet[16..24], [0x60, 0, 0, 0, 0, 11, UDP, 64]);
        assert_eq!(packet.len(), 16 + IP6_HEAD + UDP_HEAD + 3);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let long = vec![b'x'; 100_000];
        let packet = packet(&record(&long, "tcp:192.0.2.1:5060", "tcp:192.0.2.2:5060"));
        assert_eq!(packet.len(), 16 + usize::from(u16::MAX));
    }
}
