//! Tandem: a telephone switch that runs Kamailio's configurations.
//!
//! One binary; linked as `kamailio` or `kamcmd` it takes that tool's command line.

mod check;
mod ctl;
mod daemon;
mod db;
mod kamailio;
mod kamcmd;
mod loader;
mod logging;
mod memory;
mod reference;
mod render;
mod rpc;
mod run;
mod source;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A telephone switch that runs Kamailio's configurations.
#[derive(Parser)]
#[command(
    name = "tandem",
    version,
    after_help = "Examples:\n  tandem check kamailio.cfg      every mistake, before a packet flows\n  \
                  tandem run kamailio.cfg        run it in the foreground\n  \
                  tandem ctl app.reload          put changed routes in force, live\n  \
                  tandem kamailio -f FILE -DD -E the same with Kamailio's own options"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a configuration in the foreground.
    Run(run::RunArgs),
    /// Report every mistake of a configuration.
    Check(check::CheckArgs),
    /// Send a command to a running server.
    Ctl(ctl::CtlArgs),
    /// Make, show and bring up to date the tables of databases, and their users.
    Db(db::DbArgs),
    /// Print the reference of functions, parameters and pseudo-variables.
    Reference(reference::ReferenceArgs),
    /// Take Kamailio's own command line (also when the binary is called `kamailio`).
    #[command(disable_help_flag = true)]
    Kamailio {
        /// Kamailio's options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Take kamcmd's command line (also when the binary is called `kamcmd`).
    #[command(disable_help_flag = true)]
    Kamcmd {
        /// kamcmd's options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
}

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    let stem = Path::new(&name).file_stem().unwrap_or_default();
    if stem == "kamailio" {
        return kamailio::main(words.collect());
    }
    if stem == "kamcmd" {
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        return kamcmd::main(&words);
    }
    match Cli::parse().command {
        Command::Run(args) => run::main(args),
        Command::Check(args) => check::main(&args),
        Command::Ctl(args) => ctl::main(&args),
        Command::Db(args) => db::main(&args),
        Command::Reference(args) => reference::main(&args),
        Command::Kamailio { options } => kamailio::main(options),
        Command::Kamcmd { options } => kamcmd::main(&options),
    }
}
