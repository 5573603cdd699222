//! Writing one line.

use engine::module::Flow;
use engine::{Args, Cx};

use super::{Prefix, Xlog, level};

pub(super) fn xlog(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, level::ERROR, None, args.text(0))
}

pub(super) fn xlog_at(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, level_of(args, 0), None, args.text(1))
}

pub(super) fn xlog_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, level_of(args, 1), facility_of(args), args.text(2))
}

pub(super) fn xdbg(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, level::DEBUG, None, args.text(0))
}

pub(super) fn xinfo(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, 2, None, args.text(0))
}

pub(super) fn xnotice(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, 1, None, args.text(0))
}

pub(super) fn xwarn(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, 0, None, args.text(0))
}

pub(super) fn xcrit(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, -2, None, args.text(0))
}

pub(super) fn xbug(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, -4, None, args.text(0))
}

pub(super) fn xalert(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write(cx, -5, None, args.text(0))
}

pub(super) fn xlogl(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_line(cx, level::ERROR, None, args.text(0))
}

pub(super) fn xlogl_at(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_line(cx, level_of(args, 0), None, args.text(1))
}

pub(super) fn xlogl_to(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_line(cx, level_of(args, 1), facility_of(args), args.text(2))
}

pub(super) fn xdbgl(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    write_with_line(cx, level::DEBUG, None, args.text(0))
}

pub(super) fn xlogm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let method = crate::textops::method::number(cx.context.message.method());
    if cx.state::<Xlog>().leaves_out(method) {
        return Flow::TRUE;
    }
    write(cx, level_of(args, 0), None, args.text(1))
}

/// The level of an argument, which its parser has checked.
fn level_of(args: &Args<'_>, at: usize) -> i64 {
    args.parsed::<i64>(at).copied().unwrap_or(level::ERROR)
}

fn facility_of(args: &Args<'_>) -> Option<&'static str> {
    args.parsed::<&'static str>(0).copied()
}

/// Writes a line; its prefix may have variables of its own.
fn write(cx: &mut Cx<'_>, level: i64, facility: Option<&'static str>, text: &[u8]) -> Flow {
    if !engine::log::enabled(level) {
        return Flow::TRUE;
    }
    let state = cx.state::<Xlog>();
    if text.len() >= state.longest {
        return too_long(text.len());
    }
    match &state.prefix {
        Prefix::Text(prefix) => engine::log::script(level, facility.or(state.facility), prefix, text),
        Prefix::Evaluated(template, _) => {
            let prefix = cx.evaluate(template);
            engine::log::script(level, facility.or(state.facility), &prefix, text);
        }
    }
    Flow::TRUE
}

/// Writes a line that begins with the script's place; here the prefix is never evaluated.
fn write_with_line(cx: &mut Cx<'_>, level: i64, facility: Option<&'static str>, text: &[u8]) -> Flow {
    if !engine::log::enabled(level) {
        return Flow::TRUE;
    }
    let state = cx.state::<Xlog>();
    if text.len() >= state.longest {
        return too_long(text.len());
    }
    let place = match cx.file_and_line() {
        Some((file, line)) if state.long_format => format!("{}:{line}:", file.display()),
        Some((_, line)) => format!("{line}:"),
        None => String::new(),
    };
    let (Prefix::Text(prefix) | Prefix::Evaluated(_, prefix)) = &state.prefix;
    engine::log::script(level, facility.or(state.facility), prefix, &[place.as_bytes(), text].concat());
    Flow::TRUE
}

fn too_long(length: usize) -> Flow {
    tracing::error!(target: "xlog", "a line of {length} bytes is longer than buf_size; it is not written");
    Flow::FALSE
}
