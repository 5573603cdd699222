//! Calls that meet what a network and its people do: datagrams lost, doubled and late; phones that vanish; a
//! server that is told to end while it is at work.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::choice::Choice;
use crate::goals::{Verdict, summary};
use crate::measurement::{MeasurementError, start};
use crate::phones::{End, Exchange, Finale, Line, Names, Phones, Plan};
use crate::server::{Kind, Ports, Programs, Server};
use crate::table;

const STATEFUL: &str = "examples/stateful-proxy.cfg";
/// The longest wait of the phones for anything to happen.
const TURN: Duration = Duration::from_millis(50);
/// How long calls may go on after the last has begun: three of RFC 3261's 32 seconds, one behind the other.
const STRAGGLERS: Duration = Duration::from_secs(100);
/// How long a server that is told to end may go on.
const GRACE: Duration = Duration::from_secs(5);
/// And how long its end itself may take.
const ENDING: Duration = Duration::from_secs(2);

/// Options of `bench faults`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// Which of them
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "loss,vanish-ringing,vanish-talking,stop"
    )]
    faults: Vec<Fault>,
    /// Calls in each
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Calls a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Thousandths of the datagrams that are lost on either phone's line, each way
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=1000))]
    lost: u32,
    /// Thousandths that arrive twice
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    doubled: u32,
    /// The longest delay of a line, in milliseconds; datagrams overtake each other
    #[arg(long, default_value_t = 30)]
    delay: u64,
    /// The same seed loses the same datagrams
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Exit with 1 when a goal is not reached
    #[arg(long)]
    strict: bool,
}

/// What is done to the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fault {
    /// Both lines are bad: every call completes all the same
    Loss,
    /// The answerer vanishes while it rings: the caller is told when the server's timer ends
    VanishRinging,
    /// The answerer vanishes in the call: the caller's BYE is answered when the server's timer ends
    VanishTalking,
    /// The server is told to end: who rings then is still answered
    Stop,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::VanishRinging => "vanish-ringing",
            Self::VanishTalking => "vanish-talking",
            Self::Stop => "stop",
        }
    }

    fn plan(self) -> Plan {
        let plan = Plan {
            ring: Some(Duration::from_millis(200)),
            finale: Finale::Answer,
            talk: Duration::from_millis(300),
            patience: Duration::from_secs(200),
            vanishes: false,
        };
        match self {
            Self::Loss => plan,
            Self::VanishRinging => Plan { ring: None, ..plan },
            Self::VanishTalking => Plan { vanishes: true, ..plan },
            Self::Stop => Plan { ring: Some(Duration::from_secs(1)), talk: GRACE * 4, ..plan },
        }
    }

    /// Shorter timers for the server, where they are what ends a call.
    fn defines(self) -> Vec<String> {
        match self {
            Self::Loss | Self::Stop => Vec::new(),
            Self::VanishRinging => vec!["FR_TIMER=1000".to_owned(), "FR_INV_TIMER=2000".to_owned()],
            Self::VanishTalking => vec!["FR_TIMER=2000".to_owned()],
        }
    }

    /// Whether a call ended as it must.
    fn allows(self, end: Option<End>, both: bool) -> bool {
        match self {
            Self::Loss => both,
            Self::VanishRinging => end == Some(End::Refused(408)),
            Self::VanishTalking => end == Some(End::ByeRefused(408)),
            // What ends these calls is the server; `Trial::stop` counts them.
            Self::Stop => true,
        }
    }
}

/// What one server made of one fault.
#[derive(Debug)]
struct Outcome {
    server: Kind,
    fault: Fault,
    calls: usize,
    failed: usize,
    /// What the phones had to send again.
    repeated: u32,
    /// Calls whose INVITE reached the answerer as two.
    twice: usize,
    /// None: it still answers as it should, or ended in time when it was told to.
    trouble: Option<String>,
}

/// Tries every chosen server; whether all goals were reached or none had to be.
pub(crate) fn run(options: &Options, output: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let programs = options.choice.programs(STATEFUL)?;
    let (present, missing) = options.choice.present(&programs, &[Kind::Tandem(1), Kind::Tandem(2)]);
    for (kind, why) in missing {
        writeln!(output, "{kind} was not tried: {why}.")?;
    }
    let Options { calls, rate, lost, doubled, seed, .. } = *options;
    let line = Line { seed, lost, doubled, delay: Duration::from_millis(options.delay) };
    let mut outcomes = Vec::new();
    for kind in present {
        for &fault in &options.faults {
            writeln!(io::stderr(), "{kind}: {}", fault.name())?;
            let folder = options.choice.run_folder(&format!("{kind}-{}", fault.name()))?;
            let trial =
                Trial { folder: &folder, ports: options.choice.ports(), kind, fault, calls, rate, line };
            outcomes.push(trial.run(&programs)?);
        }
    }
    let title = format!(
        "{calls} calls at {rate} a second; loss: {:.1} % lost, {:.1} % doubled, up to {} ms late, on each line each way",
        f64::from(lost) / 10.0,
        f64::from(doubled) / 10.0,
        options.delay
    );
    writeln!(output, "{}", table::text(&title, &rows(&outcomes)).trim_end())?;
    let mut verdicts = outcomes.iter().flat_map(Outcome::verdicts).peekable();
    let reached = verdicts.peek().is_some() && verdicts.all(|verdict| verdict.reached == Some(true));
    Ok(reached || !options.strict)
}

/// One server, one fault.
struct Trial<'a> {
    folder: &'a Path,
    ports: Ports,
    kind: Kind,
    fault: Fault,
    calls: u32,
    rate: u32,
    /// Of the phones, where the fault is loss.
    line: Line,
}

impl Trial<'_> {
    fn run(&self, programs: &Programs) -> Result<Outcome, MeasurementError> {
        let Self { ports, kind, fault, calls, .. } = *self;
        let programs = Programs { defines: fault.defines(), ..programs.clone() };
        let (mut server, prober) = start(self.folder, &programs, ports, kind)?;
        let names = Names {
            caller: ports.caller(0),
            answerer: ports.answerer(),
            server: ports.server(),
            run: std::process::id(),
        };
        let line = if fault == Fault::Loss { self.line } else { Line::GOOD };
        let mut phones = Phones::new(names, fault.plan(), line).map_err(MeasurementError::Phones)?;
        if fault == Fault::Stop {
            return self.stop(&mut server, &mut phones).map_err(MeasurementError::Phones);
        }
        self.play(&mut server, &mut phones).map_err(MeasurementError::Phones)?;
        let healthy =
            !server.ended() && prober.passes_within(STRAGGLERS / 20).map_err(MeasurementError::Probing)?;
        let well = phones.exchange.ends().filter(|(end, both)| fault.allows(*end, *both)).count();
        let trouble =
            (!healthy).then(|| format!("passes nothing any more; its log is {}", server.log.display()));
        Ok(self.outcome(&phones.exchange, calls as usize, calls as usize - well, trouble))
    }

    fn outcome(&self, exchange: &Exchange, calls: usize, failed: usize, trouble: Option<String>) -> Outcome {
        let (repeated, twice) = (exchange.repeated(), exchange.twice());
        Outcome { server: self.kind, fault: self.fault, calls, failed, repeated, twice, trouble }
    }

    /// Makes the calls that are due by now.
    fn begin_calls(&self, phones: &mut Phones) {
        let due = phones.now().as_micros() * u128::from(self.rate) / 1_000_000;
        while phones.exchange.progress().started < self.calls
            && u128::from(phones.exchange.progress().started) <= due
        {
            phones.exchange.start_call(phones.now());
        }
    }

    /// Makes all calls, until they are over or should be.
    fn play(&self, server: &mut Server, phones: &mut Phones) -> io::Result<()> {
        let limit = Duration::from_secs(1) * self.calls / self.rate + STRAGGLERS;
        while phones.exchange.progress().over < self.calls && phones.now() < limit && !server.ended() {
            self.begin_calls(phones);
            phones.turn(Duration::from_secs(1).div_f64(f64::from(self.rate)).min(TURN))?;
        }
        Ok(())
    }

    /// Makes calls for a while, tells the server to end, and counts those that rang then and were not answered.
    fn stop(&self, server: &mut Server, phones: &mut Phones) -> io::Result<Outcome> {
        let busy = Duration::from_millis(1500);
        while phones.now() < busy {
            self.begin_calls(phones);
            phones.turn(Duration::from_secs(1).div_f64(f64::from(self.rate)).min(TURN))?;
        }
        let ringing = phones.exchange.ringing();
        server.ask_to_end();
        let told = phones.now();
        let lost = |exchange: &Exchange| ringing.iter().filter(|call| !exchange.answered(**call)).count();
        while phones.now() < told + GRACE && lost(&phones.exchange) > 0 && !server.ended() {
            phones.turn(TURN)?;
        }
        // What it sent last may still be in the socket.
        phones.turn(TURN)?;
        let ended = server.stop((told + GRACE + ENDING).saturating_sub(phones.now()));
        let trouble = (!ended).then(|| format!("did not end within {:?}", GRACE + ENDING));
        Ok(self.outcome(&phones.exchange, ringing.len(), lost(&phones.exchange), trouble))
    }
}

impl Outcome {
    /// Tandem's; other servers have no goals.
    fn verdicts(&self) -> Vec<Verdict> {
        if !matches!(self.server, Kind::Tandem(_)) {
            return Vec::new();
        }
        let verdict = |goal: &str, found: String, reached| Verdict { goal: goal.to_owned(), found, reached };
        vec![
            // Nothing tried is nothing shown.
            verdict(
                "no call fails",
                format!("{} of {} failed", self.failed, self.calls),
                (self.calls > 0).then_some(self.failed == 0),
            ),
            verdict("no call arrives twice", format!("{} arrived twice", self.twice), Some(self.twice == 0)),
            verdict(
                "goes on, or ends in time",
                self.trouble.clone().unwrap_or_default(),
                Some(self.trouble.is_none()),
            ),
        ]
    }
}

fn rows(outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let head = ["server", "fault", "calls", "failed", "repeated", "twice", "trouble", "goals"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(outcomes.iter().map(|outcome| {
        vec![
            outcome.server.to_string(),
            outcome.fault.name().to_owned(),
            outcome.calls.to_string(),
            outcome.failed.to_string(),
            outcome.repeated.to_string(),
            outcome.twice.to_string(),
            outcome.trouble.clone().unwrap_or_else(|| "–".to_owned()),
            summary(&outcome.verdicts()),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Tandem, if its binary is built beside this test's or `TANDEM_BIN` names one; else Kamailio, if it is here.
    fn server_here() -> (Kind, Programs) {
        let test = std::env::current_exe().expect("the kernel knows the test's path");
        let built =
            test.ancestors().skip(1).take(2).map(|folder| folder.join("tandem")).find(|path| path.is_file());
        let tandem = std::env::var_os("TANDEM_BIN").map(PathBuf::from).or(built);
        let kind = if tandem.is_some() { Kind::Tandem(2) } else { Kind::Kamailio(1) };
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let programs = Programs {
            kamailio: "/usr/sbin/kamailio".into(),
            tandem: tandem.unwrap_or_default(),
            tandem_options: None,
            config: std::fs::canonicalize(examples.join("stateful-proxy.cfg"))
                .expect("a file of the repository"),
            defines: Vec::new(),
        };
        assert_eq!(programs.missing(kind), None, "a server to test: build tandem, or install kamailio");
        (kind, programs)
    }

    #[test]
    fn no_call_fails_on_a_line_that_loses_one_datagram_in_twenty() {
        let (kind, programs) = server_here();
        let folder = std::env::temp_dir().join(format!("bench-faults-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        // Below the ports that the kernel gives out, and another range for each process.
        let ports = Ports::new(20_000 + (std::process::id() % 250) as u16 * 48);
        let line = Line { seed: 5, lost: 50, doubled: 20, delay: Duration::from_millis(20) };
        let trial = Trial { folder: &folder, ports, kind, fault: Fault::Loss, calls: 20, rate: 50, line };
        let outcome = trial.run(&programs).expect("the server runs");
        assert_eq!((outcome.failed, outcome.twice, &outcome.trouble), (0, 0, &None), "{outcome:?}");
        assert!(outcome.repeated > 0, "the line lost nothing");
        std::fs::remove_dir_all(&folder).expect("our own folder");
    }

    #[test]
    fn trying_no_call_is_not_a_pass() {
        let outcome = Outcome {
            server: Kind::Tandem(1),
            fault: Fault::Stop,
            calls: 0,
            failed: 0,
            repeated: 0,
            twice: 0,
            trouble: None,
        };
        assert_eq!(summary(&outcome.verdicts()), "OPEN: 0 of 0 failed");
    }
}
