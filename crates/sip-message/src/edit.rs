//! Changes to a message as a list over its buffer, written in one pass.
//!
//! Nothing that reads the message sees the edits: they show in what [`EditList::write`] puts out, or after
//! [`EditList::apply`] has made a new message of it.

use std::sync::Arc;

use crate::error::ScanError;
use crate::header::{HeaderField, HeaderId};
use crate::index::StartLine;
use crate::limits::Limits;
use crate::message::Message;
use crate::span::{Span, offset};

/// Which of several texts at one offset comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Record-Route lines of our own: before everything else at that place.
    RecordRoute,
    /// Our own Via line.
    Via,
    /// Any other text.
    Text,
}

/// One change: the bytes from `at` to `end` go, and `text` comes in their place.
#[derive(Clone, Copy, Debug)]
struct Edit {
    at: u32,
    end: u32,
    class: Class,
    /// Place among equal offsets and classes.
    order: i64,
    /// When it was made, for [`EditList::rollback`].
    serial: u32,
    /// What part of the start line it sets, if any; setting it again replaces this edit.
    start_line: Option<StartPart>,
    text: Span,
}

impl Edit {
    fn key(&self) -> (u32, Class, i64) {
        (self.at, self.class, self.order)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StartPart {
    Uri,
    Status,
    Reason,
}

/// A new body, and what its Content-Type becomes.
#[derive(Clone, Copy, Debug)]
struct BodyEdit {
    text: Span,
    content_type: ContentTypeEdit,
}

#[derive(Clone, Copy, Debug)]
enum ContentTypeEdit {
    Keep,
    Set(Span),
    Remove,
}

/// A point in a list's history, for [`EditList::rollback`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    serial: u32,
    arena: usize,
    body: Option<BodyEdit>,
}

/// A list of changes over one message's buffer.
///
/// Edits keep the order of their offsets whatever order they are made in. Among edits at one offset, [`Class`] decides
/// first, then the order they were made in. Deletes may overlap one another and inserts: a byte is deleted once, and
/// an inserted text is never lost.
#[derive(Clone, Debug, Default)]
pub struct EditList {
    edits: Vec<Edit>,
    arena: Vec<u8>,
    body: Option<BodyEdit>,
    serial: u32,
}

impl EditList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets every edit, and keeps the capacity.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.arena.clear();
        self.body = None;
        self.serial = 0;
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.body.is_none()
    }

    /// Inserts `text` before the byte at `at`, after other texts of its class there.
    pub fn insert(&mut self, at: usize, class: Class, text: &[u8]) {
        let order = i64::from(self.serial);
        self.push(at, at, class, order, None, text);
    }

    /// Inserts `text` before the byte at `at`, before other texts of its class there.
    pub fn insert_first(&mut self, at: usize, class: Class, text: &[u8]) {
        let order = -1 - i64::from(self.serial);
        self.push(at, at, class, order, None, text);
    }

    /// Inserts `text` right before a field. The text brings its own line end.
    pub fn insert_before(&mut self, field: &HeaderField, text: &[u8]) {
        self.insert(field.whole.start as usize, Class::Text, text);
    }

    /// Inserts `text` right after a field. The text brings its own line end.
    pub fn insert_after(&mut self, field: &HeaderField, text: &[u8]) {
        self.insert(field.whole.end as usize, Class::Text, text);
    }

    /// Adds header lines after the last field. The text brings its own line ends.
    pub fn append_header(&mut self, message: &Message, text: &[u8]) {
        self.insert(message.index().fields_end(), Class::Text, text);
    }

    /// Deletes the bytes of a span.
    pub fn delete(&mut self, span: Span) {
        self.replace(span, b"");
    }

    /// Deletes a whole field.
    pub fn delete_header(&mut self, field: &HeaderField) {
        self.delete(field.whole);
    }

    /// Puts `text` in the place of a span.
    pub fn replace(&mut self, span: Span, text: &[u8]) {
        let order = i64::from(self.serial);
        self.push(span.start as usize, span.end as usize, Class::Text, order, None, text);
    }

    /// Whether a span's bytes are all deleted by one edit already.
    pub fn is_deleted(&self, span: Span) -> bool {
        !span.is_empty() && self.edits.iter().any(|edit| edit.at <= span.start && edit.end >= span.end)
    }

    /// Sets the request URI; a response stays as it is. Setting it again replaces what was set.
    pub fn set_uri(&mut self, message: &Message, uri: &[u8]) {
        if let StartLine::Request { uri: span, .. } = message.start_line() {
            self.set_start(StartPart::Uri, span, uri);
        }
    }

    /// Sets the status and the reason phrase; a request stays as it is.
    pub fn set_status(&mut self, message: &Message, status: u16, reason: &[u8]) {
        if let StartLine::Response { status_text, reason: span, .. } = message.start_line() {
            let mut digits = [0; DIGITS];
            self.set_start(StartPart::Status, status_text, write_decimal(&mut digits, usize::from(status)));
            self.set_start(StartPart::Reason, span, reason);
        }
    }

    /// Puts another body in the place of the message's. Content-Length follows; with `content_type`, that header is
    /// rewritten or added, else it is left as it is. Setting it again replaces what was set.
    pub fn set_body(&mut self, body: &[u8], content_type: Option<&[u8]>) {
        let text = self.keep(body);
        let content_type =
            content_type.map_or(ContentTypeEdit::Keep, |value| ContentTypeEdit::Set(self.keep(value)));
        self.body = Some(BodyEdit { text, content_type });
    }

    /// Takes the body away, and its Content-Type; Content-Length becomes 0.
    pub fn remove_body(&mut self) {
        self.body = Some(BodyEdit { text: Span::default(), content_type: ContentTypeEdit::Remove });
    }

    /// The body that [`EditList::set_body`] set, if any; empty after [`EditList::remove_body`].
    pub fn new_body(&self) -> Option<&[u8]> {
        self.body.map(|edit| edit.text.of(&self.arena))
    }

    /// This moment, to come back to with [`EditList::rollback`]: what differs from branch to branch is added after a
    /// mark and taken back before the next.
    pub fn mark(&self) -> Mark {
        Mark { serial: self.serial, arena: self.arena.len(), body: self.body }
    }

    /// Takes back every edit since `mark`, but for what was set again since then and had been set before it (the
    /// request URI, the status): that is unset.
    pub fn rollback(&mut self, mark: Mark) {
        self.edits.retain(|edit| edit.serial < mark.serial);
        self.arena.truncate(mark.arena);
        self.body = mark.body;
        self.serial = mark.serial;
    }

    fn set_start(&mut self, part: StartPart, span: Span, text: &[u8]) {
        self.edits.retain(|edit| edit.start_line != Some(part));
        let order = i64::from(self.serial);
        self.push(span.start as usize, span.end as usize, Class::Text, order, Some(part), text);
    }

    fn push(
        &mut self,
        at: usize,
        end: usize,
        class: Class,
        order: i64,
        start_line: Option<StartPart>,
        text: &[u8],
    ) {
        let text = self.keep(text);
        let (at, end) = (offset(at), offset(end.max(at)));
        let edit = Edit { at, end, class, order, serial: self.serial, start_line, text };
        self.serial += 1;
        let place = self.edits.partition_point(|other| other.key() <= edit.key());
        self.edits.insert(place, edit);
    }

    fn keep(&mut self, text: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(text);
        Span::new(start, self.arena.len())
    }

    /// Appends the changed message to `out`, in one pass over the buffer.
    ///
    /// Content-Length is rewritten only when an edit touches the body; it is added when it is missing then.
    pub fn write(&self, message: &Message, out: &mut Vec<u8>) {
        let buffer = message.as_bytes();
        out.reserve(buffer.len() + self.arena.len() + 32);
        let mut digits = [0; DIGITS];
        let derived = self.derived(message, &mut digits);
        let mut derived = derived.iter().flatten().peekable();
        let mut cursor = Cursor { buffer, at: 0, out };
        for edit in &self.edits {
            while let Some(piece) = derived.next_if(|piece| piece.at <= edit.at) {
                cursor.put(piece);
            }
            let text = edit.text.of(&self.arena);
            cursor.put(&Piece { at: edit.at, end: edit.end, text: [text, b"", b""] });
        }
        derived.for_each(|piece| cursor.put(piece));
        cursor.finish();
    }

    /// The changed message in a buffer of its own.
    pub fn to_vec(&self, message: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(message, &mut out);
        out
    }

    /// Makes the changes part of the message: a new buffer, indexed again. The list is then empty.
    ///
    /// # Errors
    /// When the result is no message or passes the limits; message and list are then unchanged.
    pub fn apply(&mut self, message: &mut Message, limits: &Limits) -> Result<(), ScanError> {
        message.reparse_limited(Arc::new(self.to_vec(message)), limits)?;
        self.clear();
        Ok(())
    }

    /// The edits that follow from the others: the body's, Content-Type's, Content-Length's, in order of offset.
    fn derived<'a>(&'a self, message: &'a Message, digits: &'a mut [u8; DIGITS]) -> [Option<Piece<'a>>; 3] {
        let mut pieces = [None; 3];
        if !self.touches_body(message) {
            return pieces;
        }
        let length = self.body_length(message);
        let body = message.index().body();
        if let Some(edit) = self.body {
            pieces[0] =
                Some(Piece { at: body.start, end: body.end, text: [edit.text.of(&self.arena), b"", b""] });
            pieces[1] =
                match edit.content_type {
                    ContentTypeEdit::Keep => None,
                    ContentTypeEdit::Set(text) => {
                        let text = text.of(&self.arena);
                        Some(self.header_piece(message, HeaderId::ContentType, b"Content-Type: ", text))
                    }
                    ContentTypeEdit::Remove => message.index().first(HeaderId::ContentType).map(|field| {
                        Piece { at: field.whole.start, end: field.whole.end, text: [b"", b"", b""] }
                    }),
                };
        }
        let text = write_decimal(digits, length);
        pieces[2] = Some(self.header_piece(message, HeaderId::ContentLength, b"Content-Length: ", text));
        pieces.sort_by_key(|piece| piece.map(|piece| piece.at));
        pieces
    }

    /// Sets a header's value where it stands, or adds the header when it is not there or is deleted.
    fn header_piece<'a>(
        &self,
        message: &Message,
        id: HeaderId,
        name: &'a [u8],
        value: &'a [u8],
    ) -> Piece<'a> {
        match message.index().first(id).filter(|field| !self.is_deleted(field.whole)) {
            Some(field) => Piece { at: field.value.start, end: field.value.end, text: [value, b"", b""] },
            None => {
                let end = offset(message.index().fields_end());
                Piece { at: end, end, text: [name, value, b"\r\n"] }
            }
        }
    }

    fn touches_body(&self, message: &Message) -> bool {
        let index = message.index();
        let start = index.body().start;
        let touches = |edit: &Edit| edit.at >= start || edit.end > start;
        index.is_terminated()
            && (self.body.is_some()
                || self.edits.last().is_some_and(touches)
                || self.edits.iter().any(touches))
    }

    /// How long the body will be once written.
    fn body_length(&self, message: &Message) -> usize {
        let body = message.index().body();
        let mut length = self.body.map_or(body.len(), |edit| edit.text.len());
        let mut deleted_to = if self.body.is_some() { body.end } else { body.start };
        for edit in &self.edits {
            if edit.at >= body.start {
                length += edit.text.len();
            }
            let from = edit.at.max(deleted_to);
            let to = edit.end.min(body.end);
            if to > from {
                length -= (to - from) as usize;
                deleted_to = to;
            }
        }
        length
    }
}

/// What [`Cursor::put`] writes: the bytes from `at` to `end` go, the texts come.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    at: u32,
    end: u32,
    text: [&'a [u8]; 3],
}

/// The one pass: everything before `at` is written or deleted.
struct Cursor<'a, 'o> {
    buffer: &'a [u8],
    at: usize,
    out: &'o mut Vec<u8>,
}

impl Cursor<'_, '_> {
    fn put(&mut self, piece: &Piece<'_>) {
        let start = (piece.at as usize).min(self.buffer.len());
        if start > self.at {
            self.out.extend_from_slice(&self.buffer[self.at..start]);
            self.at = start;
        }
        for text in piece.text {
            self.out.extend_from_slice(text);
        }
        self.at = self.at.max((piece.end as usize).min(self.buffer.len()));
    }

    fn finish(self) {
        self.out.extend_from_slice(&self.buffer[self.at..]);
    }
}

/// Digits of the largest `usize`.
const DIGITS: usize = 20;

/// The number in decimal, at the end of `digits`.
pub(crate) fn write_decimal(digits: &mut [u8; DIGITS], mut value: usize) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        // A digit is below ten.
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests;
