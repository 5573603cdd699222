//! Writing one line. The text is evaluated only when its level is written.

use engine::module::Flow;
use engine::{Args, Cx};

use super::{Prefix, Xlog, level};

/// What a call says about its line.
struct Line {
    /// Which argument is the text.
    text: usize,
    level: i64,
    facility: Option<&'static str>,
}

impl Line {
    /// The text alone.
    fn at(level: i64) -> Option<Self> {
        Some(Self { text: 0, level, facility: None })
    }

    /// The level and the text.
    fn with_level(args: &Args<'_>) -> Option<Self> {
        Some(Self { text: 1, level: level_of(args, 0)?, facility: None })
    }

    /// The facility, the level and the text.
    fn with_facility(args: &Args<'_>) -> Option<Self> {
        let facility = args.parsed::<&'static str>(0).copied();
        Some(Self { text: 2, level: level_of(args, 1)?, facility })
    }
}

/// A constant level was checked at load; a variable must hold a number.
fn level_of(args: &Args<'_>, at: usize) -> Option<i64> {
    let level = args.parsed::<i64>(at).copied().or_else(|| args.int(at));
    if level.is_none() {
        tracing::error!(target: "xlog", "the variable for the level holds no number from -5 to 3");
    }
    level
}

pub(super) fn xlog(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(level::ERROR))
}

pub(super) fn xlog_at(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::with_level(args))
}

pub(super) fn xlog_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::with_facility(args))
}

pub(super) fn xdbg(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(level::DEBUG))
}

pub(super) fn xinfo(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(2))
}

pub(super) fn xnotice(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(1))
}

pub(super) fn xwarn(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(0))
}

pub(super) fn xcrit(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(-2))
}

pub(super) fn xbug(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(-4))
}

pub(super) fn xalert(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, args, Line::at(-5))
}

pub(super) fn xlogl(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_place(cx, args, Line::at(level::ERROR))
}

pub(super) fn xlogl_at(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_place(cx, args, Line::with_level(args))
}

pub(super) fn xlogl_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_place(cx, args, Line::with_facility(args))
}

pub(super) fn xdbgl(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_place(cx, args, Line::at(level::DEBUG))
}

pub(super) fn xlogm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let method = crate::textops::method::number(cx.context.message.method());
    if cx.state::<Xlog>().leaves_out(method) {
        return Flow::TRUE;
    }
    write(cx, args, Line::with_level(args))
}

/// Writes a line; its prefix may have variables of its own.
fn write(cx: &mut Cx<'_>, args: &Args<'_>, line: Option<Line>) -> Flow {
    let Some(line) = line else { return Flow::FALSE };
    if !engine::log::enabled(line.level) {
        return Flow::TRUE;
    }
    let state = cx.state::<Xlog>();
    let text = cx.argument_text(args, line.text);
    if text.len() >= state.longest {
        return too_long(text.len());
    }
    let facility = line.facility.or(state.facility);
    match &state.prefix {
        Prefix::Text(prefix) => engine::log::script(line.level, facility, prefix, &text),
        Prefix::Evaluated(template, _) => {
            let prefix = cx.evaluate(template);
            engine::log::script(line.level, facility, &prefix, &text);
        }
    }
    Flow::TRUE
}

/// Writes a line that begins with the script's place; here the prefix is never evaluated, as in Kamailio.
fn write_with_place(cx: &mut Cx<'_>, args: &Args<'_>, line: Option<Line>) -> Flow {
    let Some(line) = line else { return Flow::FALSE };
    if !engine::log::enabled(line.level) {
        return Flow::TRUE;
    }
    let state = cx.state::<Xlog>();
    let text = cx.argument_text(args, line.text);
    if text.len() >= state.longest {
        return too_long(text.len());
    }
    let place = match cx.file_and_line() {
        Some((file, number)) if state.long_format => format!("{}:{number}:", file.display()),
        Some((_, number)) => format!("{number}:"),
        None => String::new(),
    };
    let (Prefix::Text(prefix) | Prefix::Evaluated(_, prefix)) = &state.prefix;
    let facility = line.facility.or(state.facility);
    engine::log::script(line.level, facility, prefix, &[place.as_bytes(), &text].concat());
    Flow::TRUE
}

fn too_long(length: usize) -> Flow {
    tracing::error!(target: "xlog", "a line of {length} bytes is longer than buf_size; it is not written");
    Flow::FALSE
}
