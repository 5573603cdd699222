//! Where log lines go and how they look.
//!
//! Events come from `tracing`. Those of scripts carry Kamailio's level and prefix; the rest get the nearest level.
//! The level of `debug=` decides what is written, also while the server runs.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::syslog::{Facility, LogFlags, Priority, Severity, openlog, syslog};
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// To stderr, as `tandem run` does.
    Tandem,
    /// To stderr, with Kamailio's process number and id before each line (`-E`, `log_stderror=yes`).
    Kamailio,
    /// To syslog.
    Syslog,
}

/// Begins logging; once a process.
pub(crate) fn start(style: Style, facility: Option<&str>) {
    let facility = facility.and_then(facility_named).unwrap_or(Facility::LOG_DAEMON);
    if style == Style::Syslog {
        // Without a syslog daemon there is nowhere to complain to.
        let _ = openlog(Some(c"kamailio"), LogFlags::LOG_PID, facility);
    }
    let colours = style == Style::Tandem && std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::registry().with(Lines { style, colours, facility });
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|info| tracing::error!(target: "core", "panic: {info}")));
    }
}

/// Says that stderr is not to be written to any more (the process has become a daemon).
pub(crate) fn leave_terminal() {
    DETACHED.store(true, Ordering::Release);
}

static DETACHED: AtomicBool = AtomicBool::new(false);

struct Lines {
    style: Style,
    colours: bool,
    facility: Facility,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level can change while the server runs, so it is asked for at each event.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        match metadata.target() {
            "trace" | "script" => true,
            target if is_ours(target) => severity_of(*metadata.level()) <= engine::log::level_of(target),
            _ => *metadata.level() <= Level::WARN,
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if event.metadata().target() == "trace" {
            // A reader that has gone away is no reason to stop serving.
            let _ = writeln!(std::io::stdout().lock(), "{}", line.text);
            return;
        }
        let severity = line.severity.unwrap_or_else(|| severity_of(*event.metadata().level()));
        let target = event.metadata().target();
        match self.style {
            Style::Syslog => self.to_syslog(severity, target, &line),
            Style::Tandem | Style::Kamailio if DETACHED.load(Ordering::Acquire) => {}
            Style::Tandem | Style::Kamailio => self.to_stderr(severity, target, &line),
        }
    }
}

impl Lines {
    fn to_stderr(&self, severity: i64, target: &str, line: &Line) {
        let mut out = String::with_capacity(line.text.len() + 48);
        if self.style == Style::Kamailio {
            let _ = write!(out, "{:2}({}) ", process_number(), std::process::id());
        }
        let (on, off) = if self.colours { (colour(severity), "\x1b[0m") } else { ("", "") };
        let _ = write!(out, "{on}{}{off}: ", engine::log::level_name(severity));
        line.write(target, &mut out);
        if self.style == Style::Tandem && !out.ends_with('\n') || target != "script" {
            out.push('\n');
        }
        // One write a line, so that threads do not mix. A closed stderr is no reason to stop serving.
        let _ = std::io::stderr().lock().write_all(out.as_bytes());
    }

    fn to_syslog(&self, severity: i64, target: &str, line: &Line) {
        let mut out = format!("{}: ", engine::log::level_name(severity));
        line.write(target, &mut out);
        let level = match severity {
            ..=-5 => Severity::LOG_ALERT,
            -4..=-2 => Severity::LOG_CRIT,
            -1 => Severity::LOG_ERR,
            0 => Severity::LOG_WARNING,
            1 => Severity::LOG_NOTICE,
            2 => Severity::LOG_INFO,
            3.. => Severity::LOG_DEBUG,
        };
        let facility = line.facility.as_deref().or_else(|| engine::log::facility_of(target));
        let facility = facility.and_then(facility_named).unwrap_or(self.facility);
        // A line with a zero byte cannot be said in syslog; there is nobody else to tell.
        let _ = syslog(Priority::new(level, facility), out.trim_end_matches('\n'));
    }
}

/// What an event says.
#[derive(Default)]
struct Line {
    severity: Option<i64>,
    prefix: Option<String>,
    facility: Option<String>,
    text: String,
}

impl Line {
    fn write(&self, target: &str, out: &mut String) {
        engine::log::with_prefix(|prefix| out.push_str(prefix));
        match &self.prefix {
            Some(prefix) => out.push_str(prefix),
            None if target == "core" => out.push_str("<core>: "),
            None => {
                let _ = write!(out, "{target}: ");
            }
        }
        out.push_str(&self.text);
    }
}

impl Visit for Line {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "severity" {
            self.severity = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "prefix" => self.prefix = Some(value.to_owned()),
            "facility" => self.facility = Some(value.to_owned()),
            "text" => self.text.push_str(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "message" | "text") {
            let _ = write!(self.text, "{value:?}");
        }
    }
}

/// Whether a target is one of the server's own, not of a library it uses.
fn is_ours(target: &str) -> bool {
    !target.contains("::")
        || ["tandem", "engine", "modules", "transport"].iter().any(|own| target.starts_with(own))
}

fn severity_of(level: Level) -> i64 {
    match level {
        Level::ERROR => -1,
        Level::WARN => 0,
        Level::INFO => 2,
        _ => 3,
    }
}

/// Kamailio numbers its processes; our shards stand for its workers.
fn process_number() -> usize {
    let thread = std::thread::current();
    let shard = thread.name().and_then(|name| name.strip_prefix("shard-")?.parse::<usize>().ok());
    shard.map_or(0, |shard| shard + 1)
}

fn colour(severity: i64) -> &'static str {
    match severity {
        ..=-1 => "\x1b[31m",
        0 => "\x1b[33m",
        1 | 2 => "\x1b[32m",
        3.. => "\x1b[2m",
    }
}

fn facility_named(name: &str) -> Option<Facility> {
    Some(match name.trim_start_matches("LOG_").to_ascii_uppercase().as_str() {
        "AUTH" => Facility::LOG_AUTH,
        "DAEMON" => Facility::LOG_DAEMON,
        "KERN" => Facility::LOG_KERN,
        "LOCAL0" => Facility::LOG_LOCAL0,
        "LOCAL1" => Facility::LOG_LOCAL1,
        "LOCAL2" => Facility::LOG_LOCAL2,
        "LOCAL3" => Facility::LOG_LOCAL3,
        "LOCAL4" => Facility::LOG_LOCAL4,
        "LOCAL5" => Facility::LOG_LOCAL5,
        "LOCAL6" => Facility::LOG_LOCAL6,
        "LOCAL7" => Facility::LOG_LOCAL7,
        "LPR" => Facility::LOG_LPR,
        "MAIL" => Facility::LOG_MAIL,
        "NEWS" => Facility::LOG_NEWS,
        "USER" => Facility::LOG_USER,
        "UUCP" => Facility::LOG_UUCP,
        _ => return None,
    })
}
