//! The resolver against a name server of our own on loopback, with its own files.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name as WireName, RData, Record, RecordType};
use tokio::runtime::Runtime;

use super::record::name;
use super::*;
use crate::address::Proto;

/// What a name server knows; names in lower case with the final dot.
#[derive(Default)]
struct Zone {
    records: HashMap<(String, RecordType), Vec<(u32, RData)>>,
    /// Names that get no answer.
    silent: Vec<String>,
    asked: Vec<(String, RecordType)>,
}

struct Lab {
    zone: Arc<Mutex<Zone>>,
    folder: PathBuf,
    port: u16,
    runtime: Runtime,
}

fn wire(host: &str) -> WireName {
    WireName::from_ascii(host).unwrap()
}

fn a(ip: &str) -> RData {
    RData::A(A(ip.parse().unwrap()))
}

fn srv(priority: u16, weight: u16, port: u16, host: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, wire(host)))
}

impl Lab {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("transport-resolve-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let served = zone.clone();
        std::thread::spawn(move || serve(&socket, &served));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let lab = Self { zone, folder, port, runtime };
        lab.write("hosts", "127.0.0.1 localhost\n");
        lab.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        lab
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).unwrap();
    }

    fn resolver(&self, options: ResolveOptions) -> Resolver {
        let files = ResolverFiles {
            hosts: self.folder.join("hosts"),
            resolv_conf: self.folder.join("resolv.conf"),
            server_port: self.port,
            reread: Duration::from_secs(3600),
        };
        Resolver::new(self.runtime.handle().clone(), options, files)
    }

    fn put(&self, host: &str, ttl: u32, data: RData) {
        let key = (host.to_owned(), data.record_type());
        self.zone.lock().unwrap().records.entry(key).or_default().push((ttl, data));
    }

    fn asked(&self, host: &str, kind: RecordType) -> usize {
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|(name, asked)| name == host && *asked == kind).count()
    }

    fn lookup(&self, resolver: &Resolver, hop: &NextHop<'_>) -> Result<Vec<String>, ResolveError> {
        self.runtime.block_on(resolver.lookup(hop)).map(|targets| texts(&targets))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn texts(targets: &[Target]) -> Vec<String> {
    targets.iter().map(|target| format!("{}:{}", target.proto, target.addr)).collect()
}

/// Answers questions for as long as the process lives.
fn serve(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if let Some(answer) = answer(&buffer[..length], zone) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answer(question: &[u8], zone: &Mutex<Zone>) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).ok()?;
    let query = message.queries.first()?.clone();
    let host = query.name().to_lowercase().to_ascii();
    let mut zone = zone.lock().unwrap();
    zone.asked.push((host.clone(), query.query_type()));
    if zone.silent.contains(&host) {
        return None;
    }
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    let known = zone.records.keys().any(|(name, _)| *name == host);
    if !known {
        message.metadata.response_code = ResponseCode::NXDomain;
    }
    for (ttl, data) in zone.records.get(&(host, query.query_type())).into_iter().flatten() {
        message.add_answer(Record::from_rdata(query.name().clone(), *ttl, data.clone()));
    }
    message.to_vec().ok()
}

fn hop(host: &str) -> NextHop<'_> {
    NextHop { host, port: None, proto: None, sips: false }
}

fn host_with_port(host: &str) -> NextHop<'_> {
    NextHop { port: Some(5060), ..hop(host) }
}

fn failover() -> ResolveOptions {
    ResolveOptions { failover: true, ..ResolveOptions::default() }
}

#[test]
fn a_domain_leads_over_naptr_and_srv_records_to_addresses() {
    let lab = Lab::new("naptr");
    let naptr = |order, services: &str, replacement| {
        RData::NAPTR(NAPTR::new(
            order,
            1,
            (*b"s").into(),
            services.as_bytes().into(),
            Box::default(),
            wire(replacement),
        ))
    };
    lab.put("d.example.", 60, naptr(1, "SIP+D2T", "_sip._tcp.d.example."));
    lab.put("d.example.", 60, naptr(2, "SIP+D2U", "_sip._udp.d.example."));
    lab.put("_sip._tcp.d.example.", 60, srv(1, 1, 5070, "t.example."));
    lab.put("_sip._udp.d.example.", 60, srv(2, 1, 5062, "u2.example."));
    lab.put("_sip._udp.d.example.", 60, srv(1, 1, 5061, "U1.Example."));
    lab.put("t.example.", 60, a("192.0.2.30"));
    lab.put("u1.example.", 60, a("192.0.2.10"));
    lab.put("u1.example.", 60, a("192.0.2.11"));
    lab.put("u2.example.", 60, a("192.0.2.20"));
    let resolver = lab.resolver(ResolveOptions { try_naptr: true, ..failover() });
    assert_eq!(resolver.cached(&hop("d.example")), None);
    let found = lab.lookup(&resolver, &hop("d.example")).unwrap();
    assert_eq!(
        found,
        ["udp:192.0.2.10:5061", "udp:192.0.2.11:5061", "udp:192.0.2.20:5062", "tcp:192.0.2.30:5070"]
    );
    assert_eq!(
        texts(&resolver.cached(&hop("D.EXAMPLE.")).unwrap().unwrap()),
        found,
        "now it is answered at once"
    );
}

#[test]
fn an_answer_is_kept_for_its_lifetime_and_absence_for_ours() {
    let lab = Lab::new("lifetime");
    lab.put("short.example.", 0, a("192.0.2.1"));
    lab.put("long.example.", 300, a("192.0.2.2"));
    let resolver = lab.resolver(ResolveOptions::default());
    for _ in 0..3 {
        assert!(lab.lookup(&resolver, &host_with_port("short.example")).is_ok());
        assert!(lab.lookup(&resolver, &host_with_port("long.example")).is_ok());
        assert_eq!(lab.lookup(&resolver, &host_with_port("none.example")), Err(ResolveError::NoSuchHost));
    }
    assert_eq!(lab.asked("short.example.", RecordType::A), 3);
    assert_eq!(lab.asked("long.example.", RecordType::A), 1);
    assert_eq!(lab.asked("none.example.", RecordType::A), 1);
    assert_eq!(resolver.cached(&host_with_port("none.example")), Some(Err(ResolveError::NoSuchHost)));

    resolver.set_options(ResolveOptions {
        negative_ttl: Duration::ZERO,
        min_ttl: Duration::from_secs(60),
        max_ttl: Some(Duration::from_secs(90)),
        ..ResolveOptions::default()
    });
    for _ in 0..2 {
        assert!(lab.lookup(&resolver, &host_with_port("short.example")).is_ok());
        assert!(lab.lookup(&resolver, &host_with_port("none.example")).is_err());
    }
    assert_eq!(lab.asked("short.example.", RecordType::A), 4, "the least lifetime counts");
    assert_eq!(lab.asked("none.example.", RecordType::A), 3, "absence is not kept at all");
}

#[test]
fn the_cache_can_be_switched_off() {
    let lab = Lab::new("no-cache");
    lab.put("long.example.", 300, a("192.0.2.2"));
    let resolver = lab.resolver(ResolveOptions { use_cache: false, ..ResolveOptions::default() });
    for _ in 0..2 {
        assert!(lab.lookup(&resolver, &host_with_port("long.example")).is_ok());
    }
    assert_eq!(lab.asked("long.example.", RecordType::A), 2);
    assert_eq!(resolver.counts().entries, 0);
}

#[test]
fn many_who_ask_the_same_share_one_question() {
    let lab = Lab::new("shared");
    lab.put("busy.example.", 0, a("192.0.2.1"));
    let resolver = lab.resolver(ResolveOptions::default());
    // The server holds its answer until all have asked.
    let held = lab.zone.lock().unwrap();
    let lookups: Vec<_> =
        (0..20).map(|_| lab.runtime.spawn(resolver.lookup(&host_with_port("busy.example")))).collect();
    let started = Instant::now();
    while resolver.counts().joined < 19 {
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", resolver.counts());
        std::thread::yield_now();
    }
    drop(held);
    for lookup in lookups {
        assert!(lab.runtime.block_on(lookup).unwrap().is_ok());
    }
    assert_eq!(lab.asked("busy.example.", RecordType::A), 1);
}

#[test]
fn the_hosts_file_comes_first_with_all_its_addresses_and_changes_count() {
    let lab = Lab::new("hosts");
    lab.put("gw.", 60, a("192.0.2.99"));
    lab.write("hosts", "192.0.2.1 gw\n192.0.2.2 gw gateway\n");
    let resolver = lab.resolver(failover());
    let found = resolver.cached(&hop("gw")).expect("no name server is needed").unwrap();
    assert_eq!(texts(&found), ["udp:192.0.2.1:5060", "udp:192.0.2.2:5060"]);
    assert!(!resolver.reread());
    lab.write("hosts", "192.0.2.33 gw\n");
    assert!(resolver.reread());
    assert_eq!(texts(&resolver.cached(&hop("gw")).unwrap().unwrap()), ["udp:192.0.2.33:5060"]);
    lab.write("hosts", "");
    assert!(resolver.reread());
    assert_eq!(lab.lookup(&resolver, &hop("gw")).unwrap(), ["udp:192.0.2.99:5060"]);
    assert!(lab.zone.lock().unwrap().asked.iter().all(|(name, _)| name.contains("gw")));
}

#[test]
fn the_files_are_looked_at_without_being_asked_to() {
    let lab = Lab::new("watch");
    let files = ResolverFiles {
        hosts: lab.folder.join("hosts"),
        resolv_conf: lab.folder.join("resolv.conf"),
        server_port: lab.port,
        reread: Duration::from_millis(5),
    };
    let resolver = Resolver::new(lab.runtime.handle().clone(), ResolveOptions::default(), files);
    lab.write("hosts", "192.0.2.44 newcomer\n");
    let started = Instant::now();
    while resolver.cached(&hop("newcomer")).is_none() {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
    assert!(resolver.counts().reread >= 1);
}

#[test]
fn short_names_are_sought_in_the_search_list_and_its_change_counts() {
    let lab = Lab::new("search");
    lab.put("pbx.two.example.", 60, a("192.0.2.2"));
    lab.put("pbx.three.example.", 60, a("192.0.2.3"));
    lab.put("_sip._udp.dom.two.example.", 60, srv(1, 1, 5099, "pbx.two.example."));
    lab.write(
        "resolv.conf",
        "nameserver 127.0.0.1\nsearch one.example two.example\noptions timeout:1 attempts:1\n",
    );
    let resolver = lab.resolver(ResolveOptions::default());
    assert_eq!(lab.lookup(&resolver, &host_with_port("pbx")).unwrap(), ["udp:192.0.2.2:5060"]);
    assert_eq!(lab.asked("pbx.one.example.", RecordType::A), 1);
    assert_eq!(lab.asked("pbx.", RecordType::A), 0, "a name without dots comes last as it stands");
    assert_eq!(lab.lookup(&resolver, &hop("dom")).unwrap(), ["udp:192.0.2.2:5099"]);

    lab.write("resolv.conf", "nameserver 127.0.0.1\nsearch three.example\noptions timeout:1 attempts:1\n");
    assert!(resolver.reread());
    assert_eq!(lab.lookup(&resolver, &host_with_port("pbx")).unwrap(), ["udp:192.0.2.3:5060"]);

    resolver.set_options(ResolveOptions { use_search_list: false, ..ResolveOptions::default() });
    assert_eq!(lab.lookup(&resolver, &host_with_port("pbx")), Err(ResolveError::NoSuchHost));
}

#[test]
fn a_silent_server_is_told_apart_and_given_up_in_time() {
    let lab = Lab::new("silent");
    lab.zone.lock().unwrap().silent.push("quiet.example.".to_owned());
    let options = ResolveOptions {
        retry_time: Some(Duration::from_millis(100)),
        retries: Some(1),
        families: Families::Ipv4Only,
        ..ResolveOptions::default()
    };
    let resolver = lab.resolver(options);
    let started = Instant::now();
    assert_eq!(lab.lookup(&resolver, &host_with_port("quiet.example")), Err(ResolveError::NoAnswer));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(ResolveError::NoAnswer.is_temporary());
}

#[test]
fn an_address_is_answered_at_once_without_a_question() {
    let lab = Lab::new("literal");
    let resolver = lab.resolver(ResolveOptions::default());
    let hop = NextHop { proto: Some(Proto::Tcp), ..hop("[2001:db8::1]") };
    let found = resolver.cached(&hop).unwrap().unwrap();
    assert_eq!(found[0].addr, "[2001:db8::1]:5060".parse::<SocketAddr>().unwrap());
    assert!(!found.spilled());
    assert!(lab.zone.lock().unwrap().asked.is_empty());
}

#[test]
fn scripts_can_ask_for_records_themselves() {
    let lab = Lab::new("records");
    lab.put(
        "1.2.0.192.in-addr.arpa.",
        60,
        RData::PTR(hickory_resolver::proto::rr::rdata::PTR(wire("Host.example."))),
    );
    let resolver = lab.resolver(ResolveOptions::default());
    let question = Question { name: name("1.2.0.192.in-addr.arpa").unwrap(), kind: RecordKind::Ptr };
    let answer = lab.runtime.block_on(resolver.records(&question)).unwrap();
    assert_eq!(*answer, RecordSet::Ptr(vec![name("host.example").unwrap()]));
    assert_eq!(resolver.cached_records(&question), Some(Ok(answer)));
}
