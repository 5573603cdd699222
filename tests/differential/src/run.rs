//! Many cases through one server, and how the outcomes compare with the recordings.

use std::fmt::Write as _;
use std::sync::Mutex;

use crate::case::{Case, Content};
use crate::differences::Difference;
use crate::error::{Error, Result};
use crate::exchange::Exchange;
use crate::outcome::Outcome;
use crate::recording;
use crate::server::Kind;

/// How many servers run at once.
const WORKERS: usize = 2;

/// How many when scenarios are performed: they mostly wait for timers.
const SCENARIO_WORKERS: usize = 6;

/// What one server did with one case; the error is the server's or the case's.
pub type CaseRun = (usize, Result<Vec<Outcome>>);

/// Sends every case through `kind`; results stand in the order of the cases.
///
/// # Errors
/// What [`Exchange::new`] says: no sockets, no test.
pub fn all(kind: &Kind, cases: &[Case]) -> Result<Vec<CaseRun>> {
    let next = Mutex::new(0..cases.len());
    let results: Mutex<Vec<CaseRun>> = Mutex::new(Vec::new());
    let waits = cases.iter().any(|case| matches!(case.content, Content::Scenarios(_)));
    let workers = if waits { SCENARIO_WORKERS } else { WORKERS };
    let exchanges = (0..workers).map(|_| Exchange::new()).collect::<Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        for mut exchange in exchanges {
            let (next, results) = (&next, &results);
            scope.spawn(move || {
                while let Some(at) = locked(next).next() {
                    let outcome = exchange.run(kind, &cases[at]);
                    locked(results).push((at, outcome));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    Ok(results)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How a run compares with the recordings.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Pairs that were run.
    pub pairs: usize,
    /// Of these, pairs in which bytes left the server.
    pub with_bytes: usize,
    /// Pairs that came out as recorded.
    pub same: usize,
    /// Pairs that differ as `differences.txt` lists them, with the reason's id.
    pub listed: Vec<Difference>,
    /// Pairs that differ and should not, or that are listed and do not: `case/message` and what is wrong.
    pub wrong: Vec<(String, String)>,
}

impl Comparison {
    /// Compares the runs of `cases` through `kind` with their recordings.
    ///
    /// # Errors
    /// [`Error::File`] when a recording cannot be read.
    pub fn new(kind: &Kind, cases: &[Case], runs: &[CaseRun], listed: &[Difference]) -> Result<Self> {
        let mut comparison = Self::default();
        for (at, run) in runs {
            comparison.add(kind, &cases[*at], run, listed)?;
        }
        Ok(comparison)
    }

    fn add(
        &mut self,
        kind: &Kind,
        case: &Case,
        run: &Result<Vec<Outcome>>,
        listed: &[Difference],
    ) -> Result<()> {
        let expected = recording::read(&case.folder.join("expected.out"))?;
        let own = recording::read(&case.folder.join("tandem.out"))?;
        self.pairs += case.pairs(kind);
        let outcomes = match run {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.wrong.push((case.name.clone(), error.to_string()));
                return Ok(());
            }
        };
        for outcome in outcomes {
            let pair = format!("{}/{}", case.name, outcome.name);
            let text = outcome.text();
            self.with_bytes += usize::from(outcome.has_bytes());
            let listed = listed.iter().find(|difference| difference.pair == pair && *kind != Kind::Kamailio);
            let (reference, told) = match listed {
                Some(_) => (recording::find(&own, &outcome.name), "tandem.out"),
                None => (recording::find(&expected, &outcome.name), "expected.out"),
            };
            match (reference, listed) {
                (None, _) => self.wrong.push((pair, format!("{told} has no recording of it"))),
                (Some(reference), _) if reference != text => {
                    self.wrong.push((pair, difference_text(reference, &text)));
                }
                (Some(_), _) if outcome.stuck.is_some() => {
                    let why = outcome.stuck.as_deref().unwrap_or_default();
                    self.wrong.push((pair, format!("is recorded without its end: {why}")));
                }
                (Some(_), Some(difference)) => {
                    if recording::find(&expected, &outcome.name) == Some(&text) {
                        self.wrong.push((pair, "is listed as a difference and is none".to_owned()));
                    } else {
                        self.listed.push(difference.clone());
                    }
                }
                (Some(_), None) => self.same += 1,
            }
        }
        Ok(())
    }

    /// For people: what is wrong, then the counts.
    #[must_use]
    pub fn text(&self, kind: &Kind) -> String {
        let mut text = String::new();
        for (pair, what) in &self.wrong {
            let _ = writeln!(text, "--- {pair}\n{what}");
        }
        for Difference { pair, reason } in &self.listed {
            let _ = writeln!(text, "differs as documented under `{reason}`: {pair}");
        }
        let _ = writeln!(
            text,
            "{}: {} pairs, {} with bytes out; {} as recorded, {} documented differences, {} wrong",
            kind.name(),
            self.pairs,
            self.with_bytes,
            self.same,
            self.listed.len(),
            self.wrong.len()
        );
        text
    }
}

/// The lines that two texts do not share, with `-` for what was expected and `+` for what came.
fn difference_text(expected: &str, got: &str) -> String {
    let old: Vec<&str> = expected.lines().collect();
    let new: Vec<&str> = got.lines().collect();
    // Longest common subsequence; texts are at most a few hundred lines.
    let mut longest = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] = if old[i] == new[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            let _ = writeln!(text, "  - {}", old[i]);
            i += 1;
        } else {
            let _ = writeln!(text, "  + {}", new[j]);
            j += 1;
        }
    }
    text
}

/// Records Kamailio's outcomes beside each case.
///
/// # Errors
/// The first case that cannot be run or written.
pub fn record(cases: &[Case]) -> Result<usize> {
    let kind =
        Kind::kamailio().ok_or_else(|| Error::Server("kamailio is not installed".to_owned(), Vec::new()))?;
    let mut pairs = 0;
    let mut failures = Vec::new();
    for (at, run) in all(&kind, cases)? {
        match run {
            Ok(outcomes) => {
                pairs += outcomes.len();
                let name = &cases[at].name;
                let stuck =
                    |outcome: &Outcome| Some(format!("{name}/{}: {}", outcome.name, outcome.stuck.as_ref()?));
                failures.extend(outcomes.iter().filter_map(stuck));
                recording::write(&cases[at].folder.join("expected.out"), outcomes.iter())?;
            }
            Err(error) => failures.push(format!("{}: {error}", cases[at].name)),
        }
    }
    if failures.is_empty() { Ok(pairs) } else { Err(Error::Server("cases failed".to_owned(), failures)) }
}

/// Records Tandem's outcomes for the pairs that `listed` names.
///
/// # Errors
/// The first case that cannot be run or written.
pub fn record_tandem(kind: &Kind, cases: &[Case], listed: &[Difference]) -> Result<()> {
    for (at, run) in all(kind, cases)? {
        let case = &cases[at];
        let is_listed = |outcome: &&Outcome| {
            let pair = format!("{}/{}", case.name, outcome.name);
            listed.iter().any(|difference| difference.pair == pair)
        };
        let outcomes = run?;
        let own: Vec<&Outcome> = outcomes.iter().filter(is_listed).collect();
        if !own.is_empty() {
            recording::write(&case.folder.join("tandem.out"), own.into_iter())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_difference_shows_only_the_lines_that_changed() {
        assert_eq!(super::difference_text("a\nb\nc\n", "a\nx\nc\nd\n"), "  - b\n  + x\n  + d\n");
    }
}
