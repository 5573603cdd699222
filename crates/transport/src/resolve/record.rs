//! DNS records as far as RFC 3263 needs them.

use std::net::IpAddr;
use std::sync::Arc;

use arrayvec::ArrayString;

/// What is asked about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Which services the domain offers (RFC 3403).
    Naptr,
    /// Where one service is (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The names of an address (RFC 1035 §3.5).
    Ptr,
}

impl RecordKind {
    /// How many kinds there are.
    pub(super) const COUNT: usize = 5;
}

/// A host name in lower case, without the final dot.
pub type Name = ArrayString<255>;

/// The name as it is looked up, if it can be one: at most 253 characters that a host name or URI may carry.
pub(super) fn name(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let fits = !text.is_empty() && text.len() <= 253 && text.bytes().all(|b| b.is_ascii_graphic());
    let mut name = Name::from(text).ok().filter(|_| fits)?;
    name.make_ascii_lowercase();
    Some(name)
}

/// A question to the domain name system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, in lower case and without the final dot.
    pub name: Name,
    /// What is asked about it.
    pub kind: RecordKind,
}

/// The records of one name and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordSet {
    /// Services.
    Naptr(Vec<Naptr>),
    /// Where a service is.
    Srv(Vec<Srv>),
    /// Addresses of one family.
    Address(Vec<IpAddr>),
    /// Names.
    Ptr(Vec<Name>),
}

/// One NAPTR record (RFC 3403 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower comes first, and what comes later is not even considered when an earlier one serves.
    pub order: u16,
    /// Lower comes first among those of one order.
    pub preference: u16,
    /// `s` leads to SRV records, `a` to addresses.
    pub flags: String,
    /// `SIP+D2U` for UDP, `SIP+D2T` for TCP, `SIPS+D2T` for TLS …
    pub services: String,
    /// A rule to rewrite what was asked for; SIP uses none (RFC 3263 §4.1).
    pub regexp: String,
    /// Where it leads.
    pub replacement: Name,
}

/// One SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower comes first.
    pub priority: u16,
    /// The share of the load among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; empty where the service is decidedly not available.
    pub host: Name,
}

/// What is known for a question.
pub type Answer = Result<Arc<RecordSet>, Absence>;

/// Why there are no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absence {
    /// The name or such records do not exist.
    NotThere,
    /// No server gave an answer in time, or it refused.
    NoAnswer,
}
