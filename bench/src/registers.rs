//! What a REGISTER costs: each server with the same file, its locations in memory alone, and in an SQLite file as well.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use store::{Database, Query};

use crate::account::{Memory, memory, processor_time};
use crate::choice::Choice;
use crate::goals::{Verdict, summary};
use crate::measurement::{Case, MeasurementError, median};
use crate::report::{Machine, insert};
use crate::server::{Kind, Ports, Programs, Server};
use crate::sipp::{Counts, Sipp};
use crate::table;

/// The configuration unless another is chosen.
const REGISTRAR: &str = "examples/registrar.cfg";
const SERVERS: &[Kind] = &[Kind::Kamailio(1), Kind::KamailioTlsf(1), Kind::Tandem(1), Kind::Tandem(2)];
/// REGISTERs of one phone of the scenario.
const REGISTERS_A_PHONE: u64 = 2;
/// Processor time of a REGISTER, as a multiple of what Debian's Kamailio takes in the same run.
const COST: f64 = 0.4;
/// The mode in which changes are written at intervals.
const WRITE_BACK: u8 = 2;
/// A server that uses less than this in a second, when its interval is over, has written what it had to write.
const QUIET: Duration = Duration::from_millis(10);
/// The interval of the configuration, and a second more.
const INTERVAL: Duration = Duration::from_secs(6);
const READY: Duration = Duration::from_secs(20);
const STRAGGLERS: Duration = Duration::from_secs(60);
const WRITING: Duration = Duration::from_secs(180);

/// Options of `bench registers`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// db_mode of each measurement: 0 keeps locations in memory alone, 2 writes them to an SQLite file at intervals
    #[arg(long, value_delimiter = ',', default_value = "0,2", value_parser = clap::value_parser!(u8).range(0..=2))]
    modes: Vec<u8>,
    /// Phones a second, of which each registers twice
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// Source ports of the phones
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=18))]
    sources: u16,
    /// Seconds a run
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Runs of each server, taken in turns; processor time is the middle run's
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Also write all figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write the tables as Markdown, between the page's `<!-- register figures -->` marks if it has them
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Exit with 1 when a goal is not reached
    #[arg(long)]
    strict: bool,
}

/// What the runs of one server in one mode came to.
#[derive(Debug, serde::Serialize)]
struct Outcome {
    server: Kind,
    mode: u8,
    /// Phones asked for, all runs together.
    phones: u64,
    counts: Counts,
    /// Microseconds of processor time a REGISTER, one figure a run; what is written later is in it.
    each: Vec<f64>,
    at_rest: Memory,
    after: Memory,
    /// Contacts found in the database at the end, all runs together; none without one.
    written: Option<u64>,
}

/// Measures every chosen server in every mode; whether all goals were reached or none had to be.
pub(crate) fn run(options: &Options, output: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let programs = options.choice.programs(REGISTRAR)?;
    let (present, missing) = options.choice.present(&programs, SERVERS);
    for (kind, why) in missing {
        writeln!(output, "{kind} was not measured: {why}.")?;
    }
    let case = Case { rate: options.rate, sources: options.sources, seconds: options.seconds };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for &mode in &options.modes {
        for round in 1..=options.rounds {
            for &kind in &present {
                writeln!(io::stderr(), "{kind}: db_mode {mode}, run {round}")?;
                let folder = options.choice.run_folder(&format!("{kind}-registers-{mode}-{round}"))?;
                let trial = Trial { folder, kind, mode, case, ports: options.choice.ports() };
                let outcome = trial.measure(&programs)?;
                match outcomes.iter_mut().find(|known| (known.server, known.mode) == (kind, mode)) {
                    Some(known) => known.merge(outcome),
                    None => outcomes.push(outcome),
                }
            }
        }
    }
    tell(options, &outcomes, output)?;
    let mut verdicts = outcomes.iter().flat_map(|outcome| outcome.verdicts(&outcomes)).peekable();
    let reached = verdicts.peek().is_some() && verdicts.all(|verdict| verdict.reached == Some(true));
    Ok(reached || !options.strict)
}

fn tell(options: &Options, outcomes: &[Outcome], output: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    writeln!(output, "{}.", Machine::here())?;
    let mut page = String::new();
    for &mode in &options.modes {
        let of_mode: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.mode == mode).collect();
        let title = format!(
            "REGISTER in db_mode {mode}: {} phones/s from {} source ports, twice each",
            options.rate, options.sources
        );
        let rows = rows(&of_mode, outcomes);
        writeln!(output, "{}", table::text(&title, &rows).trim_end())?;
        page += &table::markdown(&title, &rows);
    }
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(outcomes)?)?;
    }
    if let Some(file) = &options.markdown {
        let known = fs::read_to_string(file).unwrap_or_default();
        fs::write(file, insert(&known, "register figures", &page))?;
    }
    Ok(())
}

fn rows(of_mode: &[&Outcome], all: &[Outcome]) -> Vec<Vec<String>> {
    let head = [
        "server",
        "µs/REGISTER",
        "× kamailio",
        "failed",
        "repeated",
        "MB at rest / after",
        "written",
        "goals",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let megabytes = |kibibytes: u64| kibibytes as f64 * 1024.0 / 1e6;
    rows.extend(of_mode.iter().map(|outcome| {
        vec![
            outcome.server.to_string(),
            format!("{:.1}", outcome.cost()),
            outcome.ratio(all).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
            outcome.failed().to_string(),
            outcome.counts.retransmissions.to_string(),
            format!("{:.1} / {:.1}", megabytes(outcome.at_rest.resident), megabytes(outcome.after.resident)),
            outcome.written.map_or_else(|| "–".to_owned(), |written| written.to_string()),
            summary(&outcome.verdicts(all)),
        ]
    }));
    rows
}

impl Outcome {
    fn cost(&self) -> f64 {
        median(&self.each).unwrap_or(f64::NAN)
    }

    fn failed(&self) -> u64 {
        self.phones.saturating_sub(self.counts.successful)
    }

    /// To what Debian's Kamailio takes in the same mode.
    fn ratio(&self, all: &[Self]) -> Option<f64> {
        let theirs = all.iter().find(|other| other.mode == self.mode && other.server == Kind::Kamailio(1))?;
        Some(self.cost() / theirs.cost())
    }

    fn merge(&mut self, other: Self) {
        self.phones += other.phones;
        self.counts += other.counts;
        self.each.extend(other.each);
        self.at_rest = self.at_rest.max(other.at_rest);
        self.after = self.after.max(other.after);
        self.written = self.written.zip(other.written).map(|(one, two)| one + two);
    }

    /// Tandem's; other servers have no goals.
    fn verdicts(&self, all: &[Self]) -> Vec<Verdict> {
        if !matches!(self.server, Kind::Tandem(_)) {
            return Vec::new();
        }
        let ratio = self.ratio(all);
        let mut verdicts = vec![
            Verdict {
                goal: format!("processor time at most {COST}x Kamailio's"),
                found: ratio.map_or_else(
                    || "Kamailio not measured".to_owned(),
                    |ratio| format!("processor time {ratio:.2}x Kamailio's"),
                ),
                reached: ratio.map(|ratio| ratio <= COST),
            },
            Verdict {
                goal: "no phone fails".to_owned(),
                found: format!("{} failed", self.failed()),
                reached: Some(self.failed() == 0),
            },
        ];
        verdicts.extend(self.written.map(|written| Verdict {
            goal: "every contact is written".to_owned(),
            found: format!("{written} of {} contacts written", self.counts.successful),
            reached: Some(written == self.counts.successful),
        }));
        verdicts
    }
}

/// One run of one server in one mode.
struct Trial {
    folder: PathBuf,
    kind: Kind,
    mode: u8,
    case: Case,
    ports: Ports,
}

impl Trial {
    fn measure(&self, programs: &Programs) -> Result<Outcome, Box<dyn Error>> {
        let Self { kind, ports, .. } = *self;
        let url = format!("sqlite://{}", self.folder.join("locations.sqlite").display());
        let mut programs = programs.clone();
        programs.defines.extend([format!("DB_MODE={}", self.mode), format!("DB_URL=\"{url}\"")]);
        if self.mode != 0 {
            make_tables(&programs.tandem, &url)?;
        }
        let (program, options) = programs.command(kind, ports)?;
        let mut server = Server::start(&self.folder, &kind.to_string(), &program, &options)
            .map_err(|error| MeasurementError::Start(program, error))?;
        if !answers(ports, READY)? || server.ended() {
            return Err(MeasurementError::Deaf(kind, READY, server.log.clone()).into());
        }
        let at_rest = memory(server.id());
        let books = |server: &Server| {
            processor_time(server.group.as_ref(), server.id()).map_err(MeasurementError::Books)
        };
        let before = books(&server)?;
        let counts = self.register()?;
        if self.mode == WRITE_BACK {
            settle(&server)?;
        }
        if server.ended() {
            return Err(MeasurementError::Fell(kind, server.log.clone()).into());
        }
        let used = (books(&server)? - before).as_secs_f64();
        let after = memory(server.id());
        let written = if self.mode == 0 { None } else { Some(written(&url)?) };
        let registers = self.case.calls() * REGISTERS_A_PHONE;
        let each = vec![used * 1e6 / registers as f64];
        Ok(Outcome {
            server: kind,
            mode: self.mode,
            phones: self.case.calls(),
            counts,
            each,
            at_rest,
            after,
            written,
        })
    }

    /// All phones of the case, each source port by a SIPp of its own.
    fn register(&self) -> Result<Counts, MeasurementError> {
        let mut running = Vec::new();
        for index in 0..self.case.sources {
            let (name, local) = (format!("phone-{index}"), self.ports.caller(index));
            let load = self.case.per_caller();
            running.push(Sipp::phones(&self.folder, &name, local, self.ports.server(), load)?);
        }
        let mut total = Counts::default();
        for phones in running {
            total += phones.finish(Duration::from_secs(self.case.seconds) + STRAGGLERS)?;
        }
        Ok(total)
    }
}

fn make_tables(tandem: &Path, url: &str) -> Result<(), Box<dyn Error>> {
    let made = Command::new(tandem).args(["db", "init", "--db", url]).output()?;
    if made.status.success() {
        return Ok(());
    }
    Err(format!("no tables in {url}: {}", String::from_utf8_lossy(&made.stderr).trim()).into())
}

/// Whether the server answers an OPTIONS before the limit.
fn answers(ports: Ports, limit: Duration) -> Result<bool, MeasurementError> {
    let taken = |error| MeasurementError::Probe(ports, error);
    let socket = UdpSocket::bind(ports.probe_caller()).map_err(taken)?;
    socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(taken)?;
    let (server, here) = (ports.server(), ports.probe_caller());
    let deadline = Instant::now() + limit;
    let mut number = 0;
    while Instant::now() < deadline {
        number += 1;
        let text = format!(
            "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKready{number}\r\n\
             From: <sip:prober@{here}>;tag=1\r\nTo: <sip:{server}>\r\nCall-ID: ready-{number}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        // Until the server listens, the kernel tells that nobody does.
        let _ = socket.send_to(text.as_bytes(), server);
        if socket.recv_from(&mut [0; 4096]).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until the server has written what it writes at intervals.
fn settle(server: &Server) -> Result<(), Box<dyn Error>> {
    let used = || processor_time(server.group.as_ref(), server.id());
    let began = Instant::now();
    let mut before = used()?;
    while began.elapsed() < WRITING {
        std::thread::sleep(Duration::from_secs(1));
        let now = used()?;
        if began.elapsed() > INTERVAL && now.saturating_sub(before) < QUIET {
            return Ok(());
        }
        before = now;
    }
    Err(format!(
        "the server was still at work {WRITING:?} after the last REGISTER; its log is {}",
        server.log.display()
    )
    .into())
}

/// Contacts in a database.
fn written(url: &str) -> Result<u64, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let query = Query { table: "location".into(), columns: vec!["ruid".into()], ..Query::default() };
    let database = Database::new(url.as_bytes())?;
    let rows = runtime.block_on(async { database.query(&query).await })?;
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(server: Kind, each: f64, written: u64) -> Outcome {
        Outcome {
            server,
            mode: 2,
            phones: 10,
            counts: Counts { created: 10, successful: 10, ..Counts::default() },
            each: vec![each],
            at_rest: Memory::default(),
            after: Memory::default(),
            written: Some(written),
        }
    }

    #[test]
    fn tandem_is_judged_by_debians_kamailio_in_the_same_mode() {
        let judged = |each, written| {
            let all = [outcome(Kind::Kamailio(1), 100.0, 10), outcome(Kind::Tandem(1), each, written)];
            summary(&all[1].verdicts(&all))
        };
        assert_eq!(judged(40.0, 10), "PASS");
        assert_eq!(judged(41.0, 10), "SHORT: processor time 0.41x Kamailio's");
        assert_eq!(judged(40.0, 9), "SHORT: 9 of 10 contacts written");
        let alone = [outcome(Kind::Tandem(1), 1.0, 10)];
        assert_eq!(summary(&alone[0].verdicts(&alone)), "OPEN: Kamailio not measured");
    }
}
