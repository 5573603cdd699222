//! Searching and replacing in the message's text.

use std::ops::Range;

use cfg_vm::regex::Regex;
use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::{Message, Span};

use super::compare;
use super::name::HeaderName;

/// Which part of the message a function looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Everything after the first line.
    AfterFirstLine,
    /// The header fields.
    Headers,
    /// The body; there is none when the message has none.
    Body,
}

impl Part {
    fn range(self, message: &Message) -> Option<Range<usize>> {
        let index = message.index();
        let start = headers_start(message);
        match self {
            Self::AfterFirstLine => Some(start..message.as_bytes().len()),
            Self::Headers => Some(start..index.fields_end()),
            Self::Body => Some(index.body().range()).filter(|range| !range.is_empty()),
        }
    }
}

/// Where the first line ends and the headers begin.
pub(super) fn headers_start(message: &Message) -> usize {
    let index = message.index();
    index.headers().first().map_or_else(|| index.fields_end(), |field| field.whole.start as usize)
}

/// Whether a search stops at its first match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    First,
    All,
}

pub(super) fn search(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    args.parsed::<Regex>(0).is_some_and(|re| re.is_match(cx.context.message.as_bytes())).into()
}

pub(super) fn search_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let body = cx.context.message.body();
    (!body.is_empty() && args.parsed::<Regex>(0).is_some_and(|re| re.is_match(body))).into()
}

/// Which of a header's fields are meant: the flags `a`, `f` and `l` of `search_hf` and `subst_hf`.
pub(super) fn chosen_fields<'m>(
    message: &'m Message,
    name: &'m HeaderName,
    flag: &[u8],
) -> Box<dyn Iterator<Item = Span> + 'm> {
    let spans = name.fields(message).map(|field| field.value);
    match flag.first() {
        Some(b'f') => Box::new(spans.take(1)),
        Some(b'l') => Box::new(spans.last().into_iter()),
        _ => Box::new(spans),
    }
}

pub(super) fn search_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), Some(re)) = (args.parsed::<HeaderName>(0), args.parsed::<Regex>(1)) else {
        return Flow::FALSE;
    };
    let message = &cx.context.message;
    chosen_fields(message, name, args.text(2)).any(|span| re.is_match(message.bytes(span))).into()
}

pub(super) fn search_append(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    append_after(cx, args, Part::AfterFirstLine)
}

pub(super) fn search_append_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    append_after(cx, args, Part::Body)
}

fn append_after(cx: &mut Cx<'_>, args: &Args<'_>, part: Part) -> Flow {
    let Some(re) = args.parsed::<Regex>(0) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(range) = part.range(message) else { return Flow::FALSE };
    match re.find_at(&message.as_bytes()[..range.end], range.start) {
        Some(found) => {
            edits.replace(Span::empty(found.end), args.text(1));
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

pub(super) fn replace(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_matches(cx, args, Part::AfterFirstLine, Count::First)
}

pub(super) fn replace_all(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_matches(cx, args, Part::AfterFirstLine, Count::All)
}

pub(super) fn replace_hdrs(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_matches(cx, args, Part::Headers, Count::First)
}

pub(super) fn replace_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_matches(cx, args, Part::Body, Count::First)
}

pub(super) fn replace_body_all(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_matches(cx, args, Part::Body, Count::All)
}

fn replace_matches(cx: &mut Cx<'_>, args: &Args<'_>, part: Part, count: Count) -> Flow {
    let Some(re) = args.parsed::<Regex>(0) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(range) = part.range(message) else { return Flow::FALSE };
    // The part is looked at by itself, so that `^` holds at its start.
    let text = &message.as_bytes()[range.clone()];
    let mut found = false;
    each_match(re, text, count, |at| {
        edits.replace(Span::new(range.start + at.start, range.start + at.end), args.text(1));
        found = true;
    });
    found.into()
}

/// Calls `each` for the matches of an expression; one that matches nothing at all ends the search.
fn each_match(re: &Regex, text: &[u8], count: Count, mut each: impl FnMut(Range<usize>)) {
    let mut start = 0;
    while let Some(found) = re.find_at(text, start) {
        if found.is_empty() {
            return;
        }
        start = found.end;
        each(found);
        if count == Count::First {
            return;
        }
    }
}

pub(super) fn replace_str(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_text(cx, args, Part::AfterFirstLine)
}

pub(super) fn replace_hdrs_str(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_text(cx, args, Part::Headers)
}

pub(super) fn replace_body_str(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    replace_text(cx, args, Part::Body)
}

/// Replaces text without expressions. It is no failure when there is none.
fn replace_text(cx: &mut Cx<'_>, args: &Args<'_>, part: Part) -> Flow {
    let (wanted, text, mode) = (args.text(0), args.text(1), args.text(2));
    if wanted.is_empty() || mode.is_empty() {
        tracing::error!(target: "textops", "replace_str: what to look for, or the mode (a, f), is empty");
        return Flow::FALSE;
    }
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(range) = part.range(message) else { return Flow::FALSE };
    let mut start = range.start;
    while let Some(at) = compare::find(&message.as_bytes()[start..range.end], wanted) {
        let found = start + at;
        start = found + wanted.len();
        edits.replace(Span::new(found, start), text);
        if mode[0] == b'f' {
            break;
        }
    }
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::super::pattern::BY_LINE;
    use super::*;

    fn message() -> Message {
        Message::from_bytes("OPTIONS sip:a SIP/2.0\r\nX-A: one\r\nX-B: two\r\n\r\nx body\r\n").unwrap()
    }

    #[test]
    fn parts_leave_out_the_first_line() {
        let message = message();
        let text = |part: Part| {
            String::from_utf8_lossy(&message.as_bytes()[part.range(&message).unwrap()]).into_owned()
        };
        assert_eq!(text(Part::AfterFirstLine), "X-A: one\r\nX-B: two\r\n\r\nx body\r\n");
        assert_eq!(text(Part::Headers), "X-A: one\r\nX-B: two\r\n");
        assert_eq!(text(Part::Body), "x body\r\n");
        assert_eq!(Part::Body.range(&Message::from_bytes("OPTIONS sip:a SIP/2.0\r\n\r\n").unwrap()), None);
    }

    #[test]
    fn matches_are_found_line_by_line() {
        let re = Regex::posix(b"^x", BY_LINE).unwrap();
        let matches = |count| {
            let mut starts = Vec::new();
            each_match(&re, b"X-A: x\r\nx\r\n", count, |at| starts.push(at.start));
            starts
        };
        assert_eq!(matches(Count::All), [0, 8]);
        assert_eq!(matches(Count::First), [0]);
    }

    #[test]
    fn an_expression_that_matches_nothing_does_not_loop() {
        let re = Regex::posix(b"x*", BY_LINE).unwrap();
        let mut count = 0;
        each_match(&re, b"aaa", Count::All, |_| count += 1);
        assert_eq!(count, 0);
    }

    #[test]
    fn one_field_or_all_are_chosen_by_a_flag() {
        let message =
            Message::from_bytes("OPTIONS sip:a SIP/2.0\r\nX-A: one\r\nX-B: b\r\nx-a: two\r\n\r\n").unwrap();
        let name = HeaderName::parse(b"X-A").unwrap();
        let chosen = |flag: &[u8]| -> Vec<&[u8]> {
            chosen_fields(&message, &name, flag).map(|span| message.bytes(span)).collect()
        };
        assert_eq!(chosen(b"a"), [b"one", b"two"]);
        assert_eq!(chosen(b"f"), [b"one"]);
        assert_eq!(chosen(b"l"), [b"two"]);
    }
}
