//! Prometheus' text format (0.0.4), as Kamailio's module `xhttp_prom` writes it.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// The Content-Type of such a text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric<'a> {
    /// The group.
    pub group: &'a str,
    /// The name in it.
    pub name: &'a str,
    /// The count.
    pub value: u64,
}

/// Writes metrics as `{beginning}{group}_{name}{tags} value milliseconds`. `tags` is empty or `{key="value"}`.
pub fn write<'m>(
    metrics: impl Iterator<Item = Metric<'m>>,
    beginning: &str,
    tags: &str,
    now: SystemTime,
) -> String {
    let at = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let mut out = String::new();
    for metric in metrics {
        name(&mut out, beginning);
        name(&mut out, metric.group);
        out.push('_');
        name(&mut out, metric.name);
        // A String takes everything.
        let _ = writeln!(out, "{tags} {} {at}", metric.value);
    }
    out
}

/// What no name may hold becomes `_`.
fn name(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_lines_with_the_time() {
        let metric = Metric { group: "core", name: "rcv-requests", value: 4 };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
        assert_eq!(
            write([metric].into_iter(), "kamailio_", "{node=\"a\"}", now),
            "kamailio_core_rcv_requests{node=\"a\"} 4 1500\n"
        );
    }
}
