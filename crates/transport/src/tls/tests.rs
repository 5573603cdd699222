//! Real connections on loopback, certificates made for each test.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::domain::Config;
use super::*;
use crate::address::{Proto, SocketName};
use crate::stream::lab::{DEADLINE, Lab, lab};
use crate::stream::{CloseReason, ConnInfo, Outgoing, StreamEvent, StreamOptions, Wish};

/// A folder of certificates, all from one authority.
struct Files {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tandem-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("authority {name}"));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
        Self { folder, authority }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A certificate for a host, valid from some days ago for some days.
    fn issue(&self, host: &str, from: i64, days: i64) -> PathBuf {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.distinguished_name.push(DnType::OrganizationName, "Lab");
        let day = Duration::from_secs(86_400);
        let now = std::time::SystemTime::now();
        let start = now - day * u32::try_from(-from).unwrap();
        params.not_before = start.into();
        params.not_after = (start + day * u32::try_from(days).unwrap()).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let path = self.path(&format!("{host}.pem"));
        std::fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
        path
    }

    fn domain(&self, role: Role, place: Place, settings: DomainSettings) -> Domain {
        Domain::build(role, place, settings).unwrap()
    }

    /// A server domain with a fresh certificate for a host.
    fn server(&self, place: Place, host: &str) -> Domain {
        let settings = DomainSettings {
            certificate: Some(self.issue(host, -1, 30)),
            server_name: (place != Place::Default).then(|| host.to_owned()),
            ..DomainSettings::default()
        };
        self.domain(Role::Server, place, settings)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

struct TlsLab {
    lab: Lab,
    tls: Arc<Tls>,
    addr: SocketAddr,
}

fn tls_lab(options: StreamOptions, domains: impl IntoIterator<Item = Domain>) -> TlsLab {
    let lab = lab(options);
    let tls = Arc::new(Tls::new(Domains::new(domains)));
    lab.hub.set_layer(Proto::Tls, tls.clone());
    let addr =
        lab.hub.listen(SocketName { proto: Proto::Tls, addr: "127.0.0.1:0".parse().unwrap() }).unwrap();
    TlsLab { lab, tls, addr }
}

type Client = StreamOwned<ClientConnection, TcpStream>;

/// Somebody's client: verifies by `ca.pem`, shows a certificate if it has one.
fn client(files: &Files, addr: SocketAddr, asks: Option<&str>, shows: Option<&Path>) -> Client {
    let settings = DomainSettings {
        certificate: shows.map(Path::to_owned),
        ca_list: Some(files.path("ca.pem")),
        check: PeerCheck::Required,
        ..DomainSettings::default()
    };
    let domain = files.domain(Role::Client, Place::Default, settings);
    let Config::Client(config) = &domain.config else { unreachable!("a client domain") };
    let name = match asks {
        Some(name) => ServerName::try_from(name.to_owned()).unwrap(),
        None => ServerName::from(addr.ip()),
    };
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream)
}

/// The common name of the certificate that a server showed.
fn shown(client: &Client) -> String {
    let certificate = &client.conn.peer_certificates().unwrap()[0];
    Certificate::read(certificate).unwrap().subject(Attribute::CommonName).unwrap()
}

fn expect(client: &mut Client, bytes: &str) {
    let mut buffer = vec![0; bytes.len()];
    client.read_exact(&mut buffer).unwrap();
    assert_eq!(String::from_utf8_lossy(&buffer), bytes);
}

fn broken(lab: &Lab) -> String {
    match lab.log.closed() {
        (_, CloseReason::Layer(reason)) => reason,
        other => panic!("the layer did not break: {other:?}"),
    }
}

#[test]
fn messages_pass_both_ways_and_a_big_one_across_records() {
    let files = Files::new("big");
    let options =
        StreamOptions { max_message: 300_000, connection_queue: 300_000, ..StreamOptions::default() };
    let lab = tls_lab(options, [files.server(Place::Default, "localhost")]);
    let mut peer = client(&files, lab.addr, None, None);
    let big = "x".repeat(200_000);
    peer.write_all(format!("5\nhello200000\n{big}").as_bytes()).unwrap();
    let (conn, text) = lab.lab.log.message();
    assert_eq!((text.as_str(), conn.proto), ("hello", Proto::Tls));
    assert_eq!(lab.lab.log.text(), big);
    let reply =
        Outgoing { connection: Some(conn.id), ..Outgoing::new(Proto::Tls, conn.remote, big.as_bytes()) };
    assert_eq!(lab.lab.hub.send(&reply), Ok(conn.id));
    expect(&mut peer, &big);
    let facts = lab.lab.hub.facts::<Facts>(conn.id).unwrap();
    assert_eq!((facts.version, facts.suite.name), (Version::Tls13, "TLS_AES_256_GCM_SHA384"));
    assert_eq!((facts.server_name.as_deref(), facts.check_peer()), (None, Check::Missing));
}

#[test]
fn both_versions_are_spoken_and_only_the_one_that_is_asked_for() {
    let files = Files::new("versions");
    for versions in [Versions::Tls12, Versions::Tls13] {
        let settings = DomainSettings {
            certificate: Some(files.issue("localhost", -1, 30)),
            versions,
            ..DomainSettings::default()
        };
        let lab = tls_lab(StreamOptions::default(), [files.domain(Role::Server, Place::Default, settings)]);
        let mut peer = client(&files, lab.addr, None, None);
        peer.write_all(b"2\nhi").unwrap();
        let (conn, _) = lab.lab.log.message();
        let version = lab.lab.hub.facts::<Facts>(conn.id).unwrap().version;
        assert_eq!(version == Version::Tls12, versions == Versions::Tls12);
    }
}

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let files = Files::new("sni");
    let sub = DomainSettings {
        certificate: Some(files.issue("below.example", -1, 30)),
        server_name: Some("below.example".to_owned()),
        name_match: NameMatch::WithSubdomains,
        ..DomainSettings::default()
    };
    let domains = [
        files.server(Place::Default, "default.example"),
        files.server(Place::Any, "named.example"),
        files.domain(Role::Server, Place::Any, sub),
    ];
    let lab = tls_lab(StreamOptions::default(), domains);
    for (asked, certificate) in [
        (None, "default.example"),
        (Some("named.example"), "named.example"),
        (Some("a.below.example"), "below.example"),
        (Some("other.example"), "default.example"),
    ] {
        let mut peer = client(&files, lab.addr, asked, None);
        peer.write_all(b"2\nhi").unwrap();
        let (conn, _) = lab.lab.log.message();
        assert_eq!(shown(&peer), certificate, "asked for {asked:?}");
        assert_eq!(lab.lab.hub.facts::<Facts>(conn.id).unwrap().server_name.as_deref(), asked);
    }
}

fn checking(files: &Files, check: PeerCheck) -> TlsLab {
    let settings = DomainSettings {
        certificate: Some(files.issue("localhost", -1, 30)),
        ca_list: Some(files.path("ca.pem")),
        check,
        ..DomainSettings::default()
    };
    tls_lab(StreamOptions::default(), [files.domain(Role::Server, Place::Default, settings)])
}

/// What became of a client that shows a certificate: what the script would see, or why it was refused.
fn outcome(lab: &TlsLab, files: &Files, shows: Option<&Path>) -> Result<Check, String> {
    let mut peer = client(files, lab.addr, None, shows);
    // Who is refused hears of it only when he reads.
    let _ = peer.write_all(b"2\nhi");
    let ended = lab.lab.log.wait("message or end", |told| {
        if let Some(message) = told.messages.pop_front() {
            return Some(Ok(message.conn));
        }
        let at = told.events.iter().position(|event| matches!(event, StreamEvent::Closed(..)))?;
        match told.events.remove(at) {
            Some(StreamEvent::Closed(_, CloseReason::Layer(reason))) => Some(Err(reason)),
            other => panic!("{other:?}"),
        }
    });
    let conn: ConnInfo = ended?;
    let check = lab.lab.hub.facts::<Facts>(conn.id).unwrap().check_peer();
    lab.lab.hub.close(conn.id);
    lab.lab.log.closed();
    Ok(check)
}

#[test]
fn a_client_shows_a_certificate_as_far_as_it_is_asked_to() {
    let files = Files::new("clients");
    let strangers = Files::new("strangers");
    let good = files.issue("good.example", -1, 30);
    let old = files.issue("old.example", -30, 10);
    let foreign = strangers.issue("foreign.example", -1, 30);

    let off = checking(&files, PeerCheck::Off);
    assert_eq!(outcome(&off, &files, Some(&good)), Ok(Check::Missing));

    let optional = checking(&files, PeerCheck::Optional);
    assert_eq!(outcome(&optional, &files, None), Ok(Check::Missing));
    assert_eq!(outcome(&optional, &files, Some(&good)), Ok(Check::Good));
    assert!(outcome(&optional, &files, Some(&old)).unwrap_err().contains("xpired"));

    let required = checking(&files, PeerCheck::Required);
    assert_eq!(outcome(&required, &files, Some(&good)), Ok(Check::Good));
    assert!(outcome(&required, &files, None).is_err());

    let any = checking(&files, PeerCheck::OptionalNoCa);
    assert_eq!(outcome(&any, &files, Some(&foreign)), Ok(Check::Unknown));
    assert_eq!(outcome(&any, &files, Some(&old)), Ok(Check::OutOfTime));
    assert_eq!(outcome(&any, &files, None), Ok(Check::Missing));
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let files = Files::new("wrong-ca");
    let strangers = Files::new("wrong-ca-strangers");
    let settings = DomainSettings {
        ca_list: Some(files.path("ca.pem")),
        check: PeerCheck::Required,
        ..DomainSettings::default()
    };
    let ours =
        [strangers.server(Place::Default, "localhost"), files.domain(Role::Client, Place::Default, settings)];
    let lab = tls_lab(StreamOptions::default(), ours);
    lab.lab.hub.send(&Outgoing::new(Proto::Tls, lab.addr, b"6\nsecret")).unwrap();
    let reasons = [broken(&lab.lab), broken(&lab.lab)];
    assert!(reasons.iter().any(|reason| reason.contains("UnknownIssuer")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("UnknownCA")), "{reasons:?}");
    assert_eq!(lab.lab.log.lost(), 8);
}

/// Sends over the hub to itself.
fn itself(files: &Files, options: StreamOptions, settings: DomainSettings) -> TlsLab {
    let domains = [
        files.server(Place::Default, "localhost"),
        files.domain(Role::Client, Place::Default, DomainSettings::default()),
        files.domain(Role::Client, Place::Any, settings),
    ];
    tls_lab(options, domains)
}

#[test]
fn a_connection_is_used_again_both_ways() {
    let files = Files::new("reuse");
    let lab = itself(&files, StreamOptions::default(), DomainSettings::default());
    let first = lab.lab.hub.send(&Outgoing::new(Proto::Tls, lab.addr, b"3\none")).unwrap();
    let (accepted, text) = lab.lab.log.message();
    assert_eq!((text.as_str(), accepted.socket), ("one", lab.addr));
    assert_eq!(lab.lab.hub.send(&Outgoing::new(Proto::Tls, lab.addr, b"3\ntwo")), Ok(first));
    assert_eq!(lab.lab.log.text(), "two");
    let back = Outgoing::new(Proto::Tls, accepted.remote, b"4\nback");
    assert_eq!(lab.lab.hub.send(&back), Ok(accepted.id));
    let (over, text) = lab.lab.log.message();
    assert_eq!((text.as_str(), over.id), ("back", first));
    // RFC 5923: the port that the peer says it listens on leads to the same connection.
    lab.lab.hub.add_alias(accepted.id, 5999).unwrap();
    let aliased = SocketAddr::new(accepted.remote.ip(), 5999);
    assert_eq!(lab.lab.hub.send(&Outgoing::new(Proto::Tls, aliased, b"4\nmore")), Ok(accepted.id));
    assert_eq!(lab.lab.log.text(), "more");
}

#[test]
fn a_connection_of_another_domain_is_another_where_that_matters() {
    let files = Files::new("domains");
    for match_group in [false, true] {
        let options = StreamOptions { match_group, ..StreamOptions::default() };
        let settings = DomainSettings { server_id: Some("other".to_owned()), ..DomainSettings::default() };
        let lab = itself(&files, options, settings);
        let plain = Outgoing::new(Proto::Tls, lab.addr, b"1\na");
        let wish = Wish { server_id: Some("other"), server_name: None };
        let first = lab.lab.hub.send(&plain).unwrap();
        let second = lab.lab.hub.send(&Outgoing { wish, ..plain }).unwrap();
        assert_eq!(first == second, !match_group);
        assert_eq!(lab.lab.hub.send(&Outgoing { wish, ..plain }), Ok(second));
        assert_eq!(lab.lab.hub.send(&plain), Ok(first));
    }
}

#[test]
fn new_certificates_are_for_new_connections_and_old_ones_live_on() {
    let files = Files::new("reload");
    let lab = tls_lab(StreamOptions::default(), [files.server(Place::Default, "before.example")]);
    let mut before = client(&files, lab.addr, None, None);
    before.write_all(b"1\na").unwrap();
    assert_eq!(lab.lab.log.text(), "a");
    lab.tls.replace(Arc::new(Domains::new([files.server(Place::Default, "after.example")])));
    let mut after = client(&files, lab.addr, None, None);
    after.write_all(b"1\nb").unwrap();
    assert_eq!(lab.lab.log.text(), "b");
    before.write_all(b"1\nc").unwrap();
    assert_eq!(lab.lab.log.text(), "c");
    assert_eq!((shown(&before), shown(&after)), ("before.example".to_owned(), "after.example".to_owned()));
}

#[test]
fn plain_text_on_a_tls_port_is_told_and_closed() {
    let files = Files::new("plain");
    let lab = tls_lab(StreamOptions::default(), [files.server(Place::Default, "localhost")]);
    let mut peer = TcpStream::connect(lab.addr).unwrap();
    peer.write_all(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n").unwrap();
    assert!(broken(&lab.lab).contains("does not speak TLS"));
}

#[test]
fn who_dawdles_is_dropped_and_keeps_nobody_out() {
    let files = Files::new("slow");
    let options = StreamOptions {
        handshake_timeout: Duration::from_millis(400),
        max_handshakes: 8,
        ..StreamOptions::default()
    };
    let lab = tls_lab(options, [files.server(Place::Default, "localhost")]);
    // The first bytes of a greeting, and then nothing: more of them than may wait.
    let dawdlers: Vec<_> = (0..20)
        .map(|_| {
            let mut peer = TcpStream::connect(lab.addr).unwrap();
            peer.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
            peer
        })
        .collect();
    let started = Instant::now();
    let mut peer = client(&files, lab.addr, None, None);
    peer.write_all(b"2\nhi").unwrap();
    assert_eq!(lab.lab.log.text(), "hi");
    let waited = started.elapsed();
    let reasons: Vec<_> = dawdlers.iter().map(|_| lab.lab.log.closed().1).collect();
    let crowded = reasons.iter().filter(|reason| matches!(reason, CloseReason::HandshakesCrowded)).count();
    let late = reasons.iter().filter(|reason| matches!(reason, CloseReason::HandshakeTimeout)).count();
    assert!(crowded >= 11, "{reasons:?}");
    assert_eq!(crowded + late, 20, "{reasons:?}");
    assert!(waited < DEADLINE);
    peer.write_all(b"5\nstill").unwrap();
    assert_eq!(lab.lab.log.text(), "still");
}

#[test]
fn mistakes_of_a_domain_are_told_at_the_setting() {
    let files = Files::new("mistakes");
    let good = files.issue("good.example", -1, 30);
    let other = files.issue("other.example", -1, 30);
    let build = |settings: DomainSettings| Domain::build(Role::Server, Place::Default, settings).unwrap_err();
    let settings = |certificate: &Path, key: &Path| DomainSettings {
        certificate: Some(certificate.to_owned()),
        private_key: Some(key.to_owned()),
        ..DomainSettings::default()
    };
    assert_eq!(build(DomainSettings::default()).setting, Setting::Certificate);
    assert_eq!(build(settings(&files.path("none.pem"), &good)).setting, Setting::Certificate);
    assert_eq!(build(settings(&good, &files.path("ca.pem"))).setting, Setting::PrivateKey);
    assert_eq!(build(settings(&good, &other)).setting, Setting::PrivateKey);
    let locked = files.path("locked.pem");
    std::fs::write(
        &locked,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    assert!(build(settings(&good, &locked)).message.contains("is encrypted"));
    let lists = DomainSettings { ca_list: Some(files.path("none.pem")), ..settings(&good, &good) };
    assert_eq!(build(lists).setting, Setting::CaList);
}

#[test]
fn a_certificate_says_who_holds_it() {
    let files = Files::new("read");
    let mut params = CertificateParams::new(vec!["a.example".to_owned(), "192.0.2.7".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "A");
    params.distinguished_name.push(DnType::CountryName, "DE");
    let made = params.signed_by(&KeyPair::generate().unwrap(), &files.authority).unwrap();
    let read = Certificate::read(made.der()).unwrap();
    assert_eq!(read.subject(Attribute::CommonName).as_deref(), Some("A"));
    assert_eq!(read.subject(Attribute::Country).as_deref(), Some("DE"));
    assert_eq!(read.subject(Attribute::Locality), None);
    assert_eq!(read.issuer(Attribute::CommonName).as_deref(), Some("authority read"));
    let ip: IpAddr = "192.0.2.7".parse().unwrap();
    assert_eq!(read.alt_names, [AltName::Dns("a.example".to_owned()), AltName::Ip(ip)]);
    assert_eq!((read.version(), read.is_self_issued()), (2, false));
    assert!(Certificate::read(&made.der()[..200]).is_none());
}
