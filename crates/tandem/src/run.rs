//! `tandem run`: a server in the foreground; and what starting under either name has in common.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use cfg_syntax::CommandLine;
use clap::Args;
use control::Listening;
use engine::running::Checked;
use engine::server::{self, ReloadError, ServerOptions, StartError, Started, TraceSources};
use engine::statistics::Statistics;
use engine::{Registry, Server};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::check::{self, REFUSED};
use crate::logging::{self, Style};
use crate::memory;
use crate::rpc;
use crate::source::{self, Source};

/// Arguments of `tandem run`.
#[derive(Args)]
#[command(
    after_help = "SIGHUP puts changed routes in force, as `tandem ctl app.reload` does; SIGTERM finishes what is in \
hand and stops.\n\nExamples:\n  tandem run kamailio.cfg\n  tandem run --trace kamailio.cfg\n  \
tandem run --trace-from 192.0.2.7 -A WITH_NAT kamailio.cfg"
)]
pub(crate) struct RunArgs {
    /// The configuration.
    pub file: PathBuf,
    /// Define a preprocessor name, as `NAME` or `NAME=VALUE`; may be repeated.
    #[arg(short = 'A', long = "define", value_name = "NAME[=VALUE]")]
    pub defines: Vec<String>,
    /// Number of shards; by default as many as the configuration's `children` and this machine's cores allow.
    #[arg(long, value_name = "N")]
    pub shards: Option<usize>,
    /// Print every statement that is executed, with the values it read and what it changed.
    #[arg(long)]
    pub trace: bool,
    /// The same for messages from this address only; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    pub trace_from: Vec<IpAddr>,
}

/// Runs it.
pub(crate) fn main(args: RunArgs) -> ExitCode {
    let command_line = args.defines.into_iter().map(|text| CommandLine::Define(text.into_bytes())).collect();
    let source = Source { command_line, ..Source::new(args.file) };
    let registry = Arc::new(source::registry());
    let checked = source.check(&registry);
    let told = checked.diagnostics.len();
    if told > 0 {
        check::report_all(&checked);
    }
    if checked.has_errors() {
        return ExitCode::from(REFUSED);
    }
    logging::start(Style::Tandem, None);
    let trace = match (args.trace, args.trace_from) {
        (true, _) => TraceSources::All,
        (false, addresses) if addresses.is_empty() => TraceSources::None,
        (false, addresses) => TraceSources::Addresses(addresses),
    };
    let options = ServerOptions { shards: args.shards, trace, ..ServerOptions::default() };
    match start(&registry, checked, options) {
        Ok(up) => {
            serve(up, source, |server| {
                for (proto, address) in server::addresses(&server.listeners) {
                    eprintln_line(&format!("listening on {proto}:{address}"));
                }
            });
            ExitCode::SUCCESS
        }
        Err(failure) => {
            failure.report(told);
            ExitCode::from(REFUSED)
        }
    }
}

fn eprintln_line(text: &str) {
    use std::io::Write;
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "tandem: {text}");
}

/// Why nothing was started.
pub(crate) enum Failure {
    /// A module does not take its parameters.
    Modules(Box<Checked>),
    /// The system.
    Start(StartError),
}

impl Failure {
    /// Tells it on stderr, but for as many diagnostics as have been told already.
    pub(crate) fn report(&self, told: usize) {
        match self {
            Self::Modules(checked) => check::report_from(checked, told),
            Self::Start(error) => eprintln_line(&error.to_string()),
        }
    }

    /// The same as text, without the source lines.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Modules(checked) => error_lines(checked).join("\n"),
            Self::Start(error) => error.to_string(),
        }
    }
}

/// Each error in a line: place and message.
fn error_lines(checked: &Checked) -> Vec<String> {
    let errors = checked.diagnostics.iter().filter(|d| d.severity == cfg_syntax::Severity::Error);
    let line = |d: &cfg_syntax::Diagnostic| {
        let place = checked.sources.position(d.primary.span);
        let file = checked.sources.file(d.primary.span.file).path.display();
        format!("{file}:{}:{}: {}", place.line, place.column, d.message)
    };
    errors.map(line).collect()
}

/// A server that has been started, and the signals that it is to heed.
pub(crate) struct Up {
    started: Started,
    signals: Option<Signals>,
}

/// Starts a checked configuration. From here on a signal is kept for [`serve`].
///
/// # Errors
/// Nothing runs then.
pub(crate) fn start(
    registry: &Arc<Registry>,
    checked: Checked,
    mut options: ServerOptions,
) -> Result<Up, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let children = checked.settings.core.int("children").max(1) as usize;
    let shards = options.shards.unwrap_or_else(|| children.min(cores)).max(1);
    options.shards = Some(shards);
    let statistics = Arc::new(Statistics::new(shards));
    let running = registry.start(checked, &statistics, None).map_err(Failure::Modules)?;
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        .inspect_err(|error| tracing::error!(target: "core", "signals cannot be caught: {error}"))
        .ok();
    let started = server::start(running, statistics, options).map_err(Failure::Start)?;
    Ok(Up { started, signals })
}

/// Serves until a signal ends it; `announce` is called once it answers everybody, its own commands too.
pub(crate) fn serve(up: Up, source: Source, announce: impl FnOnce(&Server)) {
    let Up { started, mut signals } = up;
    memory::watch(Arc::downgrade(&started.server));
    let server = Arc::clone(&started.server);
    let _control = open_control(&server, &source);
    announce(&server);
    for signal in signals.iter_mut().flat_map(Signals::forever) {
        match signal {
            SIGHUP => drop(reload(&server, &source)),
            SIGUSR1 => log_statistics(&server),
            _ => break,
        }
    }
    server.stop();
    started.join();
}

fn open_control(server: &Arc<Server>, source: &Source) -> Option<Listening> {
    rpc::open(server, source)
        .inspect_err(|error| tracing::error!(target: "core", "{error}; `tandem ctl` will not work"))
        .ok()
}

/// Puts the file as it is now in force; logs and returns what came of it.
///
/// # Errors
/// The old routes go on; each line says why.
pub(crate) fn reload(server: &Arc<Server>, source: &Source) -> Result<(), Vec<String>> {
    let checked = source.check(&server.registry);
    let lines = match server.reload(checked) {
        Ok(()) => {
            tracing::info!(target: "core", "reloaded {}", source.path.display());
            return Ok(());
        }
        Err(ReloadError::NeedsRestart(names)) => {
            names.iter().map(|name| format!("`{name}` has changed, which needs a restart")).collect()
        }
        Err(ReloadError::Refused(checked)) => error_lines(&checked),
        Err(other) => vec![format!("{other:?}")],
    };
    for line in &lines {
        tracing::error!(target: "core", "reload refused, the old routes go on: {line}");
    }
    Err(lines)
}

fn log_statistics(server: &Server) {
    for (group, name, value) in server.statistics.all() {
        tracing::info!(target: "core", "{group}:{name} = {value}");
    }
}
