//! The differential test from the command line: record, check, list what is covered.

use std::process::ExitCode;

use differential::case::Case;
use differential::exchange::Exchange;
use differential::run::{self, Comparison};
use differential::server::Kind;
use differential::{Error, Result, coverage, differences};

const USAGE: &str = "\
usage: differential record [CASE…]            record what Kamailio does
       differential check kamailio [CASE…]    compare Kamailio with the recordings
       differential check tandem [CASE…]      compare Tandem (TANDEM_BIN) with the recordings
       differential record-tandem [CASE…]     record what Tandem does where it differs on purpose
       differential log SERVER [CASE…]        show what a server does, with its whole log
       differential required FILE…            print what these configurations use, for coverage/required.txt
       differential coverage                  print what the configurations must meet, and where they do
CASE is a part of a case's name; without one, all cases are meant.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<bool> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["record", ..] => {
            let pairs = run::record(&Case::load_all(&arguments[1..])?)?;
            show(&format!("{pairs} pairs recorded\n"));
            Ok(true)
        }
        ["record-tandem", ..] => {
            run::record_tandem(&server("tandem")?, &Case::load_all(&arguments[1..])?, &differences::load()?)?;
            Ok(true)
        }
        ["check", kind, ..] => check(&server(kind)?, &arguments[2..]),
        ["log", kind, ..] => log(&server(kind)?, &arguments[2..]),
        ["required", ..] => {
            show(&coverage::required_by(&arguments[1..])?);
            Ok(true)
        }
        ["coverage"] => {
            let coverage = coverage::Coverage::of(&Case::load_all(&[])?)?;
            show(&coverage.text());
            Ok(coverage.missing().next().is_none())
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(false)
        }
    }
}

fn check(kind: &Kind, filters: &[String]) -> Result<bool> {
    let cases = Case::load_all(filters)?;
    let runs = run::all(kind, &cases)?;
    let comparison = Comparison::new(kind, &cases, &runs, &differences::load()?)?;
    show(&comparison.text(kind));
    Ok(comparison.wrong.is_empty())
}

fn log(kind: &Kind, filters: &[String]) -> Result<bool> {
    let mut exchange = Exchange::new()?;
    exchange.whole_log = true;
    for case in Case::load_all(filters)? {
        for outcome in exchange.run(kind, &case)? {
            show(&format!("=== {}/{}\n{}", case.name, outcome.name, outcome.text()));
        }
    }
    Ok(true)
}

fn server(name: &str) -> Result<Kind> {
    let kind = match name {
        "kamailio" => Kind::kamailio(),
        "tandem" => Kind::tandem(),
        _ => None,
    };
    kind.ok_or_else(|| {
        Error::Server(format!("no server `{name}`: not installed, not built, or misspelt"), Vec::new())
    })
}

/// Standard output is this program's product.
#[allow(clippy::print_stdout)]
fn show(text: &str) {
    print!("{text}");
}
