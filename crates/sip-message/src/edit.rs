//! Changes to a message as a list over its buffer, written in one pass.
//!
//! Nothing that reads the message sees the edits: they show in what [`EditList::write`] puts out, or after
//! [`EditList::apply`] has made a new message of it.

use std::ops::Range;
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
    order: i32,
    /// When it was made, for [`EditList::rollback`].
    serial: u32,
    /// Which part of the message it sets, if it sets one; setting that again replaces this edit.
    part: Option<Part>,
    text: Span,
}

impl Edit {
    fn key(&self) -> (u32, Class, i32) {
        (self.at, self.class, self.order)
    }
}

/// What of a message is set as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Uri,
    Status,
    Reason,
    Body,
    ContentType,
    MaxForwards,
    RecordRoute,
    /// A text that was inserted to be filled later.
    Slot(Slot),
}

/// A place for a text that is only known when the message leaves, and may differ from branch to branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// A change, as people are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The bytes of the message that go; an empty span where text is only added.
    pub removed: Span,
    /// What comes in their place.
    pub text: &'a [u8],
}

/// A point in a list's history, for [`EditList::rollback`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    serial: u32,
    arena: usize,
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
    serial: u32,
}

impl EditList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives room back that is not used, for a list that will be kept for long.
    pub fn shrink(&mut self) {
        self.edits.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// Forgets every edit, and keeps the capacity.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.arena.clear();
        self.serial = 0;
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Inserts `text` before the byte at `at`, after other texts of its class there.
    pub fn insert(&mut self, at: usize, class: Class, text: &[u8]) {
        let order = self.serial as i32;
        self.push(at..at, class, order, None, text);
    }

    /// Inserts `text` before the byte at `at`, before other texts of its class there.
    pub fn insert_first(&mut self, at: usize, class: Class, text: &[u8]) {
        let order = -1 - self.serial as i32;
        self.push(at..at, class, order, None, text);
    }

    /// Inserts `text` right before a field. The text brings its own line end.
    pub fn insert_before(&mut self, field: &HeaderField, text: &[u8]) {
        self.insert(field.whole.start as usize, Class::Text, text);
    }

    /// Inserts `text` right after a field. The text brings its own line end.
    pub fn insert_after(&mut self, field: &HeaderField, text: &[u8]) {
        self.insert(field.whole.end as usize, Class::Text, text);
    }

    /// Inserts `text` before the byte at `at`, after other texts of its class there, to be replaced by
    /// [`EditList::fill`] when it is known better.
    pub fn insert_slot(&mut self, at: usize, class: Class, text: &[u8]) -> Slot {
        let slot = Slot(self.serial);
        self.push(at..at, class, self.serial as i32, Some(Part::Slot(slot)), text);
        slot
    }

    /// Replaces the text of a slot; the place among others stays. A slot that is gone, because the changes were applied
    /// or taken back, is left alone.
    pub fn fill(&mut self, slot: Slot, text: &[u8]) {
        if let Some(at) = self.edits.iter().position(|edit| edit.part == Some(Part::Slot(slot))) {
            self.edits[at].text = self.keep(text);
        }
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
        let order = self.serial as i32;
        self.push(span.range(), Class::Text, order, None, text);
    }

    /// Whether a span's bytes are all deleted by one edit already.
    pub fn is_deleted(&self, span: Span) -> bool {
        !span.is_empty() && self.edits.iter().any(|edit| edit.at <= span.start && edit.end >= span.end)
    }

    /// Sets the request URI; a response stays as it is. Setting it again replaces what was set.
    pub fn set_uri(&mut self, message: &Message, uri: &[u8]) {
        if let StartLine::Request { uri: span, .. } = message.start_line() {
            self.set_part(Part::Uri, span, uri);
        }
    }

    /// Sets the status and the reason phrase; a request stays as it is.
    pub fn set_status(&mut self, message: &Message, status: u16, reason: &[u8]) {
        let StartLine::Response { status_text, reason: span, .. } = message.start_line() else { return };
        let mut digits = [0; DIGITS];
        self.set_part(Part::Status, status_text, write_decimal(&mut digits, usize::from(status)));
        if span.start == status_text.end {
            // The line ends after the status: the phrase needs its space.
            self.set_part(Part::Reason, span, &[b" ", reason].concat());
        } else {
            self.set_part(Part::Reason, span, reason);
        }
    }

    /// The status that [`EditList::set_status`] set, if it did.
    pub fn new_status(&self) -> Option<u16> {
        let edit = self.edits.iter().find(|edit| edit.part == Some(Part::Status))?;
        std::str::from_utf8(edit.text.of(&self.arena)).ok()?.parse().ok()
    }

    /// Puts another body in the place of the message's; edits made within the old body are dropped. Content-Length
    /// follows. With `content_type`, that header is deleted where it stands and added after the last field, as Kamailio
    /// does; else it is left as it is. Setting the body again replaces what was set.
    ///
    /// # Errors
    /// When no empty line ends the message's headers: it has no place for a body.
    pub fn set_body(
        &mut self,
        message: &Message,
        body: &[u8],
        content_type: Option<&[u8]>,
    ) -> Result<(), ScanError> {
        let index = message.index();
        let span = index.body();
        if !index.is_terminated() {
            return Err(ScanError::NoEndOfHeaders { at: span.start });
        }
        self.edits.retain(|edit| edit.at < span.start);
        self.set_part(Part::Body, span, body);
        if let Some(value) = content_type {
            if let Some(field) =
                index.first(HeaderId::ContentType).filter(|field| !self.is_deleted(field.whole))
            {
                self.delete_header(field);
            }
            let line = [b"Content-Type: ", value, b"\r\n"].concat();
            self.set_part(Part::ContentType, Span::empty(index.fields_end()), &line);
        }
        Ok(())
    }

    /// Takes the body away; Content-Length becomes 0, and Content-Type stays, as in Kamailio.
    ///
    /// # Errors
    /// As [`EditList::set_body`].
    pub fn remove_body(&mut self, message: &Message) -> Result<(), ScanError> {
        self.set_body(message, b"", None)
    }

    /// The body that [`EditList::set_body`] set, if any; empty after [`EditList::remove_body`].
    pub fn new_body(&self) -> Option<&[u8]> {
        let edit = self.edits.iter().find(|edit| edit.part == Some(Part::Body))?;
        Some(edit.text.of(&self.arena))
    }

    /// This moment, to come back to with [`EditList::rollback`]: what differs from branch to branch is added after a
    /// mark and taken back before the next.
    pub fn mark(&self) -> Mark {
        Mark { serial: self.serial, arena: self.arena.len() }
    }

    /// Takes back every edit since `mark`. What was set before the mark and set again since (the request URI, the status,
    /// the body) is then not set at all; Record-Route lines and slots that were filled since are empty.
    pub fn rollback(&mut self, mark: Mark) {
        self.edits.retain(|edit| edit.serial < mark.serial);
        for edit in self.edits.iter_mut().filter(|edit| edit.text.end > offset(mark.arena)) {
            edit.text = Span::default();
        }
        self.arena.truncate(mark.arena);
        self.serial = mark.serial;
    }

    /// How many edits were ever made, those that replaced others included; for [`EditList::changes_since`].
    pub fn made(&self) -> u32 {
        self.serial
    }

    /// What was changed since so many edits were made, in the order of the message; for showing it to people.
    pub fn changes_since(&self, made: u32) -> impl Iterator<Item = Change<'_>> + '_ {
        self.edits.iter().filter(move |edit| edit.serial >= made).map(|edit| Change {
            removed: Span { start: edit.at, end: edit.end },
            text: edit.text.of(&self.arena),
        })
    }

    /// Sets Max-Forwards. Its digits stand where the old ones ended, with spaces for those that are gone, as Kamailio
    /// writes them; without such a header, a line is added before the first field. Setting it again replaces what was
    /// set.
    pub fn set_max_forwards(&mut self, message: &Message, value: u32) {
        let mut digits = [0; DIGITS];
        let digits = write_decimal(&mut digits, value as usize);
        match message.index().first(HeaderId::MaxForwards) {
            Some(field) => {
                let mut text = [b' '; 2 * DIGITS];
                let width = field.value.len().clamp(digits.len(), text.len());
                text[width - digits.len()..width].copy_from_slice(digits);
                self.set_part(Part::MaxForwards, field.value, &text[..width]);
            }
            None => {
                let mut line = [0; 16 + DIGITS];
                let length = 14 + digits.len() + 2;
                line[..14].copy_from_slice(b"Max-Forwards: ");
                line[14..length - 2].copy_from_slice(digits);
                line[length - 2..length].copy_from_slice(b"\r\n");
                self.set_first_lines(Part::MaxForwards, message, &line[..length]);
            }
        }
    }

    /// The digits that [`EditList::set_max_forwards`] set, if it did.
    pub fn new_max_forwards(&self) -> Option<&[u8]> {
        let edit = self.edits.iter().find(|edit| edit.part == Some(Part::MaxForwards))?;
        let text = edit.text.of(&self.arena).trim_ascii();
        Some(text.strip_prefix(b"Max-Forwards: ").unwrap_or(text))
    }

    /// Sets the Record-Route lines of our own, each with its line end: before the first field, after what was inserted
    /// there earlier. Setting them again, with no lines too, replaces what was set and keeps the place.
    pub fn set_record_route(&mut self, message: &Message, lines: &[u8]) {
        self.set_first_lines(Part::RecordRoute, message, lines);
    }

    /// Sets lines before the first field that keep their place among others there.
    fn set_first_lines(&mut self, part: Part, message: &Message, lines: &[u8]) {
        if let Some(at) = self.edits.iter().position(|edit| edit.part == Some(part)) {
            self.edits[at].text = self.keep(lines);
            return;
        }
        let at = message
            .headers()
            .first()
            .map_or_else(|| message.index().fields_end(), |field| field.whole.start as usize);
        let order = self.serial as i32;
        self.push(at..at, Class::RecordRoute, order, Some(part), lines);
    }

    fn set_part(&mut self, part: Part, span: Span, text: &[u8]) {
        self.edits.retain(|edit| edit.part != Some(part));
        let order = self.serial as i32;
        self.push(span.range(), Class::Text, order, Some(part), text);
    }

    fn push(&mut self, place: Range<usize>, class: Class, order: i32, part: Option<Part>, text: &[u8]) {
        let text = self.keep(text);
        let (at, end) = (offset(place.start), offset(place.end.max(place.start)));
        let edit = Edit { at, end, class, order, serial: self.serial, part, text };
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
        let lengths = self.touches_body(message).then(|| self.content_lengths(message, &mut digits));
        let mut lengths = lengths.into_iter().flatten().peekable();
        let mut cursor = Cursor { buffer, at: 0, out };
        for edit in &self.edits {
            while let Some(piece) = lengths.next_if(|piece| piece.at < edit.at) {
                cursor.put(&piece);
            }
            cursor.put(&Piece { at: edit.at, end: edit.end, text: [edit.text.of(&self.arena), b"", b""] });
        }
        lengths.for_each(|piece| cursor.put(&piece));
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

    /// Sets Content-Length where it stands, or adds the header when it is not there or is deleted. Should it stand more
    /// than once, all are set: two that differ would let two readers see two messages.
    fn content_lengths<'a>(
        &'a self,
        message: &'a Message,
        digits: &'a mut [u8; DIGITS],
    ) -> impl Iterator<Item = Piece<'a>> {
        let value = write_decimal(digits, self.body_length(message));
        let kept =
            || message.index().all(HeaderId::ContentLength).filter(|field| !self.is_deleted(field.whole));
        let end = offset(message.index().fields_end());
        let added = Piece { at: end, end, text: [b"Content-Length: ", value, b"\r\n"] };
        let added = kept().next().is_none().then_some(added);
        kept()
            .map(|field| Piece { at: field.value.start, end: field.value.end, text: [value, b"", b""] })
            .chain(added)
    }

    fn touches_body(&self, message: &Message) -> bool {
        let start = message.index().body().start;
        message.index().is_terminated() && self.edits.iter().any(|edit| edit.at >= start || edit.end > start)
    }

    /// How long the body will be once written.
    fn body_length(&self, message: &Message) -> usize {
        let body = message.index().body();
        let mut length = body.len();
        let mut deleted_to = body.start;
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
