//! What a server keeps for a transaction in flight, and what it gives back.
//!
//! A caller sends INVITEs until so many ring at once, behind an answerer that sends 180 and nothing more. Then
//! each is refused and acknowledged, the server's wait timers run out, and the same is done again.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account;
use crate::choice::Choice;
use crate::goals::{Verdict, summary};
use crate::measurement::{MeasurementError, start};
use crate::phones::{End, Finale, Line, Names, Phones, Plan};
use crate::report::{Machine, insert};
use crate::server::{Kind, Ports, Programs, Server};
use crate::table;

/// The configuration unless another is chosen.
const STATEFUL: &str = "examples/stateful-proxy.cfg";
/// Calls that are being set up, or being ended, at once: as many as no socket buffer overflows with.
const WINDOW: u32 = 64;
/// From one look at the server's memory to the next.
const LOOK: Duration = Duration::from_millis(250);
/// Kamailio's wait timer, 5 s, and what a server may need to tidy up after it.
const WAIT: Duration = Duration::from_secs(8);
/// How much longer a server may take to give memory back.
const PATIENCE: Duration = Duration::from_secs(12);
/// Bytes for a transaction beyond those of its INVITE.
const BEYOND: f64 = 4096.0;
/// The part of its growth that a server may keep.
const KEPT: f64 = 0.2;
/// How much higher the second peak may be and still count as no higher: the noise of two readings.
const NOISE: f64 = 1.02;
/// The whole server with 200,000 transactions in flight, in KiB: 1.5 GB.
const CEILING: u64 = 1_500_000_000 / 1024;
const CEILING_FROM: u32 = 200_000;

/// Options of `bench memory`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// Transactions in flight at once
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Also write all figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write the table as Markdown, between the page's `<!-- memory figures -->` marks if it has them
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Exit with 1 when a goal is not reached
    #[arg(long)]
    strict: bool,
}

/// One burst; memory in KiB.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Burst {
    peak: u64,
    /// After the wait timers.
    kept: u64,
    /// Calls that did not end with the answerer's 486.
    failed: usize,
}

/// What one server came to.
#[derive(Debug, serde::Serialize)]
struct Outcome {
    server: Kind,
    calls: u32,
    /// Bytes of one INVITE.
    invite: usize,
    /// KiB before the first burst.
    at_rest: u64,
    bursts: [Burst; 2],
}

/// Measures every chosen server; whether all goals were reached or none had to be.
pub(crate) fn run(options: &Options, output: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let programs = options.choice.programs(STATEFUL)?;
    let (present, missing) = options.choice.present(&programs, &[Kind::Tandem(1), Kind::Tandem(2)]);
    for (kind, why) in missing {
        writeln!(output, "{kind} was not measured: {why}.")?;
    }
    let mut outcomes = Vec::new();
    for kind in present {
        writeln!(io::stderr(), "{kind}: {} transactions in flight, twice", options.calls)?;
        let folder = options.choice.run_folder(&format!("{kind}-memory"))?;
        outcomes.push(measure(&folder, &programs, options.choice.ports(), kind, options.calls)?);
    }
    let rows = rows(&outcomes);
    let title = format!("{} transactions in flight, twice", options.calls);
    writeln!(output, "{}.\n{}", Machine::here(), table::text(&title, &rows).trim_end())?;
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&outcomes)?)?;
    }
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file).unwrap_or_default();
        fs::write(file, insert(&page, "memory figures", &table::markdown(&title, &rows)))?;
    }
    let mut verdicts = outcomes.iter().flat_map(Outcome::verdicts).peekable();
    let reached = verdicts.peek().is_some() && verdicts.all(|verdict| verdict.reached == Some(true));
    Ok(reached || !options.strict)
}

fn measure(
    folder: &Path,
    programs: &Programs,
    ports: Ports,
    kind: Kind,
    calls: u32,
) -> Result<Outcome, MeasurementError> {
    let (mut server, _) = start(folder, programs, ports, kind)?;
    let at_rest = resident(&server);
    let mut invite = 0;
    let mut burst = |number: u32| {
        // Another number each time: the second burst's calls are no retransmissions of the first's.
        let names = Names {
            caller: ports.caller(0),
            answerer: ports.answerer(),
            server: ports.server(),
            run: std::process::id() * 2 + number,
        };
        let mut watched = Watched { server: &mut server, kind, calls, peak: at_rest, looked: Duration::ZERO };
        let mut phones = Phones::new(names, PLAN, Line::GOOD).map_err(MeasurementError::Phones)?;
        watched.burst(&mut phones)?;
        invite = phones.exchange.invite_length();
        let kept = watched.kept(&mut phones, at_rest)?;
        let refused = phones.exchange.ends().filter(|(end, _)| *end == Some(End::Refused(486))).count();
        Ok::<_, MeasurementError>(Burst { peak: watched.peak, kept, failed: calls as usize - refused })
    };
    let bursts = [burst(0)?, burst(1)?];
    Ok(Outcome { server: kind, calls, invite, at_rest, bursts })
}

/// Rings until told to end; then it is busy.
const PLAN: Plan = Plan {
    ring: None,
    finale: Finale::Refuse,
    talk: Duration::ZERO,
    patience: Duration::from_secs(3600),
    vanishes: false,
};

/// A server whose memory is looked at while the phones are busy.
struct Watched<'a> {
    server: &'a mut Server,
    kind: Kind,
    calls: u32,
    peak: u64,
    looked: Duration,
}

impl Watched<'_> {
    /// Sets all calls up, then ends them all.
    fn burst(&mut self, phones: &mut Phones) -> Result<(), MeasurementError> {
        let limit = Duration::from_secs(60) + Duration::from_millis(2) * self.calls;
        while phones.exchange.progress().set_up < self.calls {
            let progress = phones.exchange.progress();
            let ahead = progress.started - progress.set_up;
            for _ in ahead..WINDOW.min(ahead + self.calls - progress.started) {
                phones.exchange.start_call(phones.now());
            }
            self.turn(phones, limit, progress.set_up)?;
        }
        self.look();
        let mut told = 0;
        while phones.exchange.progress().over < self.calls {
            let over = phones.exchange.progress().over;
            while told < self.calls && told - over.min(told) < WINDOW {
                phones.exchange.finish(phones.now(), told);
                told += 1;
            }
            self.turn(phones, limit * 2, over)?;
        }
        self.look();
        Ok(())
    }

    fn turn(&mut self, phones: &mut Phones, limit: Duration, done: u32) -> Result<(), MeasurementError> {
        phones.turn(LOOK).map_err(MeasurementError::Phones)?;
        let now = phones.now();
        if now >= self.looked + LOOK {
            self.looked = now;
            self.look();
        }
        if now > limit || self.server.ended() {
            let log = self.server.log.clone();
            return Err(MeasurementError::Stalled(self.kind, done, self.calls, limit, log));
        }
        Ok(())
    }

    fn look(&mut self) {
        self.peak = self.peak.max(resident(self.server));
    }

    /// What is kept after the wait timers. The phones go on: a lost ACK is asked for again.
    fn kept(&self, phones: &mut Phones, at_rest: u64) -> Result<u64, MeasurementError> {
        let began = phones.now();
        loop {
            phones.turn(LOOK).map_err(MeasurementError::Phones)?;
            let (kept, waited) = (resident(self.server), phones.now() - began);
            let enough = share(kept, self.peak, at_rest) <= KEPT;
            if waited >= WAIT + PATIENCE || (waited >= WAIT && enough) {
                return Ok(kept);
            }
        }
    }
}

/// Pages that processes share count once.
fn resident(server: &Server) -> u64 {
    account::memory(server.id()).proportional
}

/// The part of the growth from `at_rest` to `peak` that is still there.
fn share(kept: u64, peak: u64, at_rest: u64) -> f64 {
    kept.saturating_sub(at_rest) as f64 / peak.saturating_sub(at_rest).max(1) as f64
}

impl Outcome {
    /// Bytes of growth for each transaction, at the first peak.
    fn each(&self) -> f64 {
        self.bursts[0].peak.saturating_sub(self.at_rest) as f64 * 1024.0 / f64::from(self.calls)
    }

    /// The same without the bytes of the INVITE itself.
    fn beyond(&self) -> f64 {
        self.each() - self.invite as f64
    }

    fn shares(&self) -> [f64; 2] {
        self.bursts.map(|burst| share(burst.kept, burst.peak, self.at_rest))
    }

    fn failed(&self) -> usize {
        self.bursts.iter().map(|burst| burst.failed).sum()
    }

    /// Tandem's; other servers have no goals.
    fn verdicts(&self) -> Vec<Verdict> {
        if !matches!(self.server, Kind::Tandem(_)) {
            return Vec::new();
        }
        let verdict = |goal: &str, found: String, reached| Verdict {
            goal: goal.to_owned(),
            found,
            reached: Some(reached),
        };
        let [first, second] = self.bursts.map(|burst| burst.peak);
        let kept = self.shares().into_iter().fold(0.0, f64::max);
        let mut verdicts = vec![
            verdict(
                "at most 4 KB a transaction beyond the message",
                format!("{:.0} bytes beyond the INVITE", self.beyond()),
                self.beyond() <= BEYOND,
            ),
            verdict(
                "at most a fifth of the growth kept",
                format!("{:.0} % of the growth kept", kept * 100.0),
                kept <= KEPT,
            ),
            verdict(
                "the second peak no higher",
                format!("second peak {:.2} times the first", second as f64 / first.max(1) as f64),
                second as f64 <= first as f64 * NOISE,
            ),
            verdict("no call fails", format!("{} failed", self.failed()), self.failed() == 0),
        ];
        if self.calls >= CEILING_FROM {
            let found = format!("peak {:.0} MB", megabytes(first.max(second)));
            verdicts.push(verdict("under 1.5 GB", found, first.max(second) < CEILING));
        }
        verdicts
    }
}

fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1024.0 / 1e6
}

fn rows(outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let head =
        ["server", "MB at rest", "peaks MB", "kept MB", "bytes each", "beyond the INVITE", "failed", "goals"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(outcomes.iter().map(|outcome| {
        let [one, two] = outcome.bursts;
        let shares = outcome.shares().map(|share| format!("{:.0} %", share * 100.0));
        vec![
            outcome.server.to_string(),
            format!("{:.1}", megabytes(outcome.at_rest)),
            format!("{:.1}, {:.1}", megabytes(one.peak), megabytes(two.peak)),
            format!("{:.1} ({}), {:.1} ({})", megabytes(one.kept), shares[0], megabytes(two.kept), shares[1]),
            format!("{:.0}", outcome.each()),
            format!("{:.0}", outcome.beyond()),
            outcome.failed().to_string(),
            summary(&outcome.verdicts()),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(calls: u32, at_rest: u64, bursts: [(u64, u64); 2]) -> Outcome {
        let bursts = bursts.map(|(peak, kept)| Burst { peak, kept, failed: 0 });
        Outcome { server: Kind::Tandem(1), calls, invite: 1024, at_rest, bursts }
    }

    #[test]
    fn a_transaction_costs_its_part_of_the_growth_less_its_own_bytes() {
        let outcome = outcome(1000, 10_000, [(14_000, 10_100), (14_000, 10_200)]);
        assert_eq!((outcome.each(), outcome.beyond()), (4096.0, 3072.0));
        assert_eq!(outcome.shares(), [0.025, 0.05]);
        assert_eq!(summary(&outcome.verdicts()), "PASS");
    }

    #[test]
    fn memory_that_stays_and_a_peak_that_grows_fall_short() {
        let outcome = outcome(1000, 10_000, [(14_000, 11_000), (15_000, 10_000)]);
        assert_eq!(
            summary(&outcome.verdicts()),
            "SHORT: 25 % of the growth kept, second peak 1.07 times the first"
        );
    }

    #[test]
    fn the_ceiling_counts_for_the_great_burst_alone() {
        let of = |calls| outcome(calls, 0, [(CEILING, 0), (CEILING, 0)]).verdicts().len();
        assert_eq!((of(CEILING_FROM - 1), of(CEILING_FROM)), (4, 5));
    }
}
