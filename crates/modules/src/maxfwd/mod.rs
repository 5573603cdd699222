//! Module `maxfwd`: how many hops a request may still take (RFC 3261 §16.3, §16.6).

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Args, Context, Cx, Flow, Function, Module, Param, Setup, SetupError};
use sip_message::{EditList, HeaderId, Message};

/// The module's table.
pub const MODULE: Module = Module {
    name: "maxfwd",
    doc: "Counts Max-Forwards down, and adds the header where it is missing.",
    params: &[Param::int_in(
        "max_limit",
        0,
        i32::MAX as i64,
        "70",
        "Largest Max-Forwards that goes out; a larger one is lowered to it.",
    )],
    functions: &[
        Function::new("maxfwd_process", NUMBER, Routes::REQUEST, process, PROCESS),
        Function::new("mf_process_maxfwd_header", NUMBER, Routes::REQUEST, process, PROCESS),
        Function::new("process_maxfwd", NUMBER, Routes::REQUEST, process, PROCESS),
        Function::new("is_maxfwd_lt", NUMBER, TESTED, is_less, LESS),
        Function::new("maxfwd_at_least", NUMBER, TESTED, is_less, LESS),
        Function::new("mf_lowlimit", NUMBER, TESTED, is_less, LESS),
    ],
    start,
    ..Module::EMPTY
};

const NUMBER: &[ArgKind] = &[ArgKind::Int];
const TESTED: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::BRANCH);
const PROCESS: &str = "Lowers Max-Forwards by one (1), adds it with this number (2); -1 when it is 0, -2 when it is no \
                       number.";
const LESS: &str = "Whether Max-Forwards is below a number; -2 when there is none.";

/// The module under one configuration.
struct Limit(u32);

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let limit = setup.int("max_limit").and_then(|limit| u32::try_from(limit).ok());
    Ok(Arc::new(Limit(limit.unwrap_or(70))))
}

/// What a message says about its hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hops {
    Missing,
    Unreadable,
    Left(u32),
}

/// What the message says once it is sent: a number set before counts.
fn hops(message: &Message, edits: &EditList) -> Hops {
    let received =
        message.index().has(HeaderId::MaxForwards).then(|| message.value(HeaderId::MaxForwards)).flatten();
    match received.map(|text| edits.new_max_forwards().unwrap_or(text)) {
        None => Hops::Missing,
        Some(text) => number(text).map_or(Hops::Unreadable, Hops::Left),
    }
}

/// A number below 2³¹.
fn number(text: &[u8]) -> Option<u32> {
    let digits =
        std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u32>().ok().filter(|number| *number <= i32::MAX as u32)
}

fn process(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(added) = argument(args) else { return Flow::FALSE };
    let limit = cx.state::<Limit>().0;
    let Context { message, edits, .. } = &mut *cx.context;
    match hops(message, edits) {
        Hops::Missing => {
            edits.set_max_forwards(message, added);
            Flow::Done(2)
        }
        Hops::Unreadable => Flow::Done(-2),
        Hops::Left(0) => Flow::FALSE,
        Hops::Left(left) => {
            edits.set_max_forwards(message, (left - 1).min(limit));
            Flow::TRUE
        }
    }
}

fn is_less(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(bound) = argument(args) else { return Flow::FALSE };
    match hops(&cx.context.message, &cx.context.edits) {
        Hops::Missing | Hops::Unreadable => Flow::Done(-2),
        Hops::Left(left) => (left < bound).into(),
    }
}

/// The number given: 1 to 255, as Kamailio takes it.
fn argument(args: &Args<'_>) -> Option<u32> {
    let given = args.int(0).unwrap_or_default();
    let number = u32::try_from(given).ok().filter(|number| (1..=255).contains(number));
    if number.is_none() {
        tracing::error!(target: "maxfwd", "{given} is no number of hops; give one from 1 to 255");
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Hops {
        let text = format!("OPTIONS sip:a SIP/2.0\r\nVia: v\r\n{line}\r\n");
        hops(&Message::from_bytes(text).expect("a message"), &EditList::new())
    }

    #[test]
    fn numbers_and_what_is_none_are_told_apart() {
        assert_eq!(read("Max-Forwards:  007 \r\n"), Hops::Left(7));
        assert_eq!(read(""), Hops::Missing);
        assert_eq!(read("Max-Forwards: many\r\n"), Hops::Unreadable);
        assert_eq!(read("Max-Forwards: -1\r\n"), Hops::Unreadable);
        assert_eq!(read("Max-Forwards: 2147483648\r\n"), Hops::Unreadable);
    }
}
