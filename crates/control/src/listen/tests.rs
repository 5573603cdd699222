use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{Client, ClientError};

/// A server that echoes, in a folder of its own.
struct Echo {
    runtime: tokio::runtime::Runtime,
    desk: Arc<Desk>,
    folder: PathBuf,
}

impl Echo {
    fn new(limits: Limits) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("control-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let handler: Handler = Arc::new(|name, arguments| match name {
            "core.echo" => Ok(vec![Value::List(arguments)]),
            "panic" => panic!("as asked"),
            "big" => Ok(vec![Value::Str("x".repeat(100_000))]),
            _ => Err(Refusal::Unknown),
        });
        let desk = Desk::new(handler, limits, runtime.handle().clone(), json::Layout::Plain);
        Self { runtime, desk, folder }
    }

    fn open(&self, address: &Address) -> (Listening, Address) {
        let listening = self.desk.open(address, &Ownership::PRIVATE).unwrap();
        let real = match (address, listening.local) {
            (Address::Tcp(host, _), Some(local)) => Address::Tcp(host.clone(), local.port()),
            (Address::Udp(host, _), Some(local)) => Address::Udp(host.clone(), local.port()),
            _ => address.clone(),
        };
        (listening, real)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn local(protocol: fn(String, u16) -> Address) -> Address {
        protocol("127.0.0.1".to_owned(), 0)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[test]
fn commands_are_answered_over_every_kind_of_socket() {
    let echo = Echo::new(Limits::default());
    for address in [
        Address::UnixStream(echo.file("s")),
        Address::UnixDatagram(echo.file("d")),
        Echo::local(Address::Tcp),
        Echo::local(Address::Udp),
    ] {
        let (_listening, real) = echo.open(&address);
        let mut client = Client::connect(&real, &echo.folder).unwrap();
        let arguments = [Value::from("x"), Value::Int(-7), Value::Double(2.5)];
        assert_eq!(client.call("core.echo", &arguments).unwrap(), arguments, "{real:?}");
        match client.call("no.such", &[]) {
            Err(ClientError::Refused { code: 500, reason }) => {
                assert_eq!(reason, "command no.such not found");
            }
            other => panic!("{real:?}: {other:?}"),
        }
        assert!(matches!(client.call("panic", &[]), Err(ClientError::Refused { code: 500, .. })));
        assert!(client.call("core.echo", &[]).is_ok(), "{real:?}: a command that panicked ends only itself");
    }
}

#[test]
fn an_answer_that_fits_no_datagram_is_refused_and_not_cut() {
    let echo = Echo::new(Limits::default());
    let (_listening, real) = echo.open(&Echo::local(Address::Udp));
    let mut client = Client::connect(&real, &echo.folder).unwrap();
    assert!(matches!(client.call("big", &[]), Err(ClientError::Refused { code: 500, .. })));
    let (_listening, real) = echo.open(&Echo::local(Address::Tcp));
    let mut client = Client::connect(&real, &echo.folder).unwrap();
    assert_eq!(client.call("big", &[]).unwrap(), [Value::Str("x".repeat(100_000))]);
}

#[test]
fn a_socket_is_for_its_owner_and_goes_when_dropped() {
    use std::os::unix::fs::PermissionsExt;
    let echo = Echo::new(Limits::default());
    let path = echo.file("s");
    let (listening, _) = echo.open(&Address::UnixStream(path.clone()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (again, _) = echo.open(&Address::UnixStream(path.clone()));
    drop((listening, again));
    assert!(!Path::new(&path).exists());
    std::fs::write(&path, "a file").unwrap();
    let refused = echo.desk.open(&Address::UnixStream(path.clone()), &Ownership::PRIVATE);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"a file");
}

fn conversation(path: &Path, sent: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn requests_in_a_row_are_answered_in_order_in_either_format() {
    let echo = Echo::new(Limits::default());
    let (_listening, _) = echo.open(&Address::UnixStream(echo.file("s")));
    let mut sent = binrpc::request(b"\x12", "core.echo", &["x".into()]);
    sent.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"core.echo\",\"params\":[1],\"id\":7}\n");
    sent.extend(binrpc::request(b"\x13", "core.echo", &["y".into()]));
    let mut expected = binrpc::reply(b"\x12", &["x".into()]);
    expected.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"result\":[1],\"id\":7}\n");
    expected.extend(binrpc::reply(b"\x13", &["y".into()]));
    assert_eq!(conversation(&echo.file("s"), &sent), expected);
}

/// Recorded from Kamailio 5.6.3, but for the reason of the last.
#[test]
fn what_is_no_request_is_told_so_and_hung_up_on() {
    let echo = Echo::new(Limits { request: 1000, ..Limits::default() });
    let path = echo.file("s");
    let (_listening, _) = echo.open(&Address::UnixStream(path.clone()));
    let fault = |cookie: &[u8], reason: &str| binrpc::fault(cookie, 400, reason);
    assert_eq!(
        conversation(&path, b"\xa1\x00\x00\x12"),
        fault(b"\x12", "bad request method: end of packet encountered")
    );
    assert_eq!(
        conversation(&path, b"\xa1\x00\x02\x12\x10\x05"),
        fault(b"\x12", "bad request method: record doesn't match type")
    );
    assert_eq!(conversation(&path, b"garbage garbage"), fault(b"\0", "bad request: corrupted packet"));
    assert_eq!(
        conversation(&path, b"\xa1\x10\x02\x12\x10\x05"),
        fault(b"\x12", "bad request: corrupted packet")
    );
    assert_eq!(
        conversation(&path, b"\xa1\x0c\xff\xff\xff\xff\x12"),
        fault(b"\x12", "bad request: more than 1000 bytes")
    );
    let long = conversation(&path, &[b'{'; 2000]);
    assert!(long.starts_with(b"{\"jsonrpc\":\"2.0\",\"error\""));
}

#[test]
fn connections_beyond_the_limit_are_closed_and_slow_requests_too() {
    let limits = Limits { connections: 1, patience: Duration::from_millis(100), ..Limits::default() };
    let echo = Echo::new(limits);
    let (_listening, real) = echo.open(&Echo::local(Address::Tcp));
    let Address::Tcp(host, port) = real else { panic!("{real:?}") };
    let mut first = TcpStream::connect((host.as_str(), port)).unwrap();
    first.write_all(b"\xa1").unwrap();
    while echo.desk.connections().is_empty() {
        std::thread::yield_now();
    }
    let mut second = TcpStream::connect((host.as_str(), port)).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0, "a request that does not come in ends its connection");
    echo.runtime.block_on(async {
        while !echo.desk.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

/// A fifo that takes answers.
fn reply_fifo(path: &Path) -> std::fs::File {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::OpenOptionsExt;
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let options = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    options.unwrap()
}

/// What comes out of it, up to the end of an answer.
fn read_answer(fifo: &mut std::fs::File) -> String {
    let mut answer = Vec::new();
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !answer.ends_with(b"}") {
        assert!(std::time::Instant::now() < until, "no answer: {answer:?}");
        match fifo.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        std::thread::yield_now();
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_through_a_fifo_are_answered_through_the_fifo_that_they_name() {
    let echo = Echo::new(Limits::default());
    let path = echo.file("rpc.fifo");
    let listening = echo.desk.open_fifo(&path, &Ownership::PRIVATE, &echo.folder).unwrap();
    let mut replies = reply_fifo(&echo.file("reply"));
    let ask = |text: &str| {
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap()
    };
    ask("rubbish that is no JSON\n");
    ask(
        "{\n\"jsonrpc\":\"2.0\",\"method\":\"core.echo\",\n\"reply_name\":\"reply\",\"params\":[\"a\"],\"id\":1\n}\n",
    );
    assert_eq!(read_answer(&mut replies), r#"{"jsonrpc":"2.0","result":["a"],"id":1}"#);
    // Neither a path nor a file that is no fifo takes an answer; the next request is answered all the same.
    std::fs::write(echo.file("file"), "kept").unwrap();
    for name in ["../reply", "file", "", "missing"] {
        ask(&format!(r#"{{"jsonrpc":"2.0","method":"core.echo","reply_name":"{name}","id":2}}"#));
    }
    ask(r#"{"jsonrpc":"2.0","method":"core.echo","reply_name":"reply","id":3}"#);
    assert_eq!(read_answer(&mut replies), r#"{"jsonrpc":"2.0","result":[],"id":3}"#);
    assert_eq!(std::fs::read(echo.file("file")).unwrap(), b"kept");
    drop(listening);
    assert!(!path.exists());
}
