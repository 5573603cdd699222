//! Measures this server, Debian's Kamailio with the same file, and a plain datagram forwarder, side by
//! side in one session on loopback. SIPp makes the calls; `docs/performance.md` tells the method.

mod account;
mod callgrind;
mod forwarder;
mod goals;
mod indexing;
mod measurement;
mod probe;
mod report;
mod server;
mod shards;
mod sipp;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use callgrind::CountError;
use measurement::{Case, Outcome, measure};
use report::{Machine, Report};
use server::{Kind, Ports, Programs};

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

/// Which servers, and where they are.
#[derive(Args)]
struct Servers {
    /// In the order of measurement: forwarder, kamailio-N and kamailio-tlsf-N (UDP processes), tandem-N (shards)
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "forwarder,kamailio-1,kamailio-tlsf-1,kamailio-2,tandem-1,tandem-2"
    )]
    servers: Vec<Kind>,
    /// The configuration that Kamailio and Tandem run
    #[arg(long, default_value = "examples/stateless-proxy.cfg")]
    config: PathBuf,
    #[arg(long, default_value = "/usr/sbin/kamailio")]
    kamailio: PathBuf,
    /// [default: `tandem` beside this program]
    #[arg(long)]
    tandem: Option<PathBuf>,
    /// Options of Tandem; {config}, {listen}, {callee} and {workers} are filled in
    #[arg(long)]
    tandem_options: Option<String>,
    /// The first of 48 ports on 127.0.0.1
    #[arg(long, default_value_t = 17_000)]
    port_base: u16,
    /// Where SIPp's and the servers' files go
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

#[derive(Args)]
struct Calls {
    #[command(flatten)]
    servers: Servers,
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
}

#[derive(Args)]
struct Instructions {
    #[command(flatten)]
    servers: Servers,
    /// Calls of the shorter of the two runs whose difference counts
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    calls: u64,
}

fn main() -> ExitCode {
    let outcome = match Command::parse().what {
        What::Calls(options) => calls(&options),
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

impl Servers {
    fn programs(&self) -> Result<Programs, Box<dyn Error>> {
        let config = fs::canonicalize(&self.config).map_err(|error| {
            format!("{}: {error}; run from the repository's root or give --config", self.config.display())
        })?;
        let beside = std::env::current_exe()?.with_file_name("tandem");
        let tandem = self.tandem.clone().unwrap_or(beside);
        Ok(Programs {
            kamailio: self.kamailio.clone(),
            // Servers run in a folder of their own; what does not exist is told of later.
            tandem: fs::canonicalize(&tandem).unwrap_or(tandem),
            tandem_options: self.tandem_options.clone(),
            config,
        })
    }

    /// A fresh folder for one run's files.
    fn run_folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::canonicalize(folder)
    }

    /// The servers that are here, and those that are not with the reason.
    fn present(&self, programs: &Programs) -> (Vec<Kind>, Vec<(Kind, String)>) {
        let missing: Vec<_> = self
            .servers
            .iter()
            .filter_map(|kind| programs.missing(*kind).map(|why| (*kind, why.to_owned())))
            .collect();
        let present = self.servers.iter().copied().filter(|kind| programs.missing(*kind).is_none()).collect();
        (present, missing)
    }
}

fn calls(options: &Calls) -> Result<bool, Box<dyn Error>> {
    let programs = options.servers.programs()?;
    let (present, missing) = options.servers.present(&programs);
    let mut report = Report { machine: Machine::here(), outcomes: Vec::new(), missing };
    for rate in options.rates.iter().copied() {
        for sources in options.sources.iter().copied() {
            let case = Case { rate, sources, seconds: options.seconds };
            report.outcomes.extend(measure_case(options, &programs, &present, case)?);
        }
    }
    io::stdout().write_all(report.text().as_bytes())?;
    write(options.json.as_deref(), &report.json()?)?;
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file).unwrap_or_default();
        write(Some(file), &report::insert(&page, &report.markdown()))?;
    }
    Ok(!options.strict || report.passes())
}

/// Every server under one load, in turns: what disturbs a machine for a while disturbs all of them.
fn measure_case(
    options: &Calls,
    programs: &Programs,
    servers: &[Kind],
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
            let folder = options.servers.run_folder(&name)?;
            let ports = Ports::new(options.servers.port_base);
            let outcome = measure(&folder, programs, ports, kind, case)?;
            match outcomes.iter_mut().find(|known| known.server == kind) {
                Some(known) => known.merge(outcome),
                None => outcomes.push(outcome),
            }
        }
    }
    Ok(outcomes)
}

fn count(options: &Instructions) -> Result<bool, Box<dyn Error>> {
    let programs = options.servers.programs()?;
    let (present, missing) = options.servers.present(&programs);
    let mut output = io::stdout().lock();
    for (kind, why) in missing {
        writeln!(output, "{kind:<16} not counted: {why}")?;
    }
    for kind in present {
        let folder = options.servers.run_folder(&format!("{kind}-instructions"))?;
        let ports = Ports::new(options.servers.port_base);
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
