//! What it costs to index, forward and answer a typical INVITE of 860 bytes. Run with `cargo bench -p sip-message`.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::hint::black_box;
use std::time::Instant;

use sip_message::{Class, EditList, HeaderId, Index, Message, Reply, conformance};

const INVITE: &[u8] = include_bytes!("../tests/invite.sip");
const ROUNDS: u32 = 20;
const TURNS: u32 = 20_000;

/// Prints the fastest round's nanoseconds for one call of `work`.
fn measure(name: &str, mut work: impl FnMut()) {
    let round = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..TURNS).for_each(|_| work());
        start.elapsed().as_nanos() / u128::from(TURNS)
    };
    let best = (0..ROUNDS).map(|_| round(&mut work)).min().unwrap_or_default();
    println!("{name:<44} {best:>6} ns");
}

fn main() {
    println!("{} bytes, {} headers", INVITE.len(), message().headers().len());
    measure("scan for line ends only", || {
        black_box(memchr::memchr_iter(b'\n', black_box(INVITE)).count());
    });
    let mut index = Index::new();
    measure("index, used again", || index.scan(black_box(INVITE)).unwrap_or_default());
    measure("index, new", || {
        let mut index = Index::new();
        index.scan(black_box(INVITE)).unwrap_or_default();
        black_box(&index);
    });
    let message = message();
    measure("read URI, From, To, Call-ID, CSeq, Via, Route", || {
        black_box(message.uri().is_ok());
        black_box(message.from().map(|from| from.tag()).is_ok());
        black_box(message.to().map(|to| to.tag()).is_ok());
        black_box(message.call_id().is_ok());
        black_box(message.cseq().is_ok());
        black_box(message.top_via().map(|via| via.branch()).is_ok());
        black_box(message.route_values().next());
    });
    let mut edits = EditList::new();
    let mut out = Vec::new();
    measure("four edits, one write", || {
        forward(&message, &mut edits, &mut out);
        black_box(&out);
    });
    let reply = Reply {
        status: 404,
        reason: b"Not Found",
        to_tag: Some(b"tag"),
        rport: Some(5060),
        ..Reply::default()
    };
    measure("a reply", || {
        out.clear();
        reply.write(black_box(&message), &mut out);
    });
    measure("the RFC's verdict", || {
        black_box(conformance::verdict(&message));
    });
}

fn message() -> Message {
    Message::from_bytes(INVITE).expect("the file is a message")
}

fn forward(message: &Message, edits: &mut EditList, out: &mut Vec<u8>) {
    edits.clear();
    out.clear();
    let top = message.headers()[0].whole.start as usize;
    edits.insert(
        top,
        Class::Via,
        b"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKe9f6.055c98644ae4ce3b6870fb46.0\r\n",
    );
    edits.insert(top, Class::RecordRoute, b"Record-Route: <sip:192.0.2.9;lr>\r\n");
    if let Some(forwards) = message.index().first(HeaderId::MaxForwards) {
        edits.replace(forwards.value, b"69");
    }
    edits.set_uri(message, b"sip:bob@192.0.2.4");
    edits.write(message, out);
}
