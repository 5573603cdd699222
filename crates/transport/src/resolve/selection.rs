//! Which targets a next hop has, and in which order: RFC 3263 §4 by Kamailio's parameters.
//!
//! Pure: records come in, targets or the next question go out. Randomness is a seed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smallvec::SmallVec;

use super::options::{Families, ResolveOptions};
use super::record::{Absence, Answer, Name, Naptr, Question, RecordKind, RecordSet, Srv, name};
use crate::address::Proto;

/// Where a message is to go, as a URI says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NextHop<'a> {
    /// The URI's host (or `maddr`): an address, an IPv6 one with or without brackets, or a name.
    pub host: &'a str,
    /// The URI's port, if it has one; 0 counts as none.
    pub port: Option<u16>,
    /// The URI's `transport`, if it has one.
    pub proto: Option<Proto>,
    /// Whether it is a `sips` URI.
    pub sips: bool,
}

/// One place to send a message to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The protocol.
    pub proto: Proto,
    /// Address and port.
    pub addr: SocketAddr,
}

/// Targets in the order in which they are to be tried; never empty, and one alone without failover.
pub type Targets = SmallVec<[Target; 2]>;

/// Targets beyond this many are not looked for.
pub const MAX_TARGETS: usize = 32;

/// Why a next hop has no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The host is neither an address nor anything that can be a name.
    NotAName,
    /// The name does not exist or has no address.
    NoSuchHost,
    /// The name servers gave no answer; it may be different later.
    NoAnswer,
    /// The domain offers no protocol that we can send with.
    NoCommonProto,
    /// A `sips` URI over a transport that is not secure (RFC 3261 §26.2.2).
    NotSecure,
}

impl ResolveError {
    /// Whether trying again later may help.
    pub fn is_temporary(self) -> bool {
        self == Self::NoAnswer
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAName => "the host is neither an address nor a name",
            Self::NoSuchHost => "the name does not exist or has no address",
            Self::NoAnswer => "the name servers gave no answer",
            Self::NoCommonProto => "the domain offers no protocol that is enabled here",
            Self::NotSecure => "a sips URI asks for a secure transport",
        })
    }
}

impl std::error::Error for ResolveError {}

/// How far a selection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// It is done.
    Targets(Targets),
    /// It needs the answer to this question; ask again with it.
    Missing(Question),
}

/// The targets of `hop`, out of the answers that `records` has.
///
/// `seed` decides what is left to chance; within one selection it must stay the same.
///
/// # Errors
/// There is no target, whatever else is asked.
pub fn select(
    hop: &NextHop<'_>,
    options: &ResolveOptions,
    seed: u64,
    records: &dyn Fn(&Question) -> Option<Answer>,
) -> Result<Selection, ResolveError> {
    let proto = wanted_proto(hop)?;
    if let Some(ip) = crate::address::parse_ip(hop.host) {
        return Ok(Selection::Targets(literal(ip, port(hop), proto)));
    }
    let host = name(hop.host).ok_or(ResolveError::NotAName)?;
    let mut search = Search {
        options,
        records,
        chance: Chance(seed),
        targets: Targets::new(),
        no_answer: false,
        limit: if options.failover { MAX_TARGETS } else { 1 },
        missing: None,
        failed: None,
    };
    let walked = match (port(hop), proto) {
        (Some(port), proto) => search.addresses(&host, port, proto.unwrap_or(Proto::Udp)),
        (None, Some(proto)) => search.service_or_host(&host, proto),
        (None, None) if options.try_naptr => search.domain(&host),
        (None, None) => search.service_or_host(&host, Proto::Udp),
    };
    match walked {
        Err(Stop) => match (search.missing, search.failed) {
            (Some(question), _) => Ok(Selection::Missing(question)),
            (None, failed) => Err(failed.unwrap_or(ResolveError::NoSuchHost)),
        },
        Ok(()) if !search.targets.is_empty() => Ok(Selection::Targets(search.targets)),
        Ok(()) if search.no_answer => Err(ResolveError::NoAnswer),
        Ok(()) => Err(ResolveError::NoSuchHost),
    }
}

/// The target of a next hop that is an address: no records are needed.
pub(super) fn of_address(hop: &NextHop<'_>) -> Option<Result<Targets, ResolveError>> {
    let ip = crate::address::parse_ip(hop.host)?;
    Some(wanted_proto(hop).map(|proto| literal(ip, port(hop), proto)))
}

fn literal(ip: IpAddr, port: Option<u16>, proto: Option<Proto>) -> Targets {
    let proto = proto.unwrap_or(Proto::Udp);
    let addr = SocketAddr::new(ip, port.unwrap_or_else(|| proto.default_port()));
    Targets::from_iter([Target { proto, addr }])
}

fn port(hop: &NextHop<'_>) -> Option<u16> {
    hop.port.filter(|&port| port != 0)
}

/// The protocol that the URI itself decides: `sips` is TLS, also where it says `transport=tcp` (RFC 3261 §26.2.2).
fn wanted_proto(hop: &NextHop<'_>) -> Result<Option<Proto>, ResolveError> {
    match (hop.sips, hop.proto) {
        (false, proto) => Ok(proto),
        (true, None | Some(Proto::Tcp | Proto::Tls)) => Ok(Some(Proto::Tls)),
        (true, Some(Proto::Ws | Proto::Wss)) => Ok(Some(Proto::Wss)),
        (true, Some(Proto::Udp | Proto::Sctp)) => Err(ResolveError::NotSecure),
    }
}

/// A search goes no further; the search itself says why.
struct Stop;

struct Search<'a> {
    options: &'a ResolveOptions,
    records: &'a dyn Fn(&Question) -> Option<Answer>,
    chance: Chance,
    targets: Targets,
    /// A question stayed without an answer.
    no_answer: bool,
    limit: usize,
    /// What is needed to go on.
    missing: Option<Question>,
    /// Why nothing can be found.
    failed: Option<ResolveError>,
}

impl Search<'_> {
    fn is_done(&self) -> bool {
        self.targets.len() >= self.limit
    }

    fn fail(&mut self, error: ResolveError) -> Stop {
        self.failed = Some(error);
        Stop
    }

    fn ask(&mut self, name: &Name, kind: RecordKind) -> Result<Option<Arc<RecordSet>>, Stop> {
        let question = Question { name: *name, kind };
        match (self.records)(&question) {
            None => {
                self.missing = Some(question);
                Err(Stop)
            }
            Some(Ok(records)) => Ok(Some(records)),
            Some(Err(absence)) => {
                self.no_answer |= absence == Absence::NoAnswer;
                Ok(None)
            }
        }
    }

    /// No protocol and no port: the domain's NAPTR records decide, else its services in the order that we prefer,
    /// else its address (RFC 3263 §4.1).
    fn domain(&mut self, host: &Name) -> Result<(), Stop> {
        if let Some(RecordSet::Naptr(records)) = self.ask(host, RecordKind::Naptr)?.as_deref() {
            let rules = self.rules(records);
            if rules.is_empty() && records.iter().any(|record| service(record).is_some()) {
                return Err(self.fail(ResolveError::NoCommonProto));
            }
            for (record, proto) in rules {
                if self.is_done() {
                    break;
                }
                if record.flags.eq_ignore_ascii_case("s") {
                    self.service(&record.replacement, proto)?;
                } else {
                    self.addresses(&record.replacement, proto.default_port(), proto)?;
                }
            }
            if !self.targets.is_empty() {
                return Ok(());
            }
        }
        let mut protos = [Proto::Udp, Proto::Tcp, Proto::Tls, Proto::Sctp];
        protos.sort_by_key(|proto| -self.options.preference(*proto));
        for proto in protos.into_iter().filter(|proto| self.options.preference(*proto) >= 0) {
            self.sip_service(host, proto)?;
            if !self.targets.is_empty() {
                return Ok(());
            }
        }
        self.addresses(host, Proto::Udp.default_port(), Proto::Udp)
    }

    /// The usable NAPTR records, best first.
    fn rules<'r>(&self, records: &'r [Naptr]) -> Vec<(&'r Naptr, Proto)> {
        let preference = |proto: Proto| self.options.preference(proto);
        let mut rules: Vec<_> = records
            .iter()
            .filter_map(|record| Some((record, service(record)?)))
            .filter(|(_, proto)| preference(*proto) >= 0)
            .collect();
        if self.options.naptr_ignore_rfc {
            rules.sort_by_key(|(record, proto)| (-preference(*proto), record.order, record.preference));
        } else {
            // RFC 3403 §4.1: once a rule serves, none of a higher order may be considered.
            rules.sort_by_key(|(record, _)| (record.order, record.preference));
            if let Some(order) = rules.first().map(|(record, _)| record.order) {
                rules.retain(|(record, _)| record.order == order);
            }
        }
        rules
    }

    /// The service's SRV records for one protocol, else the host's addresses (RFC 3263 §4.2).
    fn service_or_host(&mut self, host: &Name, proto: Proto) -> Result<(), Stop> {
        if !matches!(proto, Proto::Ws | Proto::Wss) {
            self.sip_service(host, proto)?;
        }
        if self.targets.is_empty() {
            self.addresses(host, proto.default_port(), proto)?;
        }
        Ok(())
    }

    fn sip_service(&mut self, host: &Name, proto: Proto) -> Result<(), Stop> {
        let service = service_name(host, proto).ok_or_else(|| self.fail(ResolveError::NotAName))?;
        self.service(&service, proto)
    }

    fn service(&mut self, service: &Name, proto: Proto) -> Result<(), Stop> {
        let Some(records) = self.ask(service, RecordKind::Srv)? else { return Ok(()) };
        let RecordSet::Srv(records) = &*records else { return Ok(()) };
        for record in self.order(records) {
            if self.is_done() {
                break;
            }
            if !record.host.is_empty() {
                self.addresses(&record.host, record.port, proto)?;
            }
        }
        Ok(())
    }

    /// SRV records by priority; within one by chance according to weight, or the heaviest first.
    fn order<'r>(&mut self, records: &'r [Srv]) -> SmallVec<[&'r Srv; 8]> {
        let mut rest: SmallVec<[&Srv; 8]> = records.iter().collect();
        if !self.options.srv_load_balancing {
            rest.sort_by_key(|record| (record.priority, std::cmp::Reverse(record.weight)));
            return rest;
        }
        // RFC 2782: those without weight stand first, so that they have a small chance.
        rest.sort_by_key(|record| (record.priority, record.weight != 0));
        let mut ordered = SmallVec::new();
        while let Some(first) = rest.first() {
            let equals = rest.iter().take_while(|record| record.priority == first.priority).count();
            let sum: u64 = rest[..equals].iter().map(|record| u64::from(record.weight)).sum();
            let drawn = self.chance.up_to(sum);
            let mut running = 0;
            let chosen = rest[..equals].iter().position(|record| {
                running += u64::from(record.weight);
                running >= drawn
            });
            ordered.push(rest.remove(chosen.unwrap_or(0)));
        }
        ordered
    }

    fn addresses(&mut self, host: &Name, port: u16, proto: Proto) -> Result<(), Stop> {
        let kinds: &[RecordKind] = match self.options.families {
            Families::Ipv4First => &[RecordKind::A, RecordKind::Aaaa],
            Families::Ipv6First => &[RecordKind::Aaaa, RecordKind::A],
            Families::Ipv4Only => &[RecordKind::A],
            Families::Ipv6Only => &[RecordKind::Aaaa],
        };
        for &kind in kinds {
            let Some(records) = self.ask(host, kind)? else { continue };
            let RecordSet::Address(addresses) = &*records else { continue };
            for ip in addresses {
                let target = Target { proto, addr: SocketAddr::new(*ip, port) };
                if !self.is_done() && !self.targets.contains(&target) {
                    self.targets.push(target);
                }
            }
            if !addresses.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The protocol of a NAPTR record that leads to a SIP service (RFC 3263 §4.1; RFC 4168 §5 for SCTP).
fn service(record: &Naptr) -> Option<Proto> {
    let terminal = record.flags.eq_ignore_ascii_case("s") || record.flags.eq_ignore_ascii_case("a");
    if !terminal || record.replacement.is_empty() || !record.regexp.is_empty() {
        return None;
    }
    let services = [
        ("SIP+D2U", Proto::Udp),
        ("SIP+D2T", Proto::Tcp),
        ("SIPS+D2T", Proto::Tls),
        ("SIP+D2S", Proto::Sctp),
    ];
    services.into_iter().find(|(name, _)| record.services.eq_ignore_ascii_case(name)).map(|(_, proto)| proto)
}

/// `_sip._udp.` and the like before a domain, if there is room for it.
fn service_name(host: &Name, proto: Proto) -> Option<Name> {
    let prefix = match proto {
        Proto::Udp => "_sip._udp.",
        Proto::Tcp | Proto::Ws => "_sip._tcp.",
        Proto::Tls | Proto::Wss => "_sips._tcp.",
        Proto::Sctp => "_sip._sctp.",
    };
    let mut name = Name::from(prefix).ok()?;
    name.try_push_str(host).ok()?;
    Some(name)
}

/// SplitMix64: chance enough to spread load.
struct Chance(u64);

impl Chance {
    /// A number from 0 to `most`, both included.
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % (most + 1)
    }
}

#[cfg(test)]
mod tests;
