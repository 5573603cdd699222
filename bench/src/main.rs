//! Measures this server, Debian's Kamailio with the same file, and a plain datagram forwarder, side by
//! side in one session on loopback. SIPp makes the calls; `docs/performance.md` tells the method.

mod account;
mod callgrind;
mod choice;
mod contacts;
mod faults;
mod forwarder;
mod goals;
mod indexing;
mod measurement;
mod memory;
mod phones;
mod probe;
mod registers;
mod report;
mod server;
mod shards;
mod sipp;
mod table;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use callgrind::CountError;
use choice::Choice;
use goals::Load;
use measurement::{Case, Outcome, measure};
use report::{Machine, Report};
use server::{Kind, Programs};

/// The configuration that `calls` and `instructions` measure unless told otherwise.
const STATELESS: &str = "examples/stateless-proxy.cfg";
/// The servers that they measure unless told otherwise.
const SIDE_BY_SIDE: &[Kind] = &[
    Kind::Forwarder,
    Kind::Kamailio(1),
    Kind::KamailioTlsf(1),
    Kind::Kamailio(2),
    Kind::Tandem(1),
    Kind::Tandem(2),
];

#[derive(Parser)]
#[command(about = "Measures servers side by side on loopback")]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Calls through each server: processor time a call, delay, failed calls, memory
    Calls(Calls),
    /// Memory for transactions in flight: a burst of INVITEs that ring, their end, and a second burst
    Memory(memory::Options),
    /// Calls that meet loss, phones that vanish, and a server that is told to end under load
    Faults(faults::Options),
    /// REGISTERs to each server, with locations in memory alone and in a database: processor time each
    Registers(registers::Options),
    /// What a million registered contacts cost: memory, lookup, and the longest pause of expiry
    Contacts(contacts::Options),
    /// Instructions and allocations a message in each server, counted by callgrind
    Instructions(Instructions),
    /// Time and allocations to make a received INVITE ready to route
    Indexing,
    /// Be the plain datagram forwarder that the others are compared with
    Forwarder {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        callee: SocketAddr,
        /// CALLER=CALLEE: where a caller's datagrams go instead
        #[arg(long)]
        route: Vec<forwarder::Route>,
    },
}

#[derive(Args)]
struct Calls {
    #[command(flatten)]
    choice: Choice,
    /// Calls a second
    #[arg(long, value_delimiter = ',', default_value = "1000,3000")]
    rates: Vec<u64>,
    /// Source ports of the callers
    #[arg(long, value_delimiter = ',', default_value = "1,8", value_parser = clap::value_parser!(u16).range(1..=18))]
    sources: Vec<u16>,
    /// Seconds a run
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Runs of each server, taken in turns; processor time is the middle run's
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Also write all figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write the tables as Markdown; a file with `<!-- figures -->` marks gets them in between
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Exit with 1 when a goal is not reached
    #[arg(long)]
    strict: bool,
    /// Exit with 1 when Tandem lost a call, whatever the machine did to the other figures
    #[arg(long)]
    lossless: bool,
}

#[derive(Args)]
struct Instructions {
    #[command(flatten)]
    choice: Choice,
    /// Calls of the shorter of the two runs whose difference counts
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    calls: u64,
}

fn main() -> ExitCode {
    let outcome = match Command::parse().what {
        What::Calls(options) => calls(&options),
        What::Memory(options) => memory::run(&options, &mut io::stdout()),
        What::Faults(options) => faults::run(&options, &mut io::stdout()),
        What::Registers(options) => registers::run(&options, &mut io::stdout()),
        What::Contacts(options) => contacts::run(&options, &mut io::stdout()),
        What::Instructions(options) => count(&options),
        What::Indexing => indexing::run(&mut io::stdout()).map(|_| true).map_err(Into::into),
        What::Forwarder { listen, callee, route } => {
            forwarder::run(listen, callee, &route).map(|()| true).map_err(Into::into)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn calls(options: &Calls) -> Result<bool, Box<dyn Error>> {
    let programs = options.choice.programs(STATELESS)?;
    let (present, missing) = options.choice.present(&programs, SIDE_BY_SIDE);
    let load = Load::of(&programs.config)?;
    let mut report = Report { machine: Machine::here(), load, outcomes: Vec::new(), missing };
    for rate in options.rates.iter().copied() {
        for sources in options.sources.iter().copied() {
            let case = Case { rate, sources, seconds: options.seconds };
            report.outcomes.extend(measure_case(options, &programs, &present, load, case)?);
        }
    }
    io::stdout().write_all(report.text().as_bytes())?;
    write(options.json.as_deref(), &report.json()?)?;
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file).unwrap_or_default();
        write(Some(file), &report::insert(&page, load.marks(), &report.markdown()))?;
    }
    let lost = options.lossless && !report.lost_no_call();
    Ok(!lost && (!options.strict || report.passes()))
}

/// Every server under one load, in turns: what disturbs a machine for a while disturbs all of them.
fn measure_case(
    options: &Calls,
    programs: &Programs,
    servers: &[Kind],
    load: Load,
    case: Case,
) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for round in 1..=options.rounds {
        for &kind in servers {
            let name = format!("{kind}-{}-{}-{round}", case.rate, case.sources);
            writeln!(
                io::stderr(),
                "{kind}: {} calls/s, {} source port(s), run {round}",
                case.rate,
                case.sources
            )?;
            let folder = options.choice.run_folder(&name)?;
            let ports = options.choice.ports();
            let outcome = measure(&folder, programs, ports, kind, load, case)?;
            match outcomes.iter_mut().find(|known| known.server == kind) {
                Some(known) => known.merge(outcome),
                None => outcomes.push(outcome),
            }
        }
    }
    Ok(outcomes)
}

fn count(options: &Instructions) -> Result<bool, Box<dyn Error>> {
    let programs = options.choice.programs(STATELESS)?;
    let (present, missing) = options.choice.present(&programs, SIDE_BY_SIDE);
    let mut output = io::stdout().lock();
    for (kind, why) in missing {
        writeln!(output, "{kind:<16} not counted: {why}")?;
    }
    for kind in present {
        let folder = options.choice.run_folder(&format!("{kind}-instructions"))?;
        let ports = options.choice.ports();
        match callgrind::count(&folder, &programs, ports, kind, options.calls) {
            Ok(counted) => writeln!(
                output,
                "{kind:<16} {:>9.0} instructions and {:>6.2} allocations a message (user space)",
                counted.instructions, counted.allocations
            )?,
            Err(error @ CountError::Failed(..)) => writeln!(output, "{kind:<16} not counted: {error}")?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn write(file: Option<&Path>, text: &str) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
