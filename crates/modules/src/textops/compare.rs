//! Comparing and searching texts that have nothing to do with the message.

use std::cmp::Ordering;

use cfg_vm::regex::{Flags, Regex};
use engine::module::Flow;
use engine::{Args, Cx};

use super::pattern;

/// Where `wanted` first stands in `text`.
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    text.windows(wanted.len()).position(|part| part == wanted)
}

fn find_ignoring_case(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    text.windows(wanted.len()).position(|part| part.eq_ignore_ascii_case(wanted))
}

/// Kamailio tells which side is the larger: -1 for the first, -2 for the second.
fn flow_of(order: Ordering) -> Flow {
    match order {
        Ordering::Equal => Flow::TRUE,
        Ordering::Greater => Flow::FALSE,
        Ordering::Less => Flow::Done(-2),
    }
}

pub(super) fn cmp_str(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    flow_of(args.text(0).cmp(args.text(1)))
}

pub(super) fn cmp_istr(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let lower = |at| args.text(at).iter().map(u8::to_ascii_lowercase);
    flow_of(lower(0).cmp(lower(1)))
}

pub(super) fn starts_with(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, wanted) = (args.text(0), args.text(1));
    match text.get(..wanted.len()) {
        Some(start) => flow_of(start.cmp(wanted)),
        None => Flow::FALSE,
    }
}

pub(super) fn ends_with(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, wanted) = (args.text(0), args.text(1));
    match text.len().checked_sub(wanted.len()) {
        Some(at) => flow_of(text[at..].cmp(wanted)),
        None => Flow::FALSE,
    }
}

/// The place counts from 1. Nothing is found at the end of a text, as Kamailio has it.
pub(super) fn str_find(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, wanted) = (args.text(0), args.text(1));
    let at = if wanted.is_empty() { Some(text.len()) } else { find(text, wanted) };
    at.map_or(Flow::FALSE, |at| Flow::Done(at as i64 + 1))
}

pub(super) fn str_ifind(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    find_ignoring_case(args.text(0), args.text(1)).map_or(Flow::FALSE, |at| Flow::Done(at as i64 + 1))
}

pub(super) fn str_any_in(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    args.text(0).iter().any(|byte| args.text(1).contains(byte)).into()
}

pub(super) fn str_all_in(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    args.text(0).iter().all(|byte| args.text(1).contains(byte)).into()
}

/// The items of a list that are worth comparing: trimmed, and not empty.
fn items(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    list.split(move |&byte| byte == separator).map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

pub(super) fn in_list(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    search_list(args, |item, subject| item == subject)
}

pub(super) fn in_list_prefix(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    search_list(args, |item, subject| subject.starts_with(item))
}

fn search_list(args: &Args<'_>, fits: impl Fn(&[u8], &[u8]) -> bool) -> Flow {
    let (subject, list) = (args.text(0).trim_ascii(), args.text(1));
    let Some(&separator) = args.parsed::<u8>(2) else { return Flow::FALSE };
    if subject.is_empty() {
        tracing::error!(target: "textops", "in_list: the subject is empty");
        return Flow::FALSE;
    }
    items(list, separator).any(|item| fits(item, subject)).into()
}

/// A list's separator: one character.
pub(super) fn parse_separator(text: &[u8]) -> Result<cfg_vm::catalogue::Parsed, String> {
    match text {
        [separator] => Ok(std::sync::Arc::new(*separator)),
        _ => Err(format!("\"{}\" is no separator: it is one character", text.escape_ascii())),
    }
}

/// -2 for arguments that cannot be used.
pub(super) fn search_str(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, expression) = (args.text(0), args.text(1));
    if text.is_empty() || expression.is_empty() {
        return Flow::Done(-2);
    }
    match Regex::cached(expression, pattern::BY_LINE) {
        Ok(re) => re.is_match(text).into(),
        Err(error) => {
            tracing::error!(target: "textops", "search_str: {}", error.0);
            Flow::Done(-2)
        }
    }
}

/// Finds a group of an expression: -1 for arguments that cannot be used or a group that is not there, -2 for no
/// match.
pub(super) fn regex_substring(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(index), Some(count), Some(target)) = (args.int(2), args.int(3), args.pv(4)) else {
        return Flow::FALSE;
    };
    if index >= count {
        tracing::error!(target: "textops", "regex_substring: match {index} is not among {count}, which count from 0");
        return Flow::FALSE;
    }
    let re = match Regex::cached(args.text(1), Flags { ignore_case: false, newline: false }) {
        Ok(re) => re,
        Err(error) => {
            tracing::error!(target: "textops", "regex_substring: {}", error.0);
            return Flow::FALSE;
        }
    };
    let text = args.text(0);
    let Some(groups) = re.captures_at(text, 0) else { return Flow::Done(-2) };
    match usize::try_from(index).ok().and_then(|index| groups.get(index)?.clone()) {
        Some(range) => cx.write_pv(target, text[range].into()).into(),
        None => {
            tracing::warn!(target: "textops", "regex_substring: the expression has no match {index}");
            Flow::FALSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_at_its_first_place() {
        assert_eq!(find(b"abcabc", b"ca"), Some(2));
        assert_eq!(find(b"abc", b"abcd"), None);
        assert_eq!(find_ignoring_case(b"abcdef", b"CD"), Some(2));
    }

    #[test]
    fn empty_items_are_no_items() {
        assert_eq!(items(b" a, ,b ,", b',').collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn a_separator_is_one_character() {
        assert!(parse_separator(b",").is_ok());
        assert!(parse_separator(b"").is_err());
        assert!(parse_separator(b"::").is_err());
    }
}
