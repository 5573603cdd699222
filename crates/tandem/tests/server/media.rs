//! Sessions go through media relays: Debian's rtpengine in user space, and a responder that speaks rtpproxy's lines.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::rig::{Folder, Peer, Server, reply, wait_until};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 6000 RTP/AVP 0 8\r\na=rtcp:6001\r\n";

/// Debian's relay, without its kernel module, on loopback.
struct Rtpengine {
    child: Child,
    port: u16,
    _folder: Folder,
}

impl Rtpengine {
    fn start() -> Self {
        let folder = Folder::new();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("rtpengine")
            .args([
                "--foreground",
                "--log-stderr",
                "--table=-1",
                "--interface=127.0.0.1",
                "--no-redis-required",
            ])
            .args(["--config-file=none", "--port-min=42000", "--port-max=43000"])
            .arg(format!("--listen-ng=127.0.0.1:{port}"))
            .current_dir(folder.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rtpengine, of Debian's package rtpengine-daemon (scripts/setup.sh)");
        let relay = Self { child, port, _folder: folder };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let pong = || {
            let mut bytes = [0; 100];
            // Nobody may listen yet.
            let sent = socket.send_to(b"up d7:command4:pinge", ("127.0.0.1", port));
            sent.is_ok() && socket.recv(&mut bytes).is_ok_and(|length| bytes[..length].ends_with(b"4:ponge"))
        };
        wait_until("rtpengine's pong", pong, String::new);
        relay
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(method: &str, call: &str, to: &str, peer: &Peer, server: &Server, body: &str) -> Vec<u8> {
    let (port, address) = (peer.port(), server.address);
    format!(
        "{method} sip:callee@{address} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call}{method}\r\n\
         From: <sip:caller@x>;tag=ft\r\nTo: <sip:callee@y>{to}\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A route that shows what the relay made of the message in a reply's body.
fn showing(module: &str, socket: &str, manage: &str) -> String {
    format!(
        "loadmodule \"textopsx.so\"\nloadmodule \"{module}.so\"\n{socket}\
         request_route {{\n  $var(code) = 0;\n  {manage}\n  if ($retcode > 0) $var(code) = 1;\n  msg_apply_changes();\n  \
         set_reply_body(\"$rb\", \"application/sdp\");\n  sl_send_reply(\"200\", \"code $var(code)\");\n}}\n"
    )
}

fn audio_port(answer: &str) -> u16 {
    let line =
        answer.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_else(|| panic!("{answer}"));
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_session_goes_through_debians_rtpengine() {
    let relay = Rtpengine::start();
    let socket = format!("modparam(\"rtpengine\", \"rtpengine_sock\", \"udp:127.0.0.1:{}\")\n", relay.port);
    let route = showing("rtpengine", &socket, "rtpengine_manage(\"replace-origin RTP/AVP ICE=remove\");");
    let server = Server::start(&route);
    let caller = Peer::of(&server);
    caller.send_bytes(&message("INVITE", "one", "", &caller, &server, OFFER));
    let answer = caller.receive();
    assert!(answer.starts_with("SIP/2.0 200 code 1"), "{answer}\n{}", server.log());
    assert!((42_000..=43_000).contains(&audio_port(&answer)), "{answer}");
    let shown = server.ctl(&["rtpengine.get_hash_total"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), "1");
    let ended = message("BYE", "one", ";tag=tt", &caller, &server, "");
    caller.send_bytes(&ended);
    assert!(caller.receive().starts_with("SIP/2.0 200 code 1"), "{}", server.log());
    let shown = server.ctl(&["rtpengine.get_hash_total"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), "0");
}

#[test]
fn a_relay_that_is_silent_delays_only_the_calls_that_need_it() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let socket = format!(
        "modparam(\"rtpengine\", \"rtpengine_sock\", \"udp:127.0.0.1:{port}\")\n\
         modparam(\"rtpengine\", \"rtpengine_tout_ms\", 400)\nmodparam(\"rtpengine\", \"rtpengine_retr\", 1)\n"
    );
    let route = showing("rtpengine", &socket, "if (is_method(\"INVITE\")) { rtpengine_manage(); }")
        .replace("loadmodule \"textopsx.so\"", "loadmodule \"siputils.so\"\nloadmodule \"textopsx.so\"");
    let server = Server::start_with(&route, &["--shards", "1"]);
    let (caller, other) = (Peer::of(&server), Peer::of(&server));
    caller.send_bytes(&message("INVITE", "slow", "", &caller, &server, OFFER));
    other.send_bytes(&message("OPTIONS", "quick", "", &other, &server, OFFER));
    assert!(other.receive().starts_with("SIP/2.0 200"));
    assert!(caller.hears_nothing());
    assert!(caller.receive().starts_with("SIP/2.0 200 code 0"), "{}", server.log());
}

#[test]
fn a_session_goes_through_rtpproxy() {
    let relay = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = relay.local_addr().unwrap().port();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    thread::spawn(move || {
        let mut bytes = [0; 9000];
        while let Ok((length, from)) = relay.recv_from(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let (cookie, line) = text.split_once(' ').unwrap();
            let answer = match line.as_bytes()[0] {
                b'V' => "20040107",
                b'U' | b'L' => "35000 10.9.8.7",
                _ => "0",
            };
            heard.lock().unwrap().push(line.trim().to_owned());
            relay.send_to(format!("{cookie} {answer}\n").as_bytes(), from).unwrap();
        }
    });
    let socket = format!("modparam(\"rtpproxy\", \"rtpproxy_sock\", \"1 == udp:127.0.0.1:{port}\")\n");
    let route = showing("rtpproxy", &socket, "set_rtp_proxy_set(\"1\"); rtpproxy_manage(\"co\");");
    let server = Server::start(&route);
    let caller = Peer::of(&server);
    caller.send_bytes(&message("INVITE", "one", "", &caller, &server, OFFER));
    let answer = caller.receive();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        "v=0\r\no=- 1 1 IN IP4 10.9.8.7\r\ns=-\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\nm=audio 35000 RTP/AVP 0 8\r\n\
         a=rtcp:35001\r\na=nortpproxy:yes\r\n",
        "{}",
        server.log()
    );
    caller.send_bytes(&message("BYE", "one", ";tag=tt", &caller, &server, ""));
    assert!(caller.receive().starts_with("SIP/2.0 200 code 1"), "{}", server.log());
    let heard: Vec<String> =
        lines.lock().unwrap().iter().filter(|line| !line.starts_with('V')).cloned().collect();
    assert_eq!(heard, ["Uc0,8 one 127.0.0.1 6000 ft;1", "D one ft tt"]);
    let listed = server.ctl(&["rtpproxy.list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&format!("udp:127.0.0.1:{port}")));
}

/// A relay that answers every description with itself, and tells the commands that it got: name, From tag, To tag.
fn responder() -> (u16, Arc<Mutex<Vec<String>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let commands = Arc::clone(&heard);
    thread::spawn(move || {
        let mut bytes = [0; 9000];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let (cookie, _) = text.split_once(' ').unwrap();
            let answer =
                if text.contains("4:ping") { "6:result4:pong" } else { "6:result2:ok3:sdp5:v=9\r\n" };
            if let Some((_, tags)) = text.split_once("8:from-tag") {
                commands.lock().unwrap().push(tags.to_owned());
            }
            socket.send_to(format!("{cookie} d{answer}e").as_bytes(), from).unwrap();
        }
    });
    (port, heard)
}

/// The tags as recorded from Kamailio 5.6.3.
#[test]
fn replies_answer_what_the_invite_offered_and_offer_where_it_offered_nothing() {
    let (relay, heard) = responder();
    let callee = UdpSocket::bind("127.0.0.1:0").unwrap();
    callee.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let server = Server::start(&format!(
        "loadmodule \"tm.so\"\nloadmodule \"rtpengine.so\"\n\
         modparam(\"rtpengine\", \"rtpengine_sock\", \"udp:127.0.0.1:{relay}\")\n\
         request_route {{\n  rtpengine_manage();\n  t_on_reply(\"R\");\n  $du = \"sip:{}\";\n  t_relay();\n}}\n\
         onreply_route[R] {{\n  rtpengine_manage();\n}}\n",
        callee.local_addr().unwrap()
    ));
    let caller = Peer::of(&server);
    for (call, body) in [("with", OFFER), ("without", "")] {
        caller.send_bytes(&message("INVITE", call, "", &caller, &server, body));
        let mut bytes = [0; 9000];
        let (length, from) = callee.recv_from(&mut bytes).unwrap();
        let invite = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert_eq!(invite.ends_with("\r\n\r\nv=9\r\n"), call == "with", "{invite}");
        let answer = reply(&invite, "200 Yes").replace("<sip:callee@y>", "<sip:callee@y>;tag=tt");
        let described =
            format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}", OFFER.len());
        callee.send_to(answer.replace("Content-Length: 0\r\n\r\n", &described).as_bytes(), from).unwrap();
        let answer = loop {
            let answer = caller.receive();
            if !answer.starts_with("SIP/2.0 100") {
                break answer;
            }
        };
        assert!(answer.ends_with("Content-Length: 5\r\n\r\nv=9\r\n"), "{answer}");
    }
    assert_eq!(
        *heard.lock().unwrap(),
        ["2:ft7:command5:offere", "2:ft6:to-tag2:tt7:command6:answere", "2:tt6:to-tag2:ft7:command5:offere"]
    );
}
