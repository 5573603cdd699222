//! Values of list headers: adding, removing, replacing one among several.

use std::ops::Range;

use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::{EditList, HeaderField, Message, Span};

use super::list;
use super::place::{Place, Which};
use crate::textops::insert_before;
use crate::textops::name::HeaderName;

/// One value of a header, at its place in the message.
#[derive(Debug)]
struct Item<'m> {
    field: &'m HeaderField,
    /// All pieces of its field's body.
    pieces: Vec<Range<usize>>,
    index: usize,
}

impl Item<'_> {
    /// The value in the message, without white space around it.
    fn span(&self, message: &Message) -> Span {
        let trimmed = list::trimmed(message.bytes(self.field.value), &self.pieces[self.index]);
        at(self.field, trimmed)
    }
}

/// A range of a field's body as a span of the message.
fn at(field: &HeaderField, range: Range<usize>) -> Span {
    let start = field.value.start as usize;
    Span::new(start + range.start, start + range.end)
}

/// All values of a header, in order.
fn items<'m>(message: &'m Message, name: &'m HeaderName) -> Vec<Item<'m>> {
    name.fields(message)
        .flat_map(|field| {
            let pieces = list::split(message.bytes(field.value), b',');
            (0..pieces.len()).map(move |index| Item { field, pieces: pieces.clone(), index })
        })
        .collect()
}

/// The values that a place names.
fn named<'m>(message: &'m Message, place: &'m Place) -> Vec<Item<'m>> {
    let mut items = items(message, &place.name);
    match place.which {
        Which::All => items,
        which => match which.index(items.len()) {
            Some(index) => vec![items.swap_remove(index)],
            None => Vec::new(),
        },
    }
}

fn append_line(message: &Message, edits: &mut EditList, name: &HeaderName, value: &[u8]) {
    edits.append_header(message, &[name.text(), b": ", value, b"\r\n"].concat());
}

pub(super) fn append_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(place), value) = (args.parsed::<Place>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let item = if place.which == Which::Unnamed { None } else { named(message, place).pop() };
    match item {
        Some(item) => {
            let end = item.span(message).end as usize;
            edits.replace(Span::empty(end), &[b",", value].concat());
        }
        None => append_line(message, edits, &place.name, value),
    }
    Flow::TRUE
}

pub(super) fn insert_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(place), value) = (args.parsed::<Place>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(first) = place.name.first(message) else {
        append_line(message, edits, &place.name, value);
        return Flow::TRUE;
    };
    if place.which == Which::Unnamed {
        insert_before(edits, first, &[place.name.text(), b": ", value, b"\r\n"].concat());
        return Flow::TRUE;
    }
    match named(message, place).pop() {
        Some(item) => {
            let start = at(item.field, item.pieces[item.index].clone()).start as usize;
            edits.replace(Span::empty(start), &[value, b","].concat());
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

pub(super) fn remove_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(place) = args.parsed::<Place>(0) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let mut removed = false;
    match (&place.param, place.which) {
        (Some(param), _) => {
            for item in named(message, place) {
                removed |= remove_param(message, edits, &item, param);
            }
        }
        (None, Which::All) => {
            for field in place.name.fields(message) {
                edits.delete_header(field);
                removed = true;
            }
        }
        (None, _) => {
            for item in named(message, place) {
                remove_item(edits, &item);
                removed = true;
            }
        }
    }
    removed.into()
}

/// Removes a value with one comma, or its whole field if it is alone there.
fn remove_item(edits: &mut EditList, item: &Item<'_>) {
    match list::removal(&item.pieces, item.index) {
        Some(range) => edits.delete(at(item.field, range)),
        None => edits.delete_header(item.field),
    }
}

/// Removes a parameter with the semicolon before it.
fn remove_param(message: &Message, edits: &mut EditList, item: &Item<'_>, name: &[u8]) -> bool {
    let span = item.span(message);
    let text = message.bytes(span);
    let pieces = list::split(text, b';');
    match list::find_param(text, &pieces, name) {
        Some(param) if param.piece > 0 => {
            let start = span.start as usize;
            let before = pieces[param.piece].start - 1;
            edits.delete(Span::new(start + before, start + pieces[param.piece].end));
            true
        }
        _ => false,
    }
}

pub(super) fn assign_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(place), value) = (args.parsed::<Place>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let items = named(message, place);
    for item in &items {
        match &place.param {
            Some(param) => assign_param(message, edits, item, param, value),
            None => edits.replace(item.span(message), value),
        }
    }
    (!items.is_empty()).into()
}

fn assign_param(message: &Message, edits: &mut EditList, item: &Item<'_>, name: &[u8], value: &[u8]) {
    let span = item.span(message);
    let text = message.bytes(span);
    let start = span.start as usize;
    let new = list::param_text(name, value);
    match list::find_param(text, &list::split(text, b';'), name) {
        Some(param) if param.piece > 0 => {
            edits.replace(Span::new(start + param.whole.start, start + param.whole.end), &new);
        }
        _ => edits.replace(Span::empty(span.end as usize), &[b";".as_slice(), &new].concat()),
    }
}

/// The fields that a place names where each field is one value.
fn named_fields<'m>(message: &'m Message, place: &'m Place) -> Vec<&'m HeaderField> {
    let fields: Vec<&HeaderField> = place.name.fields(message).collect();
    match place.which {
        Which::All => fields,
        which => which.index(fields.len()).map(|index| fields[index]).into_iter().collect(),
    }
}

/// The comma-separated parameters after the scheme of a body such as Authorization's, and where they begin.
fn scheme_params(body: &[u8]) -> Vec<Range<usize>> {
    let scheme = body.iter().position(|&byte| byte == b' ').map_or(0, |space| space + 1);
    list::split(&body[scheme..], b',')
        .into_iter()
        .map(|piece| piece.start + scheme..piece.end + scheme)
        .collect()
}

pub(super) fn remove_hf_value2(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(place) = args.parsed::<Place>(0) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let mut removed = false;
    for field in named_fields(message, place) {
        let Some(name) = &place.param else {
            edits.delete_header(field);
            removed = true;
            continue;
        };
        let body = message.bytes(field.value);
        let pieces = scheme_params(body);
        if let Some(param) = list::find_param(body, &pieces, name) {
            let range = list::removal(&pieces, param.piece).unwrap_or(param.whole);
            edits.delete(at(field, range));
            removed = true;
        }
    }
    removed.into()
}

pub(super) fn assign_hf_value2(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(place), value) = (args.parsed::<Place>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let fields = named_fields(message, place);
    for field in &fields {
        let Some(name) = &place.param else {
            edits.replace(field.value, value);
            continue;
        };
        let body = message.bytes(field.value);
        let new = list::param_text(name, value);
        match list::find_param(body, &scheme_params(body), name) {
            Some(param) => edits.replace(at(field, param.whole), &new),
            None => edits.replace(Span::empty(field.value.end as usize), &[b",".as_slice(), &new].concat()),
        }
    }
    (!fields.is_empty()).into()
}

/// Whether a value is the one that is looked for. White space in what is looked for counts.
fn is_value(message: &Message, item: &Item<'_>, wanted: &[u8]) -> bool {
    message.bytes(item.span(message)).eq_ignore_ascii_case(wanted)
}

pub(super) fn include_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), value) = (args.parsed::<HeaderName>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    if items(message, name).iter().any(|item| is_value(message, item, value)) {
        return Flow::TRUE;
    }
    match name.first(message) {
        Some(field) => edits.replace(Span::empty(field.value.end as usize), &[b",", value].concat()),
        None => append_line(message, edits, name, value),
    }
    Flow::TRUE
}

/// It is no failure when the value is not there.
pub(super) fn exclude_hf_value(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), value) = (args.parsed::<HeaderName>(0), args.text(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    for item in items(message, name).iter().filter(|item| is_value(message, item, value)) {
        remove_item(edits, item);
    }
    Flow::TRUE
}

pub(super) fn hf_value_exists(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), value) = (args.parsed::<HeaderName>(0), args.text(1)) else { return Flow::FALSE };
    let message = &cx.context.message;
    items(message, name).iter().any(|item| is_value(message, item, value)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::from_bytes("OPTIONS sip:a SIP/2.0\r\nP-A: one, two\r\nP-B: x\r\np-a:  three \r\n\r\n")
            .unwrap()
    }

    #[test]
    fn values_are_counted_over_all_fields() {
        let message = message();
        let name = HeaderName::parse(b"P-A").unwrap();
        let values: Vec<&[u8]> =
            items(&message, &name).iter().map(|item| message.bytes(item.span(&message))).collect();
        assert_eq!(values, [b"one".as_slice(), b"two", b"three"]);
    }

    #[test]
    fn a_value_that_is_alone_goes_with_its_field() {
        let message = message();
        let mut edits = EditList::new();
        let name = HeaderName::parse(b"P-A").unwrap();
        let items = items(&message, &name);
        remove_item(&mut edits, &items[0]);
        remove_item(&mut edits, &items[2]);
        assert_eq!(edits.to_vec(&message), b"OPTIONS sip:a SIP/2.0\r\nP-A:  two\r\nP-B: x\r\n\r\n");
    }

    #[test]
    fn parameters_of_a_scheme_begin_after_it() {
        let body = b"Digest realm=\"r, s\", nonce=\"n\"";
        let pieces: Vec<&[u8]> = scheme_params(body).into_iter().map(|range| &body[range]).collect();
        assert_eq!(pieces, [b"realm=\"r, s\"".as_slice(), b" nonce=\"n\""]);
    }
}
