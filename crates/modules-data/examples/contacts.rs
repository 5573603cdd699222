//! What a million registered contacts cost: memory, and processor time of lookup and expiry, which tells the same on a busy
//! machine.
//!
//! `cargo run --release -p modules-data --example contacts [count]`

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use engine::statistics::Statistics;
use modules_data::usrloc::{Contact, Draft, Facts, Order, Standing, Sweep, Table};

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let before = resident();
    let table = Table::new("location", 10, &Statistics::new(1));
    for number in 0..count {
        let aor = format!("{number:07}@biloxi.example");
        table.change(aor.as_bytes(), |record| record.insert(contact(&aor, number), Order::ByQ));
    }
    let bytes = resident().saturating_sub(before);
    println!("{count} contacts: {} MB, {} bytes each", bytes >> 20, bytes / count);

    let aors: Vec<String> =
        (0..count).map(|at| at * 7_919 % count).map(|number| format!("{number:07}@biloxi.example")).collect();
    let start = processor_time();
    for aor in &aors {
        black_box(table.contacts(aor.as_bytes()));
    }
    println!("lookup: {} ns", (processor_time() - start).as_nanos() / count as u128);

    let (mut longest, mut expired) = (Duration::ZERO, 0);
    let start = processor_time();
    for stripe in 0..table.stripes() {
        let at = processor_time();
        expired += table.sweep(stripe, Sweep { now: 5_000, collects: false }).expired.len();
        longest = longest.max(processor_time() - at);
    }
    println!(
        "expiry of {expired}: {} ms, the longest pause {} µs",
        (processor_time() - start).as_millis(),
        longest.as_micros()
    );
}

/// A contact of 60 bytes, Call-ID of 40, user agent of 30, with received and instance; every second one expires.
fn contact(aor: &str, number: usize) -> Arc<Contact> {
    let address = format!("sip:{number:07}@198.51.100.{}:5060;transport=udp;line={number:015}", number % 250);
    let call_id = format!("{number:040}");
    let ruid = format!("uloc-6b06e3b4-1db1-{number:x}");
    let received = format!("sip:203.0.113.{}:{}", number % 250, 1024 + number % 60_000);
    let instance = format!("<urn:uuid:00000000-0000-1000-8000-{number:012x}>");
    let draft = Draft {
        aor: aor.as_bytes(),
        address: &address.as_bytes()[..60],
        ruid: ruid.as_bytes(),
        call_id: call_id.as_bytes(),
        user_agent: b"Telephone of Some Maker 12.34.5",
        received: received.as_bytes(),
        instance: instance.as_bytes(),
        socket: b"udp:192.0.2.1:5060",
        facts: Facts { expires: if number.is_multiple_of(2) { 4_000 } else { 8_000 }, ..Facts::default() },
        ..Draft::default()
    };
    Arc::new(Contact::new(draft, Standing::New))
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_ascii_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Bytes of resident memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_ascii_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .map_or(0, |pages: usize| pages * 4096)
}
