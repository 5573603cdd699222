//! What batching saves, measured: processor time for each datagram forwarded over loopback, read and written one by one
//! or in batches, at several rates; the delay it adds; and the cost of handing a message to another shard.
//!
//! `cargo run --release -p transport --example batching`

#![allow(clippy::print_stdout)]

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use transport::steer::inbox;
use transport::udp::{
    BufferPool, Packet, ReceiveBatch, SendBatch, SendBatchLimits, SocketIndex, UdpOptions, UdpSocket,
};

/// An INVITE's usual length.
const LENGTH: usize = 860;
const SECONDS: u64 = 3;

fn main() {
    println!(
        "{:>9} {:>8} {:>12} {:>10} {:>10} {:>10}",
        "rate/s", "how", "CPU µs/msg", "p50 µs", "p99 µs", "msg/batch"
    );
    for rate in [6_000, 20_000, 60_000] {
        for (name, forward) in [("single", forward_single as fn(_, _, &_) -> _), ("batch", forward_batch)] {
            let measured = measure(rate, forward);
            println!(
                "{rate:>9} {name:>8} {:>12.2} {:>10.1} {:>10.1} {:>10.2}",
                measured.cpu_micros, measured.p50, measured.p99, measured.batch
            );
        }
    }
    println!("hand-over to another shard, batches of 1:  {:>6.0} ns a message", hand_over(1));
    println!("hand-over to another shard, batches of 16: {:>6.0} ns a message", hand_over(16));
}

struct Measured {
    cpu_micros: f64,
    p50: f64,
    p99: f64,
    batch: f64,
}

/// What a forwarder did: datagrams, and reads that brought some.
type Done = (u64, u64);

/// Sends datagrams that carry their time at a fixed rate through a forwarder and looks at what comes out.
fn measure(rate: u64, forward: fn(SocketAddr, SocketAddr, &AtomicBool) -> Done) -> Measured {
    let sink = StdSocket::bind("127.0.0.1:0").expect("loopback");
    sink.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout is set");
    let target = sink.local_addr().expect("bound");
    let entry = StdSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback");
    let stop = Arc::new(AtomicBool::new(false));
    let forwarder = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let before = thread_cpu();
            let done = forward(entry, target, &stop);
            (thread_cpu() - before, done)
        })
    };
    let start = Instant::now();
    let receiver = thread::spawn(move || {
        let mut delays = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok(length) = sink.recv(&mut buffer) {
            let sent = u64::from_ne_bytes(buffer[..8].try_into().expect("eight bytes"));
            assert_eq!(length, LENGTH);
            delays.push(start.elapsed().as_nanos() as u64 - sent);
        }
        delays
    });
    thread::sleep(Duration::from_millis(50));
    pace(rate, entry, start);
    let mut delays = receiver.join().expect("the receiver ran");
    stop.store(true, Ordering::Relaxed);
    let (cpu, (datagrams, reads)) = forwarder.join().expect("the forwarder ran");
    delays.sort_unstable();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    Measured {
        cpu_micros: cpu.as_secs_f64() * 1e6 / datagrams as f64,
        p50: at(0.5),
        p99: at(0.99),
        batch: datagrams as f64 / reads as f64,
    }
}

fn pace(rate: u64, entry: SocketAddr, start: Instant) {
    let source = StdSocket::bind("127.0.0.1:0").expect("loopback");
    let mut message = [b'x'; LENGTH];
    let began = Instant::now();
    for number in 0..rate * SECONDS {
        let due = Duration::from_nanos(number * 1_000_000_000 / rate);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            thread::sleep(early);
        }
        message[..8].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_ne_bytes());
        let _ = source.send_to(&message, entry);
    }
}

fn poll_for(socket: &mut UdpSocket) -> Poll {
    let poll = Poll::new().expect("a poll");
    poll.registry().register(socket, Token(0), Interest::READABLE).expect("registered");
    poll
}

fn forward_single(entry: SocketAddr, target: SocketAddr, stop: &AtomicBool) -> Done {
    let socket = StdSocket::bind(entry).expect("the entry is free");
    socket.set_nonblocking(true).expect("non-blocking");
    let mut watched = mio::net::UdpSocket::from_std(socket.try_clone().expect("cloned"));
    let mut poll = Poll::new().expect("a poll");
    poll.registry().register(&mut watched, Token(0), Interest::READABLE).expect("registered");
    let mut events = Events::with_capacity(16);
    let mut buffer = vec![0; 65_536];
    let (mut datagrams, mut reads) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(50))).expect("polled");
        loop {
            match socket.recv_from(&mut buffer) {
                Ok((length, _)) => {
                    (datagrams, reads) = (datagrams + 1, reads + 1);
                    let _ = socket.send_to(&buffer[..length], target);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    (datagrams, reads)
}

fn forward_batch(entry: SocketAddr, target: SocketAddr, stop: &AtomicBool) -> Done {
    let mut socket = UdpSocket::bind(entry, &UdpOptions::default()).expect("the entry is free");
    let mut poll = poll_for(&mut socket);
    let sockets = [socket];
    let mut events = Events::with_capacity(16);
    let mut batch = ReceiveBatch::new(32, BufferPool::new(32_767, 1024));
    let mut out = SendBatch::new(SendBatchLimits::default());
    while !stop.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(50))).expect("polled");
        loop {
            let drained = sockets[0].receive(&mut batch).expect("received");
            for datagram in batch.by_ref() {
                out.queue(SocketIndex(0), target, &datagram.data);
            }
            if !out.is_empty() {
                out.flush(&sockets);
            }
            if drained {
                break;
            }
        }
    }
    (batch.counts().datagrams, batch.counts().batches)
}

/// Nanoseconds of both threads' processor time for each message handed over.
fn hand_over(size: usize) -> f64 {
    const MESSAGES: usize = 400_000;
    let mut poll = Poll::new().expect("a poll");
    let (inbox, sender) = inbox::<Packet>(4096, poll.registry(), Token(0)).expect("an inbox");
    let receiver = thread::spawn(move || {
        let before = thread_cpu();
        let mut events = Events::with_capacity(4);
        let mut got = 0;
        while got < MESSAGES {
            if inbox.arm() {
                poll.poll(&mut events, None).expect("polled");
                inbox.disarm();
            }
            got += std::iter::from_fn(|| inbox.pop()).count();
        }
        thread_cpu() - before
    });
    let before = thread_cpu();
    let packet: Packet = Arc::new(vec![0; LENGTH]);
    for _ in 0..MESSAGES / size {
        for _ in 0..size {
            while sender.push(Arc::clone(&packet)).is_err() {
                sender.wake();
                thread::yield_now();
            }
        }
        sender.wake();
    }
    let spent = thread_cpu() - before + receiver.join().expect("the receiver ran");
    spent.as_nanos() as f64 / MESSAGES as f64
}

/// The processor time of this thread, from Linux's scheduler statistics.
fn thread_cpu() -> Duration {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps scheduler statistics");
    let nanos = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok()).expect("a number");
    Duration::from_nanos(nanos)
}
