//! `listen` values: what a configuration wrote, and the sockets that it means.
//!
//! As in Kamailio 5.6: a value without a protocol opens UDP and TCP (and TLS where enabled); an interface name
//! stands for its addresses; no value at all stands for every interface; an address said twice opens once.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::Proto;
use super::parse_ip;

/// One `listen` value, split into its parts by the configuration's parser but not yet understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListenSpec {
    /// The protocol, if one is written.
    pub proto: Option<Proto>,
    /// Address, host name, interface name, or `*` for every interface.
    pub host: String,
    /// The port, if one is written; 0 means the default, as in Kamailio.
    pub port: Option<u16>,
    /// What follows `advertise`.
    pub advertise: Option<Advertise>,
    /// What follows `name`.
    pub name: Option<String>,
    /// Whether `virtual` is written: the address may move to and from this machine.
    pub is_virtual: bool,
}

/// The address that a socket gives as its own in what it writes (`advertise host:port`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertise {
    /// The protocol, if one is written.
    pub proto: Option<Proto>,
    /// Host name or address, as written.
    pub host: String,
    /// The port, if one is written; else the socket's.
    pub port: Option<u16>,
}

/// A socket to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSocket {
    /// The protocol.
    pub proto: Proto,
    /// Where it binds.
    pub addr: SocketAddr,
    /// The host as the configuration wrote it, or the address where an interface was named.
    pub host: String,
    /// What it calls itself outside.
    pub advertise: Option<Advertise>,
    /// Its name for scripts.
    pub name: Option<String>,
    /// Whether its address may move.
    pub is_virtual: bool,
}

/// What an expansion asks of the machine: its interfaces and its names. Tests bring their own.
pub trait Surroundings {
    /// The addresses of interface `name`, in the kernel's order; empty where there is no such interface.
    fn interface(&self, name: &str) -> Vec<IpAddr>;
    /// The addresses of all interfaces, in the kernel's order.
    fn all_interfaces(&self) -> Vec<IpAddr>;
    /// The addresses of a host name. May block: this happens before the server serves.
    ///
    /// # Errors
    /// What the system's resolver said.
    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSurroundings;

impl SystemSurroundings {
    fn addresses(wanted: impl Fn(&str) -> bool) -> Vec<IpAddr> {
        let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
        interfaces
            .filter(|interface| wanted(&interface.interface_name))
            .filter_map(|interface| {
                let address = interface.address?;
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
            })
            .collect()
    }
}

impl Surroundings for SystemSurroundings {
    fn interface(&self, name: &str) -> Vec<IpAddr> {
        Self::addresses(|interface| interface == name)
    }

    fn all_interfaces(&self) -> Vec<IpAddr> {
        Self::addresses(|_| true)
    }

    fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((name, 0).to_socket_addrs()?.map(|addr| addr.ip()).collect())
    }
}

/// Defaults that fill what a `listen` value leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenDefaults {
    /// Core parameter `port`.
    pub port: u16,
    /// Core parameter `tls_port_no`.
    pub tls_port: u16,
    /// The protocols that a value without one opens, in order.
    pub protos: Vec<Proto>,
    /// Core parameter `auto_bind_ipv6`: whether interfaces bring their IPv6 addresses along.
    pub interface_ipv6: bool,
}

impl Default for ListenDefaults {
    /// Kamailio's: ports 5060 and 5061, UDP and TCP, interfaces by their IPv4 addresses only.
    fn default() -> Self {
        Self { port: 5060, tls_port: 5061, protos: vec![Proto::Udp, Proto::Tcp], interface_ipv6: false }
    }
}

impl ListenDefaults {
    fn port_of(&self, proto: Proto) -> u16 {
        match proto {
            Proto::Tls => self.tls_port,
            Proto::Wss | Proto::Ws => proto.default_port(),
            Proto::Udp | Proto::Tcp | Proto::Sctp => self.port,
        }
    }
}

/// Why a `listen` value gives no socket. `index` counts the values from 0.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// The host is neither an address, nor an interface, nor a name that resolves.
    UnknownHost {
        /// Which value.
        index: usize,
        /// The host as written.
        host: String,
        /// What the system's resolver said.
        source: io::Error,
    },
    /// The interface exists but has no address of a kind that is bound.
    NoAddress {
        /// Which value.
        index: usize,
        /// The interface.
        host: String,
    },
}

impl ListenError {
    /// Which `listen` value is at fault, counted from 0.
    pub fn index(&self) -> usize {
        match self {
            Self::UnknownHost { index, .. } | Self::NoAddress { index, .. } => *index,
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost { host, source, .. } => {
                write!(
                    f,
                    "`{host}` is no address, no interface of this machine and no name that resolves ({source})"
                )
            }
            Self::NoAddress { host, .. } => {
                write!(
                    f,
                    "interface `{host}` has no IPv4 address; set auto_bind_ipv6 to bind its IPv6 addresses"
                )
            }
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnknownHost { source, .. } => Some(source),
            Self::NoAddress { .. } => None,
        }
    }
}

/// The sockets that `specs` mean, each once, UDP before TCP before TLS as Kamailio lists them.
///
/// With no value at all, every interface is bound. All mistakes are told, not the first alone.
///
/// # Errors
/// One [`ListenError`] for each value that gives no socket.
pub fn expand(
    specs: &[ListenSpec],
    defaults: &ListenDefaults,
    machine: &dyn Surroundings,
) -> Result<Vec<ListenSocket>, Vec<ListenError>> {
    let everything = [ListenSpec { host: "*".to_owned(), ..ListenSpec::default() }];
    let specs = if specs.is_empty() { &everything[..] } else { specs };
    let mut sockets: Vec<ListenSocket> = Vec::new();
    let mut errors = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let addresses = match addresses(index, spec, defaults, machine) {
            Ok(addresses) => addresses,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let only = spec.proto.map(|proto| vec![proto]);
        for &proto in only.as_ref().unwrap_or(&defaults.protos) {
            for (ip, host) in &addresses {
                // A value without a protocol puts TLS beside the others, one port higher.
                let higher = u16::from(spec.proto.is_none() && proto == Proto::Tls);
                let port = spec.port.filter(|&port| port != 0).map(|port| port.saturating_add(higher));
                let addr = SocketAddr::new(*ip, port.unwrap_or_else(|| defaults.port_of(proto)));
                if sockets.iter().any(|known| known.proto == proto && known.addr == addr) {
                    continue;
                }
                sockets.push(ListenSocket {
                    proto,
                    addr,
                    host: host.clone(),
                    advertise: spec.advertise.clone(),
                    name: spec.name.clone(),
                    is_virtual: spec.is_virtual,
                });
            }
        }
    }
    sockets.sort_by_key(|socket| socket.proto);
    if errors.is_empty() { Ok(sockets) } else { Err(errors) }
}

/// The addresses of one value, each with the host text that stands for it.
fn addresses(
    index: usize,
    spec: &ListenSpec,
    defaults: &ListenDefaults,
    machine: &dyn Surroundings,
) -> Result<Vec<(IpAddr, String)>, ListenError> {
    if let Some(ip) = parse_ip(&spec.host) {
        return Ok(vec![(ip, ip.to_string())]);
    }
    let interface = if spec.host == "*" { machine.all_interfaces() } else { machine.interface(&spec.host) };
    if !interface.is_empty() {
        let bound: Vec<_> = interface
            .iter()
            .filter(|ip| ip.is_ipv4() || (defaults.interface_ipv6 && !is_link_local(ip)))
            .map(|ip| (*ip, ip.to_string()))
            .collect();
        return if bound.is_empty() {
            Err(ListenError::NoAddress { index, host: spec.host.clone() })
        } else {
            Ok(bound)
        };
    }
    let unknown = |source| ListenError::UnknownHost { index, host: spec.host.clone(), source };
    let found = machine.host(&spec.host).map_err(unknown)?;
    // A name binds its first IPv4 address, as Kamailio does, and its first IPv6 one only where it has no other.
    let first = found.iter().find(|ip| ip.is_ipv4()).or_else(|| found.first());
    first
        .map(|ip| vec![(*ip, spec.host.clone())])
        .ok_or_else(|| unknown(io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}

/// A link-local address cannot be bound without its interface's number.
fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lab;

    impl Surroundings for Lab {
        fn interface(&self, name: &str) -> Vec<IpAddr> {
            let texts: &[&str] = match name {
                "lo" => &["127.0.0.1", "::1"],
                "eth0" => &["192.0.2.2", "192.0.2.3", "2001:db8::2", "fe80::2"],
                "wg0" => &["2001:db8:1::1"],
                _ => &[],
            };
            texts.iter().map(|text| text.parse().unwrap()).collect()
        }

        fn all_interfaces(&self) -> Vec<IpAddr> {
            ["lo", "eth0"].iter().flat_map(|name| self.interface(name)).collect()
        }

        fn host(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            match name {
                "sip.example.org" => Ok(vec!["2001:db8::5".parse().unwrap(), "192.0.2.5".parse().unwrap()]),
                _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            }
        }
    }

    fn listen(proto: Option<Proto>, host: &str, port: Option<u16>) -> ListenSpec {
        ListenSpec { proto, host: host.to_owned(), port, ..ListenSpec::default() }
    }

    fn opened(specs: &[ListenSpec], defaults: &ListenDefaults) -> Vec<String> {
        let sockets = expand(specs, defaults, &Lab).unwrap();
        sockets.iter().map(|socket| format!("{}:{}", socket.proto, socket.addr)).collect()
    }

    #[test]
    fn a_value_without_a_protocol_opens_udp_and_tcp() {
        let specs = [listen(None, "192.0.2.2", None)];
        assert_eq!(opened(&specs, &ListenDefaults::default()), ["udp:192.0.2.2:5060", "tcp:192.0.2.2:5060"]);
        let with_tls =
            ListenDefaults { protos: vec![Proto::Udp, Proto::Tcp, Proto::Tls], ..ListenDefaults::default() };
        assert_eq!(opened(&specs, &with_tls)[2], "tls:192.0.2.2:5061");
    }

    #[test]
    fn an_interface_stands_for_its_ipv4_addresses_and_ipv6_on_request() {
        let specs = [listen(Some(Proto::Udp), "eth0", Some(7))];
        assert_eq!(opened(&specs, &ListenDefaults::default()), ["udp:192.0.2.2:7", "udp:192.0.2.3:7"]);
        let both = ListenDefaults { interface_ipv6: true, ..ListenDefaults::default() };
        assert_eq!(opened(&specs, &both), ["udp:192.0.2.2:7", "udp:192.0.2.3:7", "udp:[2001:db8::2]:7"]);
    }

    #[test]
    fn no_value_opens_every_interface() {
        let all =
            opened(&[], &ListenDefaults { protos: vec![Proto::Udp], port: 9, ..ListenDefaults::default() });
        assert_eq!(all, ["udp:127.0.0.1:9", "udp:192.0.2.2:9", "udp:192.0.2.3:9"]);
    }

    #[test]
    fn wildcards_are_one_socket() {
        let specs = [listen(Some(Proto::Udp), "0.0.0.0", None), listen(Some(Proto::Udp), "[::]", None)];
        assert_eq!(opened(&specs, &ListenDefaults::default()), ["udp:0.0.0.0:5060", "udp:[::]:5060"]);
    }

    #[test]
    fn an_address_said_twice_opens_once_and_udp_comes_first() {
        let specs = [
            listen(Some(Proto::Tcp), "192.0.2.2", None),
            listen(None, "192.0.2.2", Some(0)),
            listen(Some(Proto::Udp), "192.0.2.2", Some(5060)),
        ];
        assert_eq!(opened(&specs, &ListenDefaults::default()), ["udp:192.0.2.2:5060", "tcp:192.0.2.2:5060"]);
    }

    #[test]
    fn a_host_name_binds_one_address_and_keeps_its_name() {
        let sockets =
            expand(&[listen(Some(Proto::Udp), "sip.example.org", None)], &ListenDefaults::default(), &Lab);
        let sockets = sockets.unwrap();
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].addr, "192.0.2.5:5060".parse().unwrap());
        assert_eq!(sockets[0].host, "sip.example.org");
    }

    #[test]
    fn every_mistake_is_told_with_its_value() {
        let specs = [listen(None, "nosuch0", None), listen(None, "lo", None), listen(None, "wg0", None)];
        let errors = expand(&specs, &ListenDefaults::default(), &Lab).unwrap_err();
        assert_eq!(errors.iter().map(ListenError::index).collect::<Vec<_>>(), [0, 2]);
        assert!(matches!(errors[1], ListenError::NoAddress { .. }));
    }

    #[test]
    fn this_machine_has_a_loopback_interface() {
        assert!(SystemSurroundings.interface("lo").contains(&"127.0.0.1".parse().unwrap()));
        assert!(SystemSurroundings.interface("nosuch0").is_empty());
    }
}
