//! Debian's own `kamcmd` asks both servers, Kamailio and Tandem, the same: what comes back has the same shape, member by
//! member, and the same text where nothing in it is the server's own affair.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to come up, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commands whose answers are the same to the letter.
const SAME: &[&str] = &[
    "core.echo a 1 s:2",
    "core.printi 5",
    "core.printi",
    "core.printi x",
    "core.prints abc",
    "core.modules",
    "core.tcp_list",
    "core.tcp_options",
    "core.udp4_raw_info",
    "no.such.command",
    "system.methodHelp",
    "system.methodHelp no.such",
    "system.methodSignature core.ps",
    "dst_blocklist.view",
    "dns.delete_all",
    "ctl.connections",
    "stats.get_statistics sl:",
    "stats.fetch sl:",
    "stats.fetchn sl:",
    "stats.get_statistics no.such",
    "sl.stats",
    "cfg.list core",
    "cfg.list script",
    "cfg.get core debug",
    "cfg.get core max_while_loops",
    "cfg.get core no_such",
    "cfg.get script one",
    "cfg.get script two",
    "cfg.get script",
    "cfg.set_now_int script one 7",
    "cfg.get script one",
    "cfg.set_now_int core debug abc",
    "cfg.set_now_int core no_such 1",
    "cfg.seti script one 8",
    "cfg.sets script two other",
    "cfg.get script",
    "cfg.set_delayed_int script one 99",
    "cfg.diff",
    "cfg.commit",
    "cfg.diff",
    "cfg.get script one",
    "cfg.set core",
    "cnt.get script mine",
    "cnt.get_raw script mine",
    "cnt.grp_get_all script",
    "cnt.var_list script",
    "cnt.list_vars calls",
    "cnt.help script mine",
    "cnt.help calls second",
    "cnt.get no_such x",
    "cnt.reset script mine",
    "cnt.get",
    "jsonrpc.echo a",
];

/// Commands whose answers differ in their values, but not in their members.
const ALIKE: &[&str] = &[
    "core.version",
    "core.info",
    "core.uptime",
    "core.runinfo",
    "core.psx",
    "core.psa",
    "core.pwd",
    "core.flags",
    "core.sockets_list",
    "core.shmmem",
    "core.tcp_info",
    "core.ppdefines_full",
    "core.ps",
    "corex.list_sockets",
    "corex.debug",
    "ctl.listen",
    "ctl.who",
    "pkg.info",
    "pkg.stats",
    "shm.info",
    "shm.stats",
    "cfg.help core debug",
    "cfg.help script one",
    "ps",
    "who",
    "listen",
];

/// Commands in JSON whose answers are the same to the letter: name and arguments.
const SAME_IN_JSON: &[(&str, &str)] = &[
    ("core.echo", r#"["a", 1, "s:7"]"#),
    ("core.echo", r#"{"first": "a", "second": "b"}"#),
    ("core.prints", r#"["q\"\\\n\u00e9/"]"#),
    ("core.printi", "[5]"),
    ("core.modules", "[]"),
    ("core.sockets_list", "[]"),
    ("core.udp4_raw_info", "[]"),
    ("no.such", "[]"),
    ("cfg.list", r#"["script"]"#),
    ("cfg.get", r#"["script"]"#),
    ("cfg.get", r#"["core", "debug"]"#),
    ("cfg.get", r#"["core", "no_such"]"#),
    ("cfg.set_now_int", r#"["script", "one", 4]"#),
    ("cnt.get", r#"["script", "mine"]"#),
    ("cnt.grp_get_all", r#"["script"]"#),
    ("cnt.var_list", r#"["script"]"#),
    ("stats.fetchn", r#"["script:"]"#),
    ("stats.get_statistics", r#"["script:"]"#),
    ("jsonrpc.echo", r#"["a", 2]"#),
];

struct Server {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that Kamailio takes its processes along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that is free in both protocols.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let modules = ["kex", "corex", "pv", "tm", "sl", "ctl", "cfg_rpc", "counters", "xhttp", "jsonrpcs"];
    let modules: String = modules.iter().map(|name| format!("loadmodule \"{name}.so\"\n")).collect();
    format!(
        "debug=1\nlog_stderror=yes\nchildren=1\nlisten=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}\n\
         tcp_accept_no_cl=yes\n{modules}modparam(\"ctl\", \"binrpc\", \"unix:{folder}/ctl\")\n\
         modparam(\"jsonrpcs\", \"transport\", 7)\n\
         modparam(\"jsonrpcs\", \"fifo_name\", \"{folder}/rpc.fifo\")\n\
         modparam(\"jsonrpcs\", \"dgram_socket\", \"{folder}/rpc.sock\")\n\
         modparam(\"counters\", \"script_counter\", \"mine what is mine\")\n\
         modparam(\"counters\", \"script_counter\", \"calls.second\")\n\
         script.one = 3 desc \"first\"\nscript.two = \"text\" desc \"second\"\n\
         request_route {{ sl_send_reply(\"404\", \"no\"); exit; }}\n\
         event_route[xhttp:request] {{ jsonrpc_dispatch(); }}\n"
    )
}

impl Server {
    fn start(name: &str, program: &Path, words: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("control-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("kamailio.cfg");
        let port = free_port();
        std::fs::write(&file, configuration(&folder, port)).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process =
            Command::new(program).args(words).arg(&file).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { process, folder, port };
        let until = Instant::now() + PATIENCE;
        while !server.ask("core.version").starts_with("kamailio 5.6.3") {
            let ended = server.process.try_wait().unwrap();
            let log = || std::fs::read_to_string(server.folder.join("log")).unwrap();
            assert!(ended.is_none() && Instant::now() < until, "{name} does not come up:\n{}", log());
            std::thread::yield_now();
        }
        server
    }

    /// Asks over HTTP; the answer is whole, but for the line with our own port and for the server's.
    fn post(&self, method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc": "2.0", "method": "{method}", "params": {params}, "id": 7}}"#);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("POST /RPC HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = Vec::new();
        let length = |answer: &[u8]| {
            let text = String::from_utf8_lossy(answer);
            let (head, _) = text.split_once("\r\n\r\n")?;
            let length: usize = head.split("Content-Length: ").nth(1)?.lines().next()?.parse().ok()?;
            Some(head.len() + 4 + length)
        };
        while length(&answer).is_none_or(|length| answer.len() < length) {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "the connection ended within {answer:?}");
            answer.extend_from_slice(&piece[..read]);
        }
        let text = String::from_utf8(answer).unwrap();
        let text: Vec<_> = text.lines().filter(|line| !line.starts_with("Sia: ")).collect();
        text.join("\n").replace(&self.port.to_string(), "PORT")
    }

    fn ask(&self, command: &str) -> String {
        let socket = format!("unixs:{}/ctl", self.folder.display());
        let output = Command::new("kamcmd").args(["-s", &socket]).args(command.split(' ')).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What an answer is made of: each line once, names kept, numbers and texts told apart.
fn shape(answer: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in answer.lines() {
        let (name, value) = match line.split_once(": ") {
            Some((name, value)) if name.starts_with('\t') => (format!("{name}: "), value),
            _ => (String::new(), line),
        };
        let kind = match value.trim() {
            "{" | "}" => value.to_owned(),
            text if text.starts_with("error:") => text.to_owned(),
            text if text.parse::<i64>().is_ok() => "number".to_owned(),
            _ => "text".to_owned(),
        };
        let shown = name + &kind;
        if !lines.contains(&shown) {
            lines.push(shown);
        }
    }
    lines
}

#[test]
fn kamcmd_is_answered_as_by_kamailio() {
    let kamailio =
        Server::start("kamailio", Path::new("kamailio"), &["-DD", "-E", "-m", "32", "-M", "4", "-f"]);
    let tandem =
        Server::start("tandem", Path::new(env!("CARGO_BIN_EXE_tandem")), &["kamailio", "-DD", "-E", "-f"]);
    let mut differences = Vec::new();
    for command in SAME {
        let (theirs, ours) = (kamailio.ask(command), tandem.ask(command));
        if theirs != ours {
            differences.push(format!("== {command}\n-- Kamailio\n{theirs}-- Tandem\n{ours}"));
        }
    }
    for command in ALIKE {
        let (theirs, ours) = (kamailio.ask(command), tandem.ask(command));
        if shape(&theirs) != shape(&ours) {
            differences.push(format!("== {command}\n-- Kamailio\n{theirs}-- Tandem\n{ours}"));
        }
    }
    for (method, params) in SAME_IN_JSON {
        let (theirs, ours) = (kamailio.post(method, params), tandem.post(method, params));
        if theirs != ours {
            differences.push(format!("== {method} {params}\n-- Kamailio\n{theirs}\n-- Tandem\n{ours}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
