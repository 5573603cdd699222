//! Kamailio's parameters of name resolution.

use std::path::PathBuf;
use std::time::Duration;

use crate::address::Proto;

/// Which addresses are looked for (core parameters `dns_try_ipv6` and `dns_cache_flags`).
///
/// Whoever sets this knows the listening sockets: as Kamailio does, a server without an IPv6 socket asks for no IPv6
/// address, whatever `dns_try_ipv6` says, and takes [`Ipv4Only`](Self::Ipv4Only).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Families {
    /// IPv4, and IPv6 where there is no IPv4 address: `dns_try_ipv6=1`, the default.
    #[default]
    Ipv4First,
    /// IPv4 only: `dns_try_ipv6=0`, or flag 1.
    Ipv4Only,
    /// IPv6 only: flag 2.
    Ipv6Only,
    /// IPv6, and IPv4 where there is no IPv6 address: flag 4.
    Ipv6First,
}

/// How next hops are resolved; named after Kamailio's core parameters and with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveOptions {
    /// `dns_try_ipv6`, `dns_cache_flags`.
    pub families: Families,
    /// `dns_try_naptr`: ask for NAPTR records where no protocol and no port is given.
    pub try_naptr: bool,
    /// `dns_naptr_ignore_rfc`: our own preference decides before the records' order.
    pub naptr_ignore_rfc: bool,
    /// `dns_udp_pref`: higher comes first; below 0 means never.
    pub udp_preference: i32,
    /// `dns_tcp_pref`.
    pub tcp_preference: i32,
    /// `dns_tls_pref`.
    pub tls_preference: i32,
    /// `dns_sctp_pref`.
    pub sctp_preference: i32,
    /// The protocols that this server can send with; others are not chosen.
    pub protos: Vec<Proto>,
    /// `dns_srv_lb`: spread over SRV records by their weights.
    pub srv_load_balancing: bool,
    /// `use_dns_failover`: give every target, not the first alone.
    pub failover: bool,
    /// `dns_retr_time`: how long one server may take to answer; `None` for the system's.
    pub retry_time: Option<Duration>,
    /// `dns_retr_no`: how often each server is asked; `None` for the system's.
    pub retries: Option<usize>,
    /// `dns_servers_no`: how many of the system's servers are used; `None` for all.
    pub servers: Option<usize>,
    /// `dns_use_search_list`: try short names in the system's search domains.
    pub use_search_list: bool,
    /// `use_dns_cache`.
    pub use_cache: bool,
    /// `dns_cache_negative_ttl`: how long absence is remembered; zero for not at all.
    pub negative_ttl: Duration,
    /// `dns_cache_min_ttl`.
    pub min_ttl: Duration,
    /// `dns_cache_max_ttl`; `None` for no limit.
    pub max_ttl: Option<Duration>,
    /// `dns_cache_mem`, in bytes.
    pub cache_bytes: usize,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            families: Families::default(),
            try_naptr: false,
            naptr_ignore_rfc: true,
            udp_preference: 30,
            tcp_preference: 20,
            tls_preference: 10,
            sctp_preference: 20,
            protos: vec![Proto::Udp, Proto::Tcp],
            srv_load_balancing: false,
            failover: false,
            retry_time: None,
            retries: None,
            servers: None,
            use_search_list: true,
            use_cache: true,
            negative_ttl: Duration::from_secs(60),
            min_ttl: Duration::ZERO,
            max_ttl: None,
            cache_bytes: 500 * 1024,
        }
    }
}

impl ResolveOptions {
    /// Our preference for a protocol: higher comes first, below 0 means never.
    pub fn preference(&self, proto: Proto) -> i32 {
        match proto {
            _ if !self.protos.contains(&proto) => -1,
            Proto::Udp => self.udp_preference,
            Proto::Tcp => self.tcp_preference,
            Proto::Tls => self.tls_preference,
            Proto::Sctp => self.sctp_preference,
            // RFC 7118 §7: a WebSocket client is never looked up.
            Proto::Ws | Proto::Wss => -1,
        }
    }
}

/// The system's files, and how its name servers are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverFiles {
    /// The table of hosts.
    pub hosts: PathBuf,
    /// The name servers, search list and options.
    pub resolv_conf: PathBuf,
    /// The name servers' port.
    pub server_port: u16,
    /// How often the files are looked at for changes.
    pub reread: Duration,
}

impl Default for ResolverFiles {
    fn default() -> Self {
        Self {
            hosts: PathBuf::from("/etc/hosts"),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            server_port: 53,
            reread: Duration::from_secs(2),
        }
    }
}
