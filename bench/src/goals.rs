//! What this server is to reach, and whether it did.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::measurement::Outcome;
use crate::server::Kind;
use crate::shards::smallest_share;

/// Delay of a passage beyond the forwarder's in the same run, in milliseconds.
const P50: f64 = 0.1;
const P99: f64 = 1.0;
/// Resident memory at rest, in KiB: 20 MB.
const AT_REST: u64 = 20_000_000 / 1024;
/// The smallest shard's part of all messages.
const SHARE: f64 = 0.30;

/// What a configuration asks of a server. Each kind has goals of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Load {
    /// Nothing is remembered from message to message.
    Stateless,
    /// Every request is a transaction.
    Stateful,
}

impl Load {
    /// A configuration that loads `tm` is taken to use it.
    pub(crate) fn of(config: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(config)?;
        let loads_tm = |line: &str| {
            let module = line
                .trim_start()
                .strip_prefix("loadmodule")
                .map(|rest| rest.trim_start_matches([' ', '\t', '"']));
            module.is_some_and(|module| module.starts_with("tm.so") || module.starts_with("tm\""))
        };
        Ok(if text.lines().any(loads_tm) { Self::Stateful } else { Self::Stateless })
    }

    /// Processor time a call, as a multiple of the forwarder's in the same run.
    fn cost(self) -> f64 {
        match self {
            Self::Stateless => 1.6,
            Self::Stateful => 2.2,
        }
    }

    /// How long a server is still at work for calls that are over: Kamailio keeps a transaction for 5 s.
    pub(crate) fn settles(self) -> Duration {
        match self {
            Self::Stateless => Duration::ZERO,
            Self::Stateful => Duration::from_secs(6),
        }
    }

    /// The name of the marks in a page between which the figures stand.
    pub(crate) fn marks(self) -> &'static str {
        match self {
            Self::Stateless => "figures",
            Self::Stateful => "stateful figures",
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stateless => "stateless",
            Self::Stateful => "stateful",
        })
    }
}

/// One goal and what was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Verdict {
    pub(crate) goal: String,
    pub(crate) found: String,
    /// None where a figure lacks to judge it by.
    pub(crate) reached: Option<bool>,
}

/// Judges Tandem against the forwarder of the same case; other servers have no goals.
pub(crate) fn judge(load: Load, outcome: &Outcome, forwarder: Option<&Outcome>) -> Vec<Verdict> {
    let Kind::Tandem(shards) = outcome.server else {
        return Vec::new();
    };
    let ratio = forwarder.map(|forwarder| outcome.cost() / forwarder.cost());
    let added = |own: Option<f64>, of: fn(&Outcome) -> Option<f64>| Some(own? - of(forwarder?)?);
    let at_most = |name: &str, unit: &str, found: Option<f64>, limit: f64| Verdict {
        goal: format!("{name} at most {limit}{unit}"),
        found: found
            .map_or_else(|| format!("{name} not measured"), |found| format!("{name} {found:.2}{unit}")),
        reached: found.map(|found| found <= limit),
    };
    let mut verdicts = vec![
        at_most("processor time", "x the forwarder's", ratio, load.cost()),
        at_most("p50 added", " ms", added(outcome.p50, |forwarder| forwarder.p50), P50),
        at_most("p99 added", " ms", added(outcome.p99, |forwarder| forwarder.p99), P99),
        Verdict {
            goal: "no call fails".to_owned(),
            found: format!("{} failed", outcome.failed()),
            reached: Some(outcome.failed() == 0),
        },
        Verdict {
            goal: "under 20 MB at rest".to_owned(),
            found: format!("{} KiB at rest", outcome.at_rest.resident),
            reached: Some(outcome.at_rest.resident < AT_REST),
        },
    ];
    if shards > 1 {
        let share = outcome.shards.as_ref().ok().and_then(|shards| smallest_share(shards));
        verdicts.push(Verdict {
            goal: "each shard at least 30 %".to_owned(),
            found: match (&outcome.shards, share) {
                (_, Some(share)) => format!("smallest shard {:.0} %", share * 100.0),
                (Err(why), None) => format!("shards not known: {why}"),
                (Ok(_), None) => "no shard counted a message".to_owned(),
            },
            reached: share.map(|share| share >= SHARE),
        });
    }
    verdicts
}

/// `PASS`, or `SHORT` with what falls short, or what could not be judged.
pub(crate) fn summary(verdicts: &[Verdict]) -> String {
    let found = |reached| {
        let matching = verdicts.iter().filter(|verdict| verdict.reached == reached);
        matching.map(|verdict| verdict.found.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (short, open) = (found(Some(false)), found(None));
    match (short.is_empty(), open.is_empty()) {
        _ if verdicts.is_empty() => String::new(),
        (false, _) => format!("SHORT: {short}"),
        (true, false) => format!("OPEN: {open}"),
        (true, true) => "PASS".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reached: Option<bool>) -> Verdict {
        Verdict { goal: "g".to_owned(), found: format!("{reached:?}"), reached }
    }

    #[test]
    fn one_figure_that_falls_short_makes_the_whole_short() {
        assert_eq!(summary(&[verdict(Some(true)), verdict(Some(false))]), "SHORT: Some(false)");
        assert_eq!(summary(&[verdict(Some(true))]), "PASS");
    }

    #[test]
    fn a_configuration_that_loads_tm_is_stateful() {
        let of = |name: &str| {
            let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
            Load::of(&examples.join(name)).expect("the file is in the repository")
        };
        assert_eq!(of("stateful-proxy.cfg"), Load::Stateful);
        assert_eq!(of("stateless-proxy.cfg"), Load::Stateless);
    }

    #[test]
    fn what_was_not_measured_is_not_a_pass() {
        assert_eq!(summary(&[verdict(Some(true)), verdict(None)]), "OPEN: None");
        assert_eq!(summary(&[]), "");
    }
}
