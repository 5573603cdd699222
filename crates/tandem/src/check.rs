//! `tandem check`: every mistake of a configuration in one run.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use cfg_syntax::CommandLine;
use cfg_syntax::Severity;
use clap::{Args, ValueEnum};
use engine::running::Checked;
use serde_json::json;

use crate::render;
use crate::source::{self, Source};

/// Kamailio's exit status for a configuration that it refuses.
pub(crate) const REFUSED: u8 = 255;

/// Arguments of `tandem check`.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 when the configuration can run (warnings or not), 255 when it cannot.\n\n\
Examples:\n  tandem check kamailio.cfg\n  tandem check -A WITH_NAT kamailio.cfg\n  tandem check --format json kamailio.cfg"
)]
pub(crate) struct CheckArgs {
    /// The configuration.
    pub file: PathBuf,
    /// Define a preprocessor name, as `NAME` or `NAME=VALUE`; may be repeated.
    #[arg(short = 'A', long = "define", value_name = "NAME[=VALUE]")]
    pub defines: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document for editors.
    Json,
}

/// Runs it.
pub(crate) fn main(args: &CheckArgs) -> ExitCode {
    let command_line =
        args.defines.iter().map(|text| CommandLine::Define(text.clone().into_bytes())).collect();
    let source = Source { command_line, ..Source::new(&args.file) };
    let registry = Arc::new(source::registry());
    let mut checked = source.check(&registry);
    registry.try_modules(&mut checked);
    match args.format {
        Format::Text => report_all(&checked),
        Format::Json => {
            let all: Vec<_> = checked.diagnostics.iter().map(|d| render::json(d, &checked.sources)).collect();
            // Nobody to tell when stdout is closed.
            let _ = writeln!(std::io::stdout(), "{}", json!({"diagnostics": all}));
        }
    }
    if checked.has_errors() { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS }
}

/// Prints all diagnostics to stderr and a line that sums up.
pub(crate) fn report_all(checked: &Checked) {
    report_from(checked, 0);
}

/// The same without the first `told` diagnostics.
pub(crate) fn report_from(checked: &Checked, told: usize) {
    let mut out = std::io::stderr().lock();
    let colours = out.is_terminal();
    for diagnostic in checked.diagnostics.iter().skip(told) {
        // Nobody to tell when stderr is closed.
        let _ = writeln!(out, "{}\n", render::text(diagnostic, &checked.sources, colours));
    }
    let count = |severity| checked.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let verdict = if errors > 0 { "cannot run" } else { "can run" };
    let _ = writeln!(
        out,
        "{}: {verdict} ({}, {})",
        checked.path.display(),
        plural(errors, "error"),
        plural(warnings, "warning")
    );
}
