//! The message's further flags and inner marks.

use engine::module::Flow;
use engine::{Args, Cx};

/// Inner marks that scripts know by name, and their numbers. Other numbers from 0 to 63 can be given as such.
const MARKS: [(&str, u32); 3] = [("USE_UAC_FROM", 9), ("USE_UAC_TO", 10), ("UAC_AUTH", 11)];

/// Marks that functions of this module set.
pub(super) const ADD_XAVP_PARAMS: u64 = 1 << 16;
/// The Via's address and port are to come from an XAVP.
pub(super) const USE_XAVP_FIELDS: u64 = 1 << 17;

/// Flags beyond the message's 32.
const EXTENDED: i64 = 64;

fn mark(name: &[u8]) -> Option<u64> {
    let named = MARKS.into_iter().find(|(known, _)| known.as_bytes() == name).map(|(_, number)| number);
    let number = named.or_else(|| std::str::from_utf8(name).ok()?.parse().ok())?;
    1u64.checked_shl(number)
}

fn unknown(function: &str, name: &[u8]) -> Flow {
    tracing::error!(target: "corex", "{function}: \"{}\" is no mark of a message", name.escape_ascii());
    Flow::FALSE
}

/// A name that is unknown does nothing, as in Kamailio.
pub(super) fn msg_iflag_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.flags.internal |= mark(args.text(0)).unwrap_or(0);
    Flow::TRUE
}

pub(super) fn msg_iflag_reset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match mark(args.text(0)) {
        Some(mark) => {
            cx.context.flags.internal &= !mark;
            Flow::TRUE
        }
        None => unknown("msg_iflag_reset", args.text(0)),
    }
}

/// -2 for a mark that is not set.
pub(super) fn msg_iflag_is_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match mark(args.text(0)) {
        Some(mark) if cx.context.flags.internal & mark != 0 => Flow::TRUE,
        Some(_) => Flow::Done(-2),
        None => unknown("msg_iflag_is_set", args.text(0)),
    }
}

/// Word and bit of an extended flag; none for a number that is none's.
fn extended(args: &Args<'_>) -> Option<(usize, u32)> {
    let number = args.int(0)?;
    if (0..EXTENDED).contains(&number) {
        return Some((number as usize / 32, 1 << (number % 32)));
    }
    tracing::error!(target: "corex", "{number} is no extended flag: these are 0 to {}", EXTENDED - 1);
    None
}

pub(super) fn setxflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    extended(args).map(|(word, bit)| cx.context.flags.extended[word] |= bit).is_some().into()
}

pub(super) fn resetxflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    extended(args).map(|(word, bit)| cx.context.flags.extended[word] &= !bit).is_some().into()
}

pub(super) fn isxflagset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    extended(args).is_some_and(|(word, bit)| cx.context.flags.extended[word] & bit != 0).into()
}

pub(super) fn is_faked_msg(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.made_up.into()
}

/// Data is not intercepted on its way in or out, so nothing is ever "incoming".
pub(super) fn is_incoming(_: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    Flow::FALSE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_names_and_numbers() {
        assert_eq!(mark(b"USE_UAC_FROM"), Some(1 << 9));
        assert_eq!(mark(b"63"), Some(1 << 63));
        assert_eq!((mark(b"64"), mark(b"NONE"), mark(b"-1")), (None, None, None));
    }
}
