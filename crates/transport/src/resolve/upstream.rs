//! The name servers, asked through hickory's stub resolver.

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name as WireName, RData, RecordType};

use super::options::ResolveOptions;
use super::record::{Absence, Answer, Name, Naptr, Question, RecordKind, RecordSet, Srv, name};
use super::system::SystemConfig;

/// The system's name servers.
pub(super) struct Upstream {
    /// `None` where the servers cannot be asked at all.
    resolver: Option<TokioResolver>,
    config: SystemConfig,
    use_search_list: bool,
}

/// An answer and how long the servers let it be kept.
pub(super) struct Told {
    pub(super) answer: Answer,
    /// `None` for absence.
    pub(super) ttl: Option<Duration>,
}

impl Upstream {
    pub(super) fn new(config: SystemConfig, options: &ResolveOptions, port: u16) -> Self {
        let servers = config.servers.iter().take(options.servers.unwrap_or(usize::MAX)).map(|ip| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = port;
                connection
            });
            NameServerConfig::new(*ip, true, connections.to_vec())
        });
        let mut resolver = ResolverConfig::default();
        servers.for_each(|server| resolver.add_name_server(server));
        let resolver = TokioResolver::builder_with_config(resolver, TokioRuntimeProvider::default())
            .with_options(stub_options(&config, options))
            .build()
            .ok();
        Self { resolver, config, use_search_list: options.use_search_list }
    }

    /// Asks the servers, in the search list's domains as far as they are due.
    pub(super) async fn ask(&self, question: &Question) -> Told {
        let searchable = question.kind != RecordKind::Ptr;
        let mut last = Told { answer: Err(Absence::NotThere), ttl: None };
        for candidate in self.config.candidates(&question.name, self.use_search_list && searchable) {
            last = self.ask_one(&candidate, question.kind).await;
            if last.answer != Err(Absence::NotThere) {
                break;
            }
        }
        last
    }

    async fn ask_one(&self, asked: &Name, kind: RecordKind) -> Told {
        let absent = |absence| Told { answer: Err(absence), ttl: None };
        let Some(resolver) = &self.resolver else { return absent(Absence::NoAnswer) };
        let Ok(mut wire_name) = WireName::from_ascii(asked) else { return absent(Absence::NotThere) };
        wire_name.set_fqdn(true);
        let kind_on_wire = match kind {
            RecordKind::Naptr => RecordType::NAPTR,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
            RecordKind::Ptr => RecordType::PTR,
        };
        match resolver.lookup(wire_name, kind_on_wire).await {
            Ok(lookup) => {
                let answers = lookup.answers();
                let ttl = answers.iter().map(|record| record.ttl).min().unwrap_or(0);
                match record_set(kind, answers.iter().map(|record| &record.data)) {
                    Some(records) => {
                        Told { answer: Ok(Arc::new(records)), ttl: Some(Duration::from_secs(ttl.into())) }
                    }
                    None => absent(Absence::NotThere),
                }
            }
            Err(error) => absent(absence(&error)),
        }
    }
}

fn stub_options(config: &SystemConfig, options: &ResolveOptions) -> ResolverOpts {
    let mut stub = ResolverOpts::default();
    stub.ndots = 0;
    stub.timeout = options.retry_time.unwrap_or(config.timeout);
    stub.attempts = options.retries.unwrap_or(config.attempts);
    stub.edns0 = true;
    stub.ip_strategy = LookupIpStrategy::Ipv4Only;
    // Our own cache stands before it, and knows Kamailio's parameters.
    stub.cache_size = 0;
    stub.use_hosts_file = ResolveHosts::Never;
    stub.num_concurrent_reqs = 1;
    stub.max_active_requests = MAX_ACTIVE;
    stub.server_ordering_strategy = if config.rotate {
        ServerOrderingStrategy::RoundRobin
    } else {
        ServerOrderingStrategy::UserProvidedOrder
    };
    stub
}

/// Questions in flight to one server.
const MAX_ACTIVE: usize = 1024;

/// Whether the servers said that there is nothing, or said nothing.
fn absence(error: &NetError) -> Absence {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
        {
            Absence::NotThere
        }
        _ => Absence::NoAnswer,
    }
}

/// The records of one kind out of an answer, which may hold aliases too; `None` if there is none.
fn record_set<'a>(kind: RecordKind, data: impl Iterator<Item = &'a RData>) -> Option<RecordSet> {
    let set = match kind {
        RecordKind::A | RecordKind::Aaaa => RecordSet::Address(
            data.filter_map(|data| match (kind, data) {
                (RecordKind::A, RData::A(a)) => Some(a.0.into()),
                (RecordKind::Aaaa, RData::AAAA(aaaa)) => Some(aaaa.0.into()),
                _ => None,
            })
            .collect(),
        ),
        RecordKind::Srv => RecordSet::Srv(data.filter_map(srv).collect()),
        RecordKind::Naptr => RecordSet::Naptr(data.filter_map(naptr).collect()),
        RecordKind::Ptr => RecordSet::Ptr(
            data.filter_map(|data| match data {
                RData::PTR(ptr) => host(&ptr.0),
                _ => None,
            })
            .collect(),
        ),
    };
    let is_empty = match &set {
        RecordSet::Naptr(records) => records.is_empty(),
        RecordSet::Srv(records) => records.is_empty(),
        RecordSet::Address(addresses) => addresses.is_empty(),
        RecordSet::Ptr(names) => names.is_empty(),
    };
    (!is_empty).then_some(set)
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, host: host(&srv.target)? })
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: text(&naptr.flags),
        services: text(&naptr.services),
        regexp: text(&naptr.regexp),
        replacement: host(&naptr.replacement)?,
    })
}

/// A name out of a record; the root becomes the empty name.
fn host(wire: &WireName) -> Option<Name> {
    if wire.is_root() { Some(Name::new()) } else { name(&wire.to_ascii()) }
}
