//! `append_branch`.

use cfg_vm::Str;
use engine::context::{Branch, Destination};
use engine::module::Flow;
use engine::{Args, Cx};

/// Most branches that a message may have with its first, Kamailio's default `max_branches`.
const MOST: usize = 12;

/// Adds a branch that goes where the first one would. Without a URI it takes the first one's whole destination with
/// it, so that another can be set.
pub(super) fn append_branch(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let given = args.str(0);
    let q = match args.text(1) {
        [] => None,
        text => match parse_q(text) {
            Some(q) => Some(q),
            None => {
                tracing::error!(
                    target: "corex",
                    "append_branch: \"{}\" is no q value: a number from 0 to 1 is",
                    text.escape_ascii()
                );
                return Flow::FALSE;
            }
        },
    };
    if cx.context.branches.len() + 1 >= MOST {
        tracing::error!(target: "corex", "append_branch: a message has at most {MOST} branches");
        return Flow::FALSE;
    }
    let uri = if given.is_empty() { cx.context.request_uri() } else { given.clone() };
    let branch = branch_of(&cx.context.destination, uri, q, cx.context.flags.branch);
    cx.context.branches.push(branch);
    if given.is_empty() {
        let destination = &mut cx.context.destination;
        destination.uri_to_send = None;
        destination.path = None;
        destination.socket = None;
        cx.context.flags.branch = 0;
    }
    Flow::TRUE
}

fn branch_of(first: &Destination, uri: Str, q: Option<u16>, flags: u32) -> Branch {
    Branch {
        uri,
        uri_to_send: first.uri_to_send.clone(),
        path: first.path.clone(),
        socket: first.socket,
        q,
        flags,
        ..Branch::default()
    }
}

/// A q value in thousandths (RFC 3261 §25.1).
fn parse_q(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let thousandths = (0..3)
        .fold(0, |sum, place| sum * 10 + fraction.get(place).map_or(0, |digit| u16::from(digit - b'0')));
    match whole {
        b"0" | b"" if !(whole.is_empty() && fraction.is_empty()) => Some(thousandths),
        b"1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_run_from_nought_to_one() {
        let q = |text: &str| parse_q(text.as_bytes());
        assert_eq!(
            (q("0.7"), q("1"), q("1.0"), q("0"), q(".5"), q("0.123")),
            (Some(700), Some(1000), Some(1000), Some(0), Some(500), Some(123))
        );
        assert_eq!((q("1.5"), q("x"), q("0.1234"), q(""), q(".")), (None, None, None, None, None));
    }
}
