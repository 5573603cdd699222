//! `tandem db`: the databases that a configuration uses; their tables and users.

mod tables;
mod user;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use store::Database;
use store::layout::{Release, UnknownRelease};

/// Where the database is told when no `--db` is given.
const VARIABLE: &str = "TANDEM_DB";

/// Arguments of `tandem db`.
#[derive(Args)]
#[command(after_help = "Examples:\n  tandem db init --db sqlite:///var/lib/tandem/tandem.sqlite\n  \
                  tandem db show --db mysql://kamailio:kamailiorw@localhost/kamailio\n  \
                  TANDEM_DB=sqlite:///etc/kamailio/kamailio.sqlite tandem db user add alice@example.org")]
pub(crate) struct DbArgs {
    /// The database, as in a configuration's db_url; or set TANDEM_DB, which keeps the password off the process list.
    #[arg(long, value_name = "URL", global = true)]
    pub db: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with it.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make Kamailio's tables.
    Init {
        /// The release of Kamailio whose layouts are made.
        #[arg(long, value_name = "RELEASE", default_value_t = Release::default(), value_parser = release)]
        layout: Release,
    },
    /// Add the tables and columns that a release's layouts have and the database lacks; nothing is removed.
    Migrate {
        /// The release of Kamailio whose layouts are wanted.
        #[arg(long, value_name = "RELEASE", default_value_t = Release::default(), value_parser = release)]
        layout: Release,
    },
    /// Show the tables, and what they lack.
    Show {
        /// The release of Kamailio whose layouts they are held against.
        #[arg(long, value_name = "RELEASE", default_value_t = Release::default(), value_parser = release)]
        layout: Release,
    },
    /// The users in the table `subscriber`.
    #[command(subcommand)]
    User(user::UserCommand),
}

fn release(text: &str) -> Result<Release, UnknownRelease> {
    text.parse()
}

/// Why a command did nothing, for the person at the terminal.
type Told = String;

/// Runs it.
pub(crate) fn main(args: &DbArgs) -> ExitCode {
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            // Nobody to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "tandem db: {told}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &DbArgs) -> Result<(), Told> {
    let given = args.db.clone().or_else(|| std::env::var(VARIABLE).ok());
    let url =
        given.ok_or("which database? Give --db URL or set TANDEM_DB, as in --db sqlite:///path/to/file")?;
    let database = Database::new(url.as_bytes()).map_err(|why| why.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| format!("cannot start: {why}"))?;
    let done = runtime.block_on(async {
        match &args.command {
            Command::Init { layout } => tables::init(&database, *layout).await,
            Command::Migrate { layout } => tables::migrate(&database, *layout).await,
            Command::Show { layout } => tables::show(&database, *layout).await,
            Command::User(command) => user::run(&database, command).await,
        }
    })?;
    // Nobody to tell when stdout is closed.
    let _ = write!(std::io::stdout(), "{done}");
    Ok(())
}

/// An error of the database, with where it is.
fn told(database: &Database) -> impl Fn(store::Error) -> Told {
    let shown = database.url_shown();
    move |why| format!("{shown}: {why}")
}
