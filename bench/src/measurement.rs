//! One measurement: one server, one load, one run; and what several runs come to.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::account::{Group, Memory, machine_time, memory, processor_time};
use crate::goals;
use crate::probe::{Passages, Prober, Probing};
use crate::server::{Kind, Ports, Programs, Server};
use crate::shards;
use crate::sipp::{Counts, Load, Sipp, SippError};

/// SIP messages that pass the server in one call: INVITE, 180, 200, ACK, BYE, 200.
const MESSAGES_A_CALL: u64 = 6;
/// Probes a second beside the load.
const PROBES: u64 = 100;
/// How long a server may take to pass its first message.
const READY: Duration = Duration::from_secs(20);
/// How long calls may go on after the last was due: SIPp gives up a call after 5 repeats.
const STRAGGLERS: Duration = Duration::from_secs(60);

/// What may go wrong in one measurement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasurementError {
    #[error(transparent)]
    Sipp(#[from] SippError),
    #[error("a probe port of {0:?} cannot be had: {1}; choose others with --port-base")]
    Probe(Ports, io::Error),
    #[error("{0} cannot be started: {1}")]
    Start(PathBuf, io::Error),
    #[error("{0} passed no message within {1:?}; its log is {2}")]
    Deaf(Kind, Duration, PathBuf),
    #[error("{0} ended under load; its log is {1}")]
    Fell(Kind, PathBuf),
    #[error("the kernel's books cannot be read: {0}")]
    Books(io::Error),
    #[error("the prober failed: {0}")]
    Probing(io::Error),
    #[error("the phones failed: {0}; choose other ports with --port-base if these are taken")]
    Phones(io::Error),
    #[error("{0}: only {1} of {2} calls went on as they should within {3:?}; its log is {4}")]
    Stalled(Kind, u32, u32, Duration, PathBuf),
}

/// A load: calls a second, from so many source ports, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Case {
    pub(crate) rate: u64,
    pub(crate) sources: u16,
    pub(crate) seconds: u64,
}

impl Case {
    /// Calls of all callers together.
    pub(crate) fn calls(self) -> u64 {
        self.per_caller().calls * u64::from(self.sources)
    }

    /// What each source port does.
    pub(crate) fn per_caller(self) -> Load {
        let sources = u64::from(self.sources.max(1));
        let per_second = (self.rate / sources).max(1);
        Load { calls: per_second * self.seconds, per_second }
    }
}

/// What one or more runs of a server under one load came to.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Outcome {
    pub(crate) server: Kind,
    pub(crate) case: Case,
    /// Calls asked for, all runs together.
    pub(crate) calls: u64,
    pub(crate) callers: Counts,
    pub(crate) answerer: Counts,
    /// Microseconds of processor time a call, one figure a run.
    pub(crate) per_call: Vec<f64>,
    /// The same for SIPp, callers and answerer together; empty without control groups.
    pub(crate) sipp_per_call: Vec<f64>,
    /// Part of the machine that was busy with neither server nor SIPp, one figure a run (the prober is in it).
    pub(crate) others: Vec<f64>,
    pub(crate) at_rest: Memory,
    pub(crate) after: Memory,
    /// Messages of the prober that were sent (requests) and the passages that were seen (both ways).
    pub(crate) probes: u64,
    pub(crate) passages: usize,
    /// Delay of one passage, in milliseconds.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// Messages by shard, or why they are not known.
    pub(crate) shards: Result<Vec<u64>, String>,
    #[serde(skip)]
    delays: Passages,
}

impl Outcome {
    /// The middle one of the runs' processor time a call, in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        median(&self.per_call).unwrap_or(f64::NAN)
    }

    /// Calls that did not go as the scenarios say, on either side.
    pub(crate) fn failed(&self) -> u64 {
        self.calls.saturating_sub(self.callers.successful.min(self.answerer.successful))
    }

    /// Requests and replies that SIPp had to repeat.
    pub(crate) fn retransmissions(&self) -> u64 {
        self.callers.retransmissions + self.answerer.retransmissions
    }

    /// Adds a further run of the same server under the same load.
    pub(crate) fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.callers += other.callers;
        self.answerer += other.answerer;
        self.per_call.extend(other.per_call);
        self.sipp_per_call.extend(other.sipp_per_call);
        self.others.extend(other.others);
        self.at_rest = self.at_rest.max(other.at_rest);
        self.after = self.after.max(other.after);
        self.shards = match (std::mem::replace(&mut self.shards, Ok(Vec::new())), other.shards) {
            (Ok(one), Ok(two)) => Ok(one.iter().zip(&two).map(|(one, two)| one + two).collect()),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        self.delays.merge(other.delays);
        self.summarise();
    }

    fn summarise(&mut self) {
        let milliseconds = |share| self.delays.quantile(share).map(|delay| delay.as_secs_f64() * 1e3);
        (self.p50, self.p99) = (milliseconds(0.50), milliseconds(0.99));
        (self.probes, self.passages) = (self.delays.sent, self.delays.delays.len());
    }
}

/// The middle value; the lower one of two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

/// Starts a server, and a prober that has seen it pass messages both ways.
pub(crate) fn start(
    folder: &Path,
    programs: &Programs,
    ports: Ports,
    kind: Kind,
) -> Result<(Server, Prober), MeasurementError> {
    let prober = Prober::new(ports.server(), ports.probe_caller(), ports.probe_answerer())
        .map_err(|error| MeasurementError::Probe(ports, error))?;
    let (program, options) =
        programs.command(kind, ports).map_err(|error| MeasurementError::Start(program_of(kind), error))?;
    let mut server = Server::start(folder, &kind.to_string(), &program, &options)
        .map_err(|error| MeasurementError::Start(program, error))?;
    if !prober.passes_within(READY).map_err(MeasurementError::Probing)? || server.ended() {
        return Err(MeasurementError::Deaf(kind, READY, server.log.clone()));
    }
    Ok((server, prober))
}

/// Measures one server under one load.
pub(crate) fn measure(
    folder: &Path,
    programs: &Programs,
    ports: Ports,
    kind: Kind,
    load: goals::Load,
    case: Case,
) -> Result<Outcome, MeasurementError> {
    let (mut server, prober) = start(folder, programs, ports, kind)?;
    let at_rest = memory(server.id());

    let sipp_group = Group::new("sipp").ok();
    let mut answerer = Sipp::answerer(folder, ports.answerer(), sipp_group.as_ref())?;
    answerer.check()?;
    let books = |server: &Server, answerer: &Sipp| -> Result<[Duration; 3], MeasurementError> {
        let read = || -> io::Result<[Duration; 3]> {
            Ok([
                processor_time(server.group.as_ref(), server.id())?,
                processor_time(sipp_group.as_ref(), answerer.id())?,
                machine_time()?,
            ])
        };
        read().map_err(MeasurementError::Books)
    };
    let (before, began) = (books(&server, &answerer)?, Instant::now());
    let probing = Probing::start(prober, PROBES);
    let callers = call(folder, ports, case, sipp_group.as_ref())?;
    let delays = probing.finish().map_err(MeasurementError::Probing)?;
    let (after_load, lasted) = (books(&server, &answerer)?, began.elapsed());
    let answerer = answerer.stop()?;
    std::thread::sleep(load.settles());
    if server.ended() {
        return Err(MeasurementError::Fell(kind, server.log.clone()));
    }
    let settled = processor_time(server.group.as_ref(), server.id()).map_err(MeasurementError::Books)?;

    let [under_load, sipp, machine] =
        std::array::from_fn(|index| (after_load[index] - before[index]).as_secs_f64());
    let used = (settled - before[0]).as_secs_f64();
    let calls = case.calls();
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    // The prober's messages are worked for as well: a call's part of the time is its part of all messages.
    let of_calls = (calls * MESSAGES_A_CALL) as f64 / (calls * MESSAGES_A_CALL + 2 * delays.sent) as f64;
    let mut outcome = Outcome {
        server: kind,
        case,
        calls,
        callers,
        answerer,
        per_call: vec![used * of_calls * 1e6 / calls as f64],
        sipp_per_call: if sipp_group.is_some() { vec![sipp * 1e6 / calls as f64] } else { Vec::new() },
        others: vec![(machine - under_load - sipp).max(0.0) / lasted.as_secs_f64() / cores],
        at_rest,
        after: memory(server.id()),
        probes: 0,
        passages: 0,
        p50: None,
        p99: None,
        shards: match kind {
            Kind::Tandem(_) => shards::ask(&programs.tandem, server.id()),
            _ => Err("no shards".to_owned()),
        },
        delays,
    };
    outcome.summarise();
    Ok(outcome)
}

/// Makes all calls of a case, each source port by a SIPp of its own.
fn call(folder: &Path, ports: Ports, case: Case, group: Option<&Group>) -> Result<Counts, MeasurementError> {
    let mut running = Vec::new();
    for index in 0..case.sources {
        let (name, local) = (format!("caller-{index}"), ports.caller(index));
        running.push(Sipp::caller(folder, &name, local, ports.server(), case.per_caller(), group)?);
    }
    let mut total = Counts::default();
    for caller in running {
        total += caller.finish(Duration::from_secs(case.seconds) + STRAGGLERS)?;
    }
    Ok(total)
}

fn program_of(kind: Kind) -> PathBuf {
    PathBuf::from(kind.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_shared_among_its_source_ports() {
        let case = Case { rate: 1000, sources: 8, seconds: 10 };
        assert_eq!((case.per_caller().per_second, case.calls()), (125, 10_000));
    }

    #[test]
    fn the_median_is_the_middle_run() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[2.0, 1.0]), Some(1.0));
        assert_eq!(median(&[]), None);
    }
}
