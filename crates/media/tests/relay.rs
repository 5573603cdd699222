//! Asking nodes that answer, decline, are silent or are not there.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use media::client::Patience;
use media::ng::PROTOCOL;
use media::nodes::{Health, Sets, Spread};
use media::relay::{self, Keep, Manners, NobodyThere};

const MANNERS: Manners = Manners {
    patience: Patience { timeout: Duration::from_millis(300), retries: 3, from: None },
    down_for: Duration::from_secs(60),
    nodes: 10,
    redetect: false,
    spread: Spread::Crc32,
    keep: Keep::None,
};

/// A node that answers each question with what `answer` makes of it and of how many came before; for one test's life.
fn node(answer: impl Fn(u32, &[u8]) -> Option<Vec<u8>> + Send + 'static) -> (u16, Arc<AtomicU32>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        let mut buffer = [0; 9000];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let space = buffer[..length].iter().position(|byte| *byte == b' ').unwrap();
            let before = count.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = answer(before, &buffer[space + 1..length]) {
                let late = [b"other ".as_slice(), b"d6:result4:latee"].concat();
                socket.send_to(&late, from).unwrap();
                socket.send_to(&[&buffer[..=space], &answer].concat(), from).unwrap();
            }
        }
    });
    (port, asked)
}

fn sets(ports: &[u16]) -> Sets {
    let mut sets = Sets::default();
    let text: Vec<_> = ports.iter().map(|port| format!("udp:127.0.0.1:{port}")).collect();
    sets.add(&text.join(" "), 0).unwrap();
    sets
}

#[tokio::test]
async fn a_lost_question_is_sent_again_and_late_answers_to_others_are_not_taken() {
    let (port, asked) = node(|before, question| (before > 0).then(|| question.to_vec()));
    let sets = sets(&[port]);
    let nodes = sets.of(0).unwrap();
    let (_, answer) = relay::ask(nodes, b"c", None, b"d1:ai1ee", PROTOCOL, &MANNERS).await.unwrap();
    assert_eq!(answer, b"d1:ai1ee");
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_left_alone_and_the_next_one_takes_the_call() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (port, _) = node(|_, _| Some(b"d6:result2:oke".to_vec()));
    let sets = sets(&[gone, port]);
    let nodes = sets.of(0).unwrap();
    // The call had the first node.
    let known = Some(Arc::clone(&nodes[0]));
    let (node, _) = relay::ask(nodes, b"c", known, b"de", PROTOCOL, &MANNERS).await.unwrap();
    assert_eq!(node.index, 1);
    assert!(matches!(nodes[0].health(), Health::Down(_)));
    nodes[1].set_health(Health::Off);
    assert_eq!(relay::ask(nodes, b"c", None, b"de", PROTOCOL, &MANNERS).await.unwrap_err(), NobodyThere);
}

#[tokio::test]
async fn a_full_node_stays_up_but_another_takes_the_call() {
    let (full, _) = node(|_, _| Some(b"d6:result10:load limite".to_vec()));
    let (port, _) = node(|_, _| Some(b"d6:result2:oke".to_vec()));
    let sets = sets(&[full, port]);
    let nodes = sets.of(0).unwrap();
    let known = Some(Arc::clone(&nodes[0]));
    let (node, _) = relay::ask(nodes, b"c", known, b"de", PROTOCOL, &MANNERS).await.unwrap();
    assert_eq!((node.index, nodes[0].health()), (1, Health::Up));
}

#[tokio::test]
async fn a_node_that_was_down_is_tried_with_a_ping_first() {
    let (port, asked) = node(|_, question| {
        Some(if question == PROTOCOL.probe {
            b"d6:result4:ponge".to_vec()
        } else {
            b"d6:result2:oke".to_vec()
        })
    });
    let sets = sets(&[port]);
    let nodes = sets.of(0).unwrap();
    nodes[0].set_health(Health::Down(std::time::Instant::now() + Duration::from_secs(60)));
    assert!(relay::ask(nodes, b"c", None, b"de", PROTOCOL, &MANNERS).await.is_err());
    let manners = Manners { redetect: true, ..MANNERS };
    relay::ask(nodes, b"c", None, b"de", PROTOCOL, &manners).await.unwrap();
    assert_eq!((nodes[0].health(), asked.load(Ordering::SeqCst)), (Health::Up, 2));
}

#[tokio::test]
async fn a_node_that_is_taken_out_may_keep_the_calls_that_it_has() {
    let (port, _) = node(|_, _| Some(b"d6:result2:oke".to_vec()));
    let sets = sets(&[port]);
    let nodes = sets.of(0).unwrap();
    nodes[0].set_health(Health::Off);
    let known = || Some(Arc::clone(&nodes[0]));
    assert!(relay::ask(nodes, b"c", known(), b"de", PROTOCOL, &MANNERS).await.is_err());
    let manners = Manners { keep: Keep::TakenOut, ..MANNERS };
    relay::ask(nodes, b"c", known(), b"de", PROTOCOL, &manners).await.unwrap();
    assert!(relay::ask(nodes, b"new", None, b"de", PROTOCOL, &manners).await.is_err());
    assert_eq!(nodes[0].health(), Health::Off);
}
