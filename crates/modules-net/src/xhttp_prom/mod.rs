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
            "Which counters are shown: `all`, or groups with their colons and names.",
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
    wanted: Vec<String>,
    beginning: String,
    tags: String,
}

impl Prometheus {
    fn wants(&self, group: &str, name: &str) -> bool {
        self.wanted.iter().any(|wanted| {
            wanted == "all" || wanted.strip_suffix(':').map_or(wanted == name, |wanted| wanted == group)
        })
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let text = |name| setup.text(name).map(|text| String::from_utf8_lossy(text).into_owned());
    let wanted = text("xhttp_prom_stats").unwrap_or_default();
    let tags = text("xhttp_prom_tags").filter(|tags| !tags.is_empty());
    Ok(Arc::new(Prometheus {
        wanted: wanted.split_whitespace().map(str::to_owned).collect(),
        beginning: text("xhttp_prom_beginning").unwrap_or_else(|| "kamailio_".to_owned()),
        tags: tags.map_or_else(String::new, |tags| format!("{{{tags}}}")),
    }))
}

fn check_uri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let target = cx.context.message.request_uri().unwrap_or_default();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    (path == PATH).into()
}

fn dispatch(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    if cx.context.received.connection.is_none() {
        tracing::error!(target: "xhttp_prom", "prom_dispatch: this message is no HTTP request");
        return Flow::FALSE;
    }
    let state = cx.state::<Prometheus>();
    let all = cx.server().statistics.all();
    let shown = all.iter().filter(|(group, name, _)| state.wants(group, name));
    let shown = shown.map(|(group, name, value)| Metric { group, name, value: *value });
    let text = metrics::write(shown, &state.beginning, &state.tags, SystemTime::now());
    let body = format!("# NO User defined metrics\n\n# Kamailio whole internal statistics\n{text}");
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
