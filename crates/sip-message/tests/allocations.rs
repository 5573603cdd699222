//! How often the hot paths allocate.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use sip_message::{Class, EditList, HeaderId, Index, Limits, Message, Reply};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; beside that only a thread's own counter changes, which
// needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const INVITE: &[u8] = include_bytes!("invite.sip");

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

#[test]
fn a_new_index_allocates_once() {
    let mut index = Index::new();
    assert_eq!(allocations(|| index.scan(INVITE).expect("a message")), 1);
}

#[test]
fn a_used_index_allocates_nothing() {
    let mut index = Index::new();
    index.scan(INVITE).expect("a message");
    assert_eq!(allocations(|| index.scan(INVITE).expect("a message")), 0);
}

#[test]
fn reading_allocates_nothing() {
    let message = Message::from_bytes(INVITE).expect("a message");
    let count = allocations(|| {
        black_box(message.uri().expect("a URI").param(b"transport"));
        black_box(message.from().expect("a From").tag());
        black_box(message.to().expect("a To").uri().expect("a URI").host);
        black_box(message.cseq().expect("a CSeq").number);
        black_box(message.via_values().filter_map(|value| message.via(value).ok()?.branch()).count());
        black_box(message.header_named(b"Call-ID").count());
        black_box(message.max_forwards());
    });
    assert_eq!(count, 0);
}

/// What a stateless proxy does with a request, in buffers it has used before.
#[test]
fn forwarding_in_used_buffers_allocates_nothing() {
    let mut message = Message::from_bytes(INVITE).expect("a message");
    let mut edits = EditList::new();
    let mut out = Vec::new();
    let forward = |message: &Message, edits: &mut EditList, out: &mut Vec<u8>| {
        edits.clear();
        out.clear();
        let top = message.headers()[0].whole.start as usize;
        edits.insert(top, Class::Via, b"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n");
        edits.insert(top, Class::RecordRoute, b"Record-Route: <sip:192.0.2.9;lr>\r\n");
        let forwards = message.index().first(HeaderId::MaxForwards).expect("a Max-Forwards");
        edits.replace(forwards.value, b"69");
        edits.set_uri(message, b"sip:bob@192.0.2.4");
        edits.write(message, out);
    };
    forward(&message, &mut edits, &mut out);
    let buffer = Arc::clone(message.buffer());
    let count = allocations(|| {
        message.reparse_limited(buffer, &Limits::DEFAULT).expect("a message");
        forward(&message, &mut edits, &mut out);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_reply_in_a_used_buffer_allocates_nothing() {
    let message = Message::from_bytes(INVITE).expect("a message");
    let reply =
        Reply { status: 404, reason: b"Not Found", to_tag: Some(b"t"), rport: Some(5), ..Reply::default() };
    let mut out = reply.to_vec(&message);
    out.clear();
    assert_eq!(allocations(|| reply.write(&message, &mut out)), 0);
}
