//! What batching saves, measured: the processor time to forward a datagram over loopback, read and written one by one
//! or in batches, by how many lie waiting when the socket is looked at; and the cost of handing a message to another
//! shard. Each figure is the lower quartile of many rounds, so that whatever else the machine does stays out of it.
//!
//! `cargo run --release -p transport --example batching`

#![allow(clippy::print_stdout)]

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mio::{Events, Poll, Token};
use nix::time::{ClockId, clock_gettime};
use transport::steer::inbox;
use transport::udp::{
    BufferPool, Packet, ReceiveBatch, SendBatch, SendBatchLimits, SocketIndex, UdpOptions, UdpSocket,
};

/// An INVITE's usual length.
const LENGTH: usize = 860;
const DATAGRAMS: usize = 60_000;

fn main() {
    println!("{:>8} {:>14} {:>14} {:>7}", "waiting", "single ns/msg", "batch ns/msg", "ratio");
    for waiting in [1, 2, 4, 8, 16, 32] {
        let [single, batch] = rounds(waiting, [&mut Single::new(), &mut Batched::new()]);
        println!("{waiting:>8} {single:>14.0} {batch:>14.0} {:>7.2}", batch / single);
    }
    for size in [1, 4, 16] {
        println!(
            "hand-over to another shard, {size} a time: {:.0} ns a message, both sides",
            hand_over(size)
        );
    }
}

/// A way to forward what lies in a socket.
trait Forward {
    fn address(&self) -> SocketAddr;
    /// Forwards everything that has come.
    fn forward(&mut self, target: SocketAddr) -> usize;
}

struct Single {
    socket: StdSocket,
    buffer: Vec<u8>,
}

impl Single {
    fn new() -> Self {
        let socket = StdSocket::bind("127.0.0.1:0").expect("loopback");
        socket.set_nonblocking(true).expect("non-blocking");
        Self { socket, buffer: vec![0; 65_536] }
    }
}

impl Forward for Single {
    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    fn forward(&mut self, target: SocketAddr) -> usize {
        let mut count = 0;
        loop {
            match self.socket.recv_from(&mut self.buffer) {
                Ok((length, _)) => {
                    self.socket.send_to(&self.buffer[..length], target).expect("sent");
                    count += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

struct Batched {
    sockets: [UdpSocket; 1],
    batch: ReceiveBatch,
    out: SendBatch,
}

impl Batched {
    fn new() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            sockets: [UdpSocket::bind(loopback, &UdpOptions::default()).expect("loopback")],
            batch: ReceiveBatch::new(32, BufferPool::new(32_767, 1024)),
            out: SendBatch::new(SendBatchLimits::default()),
        }
    }
}

impl Forward for Batched {
    fn address(&self) -> SocketAddr {
        self.sockets[0].local_addr()
    }

    fn forward(&mut self, target: SocketAddr) -> usize {
        let mut count = 0;
        loop {
            let drained = self.sockets[0].receive(&mut self.batch).expect("received");
            for datagram in self.batch.by_ref() {
                self.out.queue(SocketIndex(0), target, &datagram.data);
            }
            count += self.out.flush(&self.sockets).sent;
            if drained {
                return count;
            }
        }
    }
}

/// The processor time of each way for each datagram, in nanoseconds, when `waiting` lie in the socket at a time. The
/// ways take turns.
fn rounds(waiting: usize, mut ways: [&mut dyn Forward; 2]) -> [f64; 2] {
    let source = StdSocket::bind("127.0.0.1:0").expect("loopback");
    let sink = StdSocket::bind("127.0.0.1:0").expect("loopback");
    sink.set_nonblocking(true).expect("non-blocking");
    let target = sink.local_addr().expect("bound");
    let mut buffer = [b'x'; LENGTH];
    let mut spent = [Vec::new(), Vec::new()];
    for _ in 0..DATAGRAMS / waiting {
        for (way, spent) in ways.iter_mut().zip(&mut spent) {
            for _ in 0..waiting {
                source.send_to(&buffer, way.address()).expect("sent");
            }
            let before = thread_cpu();
            assert_eq!(way.forward(target), waiting);
            spent.push((thread_cpu() - before).as_nanos() as f64 / waiting as f64);
            while sink.recv(&mut buffer).is_ok() {}
        }
    }
    spent.map(|mut spent| {
        spent.sort_by(f64::total_cmp);
        spent[spent.len() / 4]
    })
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

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock").into()
}
