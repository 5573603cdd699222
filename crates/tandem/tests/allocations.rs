//! In steady state the stateless path allocates nothing: an INVITE, its replies, the ACK and the BYE through
//! `examples/stateless-proxy.cfg`, in this process, with every allocation counted.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cfg_syntax::source::Loader;
use cfg_syntax::{AnyModule, CommandLine, Options};
use engine::running::Registry;
use engine::server::{self, ServerOptions};
use engine::statistics::Statistics;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Files;

impl Loader for Files {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}

const WARM_UP: u32 = 200;
const CALLS: u32 = 500;
const MESSAGES_A_CALL: u64 = 6;

#[test]
fn a_call_through_the_stateless_proxy_allocates_nothing() {
    let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
    let callee = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [&caller, &callee] {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    let proxy = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = start(proxy, callee.local_addr().unwrap());
    let route = format!("Route: <sip:{proxy};lr>\r\n");
    let mut call = Call { caller, callee, proxy, route, buffer: [0; 4096], text: Vec::with_capacity(4096) };
    for number in 0..WARM_UP {
        call.run(number);
    }
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    for number in WARM_UP..WARM_UP + CALLS {
        call.run(number);
    }
    let made = ALLOCATIONS.load(Ordering::SeqCst) - before;
    let messages = u64::from(CALLS) * MESSAGES_A_CALL;
    println!("{made} allocations for {messages} messages");
    // The runtime beside the shards may look at its clock or files now and then.
    assert!(made * 100 < messages, "{made} allocations for {messages} messages");
    started.server.stop();
    started.join();
}

fn start(proxy: SocketAddr, callee: SocketAddr) -> server::Started {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/stateless-proxy.cfg");
    let define = |text: String| CommandLine::Define(text.into_bytes());
    let command_line = [define(format!("PROXY=udp:{proxy}")), define(format!("CALLEE=\"sip:{callee}\""))];
    let options = Options { predefined: &[], command_line: &command_line, modules: &AnyModule };
    let registry = Arc::new(Registry::new(modules::ALL));
    let checked = registry.check(&Files, &path, &options);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    let statistics = Arc::new(Statistics::new(1));
    let running = registry
        .start(checked, &statistics, None)
        .unwrap_or_else(|checked| panic!("{:?}", checked.diagnostics));
    server::start(running, statistics, ServerOptions { shards: Some(1), ..ServerOptions::default() }).unwrap()
}

/// The two ends of a call; nothing here allocates once it is warm.
struct Call {
    caller: UdpSocket,
    callee: UdpSocket,
    proxy: SocketAddr,
    route: String,
    buffer: [u8; 4096],
    text: Vec<u8>,
}

impl Call {
    fn run(&mut self, number: u32) {
        self.request("INVITE", number);
        let invite = self.callee.recv(&mut self.buffer).unwrap();
        for status in ["180 Ringing", "200 OK"] {
            self.reply(status, invite);
            self.caller.recv(&mut self.text_buffer()).unwrap();
        }
        for method in ["ACK", "BYE"] {
            self.request(method, number);
            let length = self.callee.recv(&mut self.buffer).unwrap();
            if method == "BYE" {
                self.reply("200 OK", length);
                self.caller.recv(&mut self.text_buffer()).unwrap();
            }
        }
    }

    fn text_buffer(&self) -> [u8; 4096] {
        [0; 4096]
    }

    fn request(&mut self, method: &str, number: u32) {
        use std::io::Write;
        let (caller, callee) = (self.caller.local_addr().unwrap(), self.callee.local_addr().unwrap());
        let proxy = self.proxy;
        // The INVITE goes to the proxy; what follows goes to the callee along the recorded route.
        let (target, tag, route) = match method {
            "INVITE" => (proxy, "", ""),
            _ => (callee, ";tag=callee", self.route.as_str()),
        };
        self.text.clear();
        write!(
            self.text,
            "{method} sip:service@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {caller};branch=z9hG4bK-{number}-{method}\r\n\
             {route}From: sipp <sip:sipp@{caller}>;tag={number}\r\nTo: service <sip:service@{proxy}>{tag}\r\n\
             Call-ID: {number}-call@{caller}\r\nCSeq: 1 {method}\r\nContact: sip:sipp@{caller}\r\nMax-Forwards: 70\r\n\
             Subject: a test\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        self.caller.send_to(&self.text, proxy).unwrap();
    }

    /// Answers the request in the buffer with its own headers.
    fn reply(&mut self, status: &str, length: usize) {
        use std::io::Write;
        self.text.clear();
        write!(self.text, "SIP/2.0 {status}\r\n").unwrap();
        let request = &self.buffer[..length];
        let end_of_line = request.windows(2).position(|pair| pair == b"\r\n").unwrap();
        for line in request[end_of_line + 2..].split_inclusive(|byte| *byte == b'\n') {
            if [&b"Via"[..], b"From", b"To", b"Call-ID", b"CSeq", b"Record-Route"]
                .iter()
                .any(|name| line.starts_with(name))
            {
                self.text.extend_from_slice(line);
            }
        }
        self.text.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        self.callee.send_to(&self.text, self.proxy).unwrap();
    }
}
