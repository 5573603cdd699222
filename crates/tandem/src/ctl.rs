//! `tandem ctl`: commands to a running server over its private socket.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use control::{Client, ClientError};
use serde_json::Value;

/// Arguments of `tandem ctl`.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 when the server did it, 1 when it refused, 2 when no server could be asked.\n\n\
Examples:\n  tandem ctl system.listMethods\n  tandem ctl app.reload\n  tandem ctl app.trace 192.0.2.7\n  \
tandem ctl --json core.shards"
)]
pub(crate) struct CtlArgs {
    /// The server's process; needed only when several run.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// The server's control socket.
    #[arg(long, value_name = "PATH", conflicts_with = "pid")]
    pub socket: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// The command.
    pub command: String,
    /// Its arguments; numbers are sent as numbers, `s:` before one keeps it text.
    #[arg(allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// Runs it.
pub(crate) fn main(args: &CtlArgs) -> ExitCode {
    let answer = socket(args).and_then(|path| {
        let mut client = Client::connect(&path)
            .map_err(|error| format!("cannot connect to {}: {error}", path.display()))?;
        let arguments: Vec<_> = args.arguments.iter().map(|text| argument(text)).collect();
        Ok(client.call(&args.command, &arguments))
    });
    match answer {
        Ok(Ok(result)) => {
            print(&result, args.json);
            ExitCode::SUCCESS
        }
        Ok(Err(ClientError::Refused { code, message })) => complain(&format!("{code} {message}"), 1),
        Ok(Err(error)) => complain(&error.to_string(), 2),
        Err(error) => complain(&error, 2),
    }
}

fn complain(text: &str, status: u8) -> ExitCode {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "tandem ctl: {text}");
    ExitCode::from(status)
}

fn socket(args: &CtlArgs) -> Result<PathBuf, String> {
    if let Some(path) = &args.socket {
        return Ok(path.clone());
    }
    let places = control::find().map_err(|error| format!("control sockets cannot be listed: {error}"))?;
    let mut fitting = places.into_iter().filter(|place| args.pid.is_none_or(|pid| pid == place.pid));
    match (fitting.next(), fitting.next()) {
        (None, _) => Err("no server of this user runs here; start one with `tandem run FILE`".to_owned()),
        (Some(place), None) => Ok(place.path),
        (Some(first), Some(second)) => Err(format!(
            "several servers run (processes {}, {}…); choose one with --pid",
            first.pid, second.pid
        )),
    }
}

fn argument(text: &str) -> Value {
    match text.strip_prefix("s:") {
        Some(kept) => Value::from(kept),
        None => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
    }
}

fn print(result: &Value, json: bool) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away has seen enough.
    let _ = if json { writeln!(out, "{result:#}") } else { plain(&mut out, result, 0) };
}

/// As kamcmd prints: a value a line, structures in braces.
fn plain(out: &mut impl Write, value: &Value, depth: usize) -> std::io::Result<()> {
    let indent = "\t".repeat(depth);
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| plain(out, value, depth)),
        Value::Object(fields) => {
            writeln!(out, "{indent}{{")?;
            for (name, value) in fields {
                match value {
                    Value::Array(_) | Value::Object(_) => {
                        writeln!(out, "{indent}\t{name}:")?;
                        plain(out, value, depth + 1)?;
                    }
                    _ => writeln!(out, "{indent}\t{name}: {}", scalar(value))?,
                }
            }
            writeln!(out, "{indent}}}")
        }
        _ => writeln!(out, "{indent}{}", scalar(value)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
