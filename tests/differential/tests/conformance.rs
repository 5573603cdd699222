//! The same messages through the same configurations, against either server.
//!
//! `DIFFERENTIAL_SERVER=kamailio` or `=tandem` chooses what is tested; without it, Tandem is, when its binary is
//! there (`TANDEM_BIN`, or beside this test in the target folder), and Kamailio otherwise.

use std::io::Write;

use differential::Result;
use differential::case::Case;
use differential::coverage::Coverage;
use differential::differences;
use differential::run::{self, Comparison};
use differential::server::Kind;

/// What issue 2 asks for.
const PAIRS: usize = 150;
const PAIRS_WITH_BYTES: usize = 120;

fn chosen() -> Kind {
    match std::env::var("DIFFERENTIAL_SERVER").as_deref() {
        Ok("kamailio") => Kind::kamailio(),
        Ok("tandem") => Kind::tandem(),
        Ok(other) => panic!("DIFFERENTIAL_SERVER is `{other}`; say kamailio or tandem"),
        Err(_) => Kind::tandem().or_else(Kind::kamailio),
    }
    .expect("a server to test: build tandem, name one in TANDEM_BIN, or install kamailio")
}

/// What issue 3 asks for.
const SCENARIOS: usize = 60;

fn compare_scenarios(kind: &Kind, cases: &[Case]) -> Result<()> {
    let runs = run::all(kind, cases)?;
    let comparison = Comparison::new(kind, cases, &runs, &differences::load()?)?;
    show(&comparison.text(kind));
    assert!(comparison.pairs >= SCENARIOS, "{} scenarios, {SCENARIOS} are asked for", comparison.pairs);
    assert!(comparison.wrong.is_empty(), "{} scenarios are not as recorded", comparison.wrong.len());
    Ok(())
}

fn compare(kind: &Kind) -> Result<()> {
    let cases = Case::load_pairs()?;
    let runs = run::all(kind, &cases)?;
    let comparison = Comparison::new(kind, &cases, &runs, &differences::load()?)?;
    show(&comparison.text(kind));
    assert!(comparison.pairs >= PAIRS, "{} pairs, {PAIRS} are asked for", comparison.pairs);
    assert!(comparison.with_bytes >= PAIRS_WITH_BYTES, "bytes leave in {} pairs only", comparison.with_bytes);
    assert!(comparison.wrong.is_empty(), "{} pairs are not as recorded", comparison.wrong.len());
    Ok(())
}

/// Past the test harness, which keeps what a passing test prints: counts and coverage are for everybody.
fn show(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[test]
fn the_server_under_test_does_as_recorded() -> Result<()> {
    compare(&chosen())
}

/// The recordings are Kamailio's, and two runs of it are equal once normalised: only then do they judge.
#[test]
fn kamailio_does_as_recorded() -> Result<()> {
    match Kind::kamailio() {
        Some(kind) => compare(&kind),
        None => {
            show("kamailio is not installed here: the recordings stand for it\n");
            Ok(())
        }
    }
}

#[test]
fn tandem_performs_scenarios_as_recorded() -> Result<()> {
    let Some(kind) = Kind::tandem() else { return Ok(()) };
    compare_scenarios(&kind, &Case::load_scenarios()?)
}

#[test]
fn kamailio_performs_scenarios_as_recorded() -> Result<()> {
    Kind::kamailio().map_or(Ok(()), |kind| compare_scenarios(&kind, &Case::load_scenarios()?))
}

#[test]
fn all_that_the_stock_configuration_and_the_seed_use_is_met() -> Result<()> {
    let coverage = Coverage::of(&Case::load_all(&[])?)?;
    show(&coverage.text());
    let missing: Vec<&str> = coverage.missing().collect();
    assert!(missing.is_empty(), "no case meets {missing:?}");
    Ok(())
}
