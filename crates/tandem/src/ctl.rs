//! `tandem ctl`: commands to a running server over its private socket, or any other that speaks binrpc.

mod completion;
mod print;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use control::json::{self, Layout};
use control::{Address, Client, ClientError, Value};

pub(crate) use print::{plain, scalar};

/// Arguments of `tandem ctl`.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 when the server did it, 1 when it refused, 2 when no server could be asked.\n\n\
Examples:\n  tandem ctl system.listMethods\n  tandem ctl app.reload\n  tandem ctl app.trace 192.0.2.7\n  \
tandem ctl --json core.shards\n  tandem ctl --socket tcp:192.0.2.1:2049 core.uptime\n  \
source <(tandem ctl --completion bash)"
)]
pub(crate) struct CtlArgs {
    /// The server's process; needed only when several run.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// The server's control socket: a path, or an address as `kamcmd -s` takes it.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "pid")]
    pub socket: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print structures one below the other, as kamcmd does, even where they make a table.
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// Print a script that lets a shell complete commands, asking the running server for their names.
    #[arg(long, value_name = "SHELL", conflicts_with = "command")]
    pub completion: Option<Shell>,
    /// The command.
    #[arg(required_unless_present = "completion")]
    pub command: Option<String>,
    /// Its arguments; numbers are sent as numbers, `s:` before one keeps it text.
    #[arg(allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// A shell that completes.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Runs it.
pub(crate) fn main(args: &CtlArgs) -> ExitCode {
    if let Some(shell) = args.completion {
        // Nobody to tell when stdout is closed.
        let _ = write!(std::io::stdout(), "{}", completion::script(shell));
        return ExitCode::SUCCESS;
    }
    let address = match address(args) {
        Ok(address) => address,
        Err(error) => return complain(&error, 2),
    };
    let name = args.command.as_deref().unwrap_or_default();
    match ask(&address, name, args) {
        Ok(text) => {
            // A reader that has gone away has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error @ ClientError::Refused { .. }) => complain(&error.to_string(), 1),
        Err(error) => complain(&error.to_string(), 2),
    }
}

fn ask(address: &Address, name: &str, args: &CtlArgs) -> Result<String, ClientError> {
    let mut client = Client::connect(address, Path::new("/tmp"))?;
    let arguments: Vec<_> = args.arguments.iter().map(|text| argument(text)).collect();
    if args.json {
        let result = client.call_json(name, &arguments)?;
        return Ok(format!("{}\n", json::write(&result, Layout::Pretty)));
    }
    let results = client.call(name, &arguments)?;
    let as_table = !args.plain && std::io::stdout().is_terminal();
    Ok(as_table.then(|| print::table(&results)).flatten().unwrap_or_else(|| print::plain(&results)))
}

fn complain(text: &str, status: u8) -> ExitCode {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "tandem ctl: {text}");
    ExitCode::from(status)
}

fn address(args: &CtlArgs) -> Result<Address, String> {
    match &args.socket {
        Some(text) => Address::parse(text)
            .or_else(|error| {
                Path::new(text).exists().then(|| PathBuf::from(text)).map(Address::UnixStream).ok_or(error)
            })
            .map_err(|error| error.to_string()),
        None => private_socket(args.pid).map(Address::UnixStream),
    }
}

/// The private socket of the one server that runs, or of the process named.
///
/// # Errors
/// None runs, or several do; what to do, for people.
pub(crate) fn private_socket(pid: Option<u32>) -> Result<PathBuf, String> {
    let places = control::find().map_err(|error| format!("control sockets cannot be listed: {error}"))?;
    let mut fitting = places.into_iter().filter(|place| pid.is_none_or(|pid| pid == place.pid));
    match (fitting.next(), fitting.next()) {
        (None, _) => Err("no server of this user runs here; start one with `tandem run FILE`".to_owned()),
        (Some(place), None) => Ok(place.path),
        (Some(first), Some(second)) => Err(format!(
            "several servers run (processes {}, {}…); choose one with --pid",
            first.pid, second.pid
        )),
    }
}

/// A word of the command line as an argument: a number, or text.
pub(crate) fn argument(text: &str) -> Value {
    match text.strip_prefix("s:") {
        Some(kept) => Value::from(kept),
        None => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::Int),
    }
}
