//! Kamailio's own command line (5.6.3): what scripts and service files that people have call.
//!
//! Accepted and without effect, because nothing here needs them: `-m -M -x -X` (memory pools), `-W` (poll method),
//! `-O`, `-Q -S` (SCTP), `-N` (TCP workers), `-b`, `-L`, `-K`, `--atexit`, `--log-engine`.

mod help;
mod options;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use engine::running::Checked;
use engine::server::ServerOptions;

use crate::check::{self, REFUSED};
use crate::daemon;
use crate::logging::{self, Style};
use crate::run;
use crate::source;

use options::{Action, Forking, Options};

/// Runs Kamailio's command line.
pub(crate) fn main(words: Vec<OsString>) -> ExitCode {
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(error) => {
            say_error(&format!("ERROR: {error}"));
            return ExitCode::from(REFUSED);
        }
    };
    match options.action {
        Action::Help => say(help::USAGE),
        Action::Version => say(&help::version()),
        Action::Internals => say(&help::internals()),
        Action::CheckOnly => return check_only(&options),
        Action::CfgPrint => return cfg_print(&options),
        Action::Run => return run(options),
    }
    ExitCode::SUCCESS
}

fn say(text: &str) {
    // Nobody to tell when stdout is closed.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn say_error(text: &str) {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Reads the file; `None` when that alone failed, which has been told.
fn read(options: &Options, registry: &engine::Registry) -> Option<Checked> {
    if let Err(error) = std::fs::File::open(&options.source.path) {
        say_error(&format!(
            "ERROR: loading config file({}): {error}, check file and directory permissions",
            options.source.path.display()
        ));
        return None;
    }
    Some(options.source.check(registry))
}

fn check_only(options: &Options) -> ExitCode {
    let registry = Arc::new(source::registry());
    let Some(mut checked) = read(options, &registry) else { return ExitCode::from(REFUSED) };
    registry.try_modules(&mut checked);
    check::report_all(&checked);
    if checked.has_errors() {
        let errors = checked.diagnostics.iter().filter(|d| d.severity == cfg_syntax::Severity::Error).count();
        say_error(&format!("ERROR: bad config file ({errors} errors) (parsing code: 0)"));
        return ExitCode::from(REFUSED);
    }
    say_error("config file ok, exiting...");
    match engine::server::planned_sockets(&checked.settings, &options.listens) {
        Ok(sockets) => say(&help::listening(&sockets)),
        Err(error) => {
            say_error(&format!("ERROR: {error}"));
            return ExitCode::from(REFUSED);
        }
    }
    ExitCode::SUCCESS
}

fn cfg_print(options: &Options) -> ExitCode {
    match options.source.print() {
        Ok(text) => {
            // A reader that has gone away has seen enough.
            let _ = std::io::stdout().write_all(&text);
            ExitCode::SUCCESS
        }
        Err(diagnostics) => {
            say_error(&diagnostics);
            ExitCode::from(REFUSED)
        }
    }
}

fn run(options: Options) -> ExitCode {
    let registry = Arc::new(source::registry());
    let Some(checked) = read(&options, &registry) else { return ExitCode::from(REFUSED) };
    if checked.has_errors() {
        check::report_all(&checked);
        let errors = checked.diagnostics.iter().filter(|d| d.severity == cfg_syntax::Severity::Error).count();
        say_error(&format!("ERROR: bad config file ({errors} errors) (parsing code: 0)"));
        return ExitCode::from(REFUSED);
    }
    let core = &checked.settings.core;
    let forks = options.forking == Forking::Daemon && core.int("fork") != 0;
    let to_stderr = options.log_to_stderr || core.int("log_stderror") != 0;
    let style = if to_stderr { Style::Kamailio } else { Style::Syslog };
    let facility = core.text("log_facility").map(|text| String::from_utf8_lossy(text).into_owned());
    let directory = options.directory.clone();
    let identity = daemon::Identity {
        user: options.user.clone().or_else(|| text(&checked, "user")),
        group: options.group.clone().or_else(|| text(&checked, "group")),
    };
    let start = move || {
        logging::start(style, facility.as_deref());
        if options.forking == Forking::Daemon || directory.is_some() {
            let directory = directory.as_deref().unwrap_or_else(|| Path::new("/"));
            std::env::set_current_dir(directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
        }
        let single = options.forking == Forking::Never;
        let server = ServerOptions {
            shards: single.then_some(1),
            listens: options.listens.clone(),
            ..ServerOptions::default()
        };
        let up = run::start(&registry, checked, server).map_err(|failure| failure.text())?;
        if let Some(path) = &options.pid_file {
            std::fs::write(path, format!("{}\n", std::process::id()))
                .map_err(|error| format!("pid file {}: {error}", path.display()))?;
        }
        if let Some(path) = &options.group_file {
            std::fs::write(path, format!("{}\n", nix::unistd::getpgrp()))
                .map_err(|error| format!("pgid file {}: {error}", path.display()))?;
        }
        identity.take_on()?;
        Ok((up, options))
    };
    let served = if forks {
        daemon::detach(start, |(up, options)| serve(up, options))
    } else {
        start().map(|(up, options)| serve(up, options))
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&format!("ERROR: {error}"));
            ExitCode::from(REFUSED)
        }
    }
}

fn serve(up: run::Up, options: Options) {
    let Options { source, pid_file, group_file, .. } = options;
    run::serve(up, source, |_| {});
    for path in [pid_file, group_file].into_iter().flatten() {
        // It may have been removed by whoever stops us.
        let _ = std::fs::remove_file(path);
    }
    tracing::info!(target: "core", severity = 1_i64, "Thank you for flying kamailio!!!");
}

fn text(checked: &Checked, name: &str) -> Option<String> {
    checked.settings.core.text(name).map(|text| String::from_utf8_lossy(text).into_owned())
}
