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

/// Commands about locations, in order, and REGISTERs between them (user, contact and further headers). What is a server's
/// own affair is masked: ports, times, identifiers and the place in its table.
const LOCATIONS: &[Step] = &[
    Step::Ask("ul.dump"),
    Step::Ask("ul.dump brief"),
    Step::Register("al", "<sip:al@192.0.2.1:5060>;q=0.5;expires=600", "User-Agent: phone/1"),
    Step::Register("al", "<sip:al@192.0.2.2>;expires=700", "Path: <sip:p.example;lr>\r\nSupported: path"),
    Step::Register("al", "<sip:al@192.0.2.3>;q=1;methods=\"INVITE, BYE\"", "Expires: 90"),
    Step::Ask("ul.dump"),
    Step::Register("al", "<sip:al@192.0.2.2>;expires=800;q=0.25", "Allow: INVITE, ACK\r\nAllow: OPTIONS"),
    Step::Ask("ul.dump brief"),
    Step::Ask("ul.lookup location al"),
    Step::Ask("ul.lookup location nobody"),
    Step::Ask("ul.lookup no_such al"),
    Step::Ask("ul.lookup location"),
    Step::Ask("ul.lookup"),
    Step::Ask("ul.add location bo sip:bo@192.0.2.4 600 0.5 path 0 0 31"),
    Step::Ask("ul.lookup location bo"),
    Step::Ask("ul.add location bo sip:bo@192.0.2.5 0 1.0 . 0 64 8159"),
    Step::Ask("ul.add location bo sip:bo@192.0.2.4 900 0.7 path 0 0 31"),
    Step::Ask("ul.lookup location bo"),
    Step::Ask("ul.add location bo"),
    Step::Ask("ul.add no_such bo sip:bo@192.0.2.4 600 0.5 . 0 0 31"),
    Step::Ask("ul.add location bo sip:bo@192.0.2.4 soon 0.5 . 0 0 31"),
    Step::Ask("ul.add location cy sip:cy@192.0.2.6 60 -1 . 0 0 31"),
    Step::Ask("ul.rm_contact location bo sip:none@192.0.2.4"),
    Step::Ask("ul.rm_contact location nobody sip:bo@192.0.2.4"),
    Step::Ask("ul.rm_contact no_such bo sip:bo@192.0.2.4"),
    Step::Ask("ul.rm_contact location bo sip:bo@192.0.2.4"),
    Step::Ask("ul.rm_contact location"),
    Step::Ask("ul.lookup location bo"),
    Step::Ask("stats.fetchn usrloc:"),
    Step::Ask("stats.fetchn registrar:"),
    Step::Ask("ul.rm location al"),
    Step::Ask("ul.rm location al"),
    Step::Ask("ul.rm location"),
    Step::Ask("ul.rm no_such al"),
    Step::Ask("ul.lookup location al"),
    Step::Ask("ul.flush"),
    Step::Ask("ul.db_users location"),
    Step::Ask("ul.db_contacts location"),
    Step::Ask("ul.db_expired_contacts location"),
    Step::Ask("ul.db_users"),
    Step::Ask("stats.fetchn usrloc:"),
    Step::Ask("stats.get_statistics usrloc:"),
    Step::Ask("stats.get_statistics registrar:"),
    Step::Ask("cfg.get registrar default_expires"),
];

/// The rest of the configuration for [`LOCATIONS`].
const REGISTRAR: &str = "loadmodule \"textops.so\"\nloadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n\
     modparam(\"usrloc\", \"timer_interval\", 3600)\n\
     request_route { if (is_method(\"REGISTER\")) { save(\"location\"); exit; } sl_send_reply(\"404\", \"no\"); }\n";

/// The same where a database has the contacts, too. Kamailio's `ul.db_users` counts none where there are some.
const IN_DATABASE: &[Step] = &[
    Step::Register("al", "<sip:al@192.0.2.1:5060>;q=0.5;expires=600", "User-Agent: phone/1"),
    Step::Register("al", "<sip:al@192.0.2.2>;expires=700", "Supported: path"),
    Step::Register("bo", "<sip:bo@192.0.2.3>", "Expires: 90"),
    Step::Ask("ul.lookup location al"),
    Step::Ask("ul.add location cy sip:cy@192.0.2.4 600 0.5 . 0 0 31"),
    Step::Ask("ul.db_contacts location"),
    Step::Ask("ul.db_expired_contacts location"),
    Step::Ask("ul.rm location al"),
    Step::Ask("ul.db_contacts location"),
    Step::Ask("ul.rm_contact location bo sip:bo@192.0.2.3"),
    Step::Ask("ul.db_contacts location"),
    Step::Ask("ul.db_users no_such"),
    Step::Ask("ul.db_contacts no_such"),
    Step::Ask("ul.db_expired_contacts no_such"),
    Step::Ask("ul.db_users"),
    Step::Ask("ul.flush"),
    Step::Ask("ul.dump"),
];

/// One thing that is done to both servers.
enum Step {
    Ask(&'static str),
    Register(&'static str, &'static str, &'static str),
}

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

/// The rest of the configuration for commands that need no more modules.
const PLAIN: &str = "request_route { sl_send_reply(\"404\", \"no\"); exit; }\n";

fn configuration(folder: &Path, port: u16, rest: &str) -> String {
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
         {rest}\
         event_route[xhttp:request] {{ jsonrpc_dispatch(); }}\n"
    )
}

impl Server {
    /// Debian's Kamailio.
    fn kamailio(name: &str, rest: &str) -> Self {
        let words = ["-DD", "-E", "-m", "32", "-M", "4", "-f"];
        Self::start(&format!("{name}-kamailio"), Path::new("kamailio"), &words, rest)
    }

    fn tandem(name: &str, rest: &str) -> Self {
        let words = ["kamailio", "-DD", "-E", "-f"];
        Self::start(&format!("{name}-tandem"), Path::new(env!("CARGO_BIN_EXE_tandem")), &words, rest)
    }

    fn start(name: &str, program: &Path, words: &[&str], rest: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("control-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("kamailio.cfg");
        let port = free_port();
        std::fs::write(&file, configuration(&folder, port, rest)).unwrap();
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

    /// Registers and waits for the answer; a REGISTER that is lost on the way comes again.
    fn register(&self, number: usize, user: &str, contact: &str, more: &str) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let (here, port) = (socket.local_addr().unwrap(), self.port);
        let text = format!(
            "REGISTER sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{number}\r\n\
             From: <sip:{user}@127.0.0.1>;tag=1\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: c{number}\r\n\
             CSeq: {number} REGISTER\r\nContact: {contact}\r\n{more}\r\nContent-Length: 0\r\n\r\n"
        );
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            socket.send_to(text.as_bytes(), ("127.0.0.1", port)).unwrap();
            let mut bytes = [0; 4096];
            if let Ok(length) = socket.recv(&mut bytes) {
                return String::from_utf8_lossy(&bytes[..length])
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
        panic!("no answer to a REGISTER of {user}");
    }

    /// Does it; the answer without what is this server's own affair.
    fn does(&self, number: usize, step: &Step) -> String {
        let answer = match step {
            Step::Register(user, contact, more) => self.register(number, user, contact, more),
            Step::Ask(command) => self.ask(command),
        };
        answer.lines().map(|line| masked(line, self.port) + "\n").collect()
    }

    fn ask(&self, command: &str) -> String {
        let socket = format!("unixs:{}/ctl", self.folder.display());
        let output = Command::new("kamcmd").args(["-s", &socket]).args(command.split(' ')).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A line about a location, without what no two servers have in common.
fn masked(line: &str, port: u16) -> String {
    let own = ["Expires", "Ruid", "HashID", "Last-Modified", "Last-Keepalive"];
    match line.split_once(": ") {
        // A permanent contact stays one.
        Some((name, value)) if own.contains(&name.trim()) && value != "permanent" => {
            format!("{name}: ...")
        }
        _ => line.replace(&port.to_string(), "PORT"),
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
    let (kamailio, tandem) = (Server::kamailio("plain", PLAIN), Server::tandem("plain", PLAIN));
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

#[test]
fn commands_about_locations_are_answered_as_by_kamailio() {
    let (kamailio, tandem) = (Server::kamailio("ul", REGISTRAR), Server::tandem("ul", REGISTRAR));
    let mut differences = Vec::new();
    for (number, step) in LOCATIONS.iter().enumerate() {
        let (theirs, ours) = (kamailio.does(number, step), tandem.does(number, step));
        if theirs != ours {
            let asked = match step {
                Step::Ask(command) => command,
                Step::Register(user, ..) => user,
            };
            differences.push(format!("== {asked}\n-- Kamailio\n{theirs}-- Tandem\n{ours}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Counts of what the database has, each server its own: a MariaDB, as Kamailio asks in words that SQLite does not know.
#[test]
fn contacts_in_the_database_are_counted_as_by_kamailio() {
    let databases =
        [(); 2].map(|()| std::thread::spawn(databases::MariaDb::start)).map(|one| one.join().unwrap());
    let configuration = |url: &str| {
        let made =
            Command::new(env!("CARGO_BIN_EXE_tandem")).args(["db", "init", "--db", url]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        format!(
            "loadmodule \"db_mysql.so\"\n{REGISTRAR}modparam(\"usrloc\", \"db_mode\", 1)\n\
             modparam(\"usrloc\", \"db_url\", \"{url}\")\nmodparam(\"registrar\", \"min_expires\", 1)\n"
        )
    };
    let [theirs, ours] = databases.each_ref().map(|database| configuration(&database.url()));
    let (kamailio, tandem) = (Server::kamailio("db", &theirs), Server::tandem("db", &ours));
    let mut differences = Vec::new();
    for (number, step) in IN_DATABASE.iter().enumerate() {
        let (theirs, ours) = (kamailio.does(number, step), tandem.does(number, step));
        if theirs != ours {
            differences.push(format!("== step {number}\n-- Kamailio\n{theirs}-- Tandem\n{ours}"));
        }
    }
    assert_eq!(tandem.ask("ul.db_users location"), "1\n");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
