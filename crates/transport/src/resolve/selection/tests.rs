//! Selections over records written in the test.

use std::collections::HashMap;

use super::*;

/// A zone: what is not in it does not exist, and what names `silent` gets no answer.
#[derive(Default)]
struct Zone(HashMap<Question, RecordSet>);

fn question(host: &str, kind: RecordKind) -> Question {
    Question { name: name(host).unwrap(), kind }
}

impl Zone {
    fn a(mut self, host: &str, addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let kind = if addresses[0].is_ipv4() { RecordKind::A } else { RecordKind::Aaaa };
        self.0.insert(question(host, kind), RecordSet::Address(addresses));
        self
    }

    fn srv(mut self, service: &str, records: &[(u16, u16, u16, &str)]) -> Self {
        let records = records
            .iter()
            .map(|&(priority, weight, port, host)| Srv {
                priority,
                weight,
                port,
                host: name(host).unwrap_or_default(),
            })
            .collect();
        self.0.insert(question(service, RecordKind::Srv), RecordSet::Srv(records));
        self
    }

    fn naptr(mut self, host: &str, records: &[(u16, u16, &str, &str, &str)]) -> Self {
        let records = records
            .iter()
            .map(|&(order, preference, flags, services, replacement)| Naptr {
                order,
                preference,
                flags: flags.to_owned(),
                services: services.to_owned(),
                regexp: String::new(),
                replacement: name(replacement).unwrap(),
            })
            .collect();
        self.0.insert(question(host, RecordKind::Naptr), RecordSet::Naptr(records));
        self
    }

    fn select(
        &self,
        hop: &NextHop<'_>,
        options: &ResolveOptions,
        seed: u64,
    ) -> Result<Vec<String>, ResolveError> {
        let records = |question: &Question| {
            Some(match self.0.get(question) {
                Some(records) => Ok(Arc::new(records.clone())),
                None if question.name.contains("silent") => Err(Absence::NoAnswer),
                None => Err(Absence::NotThere),
            })
        };
        match select(hop, options, seed, &records)? {
            Selection::Targets(targets) => {
                Ok(targets.iter().map(|target| format!("{}:{}", target.proto, target.addr)).collect())
            }
            Selection::Missing(question) => panic!("everything is known, yet {question:?} is missing"),
        }
    }
}

fn hop(host: &str) -> NextHop<'_> {
    NextHop { host, port: None, proto: None, sips: false }
}

fn all() -> ResolveOptions {
    ResolveOptions { failover: true, ..ResolveOptions::default() }
}

#[test]
fn an_address_is_its_own_target() {
    let zone = Zone::default();
    let select =
        |hop: NextHop<'_>| zone.select(&hop, &ResolveOptions::default(), 0).map(|mut found| found.remove(0));
    assert_eq!(select(hop("192.0.2.1")).unwrap(), "udp:192.0.2.1:5060");
    assert_eq!(select(hop("[2001:db8::1]")).unwrap(), "udp:[2001:db8::1]:5060");
    assert_eq!(select(hop("2001:db8::1")).unwrap(), "udp:[2001:db8::1]:5060");
    assert_eq!(select(NextHop { port: Some(7), ..hop("192.0.2.1") }).unwrap(), "udp:192.0.2.1:7");
    assert_eq!(select(NextHop { port: Some(0), ..hop("192.0.2.1") }).unwrap(), "udp:192.0.2.1:5060");
    assert_eq!(
        select(NextHop { proto: Some(Proto::Tls), ..hop("192.0.2.1") }).unwrap(),
        "tls:192.0.2.1:5061"
    );
    assert_eq!(select(NextHop { proto: Some(Proto::Wss), ..hop("192.0.2.1") }).unwrap(), "wss:192.0.2.1:443");
}

#[test]
fn a_secure_uri_goes_over_a_secure_transport_or_not_at_all() {
    let zone = Zone::default();
    let select = |proto| {
        let hop = NextHop { sips: true, proto, ..hop("192.0.2.1") };
        zone.select(&hop, &ResolveOptions::default(), 0).map(|mut found| found.remove(0))
    };
    assert_eq!(select(None).unwrap(), "tls:192.0.2.1:5061");
    assert_eq!(select(Some(Proto::Tcp)).unwrap(), "tls:192.0.2.1:5061");
    assert_eq!(select(Some(Proto::Udp)), Err(ResolveError::NotSecure));
}

#[test]
fn a_port_means_that_only_addresses_are_asked_for() {
    let zone = Zone::default()
        .a("sip.example", &["192.0.2.1", "192.0.2.2"])
        .srv("_sip._udp.sip.example", &[(1, 1, 9999, "other.example")]);
    let hop = NextHop { port: Some(5070), ..hop("SIP.Example.") };
    assert_eq!(zone.select(&hop, &all(), 0).unwrap(), ["udp:192.0.2.1:5070", "udp:192.0.2.2:5070"]);
    assert_eq!(zone.select(&hop, &ResolveOptions::default(), 0).unwrap(), ["udp:192.0.2.1:5070"]);
}

#[test]
fn without_a_port_the_service_of_the_protocol_decides() {
    let zone = Zone::default()
        .srv("_sip._udp.d.example", &[(20, 0, 5062, "b.example"), (10, 0, 5061, "a.example")])
        .srv("_sip._tcp.d.example", &[(1, 0, 5080, "b.example")])
        .srv("_sips._tcp.d.example", &[(1, 0, 5081, "b.example")])
        .a("a.example", &["192.0.2.1", "192.0.2.11"])
        .a("b.example", &["192.0.2.2"]);
    assert_eq!(
        zone.select(&hop("d.example"), &all(), 0).unwrap(),
        ["udp:192.0.2.1:5061", "udp:192.0.2.11:5061", "udp:192.0.2.2:5062"]
    );
    let tcp = NextHop { proto: Some(Proto::Tcp), ..hop("d.example") };
    assert_eq!(zone.select(&tcp, &all(), 0).unwrap(), ["tcp:192.0.2.2:5080"]);
    let sips = NextHop { sips: true, ..hop("d.example") };
    assert_eq!(zone.select(&sips, &all(), 0).unwrap(), ["tls:192.0.2.2:5081"]);
    // WebSocket servers are not looked up as services (RFC 7118).
    let ws = NextHop { proto: Some(Proto::Ws), ..hop("a.example") };
    assert_eq!(zone.select(&ws, &all(), 0).unwrap()[0], "ws:192.0.2.1:80");
}

#[test]
fn a_domain_without_services_is_reached_at_its_address() {
    let zone = Zone::default().a("d.example", &["192.0.2.9"]);
    assert_eq!(zone.select(&hop("d.example"), &all(), 0).unwrap(), ["udp:192.0.2.9:5060"]);
    let tls = NextHop { proto: Some(Proto::Tls), ..hop("d.example") };
    assert_eq!(zone.select(&tls, &all(), 0).unwrap(), ["tls:192.0.2.9:5061"]);
}

#[test]
fn a_service_host_without_an_address_is_passed_over() {
    let zone = Zone::default()
        .srv("_sip._udp.d.example", &[(1, 0, 5061, "gone.example"), (2, 0, 5062, "here.example")])
        .a("here.example", &["192.0.2.3"]);
    let found = zone.select(&hop("d.example"), &ResolveOptions::default(), 0).unwrap();
    assert_eq!(found, ["udp:192.0.2.3:5062"]);
}

#[test]
fn a_service_decidedly_not_offered_has_no_target() {
    let zone = Zone::default().srv("_sip._udp.d.example", &[(0, 0, 0, "")]);
    assert_eq!(zone.select(&hop("d.example"), &all(), 0), Err(ResolveError::NoSuchHost));
}

#[test]
fn weights_spread_the_load_only_when_asked_to() {
    let zone = Zone::default()
        .srv(
            "_sip._udp.d.example",
            &[
                (1, 10, 1, "a.example"),
                (1, 30, 2, "a.example"),
                (1, 0, 3, "a.example"),
                (2, 60, 4, "a.example"),
            ],
        )
        .a("a.example", &["192.0.2.1"]);
    let ports = |options: &ResolveOptions, seed| -> Vec<u16> {
        let found = zone.select(&hop("d.example"), options, seed).unwrap();
        found.iter().map(|target| target.rsplit(':').next().unwrap().parse().unwrap()).collect()
    };
    let plain = all();
    assert!((0..50).all(|seed| ports(&plain, seed) == [2, 1, 3, 4]));
    let spread = ResolveOptions { srv_load_balancing: true, ..all() };
    let mut first = [0u32; 5];
    for seed in 0..40_000 {
        let ports = ports(&spread, seed * 7919);
        first[usize::from(ports[0])] += 1;
        assert_eq!(ports[3], 4, "a later priority comes later");
        let mut sorted = ports.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, 4], "each record comes once");
    }
    // Shares of 10, 30 and a small chance for 0, out of 41 numbers from 0 to 40: RFC 2782.
    let share = |port: usize| f64::from(first[port]) / 40_000.0;
    assert!((share(1) - 10.0 / 41.0).abs() < 0.02, "{first:?}");
    assert!((share(2) - 30.0 / 41.0).abs() < 0.02, "{first:?}");
    assert!((share(3) - 1.0 / 41.0).abs() < 0.01, "{first:?}");
}

#[test]
fn address_families_are_tried_as_configured() {
    let zone = Zone::default()
        .a("both.example", &["192.0.2.1"])
        .a("both.example", &["2001:db8::1"])
        .a("six.example", &["2001:db8::6"]);
    let first = |host, families| {
        let options = ResolveOptions { families, ..ResolveOptions::default() };
        zone.select(&NextHop { port: Some(1), ..hop(host) }, &options, 0).map(|mut found| found.remove(0))
    };
    assert_eq!(first("both.example", Families::Ipv4First).unwrap(), "udp:192.0.2.1:1");
    assert_eq!(first("both.example", Families::Ipv6First).unwrap(), "udp:[2001:db8::1]:1");
    assert_eq!(first("both.example", Families::Ipv6Only).unwrap(), "udp:[2001:db8::1]:1");
    assert_eq!(first("six.example", Families::Ipv4First).unwrap(), "udp:[2001:db8::6]:1");
    assert_eq!(first("six.example", Families::Ipv4Only), Err(ResolveError::NoSuchHost));
}

fn naptr_zone() -> Zone {
    Zone::default()
        .naptr(
            "d.example",
            &[
                (10, 1, "s", "SIPS+D2T", "_sips._tcp.d.example"),
                (20, 1, "S", "sip+d2t", "_sip._tcp.d.example"),
                (30, 1, "s", "SIP+D2U", "_sip._udp.d.example"),
                (5, 1, "u", "E2U+sip", "x.example"),
            ],
        )
        .srv("_sip._udp.d.example", &[(1, 0, 5060, "a.example")])
        .srv("_sip._tcp.d.example", &[(1, 0, 5070, "a.example")])
        .srv("_sips._tcp.d.example", &[(1, 0, 5071, "a.example")])
        .a("a.example", &["192.0.2.1"])
}

#[test]
fn naptr_records_are_used_only_when_asked_for() {
    let zone = naptr_zone();
    assert_eq!(zone.select(&hop("d.example"), &all(), 0).unwrap(), ["udp:192.0.2.1:5060"]);
    let naptr = ResolveOptions { try_naptr: true, ..all() };
    assert_eq!(
        zone.select(&hop("d.example"), &naptr, 0).unwrap(),
        ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5070"]
    );
    let tcp = NextHop { proto: Some(Proto::Tcp), ..hop("d.example") };
    assert_eq!(
        zone.select(&tcp, &naptr, 0).unwrap(),
        ["tcp:192.0.2.1:5070"],
        "a protocol in the URI decides"
    );
}

#[test]
fn our_preference_or_the_records_order_decides_between_naptr_records() {
    let zone = naptr_zone();
    let base = ResolveOptions {
        try_naptr: true,
        protos: vec![Proto::Udp, Proto::Tcp, Proto::Tls],
        ..ResolveOptions::default()
    };
    let first = |options: &ResolveOptions| zone.select(&hop("d.example"), options, 0).unwrap().remove(0);
    assert_eq!(first(&base), "udp:192.0.2.1:5060");
    assert_eq!(first(&ResolveOptions { tcp_preference: 40, ..base.clone() }), "tcp:192.0.2.1:5070");
    assert_eq!(first(&ResolveOptions { naptr_ignore_rfc: false, ..base.clone() }), "tls:192.0.2.1:5071");
    let no_tls = ResolveOptions { naptr_ignore_rfc: false, tls_preference: -1, ..base };
    assert_eq!(first(&no_tls), "tcp:192.0.2.1:5070");
}

#[test]
fn a_domain_with_services_of_other_protocols_only_is_told_so() {
    let zone = Zone::default().naptr("d.example", &[(1, 1, "s", "SIP+D2S", "_sip._sctp.d.example")]);
    let options = ResolveOptions { try_naptr: true, ..all() };
    assert_eq!(zone.select(&hop("d.example"), &options, 0), Err(ResolveError::NoCommonProto));
}

#[test]
fn without_naptr_records_the_preferred_service_is_taken() {
    let zone = Zone::default()
        .srv("_sip._tcp.d.example", &[(1, 0, 5070, "a.example")])
        .a("a.example", &["192.0.2.1"])
        .a("bare.example", &["192.0.2.2"]);
    let options = ResolveOptions { try_naptr: true, ..all() };
    assert_eq!(zone.select(&hop("d.example"), &options, 0).unwrap(), ["tcp:192.0.2.1:5070"]);
    assert_eq!(zone.select(&hop("bare.example"), &options, 0).unwrap(), ["udp:192.0.2.2:5060"]);
}

#[test]
fn what_cannot_be_found_is_told_apart_from_what_was_not_answered() {
    let zone = Zone::default();
    assert_eq!(zone.select(&hop("none.example"), &all(), 0), Err(ResolveError::NoSuchHost));
    assert_eq!(zone.select(&hop("silent.example"), &all(), 0), Err(ResolveError::NoAnswer));
    for host in ["", ".", "a b", "h\u{f6}st", &"x".repeat(254)] {
        assert_eq!(zone.select(&hop(host), &all(), 0), Err(ResolveError::NotAName), "{host}");
    }
    let long = format!("{}.example", "x".repeat(240));
    assert_eq!(
        zone.select(&hop(&long), &all(), 0),
        Err(ResolveError::NotAName),
        "no room for a service's prefix"
    );
}

#[test]
fn the_missing_record_is_named_one_at_a_time() {
    let nothing = |_: &Question| None;
    let first = select(&hop("D.example"), &all(), 0, &nothing).unwrap();
    assert_eq!(first, Selection::Missing(question("_sip._udp.d.example", RecordKind::Srv)));
}
