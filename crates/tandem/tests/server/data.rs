//! What modules keep in databases and beside them: tables, accounting, floods.

use std::net::UdpSocket;

use databases::{MariaDb, Sqlite};
use store::{Database, Query, Value};

use super::rig::{PATIENCE, Peer, Server, request, wait_until};

/// Something on a database, from a test.
pub(super) fn with<T>(url: &str, work: impl AsyncFnOnce(Database) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(Database::new(url.as_bytes()).unwrap()).await })
}

fn run(url: &str, statements: &[&str]) {
    with(url, async |database| {
        let mut session = database.session().await.unwrap();
        for statement in statements {
            session.raw(statement.as_bytes()).await.unwrap();
        }
    });
}

fn rows(url: &str, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    let query = Query { table: table.into(), columns, order: Some("id".into()), ..Query::default() };
    let text = |value: &Value| String::from_utf8_lossy(value.as_text().unwrap_or(b"")).into_owned();
    with(url, async |database| {
        let found = database.query(&query).await.unwrap_or_default();
        found.iter().map(|row| row.iter().map(text).collect()).collect()
    })
}

const HTABLE: &str = "CREATE TABLE htable (id INTEGER PRIMARY KEY, key_name VARCHAR(64), key_type INT, value_type INT, \
                      key_value VARCHAR(128), expires INT)";

#[test]
fn a_table_outlives_a_restart_in_the_database() {
    let file = Sqlite::new();
    run(
        &file.url(),
        &[
            HTABLE,
            "INSERT INTO htable (key_name, key_type, value_type, key_value, expires) VALUES ('n', 0, 1, '41', 0)",
        ],
    );
    let body = format!(
        "loadmodule \"htable.so\"\nmodparam(\"htable\", \"db_url\", \"{}\")\n\
         modparam(\"htable\", \"htable\", \"a=>size=4;dbtable=htable;dbmode=1\")\n\
         request_route {{\n  $var(n) = $shtinc(a=>n);\n  $sht(a=>text) = \"it's \" + $rU;\n  \
         sl_send_reply(\"200\", \"$sht(a=>n) $sht(a=>text)\");\n}}\n",
        file.url()
    );
    let server = Server::start(&body);
    assert_eq!(Peer::of(&server).ask("one"), "SIP/2.0 200 42 it's one");
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&body);
    assert_eq!(Peer::of(&server).ask("two"), "SIP/2.0 200 43 it's two");
}

#[test]
fn what_expires_is_told_and_gone() {
    let server = Server::start(
        "loadmodule \"htable.so\"\nmodparam(\"htable\", \"timer_interval\", 1)\n\
         modparam(\"htable\", \"htable\", \"a=>size=4;autoexpire=1\")\n\
         event_route[htable:mod-init] { $sht(a=>early) = 7; }\n\
         event_route[htable:expired:a] { xlog(\"gone: $shtrecord(key)=$shtrecord(value) $sht(a=>early)\\n\"); }\n\
         request_route { sl_send_reply(\"200\", \"OK\"); }\n",
    );
    server.wait_for_log("gone: early=7 <null>");
}

const ACC: &str = "CREATE TABLE acc (id INTEGER PRIMARY KEY AUTO_INCREMENT, method VARCHAR(16), from_tag VARCHAR(128), \
                   to_tag VARCHAR(128), callid VARCHAR(255), sip_code VARCHAR(3), sip_reason VARCHAR(128), \
                   time DATETIME, caller VARCHAR(64))";

#[test]
fn what_is_accounted_waits_for_a_database_that_is_down() {
    let mut database = MariaDb::start();
    run(&database.url(), &[ACC]);
    let server = Server::start(&format!(
        "loadmodule \"tm.so\"\nloadmodule \"acc.so\"\nmodparam(\"acc\", \"db_url\", \"{}\")\n\
         modparam(\"acc\", \"db_flag\", 1)\nmodparam(\"acc\", \"db_extra\", \"caller=$fU\")\n\
         request_route {{ setflag(1); t_newtran(); t_reply(\"200\", \"OK\"); }}\n",
        database.url()
    ));
    let peer = Peer::of(&server);
    let marks: Vec<String> = (0..30).map(|number| format!("call{number}")).collect();
    for (number, mark) in marks.iter().enumerate() {
        if number == 10 {
            database.kill();
        }
        assert_eq!(peer.ask(mark), "SIP/2.0 200 OK");
    }
    server.wait_for_log("what is accounted waits until");
    database.restart();
    let columns = ["callid", "method", "sip_code", "sip_reason"];
    let seen = || rows(&database.url(), "acc", &columns);
    wait_until("all rows\n", || seen().len() >= marks.len(), || format!("{:?}\n{}", seen(), server.log()));
    let expected: Vec<Vec<String>> =
        marks.iter().map(|mark| vec![mark.clone(), "OPTIONS".into(), "200".into(), "OK".into()]).collect();
    assert_eq!(seen(), expected);
}

#[test]
fn a_flood_is_told_and_its_neighbour_is_served() {
    let server = Server::start(
        "loadmodule \"pike.so\"\nmodparam(\"pike\", \"sampling_time_unit\", 60)\n\
         modparam(\"pike\", \"reqs_density_per_unit\", 20)\n\
         request_route {\n  $var(r) = pike_check_req();\n  if ($var(r) < 0) { sl_send_reply(\"503\", \"Flood $var(r)\"); exit; }\n  \
         sl_send_reply(\"200\", \"OK\");\n}\n",
    );
    let flood = UdpSocket::bind("127.0.0.66:0").unwrap();
    flood.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask = |number: usize| {
        let mark = format!("flood{number}");
        let port = flood.local_addr().unwrap().port();
        let message = request("OPTIONS", &mark, &mark, port, server.address);
        flood
            .send_to(
                message.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.66:{port}")).as_bytes(),
                server.address,
            )
            .unwrap();
        let mut bytes = [0; 65_536];
        let (length, _) = flood.recv_from(&mut bytes).expect("an answer within the patience");
        String::from_utf8_lossy(&bytes[..length]).lines().next().unwrap_or_default().to_owned()
    };
    let answers: Vec<String> = (0..60).map(ask).collect();
    let passed = answers.iter().take_while(|answer| *answer == "SIP/2.0 200 OK").count();
    assert!((20..=3 * 20).contains(&passed), "{passed} of the flood passed");
    assert_eq!(answers[passed], "SIP/2.0 503 Flood -2");
    assert!(answers[passed + 1..].iter().all(|answer| answer == "SIP/2.0 503 Flood -1"), "{answers:?}");
    server.wait_for_log("PIKE - BLOCKing ip 127.0.0.66, node=0x");
    assert_eq!(Peer::of(&server).ask("neighbour"), "SIP/2.0 200 OK");
}
