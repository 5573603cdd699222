//! Registrations that outlive what happens to the server, and to its database.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use databases::{MariaDb, Postgres, Sqlite};
use store::{Query, Value};

use super::data::with;
use super::rig::{PATIENCE, Peer, Server, tandem, wait_until};

/// A phone sends again after this, as RFC 3261's T1 says.
const T1: Duration = Duration::from_millis(500);

/// A registrar with a database whose tables are there; rounds come every second.
fn registrar(url: &str, mode: u8) -> String {
    let driver = match url.split(':').next() {
        Some("sqlite") => "db_sqlite",
        Some("postgres") => "db_postgres",
        _ => "db_mysql",
    };
    format!(
        "loadmodule \"{driver}.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n\
         modparam(\"usrloc\", \"db_mode\", {mode})\nmodparam(\"usrloc\", \"db_url\", \"{url}\")\n\
         modparam(\"usrloc\", \"timer_interval\", 1)\nmodparam(\"registrar\", \"min_expires\", 1)\n\
         request_route {{\n  if (is_method(\"REGISTER\")) {{ save(\"location\"); exit; }}\n  \
         sl_send_reply(\"200\", \"OK\");\n}}\n"
    )
}

fn make_tables(url: &str) {
    let made = tandem(&["db", "init", "--db", url]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A phone that registers one contact for itself.
struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
    name: String,
    cseq: u32,
}

impl Phone {
    fn new(server: &Server, name: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self { socket, server: server.address, name: name.to_owned(), cseq: 0 }
    }

    fn send(&self, seconds: u32) {
        let Self { server, name, cseq, .. } = self;
        let port = self.socket.local_addr().unwrap().port();
        let text = format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{name}-{cseq}\r\n\
             From: <sip:{name}@{server}>;tag=1\r\nTo: <sip:{name}@{server}>\r\nCall-ID: call-{name}\r\n\
             CSeq: {cseq} REGISTER\r\nContact: <sip:{name}@127.0.0.1:5099>;expires={seconds}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), server).unwrap();
    }

    /// The answer to what was sent last, if it is there soon.
    fn answer(&self) -> Option<String> {
        let mut bytes = [0; 4096];
        let (length, _) = self.socket.recv_from(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        text.contains(&format!("CSeq: {} REGISTER", self.cseq)).then_some(text)
    }

    /// Registers, and sends again until it is answered or the load is over; the status line.
    fn register_until(&mut self, seconds: u32, over: impl Fn() -> bool) -> Option<String> {
        self.cseq += 1;
        while !over() {
            let sent = Instant::now();
            self.send(seconds);
            while sent.elapsed() < T1 && !over() {
                if let Some(answer) = self.answer() {
                    return answer.lines().next().map(str::to_owned);
                }
            }
        }
        None
    }

    fn register(&mut self, seconds: u32) {
        let until = Instant::now() + PATIENCE;
        let status = self.register_until(seconds, || Instant::now() > until);
        assert_eq!(status.as_deref(), Some("SIP/2.0 200 OK"), "{}", self.name);
    }
}

/// A contact as a database and as a server's memory have it: user, URI, Call-ID, CSeq and the time of its last change.
type Kept = (String, String, String, i64, i64);

fn in_database(url: &str) -> BTreeSet<Kept> {
    let columns = ["username", "contact", "callid", "cseq", "last_modified"].map(str::to_owned).to_vec();
    let query = Query { table: "location".into(), columns, ..Query::default() };
    let text = |value: &Value| String::from_utf8_lossy(value.as_text().unwrap_or(b"")).into_owned();
    with(url, async |database| {
        let found = database.query(&query).await.unwrap_or_default();
        let kept = found.iter().map(|row| {
            let (cseq, modified) = (row.0[3].as_int().unwrap(), row.0[4].as_time().unwrap());
            (text(&row.0[0]), text(&row.0[1]), text(&row.0[2]), cseq, modified)
        });
        let contacts: BTreeSet<Kept> = kept.collect();
        assert_eq!(contacts.len(), found.len(), "no contact is there twice");
        contacts
    })
}

fn in_memory(server: &Server) -> BTreeSet<Kept> {
    let dump = server.ctl(&["ul.dump"]);
    let dump = String::from_utf8(dump.stdout).unwrap();
    let mut kept = BTreeSet::new();
    let mut one = Kept::default();
    for (name, value) in dump.lines().filter_map(|line| line.trim().split_once(": ")) {
        match name {
            "AoR" => one.0 = value.to_owned(),
            "Address" => one.1 = value.to_owned(),
            "Call-ID" => one.2 = value.to_owned(),
            "CSeq" => one.3 = value.parse().unwrap(),
            "Last-Modified" => {
                one.4 = value.parse().unwrap();
                assert!(kept.insert(one.clone()), "{one:?} is there twice");
            }
            _ => {}
        }
    }
    kept
}

/// The database comes to have what the memory has, contact by contact.
fn wait_for_agreement(server: &Server, url: &str) {
    let differences = || {
        let (memory, database) = (in_memory(server), in_database(url));
        memory.symmetric_difference(&database).cloned().collect::<Vec<_>>()
    };
    wait_until(
        "agreement\n",
        || differences().is_empty(),
        || format!("{:?}\n{}", differences(), server.log()),
    );
}

fn users(kept: &BTreeSet<Kept>) -> BTreeSet<String> {
    kept.iter().map(|one| one.0.clone()).collect()
}

/// Phones register one after the other, until the server is killed in the midst of it.
fn survives_a_kill(url: &str) {
    make_tables(url);
    let server = Server::start(&registrar(url, 1));
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let is_over = || over.load(Ordering::Acquire);
    let acknowledged: BTreeSet<String> = thread::scope(|scope| {
        let lines: Vec<_> = (0..4)
            .map(|line| {
                let (server, count) = (&server, &count);
                let phones = (0..).map(move |number| Phone::new(server, &format!("u{line}-{number}")));
                scope.spawn(move || {
                    let acknowledged = phones.map_while(|mut phone| {
                        let status = phone.register_until(600, is_over)?;
                        assert_eq!(status, "SIP/2.0 200 OK");
                        count.fetch_add(1, Ordering::AcqRel);
                        Some(phone.name)
                    });
                    acknowledged.collect::<Vec<_>>()
                })
            })
            .collect();
        wait_until("100 registrations", || count.load(Ordering::Acquire) >= 100, || server.log());
        server.kill();
        over.store(true, Ordering::Release);
        lines.into_iter().flat_map(|line| line.join().unwrap()).collect()
    });
    let rows = users(&in_database(url));
    assert!(acknowledged.is_subset(&rows), "lost: {:?}", acknowledged.difference(&rows));
    let server = Server::start(&registrar(url, 1));
    // The database may have finished what the killed server had asked for last.
    assert!(rows.is_subset(&users(&in_memory(&server))));
}

#[test]
fn acknowledged_registrations_survive_a_kill_in_sqlite() {
    survives_a_kill(&Sqlite::new().url());
}

#[test]
fn acknowledged_registrations_survive_a_kill_in_mariadb() {
    survives_a_kill(&MariaDb::start().url());
}

#[test]
fn acknowledged_registrations_survive_a_kill_in_postgresql() {
    survives_a_kill(&Postgres::start().url());
}

/// Contacts come, change and go; a restart finds them as they were, also what was written at the end only.
fn writes_back(url: &str) {
    make_tables(url);
    let server = Server::start(&registrar(url, 2));
    let mut phones: Vec<Phone> = (0..20).map(|number| Phone::new(&server, &format!("u{number}"))).collect();
    phones.iter_mut().for_each(|phone| phone.register(600));
    wait_for_agreement(&server, url);
    phones[..5].iter_mut().for_each(|phone| phone.register(900));
    phones[5..10].iter_mut().for_each(|phone| phone.register(0));
    wait_for_agreement(&server, url);
    assert_eq!(in_database(url).len(), 15);
    phones[10].register(0);
    Phone::new(&server, "late").register(600);
    let memory = in_memory(&server);
    assert_eq!(memory.len(), 15);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(in_database(url), memory);
    let server = Server::start(&registrar(url, 2));
    assert_eq!(in_memory(&server), memory);
}

#[test]
fn written_back_registrations_come_back_from_sqlite() {
    writes_back(&Sqlite::new().url());
}

#[test]
fn written_back_registrations_come_back_from_mariadb() {
    writes_back(&MariaDb::start().url());
}

#[test]
fn written_back_registrations_come_back_from_postgresql() {
    writes_back(&Postgres::start().url());
}

/// Devices that gave their temporary GRUU (RFC 5627) to others are found by it when the server was started anew.
#[test]
fn a_temporary_gruu_outlives_a_restart() {
    let file = Sqlite::new();
    make_tables(&file.url());
    let route = "request_route {\n  if (is_method(\"REGISTER\")) { save(\"location\"); exit; }\n  \
                 lookup(\"location\");\n  sl_send_reply(\"200\", \"$ru\");\n}\n";
    let whole = registrar(&file.url(), 1);
    let body = format!("{}{route}", whole.split("request_route").next().unwrap());
    let ask = |server: &Server, method: &str, uri: &str, more: &str| {
        let peer = Peer::of(server);
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{};branch=z9hG4bKg{method}\r\n\
             From: <sip:al@127.0.0.1>;tag=1\r\nTo: <sip:al@127.0.0.1>\r\nCall-ID: g{method}\r\n\
             CSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n",
            peer.port()
        );
        peer.send_bytes(text.as_bytes());
        peer.receive()
    };
    let server = Server::start(&body);
    let device =
        "Supported: gruu\r\nContact: <sip:al@192.0.2.1>;expires=600;+sip.instance=\"<urn:uuid:1>\"\r\n";
    let answer = ask(&server, "REGISTER", "sip:127.0.0.1", device);
    let gruu = answer.split("temp-gruu=\"").nth(1).unwrap_or_else(|| panic!("no GRUU in {answer}"));
    let gruu = gruu.split('"').next().unwrap();
    let found = |server: &Server| ask(server, "OPTIONS", gruu, "").lines().next().unwrap().to_owned();
    assert_eq!(found(&server), "SIP/2.0 200 sip:al@192.0.2.1");
    server.kill();
    assert_eq!(found(&Server::start(&body)), "SIP/2.0 200 sip:al@192.0.2.1");
}

/// MariaDB is killed and started again while phones register, register anew and leave.
fn agrees_after_an_outage(mode: u8) {
    let mut database = MariaDb::start();
    let url = database.url();
    make_tables(&url);
    let server = Server::start(&registrar(&url, mode));
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (server, over, count) = (&server, &over, &count);
        for line in 0..4 {
            scope.spawn(move || {
                let mut phones: Vec<Phone> =
                    (0..25).map(|number| Phone::new(server, &format!("u{line}-{number}"))).collect();
                for round in 0.. {
                    for (number, phone) in phones.iter_mut().enumerate() {
                        if over.load(Ordering::Acquire) {
                            return;
                        }
                        // Every seventh time, a phone leaves.
                        phone.register(if (round + number) % 7 == 6 { 0 } else { 600 });
                        count.fetch_add(1, Ordering::AcqRel);
                    }
                }
            });
        }
        let goes_on = |more: usize| {
            let wanted = count.load(Ordering::Acquire) + more;
            wait_until("registrations", || count.load(Ordering::Acquire) >= wanted, || server.log());
        };
        goes_on(100);
        database.kill();
        goes_on(100);
        server.wait_for_log("contacts stay in memory, and are written when it works again");
        database.restart();
        server.wait_for_log("works again");
        goes_on(50);
        over.store(true, Ordering::Release);
    });
    wait_for_agreement(&server, &url);
    assert!(in_memory(&server).len() > 50);
}

#[test]
fn table_and_memory_agree_after_an_outage_with_write_through() {
    agrees_after_an_outage(1);
}

#[test]
fn table_and_memory_agree_after_an_outage_with_write_back() {
    agrees_after_an_outage(2);
}

#[test]
fn a_database_that_is_down_at_the_start_is_loaded_when_it_comes() {
    let mut database = MariaDb::start();
    let url = database.url();
    make_tables(&url);
    let server = Server::start(&registrar(&url, 1));
    Phone::new(&server, "before").register(600);
    server.kill();
    database.kill();
    let server = Server::start(&registrar(&url, 1));
    server.wait_for_log("contacts stay in memory, and are written when it works again");
    Phone::new(&server, "meanwhile").register(600);
    database.restart();
    wait_until("both\n", || in_memory(&server).len() == 2, || server.log());
    wait_for_agreement(&server, &url);
}

#[test]
fn a_frozen_database_delays_registrations_alone() {
    let database = MariaDb::start();
    make_tables(&database.url());
    let server = Server::start(&registrar(&database.url(), 1));
    let mut phones: Vec<Phone> = (0..50).map(|number| Phone::new(&server, &format!("u{number}"))).collect();
    phones[0].register(600);
    let peer = Peer::of(&server);
    let median = |name: &str| {
        let mut times: Vec<Duration> = (0..21)
            .map(|number| {
                let asked = Instant::now();
                assert_eq!(peer.ask(&format!("{name}{number}")), "SIP/2.0 200 OK");
                asked.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[10]
    };
    let before = median("before");
    database.freeze();
    for phone in &mut phones {
        phone.cseq += 1;
        phone.send(600);
        // What came again is not acknowledged sooner than what it repeats.
        phone.send(600);
    }
    let meanwhile = median("meanwhile");
    let early: Vec<_> = phones.iter().step_by(10).filter_map(Phone::answer).collect();
    database.thaw();
    assert!(early.is_empty(), "acknowledged before it was written: {early:?}");
    assert!(
        meanwhile < before * 10 + Duration::from_millis(20),
        "an OPTIONS took {before:?} before, and {meanwhile:?} while the database stood still"
    );
    for phone in &phones {
        let mut answer = None;
        let heard = || {
            answer = answer.take().or_else(|| phone.answer());
            answer.is_some()
        };
        wait_until("an answer\n", heard, || server.log());
        assert!(answer.unwrap().starts_with("SIP/2.0 200 OK"));
    }
    assert_eq!(in_database(&database.url()), in_memory(&server));
}

#[test]
fn a_contact_that_expires_is_told_with_what_it_was() {
    let server = Server::start(
        "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nmodparam(\"usrloc\", \"timer_interval\", 1)\n\
         modparam(\"registrar\", \"min_expires\", 1)\n\
         request_route { save(\"location\"); }\n\
         event_route[usrloc:contact-expired] { xlog(\"gone: $ulc(exp=>aor) at $ulc(exp=>addr) of $ulc(exp=>callid)\\n\"); }\n",
    );
    let mut stays = Phone::new(&server, "stays");
    stays.register(600);
    Phone::new(&server, "brief").register(1);
    server.wait_for_log("gone: brief at sip:brief@127.0.0.1:5099 of call-brief\n");
    assert_eq!(users(&in_memory(&server)), BTreeSet::from(["stays".to_owned()]));
    assert!(!server.log().contains("gone: stays"));
}
