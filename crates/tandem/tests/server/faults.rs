//! What peers and the network do wrong around transactions: each ends in an answer, a try elsewhere, or nothing at all.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::rig::{PATIENCE, Peer, Server, free_port, reply, request};

/// A server that relays everything to `uri`, with further routes.
fn relaying(uri: &str, arm: &str, routes: &str) -> String {
    format!("loadmodule \"tm.so\"\n{routes}request_route {{\n  $du = \"{uri}\";\n  {arm}\n  t_relay();\n}}\n")
}

#[test]
fn a_refused_stream_is_told_to_the_branch_and_the_failure_route_tries_another_place() {
    let (closed, backup) = (free_port(), free_port());
    let routes = format!(
        "failure_route[NEXT] {{\n  if (t_check_status(\"477\") && !t_branch_replied()) {{\n    \
         $du = \"sip:127.0.0.1:{backup}\"; t_relay();\n  }}\n}}\n"
    );
    let uri = format!("sip:127.0.0.1:{closed};transport=tcp");
    let server = Server::start(&relaying(&uri, "t_on_failure(\"NEXT\");", &routes));
    let (caller, callee) = (Peer::of(&server), Peer::at(&server, backup));
    caller.send("OPTIONS", "refused", "refused");
    callee.send_bytes(reply(&callee.receive(), "200 Backup").as_bytes());
    assert!(caller.receive().starts_with("SIP/2.0 200 Backup"), "{}", server.log());
}

#[test]
fn a_refused_stream_without_a_failure_route_is_a_477() {
    let uri = format!("sip:127.0.0.1:{};transport=tcp", free_port());
    let server = Server::start(&relaying(&uri, "", ""));
    let caller = Peer::of(&server);
    caller.send("OPTIONS", "refused", "refused");
    assert!(caller.receive().starts_with("SIP/2.0 477 "), "{}", server.log());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_stream_whose_peer_takes_nothing_fails_the_branches_that_wait_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("sip:{};transport=tcp", listener.local_addr().unwrap());
    let body = format!("tcp_conn_wq_max=65536\n{}", relaying(&uri, "", ""));
    let server = Server::start(&body);
    // Accepted by the system, read by nobody.
    let _listener = listener;
    let mut caller = TcpStream::connect(server.address).unwrap();
    caller.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = caller.try_clone().unwrap();
    let address = server.address;
    let sending = std::thread::spawn(move || {
        let padding = format!("X-Padding: {}\r\nContent-Length: 0", "x".repeat(30_000));
        for number in 0..600 {
            let mark = format!("full-{number}");
            let text = request("OPTIONS", &mark, &mark, 5060, address);
            let text = text.replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("Content-Length: 0", &padding);
            if sender.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut seen = String::new();
    let mut bytes = [0; 65_536];
    while !seen.contains("SIP/2.0 477 ") {
        let length = caller.read(&mut bytes).expect("a 477 within the patience");
        assert!(length > 0, "the server closed the caller's connection:\n{}", server.log());
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    drop(caller);
    drop(server);
    sending.join().unwrap();
}

#[test]
fn a_request_that_comes_by_two_ways_is_passed_on_twice_unless_merged_ones_are_refused() {
    for refuses in [false, true] {
        let port = free_port();
        let routes = if refuses { "modparam(\"tm\", \"refuse_merged\", 1)\n" } else { "" };
        let server = Server::start(&relaying(&format!("sip:127.0.0.1:{port}"), "", routes));
        let (caller, callee) = (Peer::of(&server), Peer::at(&server, port));
        caller.send("OPTIONS", "one", "merged");
        let first = callee.receive();
        caller.send("OPTIONS", "two", "merged");
        if refuses {
            let answer = caller.receive();
            assert!(answer.starts_with("SIP/2.0 482 Merged Request"), "{answer}");
            assert!(answer.contains("branch=z9hG4bK-two"), "{answer}");
        } else {
            assert!(callee.receive().starts_with("OPTIONS sip:two@"));
        }
        callee.send_bytes(reply(&first, "200 OK").as_bytes());
        assert!(caller.receive().contains("branch=z9hG4bK-one"), "{}", server.log());
    }
}

#[test]
fn a_200_that_crosses_the_cancel_reaches_the_caller() {
    let port = free_port();
    let server = Server::start(&relaying(&format!("sip:127.0.0.1:{port}"), "", ""));
    let (caller, callee) = (Peer::of(&server), Peer::at(&server, port));
    caller.send("INVITE", "late", "late");
    let invite = callee.receive();
    callee.send_bytes(reply(&invite, "180 Ringing").as_bytes());
    assert!(caller.receive().starts_with("SIP/2.0 100 "));
    assert!(caller.receive().starts_with("SIP/2.0 180 "));
    caller.send("CANCEL", "late", "late");
    assert!(callee.receive().starts_with("CANCEL "));
    assert!(caller.receive().starts_with("SIP/2.0 200 canceling"));
    callee.send_bytes(reply(&invite, "200 Too Late").as_bytes());
    assert!(caller.receive().starts_with("SIP/2.0 200 Too Late"), "{}", server.log());
}

#[test]
fn a_cancel_before_its_invite_does_not_keep_the_invite_from_its_way() {
    let port = free_port();
    let arm =
        "if (is_method(\"CANCEL\") && !t_check_trans()) { sl_send_reply(\"481\", \"No INVITE\"); exit; }";
    let server = Server::start(&relaying(&format!("sip:127.0.0.1:{port}"), arm, ""));
    let (caller, callee) = (Peer::of(&server), Peer::at(&server, port));
    caller.send("CANCEL", "early", "early");
    assert!(caller.receive().starts_with("SIP/2.0 481 "), "{}", server.log());
    caller.send("INVITE", "early", "early");
    let invite = callee.receive();
    assert!(invite.starts_with("INVITE "));
    assert!(caller.receive().starts_with("SIP/2.0 100 "));
    caller.send("CANCEL", "early", "early");
    assert!(caller.receive().starts_with("SIP/2.0 200 canceling"), "{}", server.log());
}

#[test]
fn a_request_that_is_relayed_to_the_server_itself_ends_with_its_last_hop() {
    let server = Server::start(
        "loadmodule \"tm.so\"\nloadmodule \"maxfwd.so\"\nrequest_route {\n  \
         if (!mf_process_maxfwd_header(\"8\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; }\n  \
         $du = \"sip:127.0.0.1:\" + $Rp;\n  t_relay();\n}\n",
    );
    let caller = Peer::of(&server);
    caller.send("OPTIONS", "loop", "loop");
    assert!(caller.receive().starts_with("SIP/2.0 483 "), "{}", server.log());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_caller_gets_a_503_when_too_much_is_parked() {
    let server = Server::start_with(
        "request_route {\n  usleep(\"30000000\");\n  sl_send_reply(\"200\", \"OK\");\n}\n",
        &["--shards", "1"],
    );
    let mut caller = TcpStream::connect(server.address).unwrap();
    caller.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = caller.try_clone().unwrap();
    let address = server.address;
    // 64 MB of messages may be parked.
    let sending = std::thread::spawn(move || {
        let padding = format!("X-Padding: {}\r\nContent-Length: 0", "x".repeat(30_000));
        for number in 0..2400 {
            let mark = format!("parked-{number}");
            let text = request("OPTIONS", &mark, &mark, 5060, address);
            let text = text.replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("Content-Length: 0", &padding);
            if sender.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut bytes = [0; 4096];
    let length = caller.read(&mut bytes).expect("a 503 within the patience");
    let answer = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(answer.starts_with("SIP/2.0 503 Service Unavailable"), "{answer}");
    assert!(answer.contains("Retry-After: "), "{answer}");
    drop(caller);
    drop(server);
    sending.join().unwrap();
}
