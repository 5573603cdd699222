//! Module `xlog`: log lines made of pseudo-variables.

mod color;
pub(crate) mod level;
mod line;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cfg_vm::Value;
use cfg_vm::bound::BoundTemplate;
use cfg_vm::catalogue::{ArgKind, InnerRule, Parsed, PvType, Routes};
use engine::module::State;
use engine::{Cx, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use color::Color;

/// The module's table.
pub const MODULE: Module = Module {
    name: "xlog",
    doc: "Writes log lines with pseudo-variables in them, at a level of the script's choice.",
    params: &[
        Param::int("buf_size", "4096", "Longest text of a line in bytes; a longer one is not written."),
        Param::int(
            "force_color",
            "0",
            "Gives `$C(xy)` its escape sequences even when the log goes to syslog.",
        ),
        Param::int("long_format", "0", "Puts the file's name before the line number of `xlogl` and `xdbgl`."),
        Param::text("prefix", "<script>: ", "What each line begins with."),
        Param::int("prefix_mode", "0", "1 evaluates the pseudo-variables in `prefix` for each line."),
        Param::text("log_facility", "", "Syslog facility of the lines that name none, such as `LOG_LOCAL1`.")
            .check(is_facility),
        Param::text("log_colors", "", "Colours of levels; the log's own colours are used instead.")
            .repeatable()
            .ignored(),
        Param::int(
            "methods_filter",
            "-1",
            "Mask of the methods (as `$rmid` numbers them) that `xlogm` leaves out.",
        ),
        Param::int("auto_newline", "0", "Ends lines; they are ended by the log anyway.").ignored(),
    ],
    functions: &[
        Function::new("xlog", &[FORMAT], Routes::ANY, line::xlog, "Writes a line at level L_ERR."),
        Function::new("xlog", &[LEVEL, FORMAT], Routes::ANY, line::xlog_at, "Writes a line at a level."),
        Function::new(
            "xlog",
            &[FACILITY, LEVEL, FORMAT],
            Routes::ANY,
            line::xlog_to,
            "Writes a line at a level to a syslog facility.",
        ),
        Function::new("xdbg", &[FORMAT], Routes::ANY, line::xdbg, "Writes a line at level L_DBG."),
        Function::new("xinfo", &[FORMAT], Routes::ANY, line::xinfo, "Writes a line at level L_INFO."),
        Function::new("xnotice", &[FORMAT], Routes::ANY, line::xnotice, "Writes a line at level L_NOTICE."),
        Function::new("xwarn", &[FORMAT], Routes::ANY, line::xwarn, "Writes a line at level L_WARN."),
        Function::new("xerr", &[FORMAT], Routes::ANY, line::xlog, "Writes a line at level L_ERR."),
        Function::new("xbug", &[FORMAT], Routes::ANY, line::xbug, "Writes a line at level L_BUG."),
        Function::new("xcrit", &[FORMAT], Routes::ANY, line::xcrit, "Writes a line at level L_CRIT."),
        Function::new("xalert", &[FORMAT], Routes::ANY, line::xalert, "Writes a line at level L_ALERT."),
        Function::new(
            "xlogl",
            &[FORMAT],
            Routes::ANY,
            line::xlogl,
            "Writes a line at level L_ERR that begins with the script's line number.",
        ),
        Function::new(
            "xlogl",
            &[LEVEL, FORMAT],
            Routes::ANY,
            line::xlogl_at,
            "Writes a line at a level that begins with the script's line number.",
        ),
        Function::new(
            "xlogl",
            &[FACILITY, LEVEL, FORMAT],
            Routes::ANY,
            line::xlogl_to,
            "Writes a line with the script's line number at a level to a syslog facility.",
        ),
        Function::new(
            "xdbgl",
            &[FORMAT],
            Routes::ANY,
            line::xdbgl,
            "Writes a line at level L_DBG that begins with the script's line number.",
        ),
        Function::new(
            "xlogm",
            &[LEVEL, FORMAT],
            Routes::ANY,
            line::xlogm,
            "Writes a line at a level, unless `methods_filter` leaves out the message's method.",
        ),
    ],
    pvs: &[Pv::new(
        "C",
        PvType::Str,
        color_escape,
        "Escape sequence for a foreground and a background colour.",
    )
    .inner(InnerRule::Parsed(parse_color))],
    start,
    ..Module::EMPTY
};

const FORMAT: ArgKind = ArgKind::Template;
const LEVEL: ArgKind = ArgKind::ParsedOrValue(parse_level);
const FACILITY: ArgKind = ArgKind::Parsed(parse_facility);

/// The module under one configuration.
pub(crate) struct Xlog {
    prefix: Prefix,
    longest: usize,
    long_format: bool,
    facility: Option<&'static str>,
    methods_filter: AtomicI64,
    colors: bool,
}

/// What lines begin with.
enum Prefix {
    Text(Vec<u8>),
    Evaluated(BoundTemplate, Vec<u8>),
}

impl Xlog {
    /// Whether `xlogm` leaves out a method, by the number that `$rmid` gives it.
    fn leaves_out(&self, method: i64) -> bool {
        self.methods_filter.load(Ordering::Relaxed) & method != 0
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let text = setup.text("prefix").unwrap_or(b"<script>: ").to_vec();
    let is_on = |name: &str| setup.int(name).is_some_and(|value| value != 0);
    let prefix = if is_on("prefix_mode") {
        Prefix::Evaluated(setup.bind_template(&text).map_err(SetupError::new)?, text)
    } else {
        Prefix::Text(text)
    };
    let to_stderr = setup.settings().core.int("log_stderror") != 0;
    Ok(Arc::new(Xlog {
        prefix,
        longest: setup.int("buf_size").and_then(|size| usize::try_from(size).ok()).unwrap_or(4096),
        long_format: is_on("long_format"),
        facility: setup.text("log_facility").and_then(level::facility),
        methods_filter: AtomicI64::new(setup.int("methods_filter").unwrap_or(-1)),
        colors: to_stderr || is_on("force_color"),
    }))
}

pub(crate) fn is_facility(value: &Value) -> Result<(), String> {
    parse_facility(value.as_text().unwrap_or_default()).map(drop)
}

pub(crate) fn parse_facility(text: &[u8]) -> Result<Parsed, String> {
    match level::facility(text) {
        Some(facility) => Ok(Arc::new(facility)),
        None => Err(format!(
            "\"{}\" is no syslog facility; LOG_LOCAL0 to LOG_LOCAL7, LOG_DAEMON, LOG_USER … are",
            text.escape_ascii()
        )),
    }
}

pub(crate) fn parse_level(text: &[u8]) -> Result<Parsed, String> {
    match level::by_name(text) {
        Some(level) => Ok(Arc::new(level)),
        None => Err(format!(
            "\"{}\" is no log level; L_ALERT, L_BUG, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO and L_DBG are, or a \
             variable that holds a number from -5 to 3",
            text.escape_ascii()
        )),
    }
}

fn parse_color(text: &[u8]) -> Result<Parsed, String> {
    Color::parse(text).map(|color| Arc::new(color) as Parsed)
}

fn color_escape(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match args.parsed::<Color>() {
        Some(color) if cx.state::<Xlog>().colors => color.escape().into(),
        _ => Value::text(""),
    }
}
