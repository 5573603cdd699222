//! The presence server: who watches hears of what is published, also after a restart.

use databases::Sqlite;

use super::rig::{Peer, Server, reply, tandem};

const ALICE: &str = "sip:alice@example.com";

fn body(database: &str) -> String {
    format!(
        "loadmodule \"tm.so\"\nloadmodule \"siputils.so\"\nloadmodule \"db_sqlite.so\"\nloadmodule \"presence.so\"\n\
         loadmodule \"presence_xml.so\"\nmodparam(\"presence_xml\", \"force_active\", 1)\n{database}\
         request_route {{\n  if (!t_newtran()) {{ sl_reply_error(); exit; }}\n  \
         if (is_method(\"PUBLISH\")) handle_publish(); else handle_subscribe();\n  t_release();\n}}\n"
    )
}

fn document(status: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"{ALICE}\">\
         <tuple id=\"t1\"><status><basic>{status}</basic></status></tuple></presence>\n"
    )
}

/// Sends a request to the presentity and gives its answer.
fn ask(peer: &Peer, method: &str, mark: &str, to_tag: &str, lines: &str, body: &str) -> String {
    let (port, length) = (peer.port(), body.len());
    let number = mark.bytes().last().unwrap_or_default();
    let text = format!(
        "{method} {ALICE} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{mark}\r\n\
         From: <sip:bob@example.com>;tag=b\r\nTo: <{ALICE}>{to_tag}\r\nCall-ID: {method}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:bob@127.0.0.1:{port}>\r\nEvent: presence\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
    );
    peer.send_bytes(text.as_bytes());
    peer.receive()
}

/// Receives a NOTIFY and answers it.
fn notified(peer: &Peer) -> String {
    let notify = peer.receive();
    assert!(notify.starts_with("NOTIFY sip:bob@127.0.0.1:"), "{notify}");
    peer.send_bytes(reply(&notify, "200 OK").as_bytes());
    notify
}

fn line<'a>(message: &'a str, name: &str) -> &'a str {
    message
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_else(|| panic!("no {name} in {message}"))
}

const PUBLISHED: &str = "Content-Type: application/pidf+xml\r\nExpires: 300\r\n";

#[test]
fn a_watcher_hears_of_publications_until_it_ends() {
    let server = Server::start(&body(""));
    let (watcher, presentity) = (Peer::of(&server), Peer::of(&server));
    let accepted = ask(&watcher, "SUBSCRIBE", "s1", "", "Expires: 600\r\n", "");
    assert!(accepted.starts_with("SIP/2.0 200 "), "{accepted}");
    let first = notified(&watcher);
    assert!(
        first.contains("Subscription-State: active;expires=") && first.contains("Content-Length: 0"),
        "{first}"
    );

    let answer = ask(&presentity, "PUBLISH", "p1", "", PUBLISHED, &document("open"));
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(notified(&watcher).ends_with(&document("open")));

    let changed = format!("{PUBLISHED}SIP-If-Match: {}\r\n", line(&answer, "SIP-ETag: "));
    let answer = ask(&presentity, "PUBLISH", "p2", "", &changed, &document("closed"));
    assert!(notified(&watcher).ends_with(&document("closed")));

    // Gone: what was published is closed.
    let gone = format!("Expires: 0\r\nSIP-If-Match: {}\r\n", line(&answer, "SIP-ETag: "));
    ask(&presentity, "PUBLISH", "p3", "", &gone, "");
    assert!(notified(&watcher).contains("<basic>closed</basic>"));

    let tag = line(&accepted, &format!("To: <{ALICE}>"));
    let ended = ask(&watcher, "SUBSCRIBE", "s2", tag, "Expires: 0\r\n", "");
    assert!(ended.starts_with("SIP/2.0 200 "), "{ended}");
    assert!(notified(&watcher).contains("Subscription-State: terminated"));
    let unknown = ask(&watcher, "SUBSCRIBE", "s3", tag, "Expires: 60\r\n", "");
    assert!(unknown.starts_with("SIP/2.0 481 "), "{unknown}");
}

#[test]
fn who_watches_is_told_what_expires() {
    let server = Server::start(&body("modparam(\"presence\", \"clean_period\", 1)\n"));
    let (watcher, presentity) = (Peer::of(&server), Peer::of(&server));
    ask(&watcher, "SUBSCRIBE", "s1", "", "Expires: 8\r\n", "");
    notified(&watcher);
    let brief = PUBLISHED.replace("300", "1");
    ask(&presentity, "PUBLISH", "p1", "", &brief, &document("open"));
    assert!(notified(&watcher).contains("<basic>open</basic>"));
    let gone = notified(&watcher);
    assert!(gone.contains("<basic>closed</basic>") && gone.contains("Subscription-State: active"), "{gone}");
    assert!(notified(&watcher).contains("Subscription-State: terminated;reason=timeout"));
}

#[test]
fn what_cannot_be_published_is_refused() {
    let server = Server::start(&body(""));
    let peer = Peer::of(&server);
    let broken = document("open").replace("</presence>", "");
    assert!(ask(&peer, "PUBLISH", "p1", "", PUBLISHED, &broken).starts_with("SIP/2.0 415 "));
    assert!(ask(&peer, "PUBLISH", "p2", "", PUBLISHED, "").starts_with("SIP/2.0 400 "));
    let unknown = format!("{PUBLISHED}SIP-If-Match: nobody's\r\n");
    assert!(ask(&peer, "PUBLISH", "p3", "", &unknown, &document("open")).starts_with("SIP/2.0 500 "));
}

#[test]
fn publications_and_subscriptions_outlive_a_restart() {
    let file = Sqlite::new();
    let made = tandem(&["db", "init", "--db", &file.url()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let body = body(&format!("modparam(\"presence\", \"db_url\", \"{}\")\n", file.url()));
    let server = Server::start(&body);
    let (watcher, presentity) = (Peer::of(&server), Peer::of(&server));
    ask(&watcher, "SUBSCRIBE", "s1", "", "Expires: 600\r\n", "");
    let first = notified(&watcher);
    let answer = ask(&presentity, "PUBLISH", "p1", "", PUBLISHED, &document("open"));
    notified(&watcher);
    assert_eq!(server.stop(), Some(0));

    let server = Server::start(&body);
    let presentity = Peer::of(&server);
    let changed = format!("{PUBLISHED}SIP-If-Match: {}\r\n", line(&answer, "SIP-ETag: "));
    assert!(ask(&presentity, "PUBLISH", "p2", "", &changed, &document("closed")).starts_with("SIP/2.0 200 "));
    let later = watcher.receive();
    assert!(later.ends_with(&document("closed")), "{later}");
    let number = |notify: &str| line(notify, "CSeq: ").split(' ').next().and_then(|n| n.parse::<u32>().ok());
    assert!(number(&later) > number(&first), "CSeq of a dialog only grows");
}
