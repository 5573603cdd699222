//! What was replied, counted by class and by the codes that matter.

use engine::Cx;
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::statistics::{Counter, Statistics};

/// Counters of single codes, and how `sl.stats` names them.
const CODES: [(u16, &str, &str); 14] = [
    (200, "200", "200_replies"),
    (202, "202", "202_replies"),
    (300, "300", "300_replies"),
    (301, "301", "301_replies"),
    (302, "302", "302_replies"),
    (400, "400", "400_replies"),
    (401, "401", "401_replies"),
    (403, "403", "403_replies"),
    (404, "404", "404_replies"),
    (407, "407", "407_replies"),
    (408, "408", "408_replies"),
    (483, "483", "483_replies"),
    (500, "500", "500_replies"),
    (0, "xxx", "xxx_replies"),
];

/// Counters of classes, 1 to 6: codes that have no counter of their own.
const CLASSES: [&str; 6] =
    ["1xx_replies", "2xx_replies", "3xx_replies", "4xx_replies", "5xx_replies", "6xx_replies"];

/// The order of `sl.stats`.
const STATS: [&str; 19] = [
    "200", "202", "2xx", "300", "301", "302", "3xx", "400", "401", "403", "404", "407", "408", "483", "4xx",
    "500", "5xx", "6xx", "xxx",
];

/// The module's counters.
pub(crate) struct Counts {
    codes: Vec<Counter>,
    classes: Vec<Counter>,
    sent: Counter,
    sent_errors: Counter,
    failures: Counter,
    acks: Counter,
}

impl Counts {
    pub(crate) fn new(statistics: &Statistics) -> Self {
        let counter = |name: &str| statistics.counter("sl", name);
        Self {
            codes: CODES.iter().map(|(_, _, name)| counter(name)).collect(),
            classes: CLASSES.iter().map(|name| counter(name)).collect(),
            sent: counter("sent_replies"),
            sent_errors: counter("sent_err_replies"),
            failures: counter("failures"),
            acks: counter("received_ACKs"),
        }
    }

    pub(crate) fn sent(&self, cx: &Cx<'_>, code: u16) {
        let shard = cx.shard.index;
        self.sent.add(shard);
        let class = usize::from(code / 100);
        let single = CODES.iter().position(|(own, _, _)| *own == code);
        match (single, class) {
            (Some(at), 1..=6) => self.codes[at].add(shard),
            (None, 1..=6) => self.classes[class - 1].add(shard),
            // The last one counts what is of no class.
            _ => self.codes[CODES.len() - 1].add(shard),
        }
    }

    pub(crate) fn sent_error(&self, cx: &Cx<'_>) {
        self.sent_errors.add(cx.shard.index);
    }

    pub(crate) fn failed(&self, cx: &Cx<'_>) {
        self.failures.add(cx.shard.index);
    }

    pub(crate) fn ack(&self, cx: &Cx<'_>) {
        self.acks.add(cx.shard.index);
    }
}

/// `sl.stats`
pub(crate) fn stats(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let total = |name: &str| {
        let counter = call.server.statistics.counter("sl", &format!("{name}_replies"));
        RpcValue::Int(i64::try_from(counter.total()).unwrap_or(i64::MAX))
    };
    Ok(vec![RpcValue::Struct(STATS.iter().map(|name| ((*name).to_owned(), total(name))).collect())])
}
