//! What the tests share: a server with a configuration of the test's own, and a peer that talks to it.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of this test's own, taken away at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tandem-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary with some words.
pub(crate) fn tandem(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tandem")).args(words).output().unwrap()
}

/// A loopback port that was free a moment ago, for UDP and TCP.
pub(crate) fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if std::net::TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
}

/// A running `tandem run`.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) file: PathBuf,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    _folder: Folder,
}

/// The modules that the tests' configurations begin with.
pub(crate) const PRELUDE: &str = "loadmodule \"pv.so\"\nloadmodule \"sl.so\"\nloadmodule \"xlog.so\"\n\
loadmodule \"textops.so\"\nloadmodule \"cfgutils.so\"\n";

impl Server {
    /// Starts a configuration: `body` follows a `listen` line and the prelude.
    pub(crate) fn start(body: &str) -> Self {
        Self::start_with(body, &[])
    }

    pub(crate) fn start_with(body: &str, options: &[&str]) -> Self {
        let folder = Folder::new();
        let port = free_port();
        let file = folder.write("test.cfg", &Self::text(port, body));
        let mut child = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .arg("run")
            .args(options)
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Self { child, address, file, stdout, stderr, _folder: folder };
        server.wait_for_log(&format!("listening on tcp:{address}"));
        server
    }

    fn text(port: u16, body: &str) -> String {
        format!(
            "#!KAMAILIO\ndebug=2\nlisten=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}\n{PRELUDE}{body}"
        )
    }

    /// Puts another body into the file.
    pub(crate) fn rewrite(&self, body: &str) {
        std::fs::write(&self.file, Self::text(self.address.port(), body)).unwrap();
    }

    /// `tandem ctl` to this server.
    pub(crate) fn ctl(&self, words: &[&str]) -> Output {
        let pid = self.child.id().to_string();
        let all: Vec<&str> = ["ctl", "--pid", &pid].into_iter().chain(words.iter().copied()).collect();
        tandem(&all)
    }

    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub(crate) fn output(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(&format!("`{text}` in the log:\n"), || self.log().contains(text), || self.log());
    }

    pub(crate) fn wait_for_output(&self, text: &str) {
        wait_until(&format!("`{text}` in the output:\n"), || self.output().contains(text), || self.output());
    }

    /// Still the same process?
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it by SIGTERM and gives the exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.terminate();
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "the server does not stop:\n{}", self.log());
            thread::yield_now();
        }
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }

    fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe into a text on a thread of its own.
fn collect(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    text
}

/// Looks again and again until something holds, within the patience.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool, seen: impl Fn() -> String) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never saw {what}{}", seen());
        thread::yield_now();
    }
}

/// A UDP peer.
pub(crate) struct Peer {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Peer {
    pub(crate) fn of(server: &Server) -> Self {
        Self::at(server, 0)
    }

    /// At a port that the server's configuration names.
    pub(crate) fn at(server: &Server, port: u16) -> Self {
        Self::to(server.address, port)
    }

    /// At a port, of a server that is none of ours.
    pub(crate) fn to(server: SocketAddr, port: u16) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, server }
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).unwrap();
    }

    /// Sends a request; `mark` goes into user, branch and Call-ID unless `call` names another.
    pub(crate) fn send(&self, method: &str, mark: &str, call: &str) {
        self.send_bytes(request(method, mark, call, self.port(), self.server).as_bytes());
    }

    pub(crate) fn receive(&self) -> String {
        let mut bytes = [0; 65_536];
        let (length, _) = self.socket.recv_from(&mut bytes).expect("an answer within the patience");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// Nothing has come that was not received yet.
    pub(crate) fn hears_nothing(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let heard = self.socket.recv_from(&mut [0; 1]).is_ok();
        self.socket.set_nonblocking(false).unwrap();
        !heard
    }

    /// Sends an OPTIONS and gives the status line of the answer to it, passing over others. As any client over UDP, it
    /// sends again after T1: the system drops datagrams for which a socket has no room.
    pub(crate) fn ask(&self, mark: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let answer_to_it = format!("Call-ID: {mark}\r\n");
        self.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut bytes = [0; 65_536];
        while Instant::now() < until {
            self.send("OPTIONS", mark, mark);
            while let Ok((length, _)) = self.socket.recv_from(&mut bytes) {
                let answer = String::from_utf8_lossy(&bytes[..length]);
                if answer.contains(&answer_to_it) {
                    self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return answer.lines().next().unwrap_or_default().to_owned();
                }
            }
        }
        panic!("no answer to {mark} within the patience");
    }
}

/// A request from loopback.
pub(crate) fn request(method: &str, mark: &str, call: &str, port: u16, server: SocketAddr) -> String {
    format!(
        "{method} sip:{mark}@{server} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{mark}\r\n\
         From: <sip:tester@127.0.0.1>;tag=1\r\n\
         To: <sip:{mark}@{server}>\r\n\
         Call-ID: {call}\r\n\
         CSeq: 1 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// The reply to a request as it was received.
pub(crate) fn reply(request: &str, status: &str) -> String {
    let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
    let headers: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
}

/// Whether a path is there within the patience.
pub(crate) fn wait_for_file(path: &Path) {
    wait_until(&path.display().to_string(), || path.exists(), String::new);
}
