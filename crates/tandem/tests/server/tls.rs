//! TLS with strangers at the other end: OpenSSL's client, and Debian's Kamailio.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::rig::{Folder, Peer, Server, free_port, tandem, wait_until};

/// A certificate that vouches for itself, in `NAME.pem` with its key.
fn certificate(folder: &Folder, name: &str) -> String {
    let (key, certificate) = (folder.path("key"), folder.path("certificate"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", &format!("/CN={name}"), "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = [&certificate, &key].map(|path| std::fs::read_to_string(path).unwrap()).concat();
    folder.write(&format!("{name}.pem"), &text).display().to_string()
}

/// What a server needs to listen on TLS at a port, with the domains of a file.
fn listening(port: u16, file: &Path) -> String {
    format!(
        "enable_tls=yes\nlisten=tls:127.0.0.1:{port}\nloadmodule \"tls.so\"\nmodparam(\"tls\", \"config\", \"{}\")\n",
        file.display()
    )
}

/// What OpenSSL's client sees: who the server is, and the first line that it answers to a request.
fn ask(port: u16, options: &[&str]) -> (String, String) {
    let mut client = Command::new("openssl")
        .args(["s_client", "-ign_eof", "-connect", &format!("127.0.0.1:{port}")])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKtls\r\n\
                   From: <sip:f@x>;tag=1\r\nTo: <sip:t@x>\r\nCall-ID: tls\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\n\
                   Content-Length: 0\r\n\r\n";
    // Who is refused hears of it when he reads.
    let _ = client.stdin.as_mut().unwrap().write_all(request.as_bytes());
    let mut output = client.stdout.take().unwrap();
    let (mut seen, mut piece) = (String::new(), [0; 4096]);
    while !seen.contains("SIP/2.0 ") {
        match output.read(&mut piece).unwrap() {
            0 => break,
            length => seen.push_str(&String::from_utf8_lossy(&piece[..length])),
        }
    }
    // It would wait for the end of the connection.
    let _ = client.kill();
    client.wait().unwrap();
    let line =
        |begins: &str| seen.lines().find(|line| line.starts_with(begins)).unwrap_or_default().to_owned();
    (line("subject="), line("SIP/2.0 "))
}

const TELLING: &str = "request_route {\n  sl_send_reply(\"200\", \"$pr $tls_version $tls_peer_server_name \
                       $tls_peer_subject_cn $tls_peer_verified\");\n}\n";

#[test]
fn a_client_gets_the_domain_that_it_asks_for_and_the_script_knows_both() {
    let folder = Folder::new();
    let (first, second) = (certificate(&folder, "first.example"), certificate(&folder, "second.example"));
    let file = folder.write(
        "tls.cfg",
        &format!(
            "[server:default]\ncertificate = {first}\nverify_client = optional_no_ca\nca_list = {second}\n\
             [server:any]\ncertificate = {second}\nserver_name = second.example\n"
        ),
    );
    let port = free_port();
    let _server = Server::start(&(listening(port, &file) + TELLING));
    assert_eq!(
        ask(port, &["-noservername", "-tls1_2"]),
        ("subject=CN = first.example".to_owned(), "SIP/2.0 200 tls TLSv1.2 <null> <null> 0".to_owned())
    );
    assert_eq!(
        ask(port, &["-servername", "second.example"]),
        (
            "subject=CN = second.example".to_owned(),
            "SIP/2.0 200 tls TLSv1.3 second.example <null> 0".to_owned()
        )
    );
    assert_eq!(
        ask(port, &["-noservername", "-cert", &second]).1,
        "SIP/2.0 200 tls TLSv1.3 <null> second.example 1"
    );
    assert_eq!(
        ask(port, &["-noservername", "-cert", &first]).1,
        "SIP/2.0 200 tls TLSv1.3 <null> first.example 0"
    );
}

#[test]
fn certificates_are_read_again_and_a_broken_file_changes_nothing() {
    let folder = Folder::new();
    let domain = |name: &str| format!("[server:default]\ncertificate = {}\n", certificate(&folder, name));
    let file = folder.write("tls.cfg", &domain("before.example"));
    let port = free_port();
    let server = Server::start(&(listening(port, &file) + TELLING));
    assert_eq!(ask(port, &[]).0, "subject=CN = before.example");
    folder.write("tls.cfg", &domain("after.example"));
    assert_eq!(ask(port, &[]).0, "subject=CN = before.example");
    assert!(server.ctl(&["tls.reload"]).status.success());
    assert_eq!(ask(port, &[]).0, "subject=CN = after.example");
    folder.write("tls.cfg", "[server:default]\ncertificate = /nowhere/to/be.found\n");
    assert!(!server.ctl(&["tls.reload"]).status.success());
    assert_eq!(ask(port, &[]).0, "subject=CN = after.example");
}

#[test]
fn mistakes_in_the_domains_are_told_at_their_line() {
    let folder = Folder::new();
    let file = folder.write("tls.cfg", "# domains\n[server:default]\nmethod = TLSv9\n");
    let text = format!(
        "#!KAMAILIO\nlisten=udp:127.0.0.1:5060\n{}request_route {{ exit; }}\n",
        listening(5061, &file)
    );
    let configuration = folder.write("test.cfg", &text).display().to_string();
    let output = tandem(&["check", &configuration]);
    let told =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("tls.cfg:3: there is no method `TLSv9`"), "{told}");
}

/// Debian's Kamailio in the foreground, ended with the test.
struct Kamailio(std::process::Child);

impl Kamailio {
    fn start(configuration: &Path, log: &Path) -> Self {
        let output = std::fs::File::create(log).unwrap();
        let child = Command::new("/usr/sbin/kamailio")
            .arg("-f")
            .arg(configuration)
            .args(["-DD", "-E"])
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It ends its workers when it is asked to, not when it is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn requests_go_to_kamailio_and_come_from_it_over_tls() {
    let folder = Folder::new();
    let (ours, theirs) = (certificate(&folder, "ours.example"), certificate(&folder, "theirs.example"));
    let (port, their_port, their_udp) = (free_port(), free_port(), free_port());
    let domains = |own: &str, other: &str| {
        format!(
            "[server:default]\nmethod = TLSv1.2+\ncertificate = {own}\nprivate_key = {own}\nverify_client = on\nca_list = {other}\n\
             [client:default]\nmethod = TLSv1.2+\ncertificate = {own}\nprivate_key = {own}\nverify_certificate = yes\nca_list = {other}\n"
        )
    };
    let file = folder.write("tls.cfg", &domains(&ours, &theirs));
    let their_file = folder.write("their-tls.cfg", &domains(&theirs, &ours));
    let route = |next: u16| {
        format!(
            "request_route {{\n  if ($pr == \"tls\") {{\n    sl_send_reply(\"200\", \"$tls_peer_subject_cn\");\n    exit;\n  }}\n  \
             $du = \"sip:127.0.0.1:{next};transport=tls\";\n  record_route();\n  t_relay();\n}}\n"
        )
    };
    let loads = "loadmodule \"tm.so\"\nloadmodule \"rr.so\"\n";
    let their_text = format!(
        "#!KAMAILIO\ndebug=2\nlog_stderror=yes\nchildren=1\ntcp_children=1\nlisten=udp:127.0.0.1:{their_udp}\n\
         loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"pv.so\"\nloadmodule \"rr.so\"\n{}{}",
        listening(their_port, &their_file),
        route(port)
    );
    let log = folder.path("kamailio.log");
    let _theirs = Kamailio::start(&folder.write("kamailio.cfg", &their_text), &log);
    let server = Server::start(&(loads.to_owned() + &listening(port, &file) + &route(their_port)));
    let is_up = || std::net::TcpStream::connect(("127.0.0.1", their_port)).is_ok();
    wait_until("Kamailio", is_up, || std::fs::read_to_string(&log).unwrap_or_default());

    assert_eq!(Peer::of(&server).ask("them"), "SIP/2.0 200 ours.example", "{}", server.log());
    let peer = Peer::to(([127, 0, 0, 1], their_udp).into(), 0);
    assert_eq!(peer.ask("us"), "SIP/2.0 200 theirs.example");
}
