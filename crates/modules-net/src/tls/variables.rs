//! `$tls_…`: what is known of the connection that a message came over.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cfg_vm::Value;
use engine::Cx;
use transport::ConnId;
use transport::tls::{AltName, Attribute, Certificate, Check, Facts};

/// What was asked before about this message's connection.
#[derive(Default)]
struct Seen(Option<(ConnId, Arc<Facts>)>);

/// What is known of the message's connection; nothing where it is not encrypted or has ended.
pub(super) fn facts(cx: &mut Cx<'_>) -> Option<Arc<Facts>> {
    let id = cx.context.received.connection?;
    if let Some((known, facts)) = &cx.data::<Seen>().0
        && *known == id
    {
        return Some(Arc::clone(facts));
    }
    let facts = cx.server().hub.facts::<Facts>(id)?;
    cx.data::<Seen>().0 = Some((id, Arc::clone(&facts)));
    Some(facts)
}

/// Whose certificate.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// The peer's.
    Peer,
    /// Ours.
    Own,
}

fn der(facts: &Facts, whose: Whose) -> Option<&[u8]> {
    match whose {
        Whose::Peer => facts.peer.first().map(AsRef::as_ref),
        Whose::Own => facts.own(),
    }
}

/// What `read` makes of a certificate; null where there is none.
pub(super) fn of_certificate(
    cx: &mut Cx<'_>,
    whose: Whose,
    read: impl FnOnce(&Certificate) -> Option<String>,
) -> Value {
    let facts = facts(cx);
    let certificate = facts.as_deref().and_then(|facts| der(facts, whose)).and_then(Certificate::read);
    certificate.as_ref().and_then(read).map_or(Value::Null, |text| Value::Str(text.into()))
}

pub(super) fn of_facts(cx: &mut Cx<'_>, read: impl FnOnce(&Facts) -> Option<Value>) -> Value {
    facts(cx).as_deref().and_then(read).unwrap_or(Value::Null)
}

/// Whether a check of the peer's certificate finds this: 1 or 0.
pub(super) fn is_found(cx: &mut Cx<'_>, found: Check) -> Value {
    Value::Int(facts(cx).is_some_and(|facts| facts.check_peer() == found).into())
}

/// Whether the peer vouches for itself and nobody else does.
pub(super) fn is_self_signed(cx: &mut Cx<'_>) -> Value {
    let facts = facts(cx);
    let alone = facts.as_deref().is_some_and(|facts| {
        facts.check_peer() == Check::Unknown
            && der(facts, Whose::Peer).and_then(Certificate::read).is_some_and(|read| read.is_self_issued())
    });
    Value::Int(alone.into())
}

pub(super) fn version(cx: &mut Cx<'_>, whose: Whose) -> Value {
    let facts = facts(cx);
    let certificate = facts.as_deref().and_then(|facts| der(facts, whose)).and_then(Certificate::read);
    certificate.map_or(Value::Null, |read| Value::Int(read.version().into()))
}

pub(super) fn serial(cx: &mut Cx<'_>, whose: Whose) -> Value {
    of_certificate(cx, whose, |read| Some(decimal(read.serial())))
}

/// The certificate in PEM.
pub(super) fn raw(cx: &mut Cx<'_>, whose: Whose) -> Value {
    of_facts(cx, |facts| der(facts, whose).and_then(Certificate::pem).map(|pem| Value::Str(pem.into())))
}

/// The certificate in PEM, percent-encoded.
pub(super) fn urlencoded(cx: &mut Cx<'_>, whose: Whose) -> Value {
    of_facts(cx, |facts| {
        der(facts, whose).and_then(Certificate::pem).map(|pem| Value::Str(percent(&pem).into()))
    })
}

/// The parts of a holder's or issuer's name, `/C=DE/O=Acme/CN=example.org`.
pub(super) fn line(
    read: &Certificate,
    part: fn(&Certificate, Attribute) -> Option<String>,
) -> Option<String> {
    let mut line = String::new();
    for (short, attribute) in PARTS {
        if let Some(text) = part(read, attribute) {
            // A String takes everything.
            let _ = write!(line, "/{short}={text}");
        }
    }
    (!line.is_empty()).then_some(line)
}

const PARTS: [(&str, Attribute); 7] = [
    ("C", Attribute::Country),
    ("ST", Attribute::State),
    ("L", Attribute::Locality),
    ("O", Attribute::Organization),
    ("OU", Attribute::Unit),
    ("CN", Attribute::CommonName),
    ("UID", Attribute::UserId),
];

/// The first other name of a kind.
pub(super) fn email(read: &Certificate) -> Option<String> {
    read.alt_names
        .iter()
        .find_map(|name| if let AltName::Email(text) = name { Some(text.clone()) } else { None })
}

pub(super) fn hostname(read: &Certificate) -> Option<String> {
    read.alt_names
        .iter()
        .find_map(|name| if let AltName::Dns(text) = name { Some(text.clone()) } else { None })
}

pub(super) fn uri(read: &Certificate) -> Option<String> {
    read.alt_names
        .iter()
        .find_map(|name| if let AltName::Uri(text) = name { Some(text.clone()) } else { None })
}

pub(super) fn ip(read: &Certificate) -> Option<String> {
    let ip = |name: &AltName| if let AltName::Ip(ip) = name { Some(*ip) } else { None };
    read.alt_names.iter().find_map(ip).map(|ip: IpAddr| ip.to_string())
}

/// A number of any length, most significant byte first.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            // A String takes everything.
            let _ = write!(encoded, "%{byte:02x}");
        }
    }
    encoded
}

/// A time as OpenSSL prints it: `Nov 25 13:38:38 2026 GMT`.
pub(super) fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{} {day:>2} {hour:02}:{minute:02}:{second:02} {year} GMT", MONTHS[month])
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month from 0, and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 2 } else { from_march - 10 };
    let year = year_of_era + era * 400 + u64::from(month < 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn serial_numbers_of_any_length_are_decimal() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[1, 0]), "256");
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
    }

    #[test]
    fn dates_are_written_as_openssl_does() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "Jan  1 00:00:00 1970 GMT");
        assert_eq!(at(1_795_613_918), "Nov 25 13:38:38 2026 GMT");
        assert_eq!(at(951_782_399), "Feb 28 23:59:59 2000 GMT");
        assert_eq!(at(951_782_400), "Feb 29 00:00:00 2000 GMT");
    }

    #[test]
    fn pem_is_percent_encoded_in_small_letters() {
        assert_eq!(percent("-----A B\n+/="), "-----A%20B%0a%2b%2f%3d");
    }
}
