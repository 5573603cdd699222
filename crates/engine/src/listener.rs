//! The sockets we listen on, what they call themselves, and which hosts are ours.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cfg_vm::Str;
use transport::Proto;
use transport::address::ListenSocket;

/// Number of a listening socket; the same on every shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// One socket that we listen on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its number.
    pub id: ListenerId,
    /// Transport.
    pub proto: Proto,
    /// Where it is bound.
    pub address: SocketAddr,
    /// Its address as text, IPv6 in brackets.
    pub host: Str,
    /// Its address as text, IPv6 without brackets.
    pub bare_host: Str,
    /// What it calls itself outside, if that differs.
    pub advertised_host: Option<Str>,
    /// The port that it gives outside, if that differs.
    pub advertised_port: Option<u16>,
    /// Its name for scripts.
    pub name: Option<Str>,
}

impl Listener {
    /// The host that goes into Via, Record-Route and Contact.
    pub fn public_host(&self) -> &Str {
        self.advertised_host.as_ref().unwrap_or(&self.host)
    }

    /// The port that goes there.
    pub fn public_port(&self) -> u16 {
        self.advertised_port.unwrap_or_else(|| self.address.port())
    }

    /// `udp:127.0.0.1:5060`.
    pub fn text(&self) -> String {
        format!("{}:{}:{}", self.proto, self.host.to_lossy(), self.address.port())
    }
}

/// A host that counts as ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Own {
    /// Lower case; IPv6 without brackets.
    host: Vec<u8>,
    port: Option<u16>,
    proto: Option<Proto>,
}

/// A domain that counts as ours with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDomain {
    /// Its name.
    pub domain: Vec<u8>,
    /// The only port, if one is named.
    pub port: Option<u16>,
    /// The only transport, if one is named.
    pub proto: Option<Proto>,
}

impl OwnDomain {
    fn holds(&self, host: &[u8]) -> bool {
        let Some(split) = host.len().checked_sub(self.domain.len()) else { return false };
        let (below, domain) = host.split_at(split);
        domain.eq_ignore_ascii_case(&self.domain) && (below.is_empty() || below.ends_with(b"."))
    }
}

/// All listening sockets, and the names that count as ours.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    all: Vec<Listener>,
    own: Vec<Own>,
    domains: Vec<OwnDomain>,
    registered: Arc<Registered>,
}

/// Hosts that modules count as ours while the server runs, lower case.
#[derive(Debug, Default)]
struct Registered {
    /// There are some: without, nothing is locked.
    any: AtomicBool,
    hosts: RwLock<HashSet<Vec<u8>>>,
}

impl Registered {
    fn holds(&self, host: &[u8]) -> bool {
        self.any.load(Ordering::Acquire)
            && self.hosts.read().unwrap_or_else(PoisonError::into_inner).contains(&host.to_ascii_lowercase())
    }
}

impl Listeners {
    /// Takes the sockets as they were bound (a port is never 0).
    pub fn new(sockets: &[ListenSocket]) -> Self {
        let mut listeners = Self::default();
        for (number, socket) in sockets.iter().enumerate() {
            let (host, bare_host) = host_texts(socket.addr.ip());
            let advertised = socket.advertise.as_ref();
            let listener = Listener {
                id: ListenerId(number as u16),
                proto: socket.proto,
                address: socket.addr,
                host,
                bare_host,
                advertised_host: advertised.map(|a| Str::copy(a.host.as_bytes())),
                advertised_port: advertised.and_then(|a| a.port),
                name: socket.name.as_deref().map(Str::from),
            };
            listeners.add_own(&listener.bare_host, Some(socket.addr.port()), Some(socket.proto));
            if let Some(advertise) = advertised {
                let port = Some(advertise.port.unwrap_or_else(|| socket.addr.port()));
                listeners.add_own(
                    advertise.host.as_bytes(),
                    port,
                    Some(advertise.proto.unwrap_or(socket.proto)),
                );
            }
            if socket.host.parse::<IpAddr>().is_err() && socket.host != "*" {
                listeners.add_own(socket.host.as_bytes(), Some(socket.addr.port()), Some(socket.proto));
            }
            listeners.all.push(listener);
        }
        listeners
    }

    /// Counts a host as ours (`alias`, `domain`); without port or protocol, on any.
    pub fn add_own(&mut self, host: &[u8], port: Option<u16>, proto: Option<Proto>) {
        self.own.push(Own { host: bare(host).to_ascii_lowercase(), port, proto });
    }

    /// Counts a domain as ours with everything below it (`alias_subdomains` of module `corex`).
    pub fn add_own_domain(&mut self, domain: OwnDomain) {
        self.domains.push(domain);
    }

    /// Hosts that count as ours from now on, in the place of those given before: lower case, IPv6 without brackets.
    pub fn set_own_hosts(&self, hosts: HashSet<Vec<u8>>) {
        let any = !hosts.is_empty();
        *self.registered.hosts.write().unwrap_or_else(PoisonError::into_inner) = hosts;
        self.registered.any.store(any, Ordering::Release);
    }

    /// All of them, by number.
    pub fn all(&self) -> &[Listener] {
        &self.all
    }

    /// One by number.
    ///
    /// # Panics
    /// For a number of another server.
    pub fn get(&self, id: ListenerId) -> &Listener {
        &self.all[id.0 as usize]
    }

    /// The socket bound to an address, or to every address on its port.
    pub fn bound_to(&self, proto: Option<Proto>, address: SocketAddr) -> Option<ListenerId> {
        let fits = |l: &&Listener| proto.is_none_or(|p| p == l.proto) && l.address.port() == address.port();
        let exact = self.all.iter().filter(fits).find(|l| l.address.ip() == address.ip());
        let any = || {
            let same_family = |l: &&Listener| l.address.is_ipv4() == address.is_ipv4();
            self.all.iter().filter(fits).filter(same_family).find(|l| l.address.ip().is_unspecified())
        };
        exact.or_else(any).map(|l| l.id)
    }

    /// The socket of a name.
    pub fn named(&self, name: &[u8]) -> Option<ListenerId> {
        self.all.iter().find(|l| l.name.as_ref().is_some_and(|n| n.as_bytes() == name)).map(|l| l.id)
    }

    /// The first socket of a transport and address family.
    pub fn first(&self, proto: Proto, ipv4: bool) -> Option<ListenerId> {
        self.all.iter().find(|l| l.proto == proto && l.address.is_ipv4() == ipv4).map(|l| l.id)
    }

    /// Whether host, port and transport are ours. A port or transport that is not given fits any.
    pub fn is_own(&self, host: &[u8], port: Option<u16>, proto: Option<Proto>) -> bool {
        let host = bare(host);
        let fits = |own_port: Option<u16>, own_proto: Option<Proto>| {
            (own_port.is_none() || port.is_none() || own_port == port)
                && (own_proto.is_none() || proto.is_none() || own_proto == proto)
        };
        self.own.iter().any(|own| own.host.eq_ignore_ascii_case(host) && fits(own.port, own.proto))
            || self.domains.iter().any(|own| own.holds(host) && fits(own.port, own.proto))
            || self.registered.holds(host)
    }

    /// Names that count as ours beside the sockets' own, for `core.aliases_list`.
    pub fn own_names(&self) -> impl Iterator<Item = (Option<Proto>, String, Option<u16>)> {
        self.own.iter().map(|own| (own.proto, String::from_utf8_lossy(&own.host).into_owned(), own.port))
    }
}

/// An address as text: with brackets around IPv6, and without.
pub fn host_texts(ip: IpAddr) -> (Str, Str) {
    let bare = ip_text(ip);
    let bracketed = if ip.is_ipv6() { [b"[", bare.as_bytes(), b"]"].concat().into() } else { bare.clone() };
    (bracketed, bare)
}

/// An address as text, IPv6 without brackets. IPv4 and short IPv6 addresses allocate nothing.
pub fn ip_text(ip: IpAddr) -> Str {
    use std::io::Write as _;
    let mut text = [0; 48];
    let mut rest = &mut text[..];
    // The longest address has 45 bytes, so the write cannot fail.
    let _ = write!(rest, "{ip}");
    let length = 48 - rest.len();
    Str::copy(&text[..length])
}

fn bare(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"[").and_then(|h| h.strip_suffix(b"]")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(proto: Proto, address: &str, advertise: Option<(&str, Option<u16>)>) -> ListenSocket {
        let advertise = advertise.map(|(host, port)| transport::address::Advertise {
            proto: None,
            host: host.to_owned(),
            port,
        });
        let addr: SocketAddr = address.parse().unwrap();
        let host = addr.ip().to_string();
        ListenSocket { proto, addr, host, advertise, name: None, is_virtual: false }
    }

    #[test]
    fn own_hosts_are_sockets_advertised_names_and_aliases() {
        let mut listeners = Listeners::new(&[
            socket(Proto::Udp, "127.0.0.1:5070", Some(("proxy.example", None))),
            socket(Proto::Udp, "[::1]:5070", None),
        ]);
        listeners.add_own(b"Example.COM", None, None);
        assert!(listeners.is_own(b"127.0.0.1", Some(5070), Some(Proto::Udp)));
        assert!(!listeners.is_own(b"127.0.0.1", Some(5060), None));
        assert!(!listeners.is_own(b"127.0.0.1", Some(5070), Some(Proto::Tcp)));
        assert!(listeners.is_own(b"proxy.example", Some(5070), None));
        assert!(listeners.is_own(b"[::1]", None, None));
        assert!(listeners.is_own(b"example.com", Some(9), Some(Proto::Tls)));
    }

    #[test]
    fn a_domain_is_ours_with_what_is_below_it() {
        let mut listeners = Listeners::default();
        listeners.add_own_domain(OwnDomain {
            domain: b"example.com".to_vec(),
            port: Some(5060),
            proto: None,
        });
        assert!(listeners.is_own(b"Example.COM", None, None));
        assert!(listeners.is_own(b"a.b.example.com", Some(5060), Some(Proto::Tcp)));
        assert!(!listeners.is_own(b"a.example.com", Some(5070), None));
        assert!(!listeners.is_own(b"badexample.com", None, None));
    }

    #[test]
    fn hosts_that_a_module_counts_as_ours_can_change_while_the_server_runs() {
        let listeners = Listeners::default();
        listeners.set_own_hosts(HashSet::from([b"example.com".to_vec()]));
        assert!(listeners.is_own(b"Example.com", Some(7), Some(Proto::Tls)));
        assert!(!listeners.is_own(b"a.example.com", None, None));
        listeners.set_own_hosts(HashSet::new());
        assert!(!listeners.is_own(b"example.com", None, None));
    }

    #[test]
    fn a_socket_on_every_address_is_found_by_its_port() {
        let listeners = Listeners::new(&[socket(Proto::Udp, "0.0.0.0:5090", None)]);
        assert_eq!(listeners.bound_to(None, "127.0.0.3:5090".parse().unwrap()), Some(ListenerId(0)));
        assert_eq!(listeners.bound_to(Some(Proto::Tcp), "127.0.0.3:5090".parse().unwrap()), None);
    }
}
