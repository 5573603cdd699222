//! Module `xhttp_prom`: the counters as Prometheus reads them, over `xhttp`.

use std::sync::Arc;
use std::time::SystemTime;

use cfg_vm::catalogue::Routes;
use control::metrics::{self, Metric};
use engine::module::{Flow, State};
use engine::{Args, Cx, Function, Module, Param, Setup, SetupError};

use crate::xhttp::reply::{self, HttpReply};

/// The path that is asked for.
const PATH: &[u8] = b"/metrics";

/// The module's table.
pub const MODULE: Module = Module {
    name: "xhttp_prom",
    doc: "The counters as Prometheus reads them: `prom_check_uri` and `prom_dispatch` in a route of `xhttp`.",
    params: &[
        Param::text(
            "xhttp_prom_stats",
            "",
            "Which counters are shown: `all`, a group with its colon, or one by its name.",
        ),
        Param::text("xhttp_prom_beginning", "kamailio_", "What every metric's name begins with."),
        Param::text("xhttp_prom_tags", "", "Tags of every metric: `key=\"value\", …`."),
        Param::int("xhttp_prom_buf_size", "0", "Answers have no such limit.").ignored(),
    ],
    functions: &[
        Function::new(
            "prom_check_uri",
            &[],
            Routes::ANY,
            check_uri,
            "Whether the HTTP request asks for `/metrics`.",
        ),
        Function::new(
            "prom_dispatch",
            &[],
            Routes::ANY,
            dispatch,
            "Answers the HTTP request with the counters.",
        ),
    ],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Prometheus {
    shown: Shown,
    beginning: String,
    tags: String,
}

/// Which counters are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    All,
    Group(String),
    Name(String),
}

impl Shown {
    fn read(text: &str) -> Self {
        match (text.trim(), text.trim().strip_suffix(':')) {
            ("", _) => Self::Nothing,
            ("all", _) => Self::All,
            (_, Some(group)) => Self::Group(group.to_owned()),
            (name, None) => Self::Name(name.to_owned()),
        }
    }

    fn wants(&self, group: &str, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Group(wanted) => wanted == group,
            Self::Name(wanted) => wanted == name,
        }
    }

    /// Kamailio's words above them.
    fn heading(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::All => "\n# Kamailio whole internal statistics\n".to_owned(),
            Self::Group(group) => format!("\n# Kamailio statistics for group: {group}:\n"),
            Self::Name(name) => format!("\n# Kamailio statistics for: {name}\n"),
        }
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let text = |name| setup.text(name).map(|text| String::from_utf8_lossy(text).into_owned());
    let tags = text("xhttp_prom_tags").filter(|tags| !tags.is_empty());
    Ok(Arc::new(Prometheus {
        shown: Shown::read(&text("xhttp_prom_stats").unwrap_or_default()),
        beginning: text("xhttp_prom_beginning").unwrap_or_else(|| "kamailio_".to_owned()),
        tags: tags.map_or_else(String::new, |tags| format!("{{{tags}}}")),
    }))
}

fn check_uri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    (cx.context.message.request_uri() == Some(PATH)).into()
}

fn dispatch(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    if cx.context.received.connection.is_none() {
        tracing::error!(target: "xhttp_prom", "prom_dispatch: this message is no HTTP request");
        return Flow::FALSE;
    }
    let state = cx.state::<Prometheus>();
    let all = cx.server().statistics.all();
    let shown = all.iter().filter(|(group, name, _)| state.shown.wants(group, name));
    let shown = shown.map(|(group, name, value)| Metric { group, name, value: *value });
    let text = metrics::write(shown, &state.beginning, &state.tags, SystemTime::now());
    let body = format!("# NO User defined metrics\n{}{text}", state.shown.heading());
    let reply = HttpReply {
        code: 200,
        reason: b"OK",
        content_type: metrics::CONTENT_TYPE.as_bytes(),
        body: body.as_bytes(),
    };
    match reply::send(cx, reply) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "xhttp_prom", "prom_dispatch: {error}");
            Flow::FALSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_a_group_or_one_counter_is_shown() {
        let shows = |text: &str| {
            let shown = Shown::read(text);
            [("sl", "200_replies"), ("core", "rcv_requests")].map(|(group, name)| shown.wants(group, name))
        };
        assert_eq!(shows(""), [false, false]);
        assert_eq!(shows("all"), [true, true]);
        assert_eq!(shows("sl:"), [true, false]);
        assert_eq!(shows("rcv_requests"), [false, true]);
    }
}
