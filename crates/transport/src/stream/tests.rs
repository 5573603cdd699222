//! Real connections on loopback. The framing is the simplest that can be cut wrongly: a length in digits, a line end,
//! so many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::lab::{DEADLINE, lab, server};
use super::*;
use crate::address::{Proto, SocketName};

fn expect(stream: &mut TcpStream, bytes: &str) {
    let mut buffer = vec![0; bytes.len()];
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(String::from_utf8_lossy(&buffer), bytes);
}

fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => assert_eq!(String::from_utf8_lossy(&rest), ""),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_message_in_single_bytes_is_one_message() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    peer.set_nodelay(true).unwrap();
    for byte in b"11\nhello world" {
        peer.write_all(&[*byte]).unwrap();
    }
    let (conn, text) = lab.log.message();
    assert_eq!(text, "hello world");
    assert_eq!(conn.remote, peer.local_addr().unwrap());
    assert_eq!((conn.local, conn.socket, conn.direction), (lab.addr, lab.addr, Direction::Accepted));
}

#[test]
fn messages_in_one_piece_are_told_apart_and_in_order() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    let piece: String = (0..500).map(|number| format!("3\n{number:03}")).collect();
    peer.write_all(piece.as_bytes()).unwrap();
    for number in 0..500 {
        assert_eq!(lab.log.text(), format!("{number:03}"));
    }
    assert_eq!(lab.hub.counts().received, 500);
}

#[test]
fn a_large_message_arrives_whole() {
    let lab = lab(StreamOptions { max_message: 300_000, ..StreamOptions::default() });
    let mut peer = lab.connect();
    peer.write_all(format!("250000\n{}", "x".repeat(250_000)).as_bytes()).unwrap();
    assert_eq!(lab.log.text().len(), 250_000);
}

#[test]
fn a_double_line_end_is_answered_and_a_single_one_is_not() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    peer.write_all(b"\r\n\r\n").unwrap();
    expect(&mut peer, "\r\n");
    for piece in [&b"\r\n"[..], b"\r", b"\n1\nA\r\n", b"1\nB\r\n\r\n1\nC"] {
        peer.write_all(piece).unwrap();
    }
    assert_eq!([lab.log.text(), lab.log.text(), lab.log.text()], ["A", "B", "C"]);
    lab.hub.close(lab.hub.connections()[0].id);
    // The second double one was split over two writes; the third stood between B and C.
    expect(&mut peer, "\r\n\r\n");
    expect_end(&mut peer);
    assert_eq!(lab.hub.counts().pings, 3);
}

#[test]
fn keep_alives_are_left_unanswered_when_switched_off() {
    let lab = lab(StreamOptions { crlf_ping: false, ..StreamOptions::default() });
    let mut peer = lab.connect();
    peer.write_all(b"\r\n\r\n1\nA").unwrap();
    assert_eq!(lab.log.text(), "A");
    lab.hub.close(lab.hub.connections()[0].id);
    expect_end(&mut peer);
}

#[test]
fn a_response_goes_back_over_the_connection_of_its_request() {
    let lab = lab(StreamOptions::default());
    let (mut one, mut two) = (lab.connect(), lab.connect());
    one.write_all(b"3\none").unwrap();
    two.write_all(b"3\ntwo").unwrap();
    for _ in 0..2 {
        let (conn, text) = lab.log.message();
        let elsewhere = "192.0.2.1:9".parse().unwrap();
        let answer =
            Outgoing { connection: Some(conn.id), ..Outgoing::new(Proto::Tcp, elsewhere, text.as_bytes()) };
        assert_eq!(lab.hub.send(&answer), Ok(conn.id));
    }
    expect(&mut one, "one");
    expect(&mut two, "two");
}

#[test]
fn a_connection_is_opened_once_and_used_again() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let first = lab.send(addr, "first").unwrap();
    let second = lab.send(addr, "second").unwrap();
    assert_eq!(first, second);
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "firstsecond");
    let info = lab.log.connected();
    assert_eq!((info.id, info.remote, info.direction), (first, addr, Direction::Opened));
    assert_eq!(info.local, peer.peer_addr().unwrap());
    peer.write_all(b"2\nok").unwrap();
    assert_eq!(lab.log.message(), (info, "ok".to_owned()));
}

#[test]
fn many_shards_sending_at_once_open_one_connection() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let ids = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| lab.send(addr, "x").unwrap())).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "xxxxxxxx");
    assert_eq!(lab.hub.counts().opened, 1);
}

#[test]
fn a_connection_through_another_socket_is_not_used() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let through = |socket: &str| {
        let outgoing =
            Outgoing { socket: Some(socket.parse().unwrap()), ..Outgoing::new(Proto::Tcp, addr, b"x") };
        lab.hub.send(&outgoing).unwrap()
    };
    let (one, two) = (through("127.0.0.1:5060"), through("127.0.0.2:5060"));
    assert_ne!(one, two);
    assert_eq!(through("127.0.0.2:5060"), two);
    let sources: Vec<_> = (0..2).map(|_| listener.accept().unwrap().1.ip().to_string()).collect();
    assert!(sources.contains(&"127.0.0.1".to_owned()) && sources.contains(&"127.0.0.2".to_owned()));
}

#[test]
fn no_connection_is_opened_where_that_is_not_wanted() {
    let lab = lab(StreamOptions::default());
    let (_listener, addr) = server();
    let outgoing = Outgoing { open: Open::Never, ..Outgoing::new(Proto::Tcp, addr, b"x") };
    assert_eq!(lab.hub.send(&outgoing), Err(SendError::NoConnection));
    let id = lab.send(addr, "x").unwrap();
    assert_eq!(lab.hub.send(&outgoing), Ok(id));
}

#[test]
fn a_connection_ends_after_the_message_that_says_so() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let outgoing = Outgoing { after: After::Close, ..Outgoing::new(Proto::Tcp, addr, b"bye") };
    let id = lab.hub.send(&outgoing).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "bye");
    expect_end(&mut peer);
    let (info, reason) = lab.log.closed();
    assert_eq!(info.id, id);
    assert!(matches!(reason, CloseReason::Asked));
    assert_ne!(lab.send(addr, "again").unwrap(), id, "a closed connection is not used");
}

#[test]
fn an_alias_leads_to_the_connection_and_cannot_be_taken_over() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    peer.write_all(b"1\nA").unwrap();
    let (conn, _) = lab.log.message();
    let alias = SocketAddr::new(conn.remote.ip(), 5060);
    let outgoing = Outgoing { open: Open::Never, ..Outgoing::new(Proto::Tcp, alias, b"by alias") };
    assert_eq!(lab.hub.send(&outgoing), Err(SendError::NoConnection));
    assert_eq!(lab.hub.add_alias(conn.id, 5060), Ok(()));
    assert_eq!(lab.hub.add_alias(conn.id, 5060), Ok(()));
    assert_eq!(lab.hub.send(&outgoing), Ok(conn.id));
    expect(&mut peer, "by alias");

    let mut other = lab.connect();
    other.write_all(b"1\nB").unwrap();
    let (newcomer, _) = lab.log.message();
    assert_eq!(lab.hub.add_alias(newcomer.id, 5060), Err(AliasError::Taken(conn.id)));
    assert_eq!(lab.hub.add_alias(ConnId(9999), 5060), Err(AliasError::NoConnection));

    drop(peer);
    lab.log.closed();
    assert_eq!(lab.hub.send(&outgoing), Err(SendError::NoConnection), "the alias ends with its connection");
    assert_eq!(lab.hub.add_alias(newcomer.id, 5060), Ok(()));
}

#[test]
fn connections_beyond_the_limits_are_turned_away() {
    let lab = lab(StreamOptions { max_per_source: 2, max_connections: 3, ..StreamOptions::default() });
    let kept: Vec<_> = (0..2).map(|_| lab.connect()).collect();
    let ids = [lab.log.connected().id, lab.log.connected().id];
    assert!(ids.contains(&ConnId(1)) && ids.contains(&ConnId(2)));
    expect_end(&mut lab.connect());
    assert_eq!(lab.hub.counts().refused_source, 1);
    let (_listener, addr) = server();
    lab.send(addr, "x").unwrap();
    let (_other, elsewhere) = server();
    assert_eq!(lab.send(elsewhere, "x"), Err(SendError::TooManyConnections));
    expect_end(&mut lab.connect());
    assert_eq!(lab.hub.counts().refused_total, 2);
    drop(kept);
    lab.log.closed();
    lab.log.closed();
    lab.connect().write_all(b"1\nA").unwrap();
    assert_eq!(lab.log.text(), "A", "places are free again");
}

#[test]
fn an_idle_connection_ends_after_its_lifetime_and_use_prolongs_it() {
    let lab = lab(StreamOptions { lifetime: Duration::from_millis(300), ..StreamOptions::default() });
    let mut peer = lab.connect();
    let id = lab.log.connected().id;
    let started = Instant::now();
    let used_until = Duration::from_millis(600);
    while started.elapsed() < used_until {
        peer.write_all(b"1\nA").unwrap();
        lab.log.text();
    }
    let (info, reason) = lab.log.closed();
    assert_eq!(info.id, id);
    assert!(matches!(reason, CloseReason::Idle), "{reason}");
    assert!(started.elapsed() >= used_until);
    expect_end(&mut peer);
}

#[test]
fn a_lifetime_can_be_changed_for_one_connection() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    let id = lab.log.connected().id;
    assert!(lab.hub.set_lifetime(id, Duration::from_millis(20)));
    assert!(matches!(lab.log.closed().1, CloseReason::Idle));
    expect_end(&mut peer);
    assert!(!lab.hub.set_lifetime(id, DEADLINE));
}

#[test]
fn an_unfinished_message_ends_its_connection() {
    let lab = lab(StreamOptions { message_timeout: Duration::from_millis(50), ..StreamOptions::default() });
    let mut peer = lab.connect();
    peer.write_all(b"10\nhalf").unwrap();
    assert!(matches!(lab.log.closed().1, CloseReason::MessageTimeout));
    expect_end(&mut peer);
}

#[test]
fn what_is_no_message_ends_its_connection() {
    let lab = lab(StreamOptions { max_message: 100, ..StreamOptions::default() });
    lab.connect().write_all(b"rubbish\n").unwrap();
    assert!(matches!(lab.log.closed().1, CloseReason::Framing(FramingError::NoMessage)));
    let mut endless = lab.connect();
    endless.write_all("5".repeat(101).as_bytes()).unwrap();
    assert!(matches!(lab.log.closed().1, CloseReason::Framing(FramingError::TooLong)));
    let mut long = lab.connect();
    long.write_all(format!("101\n{}", "x".repeat(101)).as_bytes()).unwrap();
    assert!(matches!(lab.log.closed().1, CloseReason::Framing(FramingError::TooLong)));
}

#[test]
fn a_peer_that_takes_nothing_fills_its_queue_and_is_dropped_in_time() {
    let lab = lab(StreamOptions {
        connection_queue: 10_000,
        send_timeout: Duration::from_millis(200),
        ..StreamOptions::default()
    });
    let (listener, addr) = server();
    let block = "x".repeat(5_000);
    lab.send(addr, &block).unwrap();
    let (_peer, _) = listener.accept().unwrap();
    lab.log.connected();
    let refused = (0..100_000).find_map(|_| lab.send(addr, &block).err());
    assert_eq!(refused, Some(SendError::ConnectionQueueFull));
    assert!(lab.hub.counts().queued_bytes <= 10_000 + 5_000);
    assert_eq!(lab.hub.counts().queue_full, 1);
    let (_, reason) = lab.log.closed();
    assert!(matches!(reason, CloseReason::SendTimeout), "{reason}");
    assert!(lab.log.lost() > 0);
    assert_eq!(lab.hub.counts().queued_bytes, 0);
}

#[test]
fn all_queues_together_are_bounded() {
    let lab = lab(StreamOptions { total_queue: 1_000, ..StreamOptions::default() });
    let (listener, addr) = server();
    assert_eq!(lab.send(addr, &"x".repeat(1_001)), Err(SendError::TotalQueueFull));
    assert_eq!(lab.hub.counts().open, 0, "no connection is opened for what cannot be sent");
    lab.send(addr, "fits").unwrap();
    expect(&mut listener.accept().unwrap().0, "fits");
}

#[test]
fn everything_sent_to_a_slow_reader_arrives_in_order() {
    let lab =
        lab(StreamOptions { connection_queue: 64 << 20, total_queue: 64 << 20, ..StreamOptions::default() });
    let (listener, addr) = server();
    let block: String = (0..10_000u32).map(|number| format!("{number:08}")).collect();
    for _ in 0..100 {
        lab.send(addr, &block).unwrap();
    }
    let (mut peer, _) = listener.accept().unwrap();
    for _ in 0..100 {
        expect(&mut peer, &block);
    }
}

#[test]
fn a_broken_connection_is_told_and_a_new_one_opened() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let first = lab.send(addr, "one").unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "one");
    drop(peer);
    let (info, reason) = lab.log.closed();
    assert_eq!(info.id, first);
    assert!(matches!(reason, CloseReason::Peer), "{reason}");
    let second = lab.send(addr, "two").unwrap();
    assert!(second > first);
    expect(&mut listener.accept().unwrap().0, "two");
}

#[test]
fn a_peer_that_refuses_is_told_with_what_was_lost() {
    let lab = lab(StreamOptions::default());
    let addr = server().1;
    let id = lab.send(addr, "lost").unwrap();
    let (info, reason) = lab.log.closed();
    assert_eq!(info.id, id);
    assert!(matches!(reason, CloseReason::ConnectFailed(_)), "{reason}");
    assert_eq!(lab.log.lost(), 4);
    assert_eq!(lab.hub.counts().connect_failed, 1);
}

#[test]
fn a_peer_that_does_not_answer_is_given_up_in_time() {
    let lab = lab(StreamOptions { connect_timeout: Duration::from_millis(100), ..StreamOptions::default() });
    // A listener whose queue is full answers no further attempt.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let addr = full.local_addr().unwrap().as_socket().unwrap();
    let _fill: Vec<_> =
        (0..4).map(|_| TcpStream::connect_timeout(&addr, Duration::from_millis(50))).collect();
    lab.send(addr, "lost").unwrap();
    let (_, reason) = lab.log.closed();
    assert!(matches!(reason, CloseReason::ConnectTimeout), "{reason}");
}

#[test]
fn a_peer_that_closed_its_direction_still_gets_its_answer() {
    let lab = lab(StreamOptions::default());
    let mut peer = lab.connect();
    peer.write_all(b"3\nask").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let (conn, _) = lab.log.message();
    let answer = Outgoing { connection: Some(conn.id), ..Outgoing::new(Proto::Tcp, conn.remote, b"answer") };
    assert_eq!(lab.hub.send(&answer), Ok(conn.id));
    expect(&mut peer, "answer");
    assert!(matches!(lab.log.closed().1, CloseReason::Peer));
    expect_end(&mut peer);
}

#[test]
fn a_busy_sink_is_offered_the_message_again_and_loses_none() {
    let lab = lab(StreamOptions::default());
    lab.log.told.lock().unwrap().refuse = 3;
    lab.connect().write_all(b"1\nA1\nB1\nC").unwrap();
    assert_eq!([lab.log.text(), lab.log.text(), lab.log.text()], ["A", "B", "C"]);
}

#[test]
fn stopping_finishes_what_is_queued_and_takes_nothing_new() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    lab.send(addr, "last words").unwrap();
    lab.hub.shutdown();
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "last words");
    expect_end(&mut peer);
    assert!(matches!(lab.log.closed().1, CloseReason::Shutdown));
    assert_eq!(lab.send(addr, "x"), Err(SendError::Shutdown));
}

/// A layer that shifts each byte by one on the wire, and greets first.
struct Shifted {
    greeted: bool,
}

struct Shifting;

impl LayerSource for Shifting {
    fn layer(&self, _: &ConnInfo, _: Side<'_>) -> Result<Box<dyn Layer>, LayerError> {
        Ok(Box::new(Shifted { greeted: false }))
    }

    fn group(&self, _: SocketAddr, wish: Wish<'_>) -> LayerGroup {
        LayerGroup(wish.server_id.map_or(0, str::len) as u64)
    }
}

impl Layer for Shifted {
    fn start(&mut self, wire: &mut BytesMut) -> Result<(), LayerError> {
        wire.extend_from_slice(b"!");
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.greeted
    }

    fn decode(
        &mut self,
        received: &mut BytesMut,
        plain: &mut BytesMut,
        wire: &mut BytesMut,
    ) -> Result<(), LayerError> {
        if !self.greeted && !received.is_empty() {
            if received.get_u8() != b'!' {
                return Err(LayerError("no greeting".to_owned()));
            }
            self.greeted = true;
            wire.extend_from_slice(b"?");
        }
        plain.extend(received.split().iter().map(|b| b.wrapping_sub(1)));
        Ok(())
    }

    fn encode(&mut self, message: &[u8], wire: &mut BytesMut) -> Result<(), LayerError> {
        wire.extend(message.iter().map(|b| b.wrapping_add(1)));
        Ok(())
    }

    fn finish(&mut self, wire: &mut BytesMut) {
        wire.extend_from_slice(b".");
    }
}

#[test]
fn a_layer_shakes_hands_carries_messages_and_says_goodbye() {
    let lab = lab(StreamOptions::default());
    let (listener, addr) = server();
    let outgoing = Outgoing::new(Proto::Tls, addr, b"ABC");
    assert_eq!(lab.hub.send(&outgoing), Err(SendError::Unsupported(Proto::Tls)));
    lab.hub.set_layer(Proto::Tls, Arc::new(Shifting));
    let id = lab.hub.send(&outgoing).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    expect(&mut peer, "!");
    peer.write_all(b"!2\x0bZ").unwrap();
    expect(&mut peer, "?BCD");
    assert_eq!(lab.log.text(), "Y");
    assert!(lab.hub.close(id));
    expect(&mut peer, ".");
    expect_end(&mut peer);

    let shifted =
        lab.hub.listen(SocketName { proto: Proto::Tls, addr: "127.0.0.1:0".parse().unwrap() }).unwrap();
    TcpStream::connect(shifted).unwrap().write_all(b"?").unwrap();
    let reason = lab.log.wait("broken layer", |told| {
        told.events.iter().find_map(|event| match event {
            StreamEvent::Closed(_, CloseReason::Layer(reason)) => Some(reason.clone()),
            _ => None,
        })
    });
    assert_eq!(reason, "no greeting");
}
