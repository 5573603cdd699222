//! SIPp as caller and as answerer, and what its statistics say.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::{Group, command_in};

const CALLER: &str = include_str!("../scenarios/uac.xml");
const PHONE: &str = include_str!("../scenarios/phone.xml");
const ANSWERER: &str = include_str!("../scenarios/uas.xml");

/// What may go wrong in driving SIPp.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SippError {
    #[error("`sipp` cannot be started: {0}; `make setup` installs it (Debian package sip-tester)")]
    Start(io::Error),
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error("SIPp did not end within {0:?} of its last call; its screen is in {1}")]
    Stuck(Duration, PathBuf),
    #[error("SIPp gave up ({0}); what it said is in {1}")]
    Refused(ExitStatus, PathBuf),
    #[error("{0}: no column `{1}` in SIPp's statistics")]
    Column(PathBuf, &'static str),
}

/// What one SIPp process counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.successful += other.successful;
        self.failed += other.failed;
        self.retransmissions += other.retransmissions;
    }
}

/// A running SIPp process.
pub(crate) struct Sipp {
    child: Child,
    statistics: PathBuf,
    screen: PathBuf,
}

/// How many calls to make, how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) calls: u64,
    pub(crate) per_second: u64,
}

impl Load {
    fn ask(self, command: &mut Command, server: SocketAddr) {
        command.arg(server.to_string());
        command.args(["-m", &self.calls.to_string(), "-r", &self.per_second.to_string()]);
        // No ceiling of simultaneous calls: a slow server must not slow the load down.
        command.args(["-l", &self.calls.to_string()]);
    }
}

impl Sipp {
    /// Starts an answerer on `local`; it goes on until [`Sipp::stop`].
    pub(crate) fn answerer(
        folder: &Path,
        local: SocketAddr,
        group: Option<&Group>,
    ) -> Result<Self, SippError> {
        Self::start(folder, "answerer", ANSWERER, local, group, |_| {})
    }

    /// Starts a caller from `local` that calls through `server`; it ends by itself.
    pub(crate) fn caller(
        folder: &Path,
        name: &str,
        local: SocketAddr,
        server: SocketAddr,
        load: Load,
        group: Option<&Group>,
    ) -> Result<Self, SippError> {
        Self::start(folder, name, CALLER, local, group, |command| load.ask(command, server))
    }

    /// Starts phones at `local` that register at `server`; it ends by itself.
    pub(crate) fn phones(
        folder: &Path,
        name: &str,
        local: SocketAddr,
        server: SocketAddr,
        load: Load,
    ) -> Result<Self, SippError> {
        Self::start(folder, name, PHONE, local, None, |command| load.ask(command, server))
    }

    fn start(
        folder: &Path,
        name: &str,
        scenario: &str,
        local: SocketAddr,
        group: Option<&Group>,
        options: impl FnOnce(&mut Command),
    ) -> Result<Self, SippError> {
        let in_folder = |suffix: &str| folder.join(format!("{name}{suffix}"));
        let file = in_folder(".xml");
        fs::write(&file, scenario).map_err(|error| SippError::File(file.clone(), error))?;
        let (statistics, screen) = (in_folder(".csv"), in_folder(".log"));
        let output = File::create(&screen).map_err(|error| SippError::File(screen.clone(), error))?;
        let errors = output.try_clone().map_err(|error| SippError::File(screen.clone(), error))?;

        let mut command = command_in(group, Path::new("sipp"));
        command.arg("-sf").arg(&file).args(["-i", &local.ip().to_string(), "-p", &local.port().to_string()]);
        command.args(["-nostdin", "-trace_stat", "-fd", "1", "-stf"]).arg(&statistics);
        command.args(["-trace_err", "-error_file"]).arg(in_folder(".errors"));
        command.args(["-buff_size", "8388608", "-max_recv_loops", "5000", "-max_sched_loops", "5000"]);
        options(&mut command);
        command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().map_err(SippError::Start)?;
        Ok(Self { child, statistics, screen })
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process ended for want of something: a port that is taken, an option it does not know.
    pub(crate) fn check(&mut self) -> Result<(), SippError> {
        match self.child.try_wait() {
            // 0 and 1 end a run: no call failed, or some did.
            Ok(Some(status)) if !matches!(status.code(), Some(0 | 1)) => {
                Err(SippError::Refused(status, self.screen.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Waits for a caller's last call; then its counts.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Counts, SippError> {
        if !ended_within(&mut self.child, limit) {
            return Err(SippError::Stuck(limit, self.screen.clone()));
        }
        self.check()?;
        self.counts()
    }

    /// Asks an answerer to end, ends it when it does not; then its counts.
    pub(crate) fn stop(mut self) -> Result<Counts, SippError> {
        for (signal, patience) in [(Signal::SIGUSR1, 500), (Signal::SIGTERM, 3000)] {
            signal_to(&self.child, signal);
            if ended_within(&mut self.child, Duration::from_millis(patience)) {
                break;
            }
        }
        self.counts()
    }

    fn counts(&self) -> Result<Counts, SippError> {
        let text = fs::read_to_string(&self.statistics);
        let text = text.map_err(|error| SippError::File(self.statistics.clone(), error))?;
        counts(&text).map_err(|column| SippError::Column(self.statistics.clone(), column))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to our own child, which cannot have been replaced by another while it is not waited for.
pub(crate) fn signal_to(child: &Child, signal: Signal) {
    if let Ok(process) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(process), signal);
    }
}

/// Whether the child ends in time.
pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The cumulative columns of the last line of a statistics file, or the name of the one that lacks.
fn counts(text: &str) -> Result<Counts, &'static str> {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let names: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
    let values: Vec<&str> = lines.next_back().unwrap_or_default().split(';').collect();
    let column = |name: &'static str| {
        let index = names.iter().position(|candidate| *candidate == name).ok_or(name)?;
        values.get(index).and_then(|value| value.trim().parse::<u64>().ok()).ok_or(name)
    };
    Ok(Counts {
        created: column("TotalCallCreated")?,
        successful: column("SuccessfulCall(C)")?,
        failed: column("FailedCall(C)")?,
        retransmissions: column("Retransmissions(C)")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_statistics_counts() {
        let text = "StartTime;TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);\n\
                    x;10;1;1;0;0;\n\
                    x;20;9;18;2;3;\n";
        let expected = Counts { created: 20, successful: 18, failed: 2, retransmissions: 3 };
        assert_eq!(counts(text), Ok(expected));
    }

    #[test]
    fn a_missing_column_is_named() {
        assert_eq!(counts("TotalCallCreated;\n1;\n"), Err("SuccessfulCall(C)"));
        assert_eq!(counts(""), Err("TotalCallCreated"));
    }
}
