//! Iterators over header fields and over body lines, by name. They end with their message.

use cfg_vm::Value;
use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx, PvArgs};
use sip_message::{HeaderField, Span};

use crate::textops::insert_before;

/// Iterators of one kind that there may be at once.
const MOST: usize = 4;

/// An iterator's name and position: before the first (0), or at the one of this number.
struct Cursor {
    name: Box<[u8]>,
    position: usize,
}

/// The iterators of one kind.
#[derive(Default)]
struct Cursors(Vec<Cursor>);

impl Cursors {
    /// Puts an iterator before the first; one of that name begins again.
    fn start(&mut self, name: &[u8]) -> bool {
        if let Some(cursor) = self.0.iter_mut().find(|cursor| &*cursor.name == name) {
            cursor.position = 0;
            return true;
        }
        if self.0.len() == MOST {
            tracing::error!(target: "textopsx", "there may be {MOST} iterators at once; end one first");
            return false;
        }
        self.0.push(Cursor { name: name.into(), position: 0 });
        true
    }

    fn find(&mut self, name: &[u8]) -> Option<&mut Cursor> {
        let found = self.0.iter_mut().find(|cursor| &*cursor.name == name);
        if found.is_none() {
            tracing::error!(target: "textopsx", "there is no iterator \"{}\": start it first", name.escape_ascii());
        }
        found
    }

    /// Puts an iterator away: its name stays, so that it can be asked and ended again.
    fn end(&mut self, name: &[u8]) -> bool {
        self.find(name).map(|cursor| cursor.position = 0).is_some()
    }

    /// Moves to the next of `count`; at the end it stays there.
    fn next(&mut self, name: &[u8], count: usize) -> bool {
        let Some(cursor) = self.find(name) else { return false };
        cursor.position = (cursor.position + 1).min(count + 1);
        cursor.position <= count
    }

    /// Which one the iterator stands at, from 0.
    fn index(&mut self, name: &[u8]) -> Option<usize> {
        self.find(name)?.position.checked_sub(1)
    }
}

#[derive(Default)]
struct HeaderCursors(Cursors);

#[derive(Default)]
struct LineCursors(Cursors);

pub(super) fn hf_iterator_start(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.data::<HeaderCursors>().0.start(args.text(0)).into()
}

pub(super) fn hf_iterator_end(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.data::<HeaderCursors>().0.end(args.text(0)).into()
}

pub(super) fn hf_iterator_next(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let count = cx.context.message.headers().len();
    cx.data::<HeaderCursors>().0.next(args.text(0), count).into()
}

pub(super) fn hf_iterator_prev(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match cx.data::<HeaderCursors>().0.find(args.text(0)) {
        Some(cursor) => {
            cursor.position = cursor.position.saturating_sub(1);
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

/// The field that an iterator stands at.
fn field_at(context: &mut Context, name: &[u8]) -> Option<HeaderField> {
    let index = context.data.of::<HeaderCursors>().0.index(name)?;
    context.message.headers().get(index).copied()
}

pub(super) fn hf_iterator_rm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(field) = field_at(cx.context, args.text(0)) else { return Flow::FALSE };
    cx.context.edits.delete_header(&field);
    Flow::TRUE
}

pub(super) fn hf_iterator_append(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(field) = field_at(cx.context, args.text(0)) else { return Flow::FALSE };
    cx.context.edits.insert_after(&field, args.text(1));
    Flow::TRUE
}

pub(super) fn hf_iterator_insert(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(field) = field_at(cx.context, args.text(0)) else { return Flow::FALSE };
    insert_before(&mut cx.context.edits, &field, args.text(1));
    Flow::TRUE
}

pub(super) fn header_name(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let field = field_at(cx.context, args.name());
    field.map(|field| cx.context.slice(field.name)).into()
}

pub(super) fn header_body(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let field = field_at(cx.context, args.name());
    field.map(|field| cx.context.slice(field.value)).into()
}

/// The lines of a body with their ends, at their places in it.
fn lines(body: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    body.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let range = start..start + line.len();
        start = range.end;
        range
    })
}

pub(super) fn bl_iterator_start(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if cx.context.message.body().is_empty() {
        return Flow::FALSE;
    }
    cx.data::<LineCursors>().0.start(args.text(0)).into()
}

pub(super) fn bl_iterator_end(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.data::<LineCursors>().0.end(args.text(0)).into()
}

pub(super) fn bl_iterator_next(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let count = lines(cx.context.message.body()).count();
    cx.data::<LineCursors>().0.next(args.text(0), count).into()
}

/// The line that an iterator stands at, in the message.
fn line_at(context: &mut Context, name: &[u8]) -> Option<Span> {
    let index = context.data.of::<LineCursors>().0.index(name)?;
    let body = context.message.index().body();
    let line = lines(context.message.bytes(body)).nth(index)?;
    let start = body.start as usize;
    Some(Span::new(start + line.start, start + line.end))
}

pub(super) fn bl_iterator_rm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(line) = line_at(cx.context, args.text(0)) else { return Flow::FALSE };
    cx.context.edits.delete(line);
    Flow::TRUE
}

pub(super) fn bl_iterator_append(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    insert_at_line(cx, args, |line| line.end)
}

pub(super) fn bl_iterator_insert(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    insert_at_line(cx, args, |line| line.start)
}

fn insert_at_line(cx: &mut Cx<'_>, args: &Args<'_>, place: impl FnOnce(Span) -> u32) -> Flow {
    let Some(line) = line_at(cx.context, args.text(0)) else { return Flow::FALSE };
    cx.context.edits.replace(Span::empty(place(line) as usize), args.text(1));
    Flow::TRUE
}

pub(super) fn body_line(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let line = line_at(cx.context, args.name());
    line.map(|line| cx.context.slice(line)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iterator_walks_to_the_end_and_stays_there() {
        let mut cursors = Cursors::default();
        assert!(!cursors.next(b"a", 2));
        assert!(cursors.start(b"a"));
        assert_eq!(cursors.index(b"a"), None);
        assert!(cursors.next(b"a", 2) && cursors.next(b"a", 2));
        assert_eq!(cursors.index(b"a"), Some(1));
        assert!(!cursors.next(b"a", 2) && !cursors.next(b"a", 2));
        assert!(cursors.end(b"a") && cursors.end(b"a"));
        assert_eq!(cursors.index(b"a"), None);
    }

    #[test]
    fn there_are_four_iterators_of_a_kind() {
        let mut cursors = Cursors::default();
        assert!([b"a", b"b", b"c", b"d"].into_iter().all(|name| cursors.start(name)));
        assert!(!cursors.start(b"e"));
        assert!(cursors.start(b"a"));
    }

    #[test]
    fn lines_keep_their_ends() {
        assert_eq!(lines(b"a\r\nb\nc").collect::<Vec<_>>(), [0..3, 3..5, 5..6]);
    }
}
