//! Contacts behind address translators are pinged, and given up when they are silent.

use super::rig::{Peer, Server, reply};

const BODY: &str = "loadmodule \"kex.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"nathelper.so\"\n\
                    modparam(\"usrloc\", \"nat_bflag\", 6)\nmodparam(\"usrloc\", \"timer_interval\", 1)\n\
                    modparam(\"nathelper|registrar\", \"received_avp\", \"$avp(received)\")\n\
                    modparam(\"nathelper\", \"natping_interval\", 1)\nmodparam(\"nathelper\", \"ping_nated_only\", 1)\n\
                    modparam(\"nathelper\", \"sipping_bflag\", 7)\n\
                    modparam(\"nathelper\", \"sipping_from\", \"sip:pinger@example.com\")\n";
const ROUTES: &str = "request_route {\n  if ($fU != \"public\") setbflag(6);\n  if ($fU != \"short\") setbflag(7);\n  \
                      fix_nated_register();\n  save(\"location\");\n}\n\
                      reply_route {\n  xlog(\"L_ERR\", \"reply to a $rm\\n\");\n}\n";

/// Registers a contact with an address that nobody reaches.
fn register(peer: &Peer, user: &str) {
    let port = peer.port();
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{user}\r\n\
         From: <sip:{user}@example.com>;tag=1\r\nTo: <sip:{user}@example.com>\r\nCall-ID: {user}\r\n\
         CSeq: 1 REGISTER\r\nContact: <sip:{user}@192.0.2.1:5080>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    );
    peer.send_bytes(text.as_bytes());
    assert!(peer.receive().starts_with("SIP/2.0 200 "));
}

#[test]
fn contacts_behind_translators_are_pinged_where_they_came_from() {
    let server = Server::start(&format!("{BODY}{ROUTES}"));
    let (public, short, asked) = (Peer::of(&server), Peer::of(&server), Peer::of(&server));
    register(&public, "public");
    register(&short, "short");
    register(&asked, "asked");
    assert_eq!(short.receive(), "\0\0\0\0");
    let ping = asked.receive();
    assert!(ping.starts_with("OPTIONS sip:asked@192.0.2.1:5080 SIP/2.0\r\n"), "{ping}");
    assert!(ping.contains("\r\nFrom: sip:pinger@example.com;tag=uloc-"), "{ping}");
    asked.send_bytes(reply(&ping, "200 OK").as_bytes());
    server.wait_for_log("reply to a OPTIONS");
    // Each of them once more, and still nothing for the one that needs none.
    assert_eq!(short.receive(), "\0\0\0\0");
    assert!(asked.receive().starts_with("OPTIONS "));
    assert!(public.hears_nothing());
}

#[test]
fn a_contact_that_does_not_answer_is_given_up() {
    let keepalive = "modparam(\"nathelper\", \"keepalive_timeout\", 4)\n";
    let server = Server::start(&format!("{BODY}{keepalive}{ROUTES}"));
    let (silent, alive) = (Peer::of(&server), Peer::of(&server));
    register(&silent, "silent");
    register(&alive, "alive");
    let is_there = |user: &str| server.ctl(&["ul.lookup", "location", user]).status.success();
    assert!(is_there("silent"));
    // Every answer is good for another four seconds.
    for _ in 0..30 {
        let ping = alive.receive();
        alive.send_bytes(reply(&ping, "200 OK").as_bytes());
        if !is_there("silent") {
            break;
        }
    }
    assert!(!is_there("silent"));
    assert!(is_there("alive"));
}
