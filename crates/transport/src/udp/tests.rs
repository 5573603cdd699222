//! Sockets on loopback.

use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bind(text: &str) -> UdpSocket {
    UdpSocket::bind(addr(text), &UdpOptions::default()).unwrap()
}

fn peer(text: &str) -> StdSocket {
    let socket = StdSocket::bind(addr(text)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn batch(size: usize, longest: usize) -> ReceiveBatch {
    ReceiveBatch::new(size, BufferPool::new(longest, 256))
}

/// Reads until `count` datagrams have come.
fn receive(socket: &UdpSocket, batch: &mut ReceiveBatch, count: usize) -> Vec<Datagram> {
    let mut datagrams = Vec::new();
    let started = Instant::now();
    while datagrams.len() < count {
        socket.receive(batch).unwrap();
        datagrams.extend(batch.by_ref());
        assert!(started.elapsed() < DEADLINE, "{} of {count} datagrams came", datagrams.len());
        std::thread::yield_now();
    }
    datagrams
}

fn exchange(ours: &str, theirs: &str) {
    let socket = bind(ours);
    let peer = peer(theirs);
    peer.send_to(b"hello", socket.local_addr()).unwrap();
    let datagrams = receive(&socket, &mut batch(8, 2048), 1);
    assert_eq!(*datagrams[0].data, b"hello");
    assert_eq!(datagrams[0].source, peer.local_addr().unwrap());
    assert_eq!(datagrams[0].destination, socket.local_addr());

    let mut out = SendBatch::new(SendBatchLimits::default());
    out.queue(SocketIndex(0), datagrams[0].source, b"hello yourself");
    assert_eq!(out.flush(std::slice::from_ref(&socket)).sent, 1);
    let mut buffer = [0; 100];
    let (length, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"hello yourself");
    assert_eq!(from, socket.local_addr());
}

#[test]
fn a_message_goes_both_ways_over_ipv4() {
    exchange("127.0.0.1:0", "127.0.0.1:0");
}

#[test]
fn a_message_goes_both_ways_over_ipv6() {
    exchange("[::1]:0", "[::1]:0");
}

#[test]
fn a_wildcard_socket_tells_which_address_was_reached() {
    for (bound, reached) in [("0.0.0.0:0", "127.0.0.3"), ("[::]:0", "::1")] {
        let socket = bind(bound);
        assert!(socket.is_wildcard());
        let reached = SocketAddr::new(reached.parse().unwrap(), socket.local_addr().port());
        let peer = peer(if reached.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
        peer.send_to(b"x", reached).unwrap();
        let datagrams = receive(&socket, &mut batch(4, 100), 1);
        assert_eq!(datagrams[0].destination, reached);
    }
}

#[test]
fn many_messages_keep_their_order_across_batches() {
    let (one, two) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let mut out = SendBatch::new(SendBatchLimits { burst: 7, ..SendBatchLimits::default() });
    for number in 0..100u8 {
        out.queue_with(SocketIndex(0), two.local_addr(), |bytes| bytes.extend([number; 3]));
    }
    assert_eq!(out.len(), 100);
    let flushed = out.flush(&[one]);
    assert_eq!((flushed.sent, flushed.waiting, flushed.dropped), (100, 0, 0));
    let datagrams = receive(&two, &mut batch(16, 100), 100);
    assert!(datagrams.iter().enumerate().all(|(number, datagram)| *datagram.data == [number as u8; 3]));
}

#[test]
fn a_message_too_long_is_counted_and_the_next_one_read() {
    let socket = bind("127.0.0.1:0");
    let peer = peer("127.0.0.1:0");
    for length in [101, 100, 5000, 1] {
        peer.send_to(&vec![b'x'; length], socket.local_addr()).unwrap();
    }
    let mut batch = batch(8, 100);
    let datagrams = receive(&socket, &mut batch, 2);
    assert_eq!(datagrams.iter().map(|datagram| datagram.data.len()).collect::<Vec<_>>(), [100, 1]);
    assert_eq!(batch.counts().too_long, 2);
    assert_eq!(batch.counts().datagrams, 2);
}

#[test]
fn an_empty_datagram_is_a_message_of_no_bytes() {
    let socket = bind("127.0.0.1:0");
    peer("127.0.0.1:0").send_to(b"", socket.local_addr()).unwrap();
    assert!(receive(&socket, &mut batch(4, 100), 1)[0].data.is_empty());
}

#[test]
fn a_steady_flow_allocates_no_buffers_and_kept_messages_stay_whole() {
    let socket = bind("127.0.0.1:0");
    let peer = peer("127.0.0.1:0");
    let mut batch = batch(4, 2048);
    peer.send_to(b"kept", socket.local_addr()).unwrap();
    let kept = receive(&socket, &mut batch, 1).remove(0);
    let round = |batch: &mut ReceiveBatch| {
        for number in 0..10u8 {
            peer.send_to(&[number; 50], socket.local_addr()).unwrap();
            assert_eq!(*receive(&socket, batch, 1)[0].data, [number; 50]);
        }
    };
    for _ in 0..5 {
        round(&mut batch);
    }
    let before = batch.pool().allocated();
    for _ in 0..20 {
        round(&mut batch);
    }
    assert_eq!(batch.pool().allocated(), before);
    assert_eq!(*kept.data, b"kept");
    assert_eq!(Arc::clone(&kept.data).capacity(), 256);
}

#[test]
fn a_batch_can_be_carried_to_another_thread() {
    let socket = bind("127.0.0.1:0");
    peer("127.0.0.1:0").send_to(b"moved", socket.local_addr()).unwrap();
    let mut batch = batch(4, 100);
    let out = SendBatch::new(SendBatchLimits::default());
    let data = std::thread::spawn(move || {
        drop(out);
        receive(&socket, &mut batch, 1).remove(0).data
    });
    assert_eq!(*data.join().unwrap(), b"moved");
}

#[test]
fn shards_share_one_address_and_strangers_are_noticed() {
    let group = UdpSocket::bind_group(addr("127.0.0.1:0"), &UdpOptions::default(), 3).unwrap();
    let shared = group[0].local_addr();
    assert!(group.iter().all(|socket| socket.local_addr() == shared));
    let second = UdpSocket::bind_group(shared, &UdpOptions::default(), 2);
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);

    // Each flow reaches exactly one shard, always the same.
    let mut reached = Vec::new();
    for _ in 0..32 {
        let peer = peer("127.0.0.1:0");
        peer.send_to(b"1", shared).unwrap();
        peer.send_to(b"2", shared).unwrap();
        let mut batch = batch(4, 100);
        let started = Instant::now();
        let shard = loop {
            assert!(started.elapsed() < DEADLINE);
            let got = group.iter().position(|socket| {
                socket.receive(&mut batch).unwrap();
                batch.by_ref().count() == 2
            });
            if let Some(shard) = got {
                break shard;
            }
        };
        reached.push(shard);
    }
    reached.sort_unstable();
    reached.dedup();
    assert!(reached.len() > 1, "thirty-two flows came to one shard");
}

#[test]
fn errors_of_one_destination_leave_the_others_alone() {
    let socket = bind("127.0.0.1:0");
    let peer = peer("127.0.0.1:0");
    let mut out = SendBatch::new(SendBatchLimits::default());
    let too_long = vec![0; 70_000];
    out.queue(SocketIndex(0), peer.local_addr().unwrap(), b"first");
    out.queue(SocketIndex(0), addr("127.0.0.1:9"), &too_long);
    out.queue(SocketIndex(0), addr("[::1]:9"), b"wrong family");
    out.queue(SocketIndex(0), peer.local_addr().unwrap(), b"last");
    out.queue(SocketIndex(5), peer.local_addr().unwrap(), b"no such socket");
    let flushed = out.flush(std::slice::from_ref(&socket));
    assert_eq!((flushed.sent, flushed.dropped), (2, 1));
    let failed: Vec<_> = flushed.failures.iter().map(|failure| failure.destination).collect();
    assert_eq!(failed, [addr("127.0.0.1:9"), addr("[::1]:9")]);
    let mut buffer = [0; 100];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    assert_eq!(peer.recv(&mut buffer).unwrap(), 4);
}

#[test]
fn icmp_errors_are_told_with_their_destination_and_harm_nobody_else() {
    let closed = [peer("127.0.0.1:0"), peer("127.0.0.1:0")].map(|socket| socket.local_addr().unwrap());
    let options = UdpOptions { icmp_errors: true, ..UdpOptions::default() };
    let socket = UdpSocket::bind(addr("127.0.0.1:0"), &options).unwrap();
    let peer = peer("127.0.0.1:0");
    let mut out = SendBatch::new(SendBatchLimits::default());
    for destination in [closed[0], closed[1], peer.local_addr().unwrap()] {
        out.queue(SocketIndex(0), destination, b"knock");
        // Each flush meets the report about the datagram before.
        let flushed = out.flush(std::slice::from_ref(&socket));
        assert_eq!(flushed.sent, 1, "{:?}", flushed.failures);
    }
    let mut buffer = [0; 100];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 5);

    peer.send_to(b"still here", socket.local_addr()).unwrap();
    assert_eq!(*receive(&socket, &mut batch(4, 100), 1)[0].data, b"still here");
    let mut told = Vec::new();
    let started = Instant::now();
    while told.len() < 2 && started.elapsed() < DEADLINE {
        told.extend(socket.icmp_errors());
    }
    assert_eq!(told.iter().map(|report| report.destination).collect::<Vec<_>>(), closed);
    assert!(told.iter().all(|report| report.error.kind() == std::io::ErrorKind::ConnectionRefused));
}

#[test]
fn writability_is_asked_about_only_while_something_waits() {
    let mut poll = Poll::new().unwrap();
    let mut sockets = [bind("127.0.0.1:0")];
    poll.registry().register(&mut sockets[0], Token(1), Interest::READABLE).unwrap();
    let sink = peer("127.0.0.1:0");
    let mut out = SendBatch::new(SendBatchLimits::default());
    out.queue(SocketIndex(0), sink.local_addr().unwrap(), b"x");
    assert_eq!(out.flush(&sockets).waiting, 0);
    out.watch(&mut sockets, poll.registry(), |_| Token(1)).unwrap();
    let mut events = Events::with_capacity(4);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.iter().all(|event| !event.is_writable()), "nothing waits, nothing is reported");
    sink.send_to(b"y", sockets[0].local_addr()).unwrap();
    poll.poll(&mut events, Some(DEADLINE)).unwrap();
    assert!(events.iter().any(|event| event.token() == Token(1) && event.is_readable()));
}
