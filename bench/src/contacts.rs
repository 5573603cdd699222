//! What a million registered contacts cost: memory, and processor time of lookup and expiry, which tells the same on a busy
//! machine.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::statistics::Statistics;
use modules_data::usrloc::{Contact, Draft, Facts, Order, Standing, Sweep, Table};
use nix::time::{ClockId, clock_gettime};

use crate::account::memory;
use crate::goals::{Verdict, summary};
use crate::report::{Machine, insert};
use crate::table;

/// The goals, for a million contacts: bytes of them all, one lookup, and the longest time that expiry holds a lock.
const MILLION: usize = 1_000_000;
const BYTES: u64 = 600_000_000;
const LOOKUP: Duration = Duration::from_micros(1);
const PAUSE: Duration = Duration::from_millis(5);
/// `hash_size` unless another is chosen: usrloc's default.
const SIZE: u32 = 10;
/// When the first half of the contacts ends, and a time after that.
const ENDS: i64 = 4_000;
const NOW: i64 = 5_000;

/// Options of `bench contacts`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Contacts, of which every second expires
    #[arg(long, default_value_t = MILLION)]
    contacts: usize,
    /// usrloc's `hash_size`
    #[arg(long, default_value_t = SIZE, value_parser = clap::value_parser!(u32).range(2..=16))]
    hash_size: u32,
    /// Also write all figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write the table as Markdown, between the page's `<!-- contact figures -->` marks if it has them
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Exit with 1 when a goal is not reached
    #[arg(long)]
    strict: bool,
}

/// What was found.
#[derive(Debug, serde::Serialize)]
struct Outcome {
    contacts: usize,
    /// Resident memory that they took, all together.
    bytes: u64,
    /// Processor time of one lookup, of contacts in no order.
    lookup: Duration,
    /// Processor time of the sweep of a whole table.
    expiry: Duration,
    /// The longest that one stripe's sweep took; its lock was held for less.
    pause: Duration,
}

/// Measures; whether all goals were reached or none had to be.
pub(crate) fn run(options: &Options, output: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let outcome = measure(options.contacts.max(1), options.hash_size)?;
    let title = format!("{} contacts of 60 bytes, Call-ID of 40, user agent of 30", outcome.contacts);
    let rows = outcome.rows();
    writeln!(output, "{}.\n{}", Machine::here(), table::text(&title, &rows).trim_end())?;
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&outcome)?)?;
    }
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file).unwrap_or_default();
        fs::write(file, insert(&page, "contact figures", &table::markdown(&title, &rows)))?;
    }
    let reached = outcome.verdicts().iter().all(|verdict| verdict.reached == Some(true));
    Ok(reached || !options.strict)
}

fn measure(count: usize, hash_size: u32) -> io::Result<Outcome> {
    let resident = || memory(std::process::id()).resident * 1024;
    let before = resident();
    let table = Table::new("location", hash_size, &Statistics::new(1));
    for number in 0..count {
        let aor = aor(number);
        table.change(aor.as_bytes(), |record| record.insert(contact(&aor, number), Order::ByQ));
    }
    let bytes = resident().saturating_sub(before);

    // A prime that no count of contacts is a multiple of by chance: far apart, and each one once.
    let aors: Vec<String> = (0..count).map(|at| aor(at * 7_919 % count)).collect();
    let start = processor_time()?;
    for aor in &aors {
        black_box(table.contacts(aor.as_bytes()));
    }
    // There are fewer contacts than u32 holds, or no machine holds them.
    let lookup = (processor_time()? - start) / count as u32;

    let (mut expiry, mut pause) = (Duration::ZERO, Duration::ZERO);
    for stripe in 0..table.stripes() {
        let at = processor_time()?;
        let swept = black_box(table.sweep(stripe, Sweep { now: NOW, collects: false }));
        let took = processor_time()? - at;
        drop(swept);
        expiry += took;
        pause = pause.max(took);
    }
    Ok(Outcome { contacts: count, bytes, lookup, expiry, pause })
}

impl Outcome {
    fn rows(&self) -> Vec<Vec<String>> {
        let head =
            ["MB", "bytes each", "lookup ns", "expiry of half of them ms", "longest pause µs", "goals"];
        let row = [
            (self.bytes / 1_000_000).to_string(),
            (self.bytes / self.contacts as u64).to_string(),
            self.lookup.as_nanos().to_string(),
            self.expiry.as_millis().to_string(),
            self.pause.as_micros().to_string(),
            summary(&self.verdicts()),
        ];
        vec![head.map(str::to_owned).to_vec(), row.to_vec()]
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let most = BYTES * self.contacts as u64 / MILLION as u64;
        let verdict = |goal: String, found: String, reached| Verdict { goal, found, reached: Some(reached) };
        vec![
            verdict(
                format!("under {} MB", most / 1_000_000),
                format!("{} MB", self.bytes / 1_000_000),
                self.bytes < most,
            ),
            verdict(
                format!("lookup under {LOOKUP:?}"),
                format!("lookup {:?}", self.lookup),
                self.lookup < LOOKUP,
            ),
            verdict(
                format!("no pause over {PAUSE:?}"),
                format!("longest pause {:?}", self.pause),
                self.pause <= PAUSE,
            ),
        ]
    }
}

fn aor(number: usize) -> String {
    format!("{number:07}@biloxi.example")
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
        user_agent: b"Telephone of Some Maker 12.34.",
        received: received.as_bytes(),
        instance: instance.as_bytes(),
        socket: b"udp:192.0.2.1:5060",
        facts: Facts { expires: if number.is_multiple_of(2) { ENDS } else { NOW * 2 }, ..Facts::default() },
        ..Draft::default()
    };
    Arc::new(Contact::new(draft, Standing::New))
}

/// What this thread has used of a processor, to the nanosecond: `/proc` counts in ticks, longer than any pause here.
fn processor_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_measures_is_judged_at_any_number_of_contacts() {
        let outcome = measure(2_000, SIZE).unwrap();
        assert_eq!(outcome.contacts, 2_000);
        assert_eq!(outcome.verdicts().len(), 3);
        let slow = Outcome { pause: PAUSE * 2, lookup: LOOKUP / 2, bytes: 1, ..outcome };
        assert_eq!(summary(&slow.verdicts()), "SHORT: longest pause 10ms");
    }
}
