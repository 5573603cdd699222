//! The figures side by side: as a table to read, as Markdown for the documentation, as JSON.

use std::fmt::{self, Write};
use std::fs;

use crate::goals::{Load, Verdict, judge, summary};
use crate::measurement::{Case, Outcome, median};
use crate::server::Kind;
use crate::table;

const HEAD: [&str; 12] = [
    "server",
    "µs/call",
    "× forwarder",
    "× kamailio",
    "p50 ms (added)",
    "p99 ms (added)",
    "failed",
    "repeated",
    "MB at rest / after",
    "others",
    "shards",
    "goals",
];

/// The machine that the figures are of.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    /// This machine, as the kernel describes it.
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let value = model.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: value.trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel } = self;
        write!(f, "{processor}, {cores} cores, Linux {kernel}; everything on 127.0.0.1")
    }
}

/// All outcomes of a session, with the servers that could not be measured and why.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) load: Load,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) missing: Vec<(Kind, String)>,
}

/// An outcome with its verdicts, as JSON shows it.
#[derive(serde::Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    cost: f64,
    failed: u64,
    verdicts: Vec<Verdict>,
}

impl Report {
    /// The cases in the order they were first measured.
    fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for outcome in &self.outcomes {
            if !cases.contains(&outcome.case) {
                cases.push(outcome.case);
            }
        }
        cases
    }

    fn of(&self, case: Case, server: Kind) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.case == case && outcome.server == server)
    }

    fn judged(&self) -> impl Iterator<Item = Judged<'_>> {
        self.outcomes.iter().map(|outcome| Judged {
            outcome,
            cost: outcome.cost(),
            failed: outcome.failed(),
            verdicts: judge(self.load, outcome, self.of(outcome.case, Kind::Forwarder)),
        })
    }

    /// Whether every goal was reached by every Tandem that was measured, and one was.
    pub(crate) fn passes(&self) -> bool {
        let verdicts: Vec<Verdict> = self.judged().flat_map(|judged| judged.verdicts).collect();
        !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.reached == Some(true))
    }

    /// All figures, for programs.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&serde_json::json!({
            "machine": self.machine,
            "load": self.load,
            "outcomes": self.judged().collect::<Vec<_>>(),
            "missing": self.missing,
        }))
    }

    /// Whether every call through Tandem succeeded, and there were some.
    pub(crate) fn lost_no_call(&self) -> bool {
        let mut ours =
            self.outcomes.iter().filter(|outcome| matches!(outcome.server, Kind::Tandem(_))).peekable();
        ours.peek().is_some() && ours.all(|outcome| outcome.failed() == 0)
    }

    /// Tables to read in a terminal.
    pub(crate) fn text(&self) -> String {
        self.render(table::text)
    }

    /// Tables for the documentation.
    pub(crate) fn markdown(&self) -> String {
        self.render(table::markdown)
    }

    fn render(&self, table: impl Fn(&str, &table::Rows) -> String) -> String {
        let mut text = format!("{}; {} configuration.\n", self.machine, self.load);
        for case in self.cases() {
            let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
            let outcomes = self.outcomes.iter().filter(|outcome| outcome.case == case);
            rows.extend(outcomes.clone().map(|outcome| self.row(outcome)));
            text.push_str(&table(&title(case, outcomes.clone().next()), &rows));
            text.push_str(&generators(outcomes));
        }
        for (server, why) in &self.missing {
            let _ = writeln!(text, "\n{server} was not measured: {why}.");
        }
        text
    }

    fn row(&self, outcome: &Outcome) -> Vec<String> {
        let forwarder = self.of(outcome.case, Kind::Forwarder);
        let kamailio = self.of(outcome.case, Kind::Kamailio(1));
        let times = |other: Option<&Outcome>| {
            other.map_or_else(|| "–".to_owned(), |other| format!("{:.2}", outcome.cost() / other.cost()))
        };
        let delay = |of: fn(&Outcome) -> Option<f64>| match (of(outcome), forwarder.and_then(of)) {
            (None, _) => "–".to_owned(),
            (Some(own), None) => format!("{own:.3}"),
            (Some(own), Some(forwarder)) => format!("{own:.3} ({:+.3})", own - forwarder),
        };
        let megabytes = |kibibytes: u64| kibibytes as f64 * 1024.0 / 1e6;
        vec![
            outcome.server.to_string(),
            format!("{:.1}", outcome.cost()),
            times(forwarder),
            times(kamailio),
            delay(|outcome| outcome.p50),
            delay(|outcome| outcome.p99),
            failed(outcome),
            outcome.retransmissions().to_string(),
            format!(
                "{:.1} / {:.1}",
                megabytes(outcome.at_rest.proportional),
                megabytes(outcome.after.proportional)
            ),
            format!("{:.0} %", median(&outcome.others).unwrap_or(f64::NAN) * 100.0),
            shards(outcome),
            summary(&judge(self.load, outcome, forwarder)),
        ]
    }
}

fn title(case: Case, first: Option<&Outcome>) -> String {
    let Case { rate, sources, seconds } = case;
    let ports = if sources == 1 { "one source port".to_owned() } else { format!("{sources} source ports") };
    let runs = first.map_or(0, |outcome| outcome.per_call.len());
    let calls = first.map_or(0, |outcome| outcome.calls);
    format!("{rate} calls/s from {ports}, {runs} × {seconds} s, {calls} calls a server")
}

/// What the load itself cost on the same cores.
fn generators<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let costs = outcomes.filter_map(|outcome| median(&outcome.sipp_per_call));
    match costs.max_by(f64::total_cmp) {
        Some(cost) => format!("\nSIPp, on the same cores, used up to {cost:.0} µs a call.\n"),
        None => "\nSIPp ran on the same cores; without control groups its time is not counted.\n".to_owned(),
    }
}

fn failed(outcome: &Outcome) -> String {
    match outcome.failed() {
        0 => "0".to_owned(),
        failed => format!("{failed} ({:.1} %)", failed as f64 * 100.0 / outcome.calls as f64),
    }
}

fn shards(outcome: &Outcome) -> String {
    let Ok(counts) = &outcome.shards else { return "–".to_owned() };
    let total: u64 = counts.iter().sum();
    let cells =
        counts.iter().map(|count| format!("{count} ({:.0} %)", *count as f64 * 100.0 / total.max(1) as f64));
    cells.collect::<Vec<_>>().join(" + ")
}

/// Puts the figures between two marks of a page, for what was there; the figures alone if it has no such marks.
/// The first mark is a comment with this name, the second one with `end of` before it.
pub(crate) fn insert(page: &str, name: &str, figures: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    match page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1))) {
        Some((before, after)) => format!("{before}{begin}\n{figures}\n{end}{after}"),
        None => figures.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_take_the_place_of_those_that_stood_between_the_marks() {
        let page = "# Page\n<!-- figures -->\nold\n<!-- end of figures -->\nmore\n";
        let once = insert(page, "figures", "new");
        assert_eq!(once, "# Page\n<!-- figures -->\n\nnew\n<!-- end of figures -->\nmore\n");
        assert_eq!(insert(&once, "figures", "new"), once);
    }

    #[test]
    fn a_page_without_marks_becomes_the_figures() {
        assert_eq!(insert("", "figures", "new"), "new");
        assert_eq!(insert("<!-- figures -->\nno end", "figures", "new"), "new");
    }
}
