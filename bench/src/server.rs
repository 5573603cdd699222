//! The servers that are measured: how each is started, found ready and ended.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::{Group, command_in, tree};
use crate::sipp::{ended_within, signal_to};

/// How Kamailio is started. Its transactions live in shared memory, and the default's 64 MB would be full after
/// a second or two of the load; unused memory costs nothing.
const KAMAILIO: &str =
    "-f {config} -A PROXY=udp:{listen} -A CALLEE=\"sip:{callee}\" -DD -E -n {workers} -m 4096";
/// How Tandem is started.
const TANDEM: &str = "run {config} -A PROXY=udp:{listen} -A CALLEE=\"sip:{callee}\" --shards {workers}";

/// A server under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(into = "String")]
pub(crate) enum Kind {
    Forwarder,
    /// With so many UDP processes on its one socket.
    Kamailio(u32),
    /// The same with its `tlsf` allocator: Debian's default checks the heap, and at a price.
    KamailioTlsf(u32),
    /// With so many shards.
    Tandem(u32),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forwarder => f.write_str("forwarder"),
            Self::Kamailio(workers) => write!(f, "kamailio-{workers}"),
            Self::KamailioTlsf(workers) => write!(f, "kamailio-tlsf-{workers}"),
            Self::Tandem(shards) => write!(f, "tandem-{shards}"),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number of workers"));
        match text.rsplit_once('-') {
            None if text == "forwarder" => Ok(Self::Forwarder),
            Some(("kamailio", workers)) => count(workers).map(Self::Kamailio),
            Some(("kamailio-tlsf", workers)) => count(workers).map(Self::KamailioTlsf),
            Some(("tandem", shards)) => count(shards).map(Self::Tandem),
            _ => Err(format!("`{text}`: expected forwarder, kamailio-N, kamailio-tlsf-N or tandem-N")),
        }
    }
}

/// The addresses of one measurement, all on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    /// Uses the 48 ports from `base` on.
    pub(crate) fn new(base: u16) -> Self {
        Self { base: base.min(u16::MAX - 48) }
    }

    fn address(self, offset: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base + offset))
    }

    pub(crate) fn server(self) -> SocketAddr {
        self.address(0)
    }

    pub(crate) fn answerer(self) -> SocketAddr {
        self.address(10)
    }

    pub(crate) fn probe_caller(self) -> SocketAddr {
        self.address(20)
    }

    pub(crate) fn probe_answerer(self) -> SocketAddr {
        self.address(21)
    }

    /// The address of one of up to 18 callers.
    pub(crate) fn caller(self, index: u16) -> SocketAddr {
        self.address(30 + index.min(17))
    }
}

/// Where the servers' programs and their configuration are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) kamailio: PathBuf,
    pub(crate) tandem: PathBuf,
    /// Options of Tandem, with `{config}`, `{listen}`, `{callee}` and `{workers}` to be filled in.
    pub(crate) tandem_options: Option<String>,
    pub(crate) config: PathBuf,
    /// Further preprocessor definitions, as `NAME=VALUE`.
    pub(crate) defines: Vec<String>,
}

impl Programs {
    /// The program and the options that start this server.
    pub(crate) fn command(&self, kind: Kind, ports: Ports) -> io::Result<(PathBuf, Vec<String>)> {
        let (program, options, workers) = match kind {
            Kind::Forwarder => return Ok((std::env::current_exe()?, forwarder_options(ports))),
            Kind::Kamailio(workers) => (&self.kamailio, KAMAILIO.to_owned(), workers),
            Kind::KamailioTlsf(workers) => (&self.kamailio, format!("{KAMAILIO} -X tlsf"), workers),
            Kind::Tandem(shards) => {
                let options = self.tandem_options.clone().unwrap_or_else(|| TANDEM.to_owned());
                (&self.tandem, options, shards)
            }
        };
        let filled = options.split_ascii_whitespace().map(|word| {
            word.replace("{config}", &self.config.to_string_lossy())
                .replace("{listen}", &ports.server().to_string())
                .replace("{callee}", &ports.answerer().to_string())
                .replace("{workers}", &workers.to_string())
        });
        let defines = self.defines.iter().flat_map(|define| ["-A".to_owned(), define.clone()]);
        Ok((program.clone(), filled.chain(defines).collect()))
    }

    /// Why this server cannot be measured here, if so.
    pub(crate) fn missing(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Kamailio(_) | Kind::KamailioTlsf(_) if !self.kamailio.exists() => {
                Some("Kamailio is not installed (`make setup`)")
            }
            Kind::Tandem(_) if !self.tandem.exists() => Some("Tandem is not built (`make build`)"),
            _ => None,
        }
    }
}

fn forwarder_options(ports: Ports) -> Vec<String> {
    vec![
        "forwarder".to_owned(),
        format!("--listen={}", ports.server()),
        format!("--callee={}", ports.answerer()),
        format!("--route={}={}", ports.probe_caller(), ports.probe_answerer()),
    ]
}

/// A running server; ended with all its processes when dropped.
pub(crate) struct Server {
    child: Child,
    /// None where this machine lets us make no control group.
    pub(crate) group: Option<Group>,
    pub(crate) log: PathBuf,
}

impl Server {
    /// Starts a program with its output in `folder`.
    pub(crate) fn start(folder: &Path, name: &str, program: &Path, options: &[String]) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let group = Group::new(name).ok();
        let mut command = command_in(group.as_ref(), program);
        command.args(options).current_dir(folder).stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn()?;
        Ok(Self { child, group, log })
    }

    /// The first process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the server ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        signal_to(&self.child, Signal::SIGTERM);
    }

    /// Asks it to end and waits; whether it did so in time.
    pub(crate) fn stop(&mut self, limit: Duration) -> bool {
        if self.ended() {
            return true;
        }
        self.ask_to_end();
        ended_within(&mut self.child, limit)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = tree(self.id());
        if !self.stop(Duration::from_secs(5)) {
            // Children first would let the parent start new ones.
            for process in processes.into_iter().filter_map(|process| i32::try_from(process).ok()) {
                let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_reads_back_as_it_is_written() {
        for kind in [Kind::Forwarder, Kind::Kamailio(2), Kind::KamailioTlsf(1), Kind::Tandem(1)] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("kamailio".parse::<Kind>().is_err());
        assert!("tandem-x".parse::<Kind>().is_err());
    }

    #[test]
    fn both_servers_run_the_same_file_with_the_same_defines() {
        let programs = Programs {
            kamailio: "kamailio".into(),
            tandem: "tandem".into(),
            tandem_options: None,
            config: "proxy.cfg".into(),
            defines: vec!["FR_TIMER=1000".to_owned()],
        };
        for kind in [Kind::Kamailio(2), Kind::KamailioTlsf(2), Kind::Tandem(2)] {
            let (_, options) = programs.command(kind, Ports::new(17_000)).expect("no file is needed");
            for wanted in [
                "proxy.cfg",
                "PROXY=udp:127.0.0.1:17000",
                "CALLEE=\"sip:127.0.0.1:17010\"",
                "2",
                "FR_TIMER=1000",
            ] {
                assert!(options.iter().any(|option| option == wanted), "{kind}: {options:?}");
            }
        }
    }
}
