//! Any bytes on any socket: an answer or a counted drop, never a panic, a hang or growth without bound.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::rig::{PATIENCE, Peer, Server};

const ANSWER: &str = "request_route {\n  sl_send_reply(\"200\", \"OK\");\n}\n";

/// Bytes that look random and are the same in each run.
fn rubbish(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
}

#[test]
fn rubbish_over_udp_is_dropped_and_the_next_request_answered() {
    let mut server = Server::start(ANSWER);
    let peer = Peer::of(&server);
    for seed in 0..2000 {
        let length = (seed as usize * 37) % 1400;
        let bytes: Vec<u8> = rubbish(seed).take(length).collect();
        peer.send_bytes(&bytes);
    }
    for prefix in
        ["OPTIONS sip:a SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n"]
    {
        for seed in 0..300 {
            let bytes: Vec<u8> = prefix.bytes().chain(rubbish(seed).take(400)).collect();
            peer.send_bytes(&bytes);
        }
    }
    assert_eq!(peer.ask("still-there"), "SIP/2.0 200 OK");
    assert!(server.is_alive());
    let shards = server.ctl(&["--json", "core.shards"]);
    let text = String::from_utf8_lossy(&shards.stdout).into_owned();
    assert!(
        !text.contains("\"panics\": 0")
            || text.matches("\"panics\": 0").count() == text.matches("\"panics\"").count(),
        "{text}"
    );
}

#[test]
fn a_request_of_the_greatest_size_and_one_beyond() {
    let mut server = Server::start(ANSWER);
    let peer = Peer::of(&server);
    let padding = "x".repeat(30_000);
    let request = format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{};branch=z9hG4bK-big\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:a@b>\r\nCall-ID: big\r\nCSeq: 1 OPTIONS\r\nX: {padding}\r\n\r\n",
        peer.port()
    );
    peer.send_bytes(request.as_bytes());
    assert!(peer.receive().starts_with("SIP/2.0 200 OK"));
    let many: String = (0..5000).map(|n| format!("X{n}: y\r\n")).collect();
    peer.send_bytes(request.replace(&format!("X: {padding}\r\n"), &many).as_bytes());
    assert_eq!(peer.ask("after"), "SIP/2.0 200 OK");
    assert!(server.is_alive());
}

#[test]
fn rubbish_over_tcp_ends_its_connection_alone() {
    let mut server = Server::start(ANSWER);
    for seed in 0..50 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let bytes: Vec<u8> = rubbish(seed).take(5000).collect();
        // The server may have closed already; that is what is asked of it.
        let _ = stream.write_all(&bytes);
    }
    assert_eq!(tcp_ask(&server, "after"), "SIP/2.0 200 OK");
    assert!(server.is_alive());
}

#[test]
fn a_request_in_single_bytes_and_two_in_one_segment() {
    let server = Server::start(ANSWER);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for byte in tcp_request("bytewise").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_answers(&mut stream, 1), ["bytewise"]);
    stream
        .write_all(format!("{}\r\n\r\n{}", tcp_request("first"), tcp_request("second")).as_bytes())
        .unwrap();
    assert_eq!(read_answers(&mut stream, 2), ["first", "second"]);
}

fn tcp_request(mark: &str) -> String {
    format!(
        "OPTIONS sip:{mark}@b SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-{mark}\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn tcp_ask(server: &Server, mark: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(tcp_request(mark).as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).lines().next().unwrap_or_default().to_owned()
}

/// Reads so many answers and gives their Call-IDs, sorted: calls of their own may be answered in any order.
fn read_answers(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while text.matches("\r\n\r\n").count() < count {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    let mut calls: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("Call-ID: ")).map(str::to_owned).collect();
    calls.sort();
    calls
}

#[test]
fn a_runaway_script_is_cut_and_named() {
    let server = Server::start(
        "max_while_loops=0\nrequest_route {\n  if ($rU == \"runaway\") {\n    while (1) {\n      $var(x) = $var(x) + 1;\n    }\n  }\n  sl_send_reply(\"200\", \"OK\");\n}\n",
    );
    let peer = Peer::of(&server);
    peer.send("OPTIONS", "runaway", "runaway");
    server.wait_for_log("the script was cut after");
    assert_eq!(peer.ask("next"), "SIP/2.0 200 OK");
}

#[test]
fn memory_at_rest_is_small() {
    let server = Server::start(ANSWER);
    let peer = Peer::of(&server);
    assert_eq!(peer.ask("warm"), "SIP/2.0 200 OK");
    assert!(server.resident() < 40 << 20, "{} bytes", server.resident());
}
