//! `$hdr`, `$hdrc`, `$hfl`, `$hflc` and `$via0(…)`: header fields by name, and their single values.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Index, Str, Value};
use engine::{Context, Cx, PvArgs};
use sip_message::{HeaderField, HeaderId, Message, Rport, Span, Via};

use super::message::is_readable;

/// A header's name in `$hdr(…)`, looked up at load.
#[derive(Debug)]
pub(super) struct HeaderName {
    id: HeaderId,
    name: Box<[u8]>,
}

impl HeaderName {
    /// Reads the name.
    pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
        let name = text.trim_ascii();
        if name.is_empty() {
            return Err("a header's name stands in the parentheses".to_owned());
        }
        Ok(Arc::new(Self { id: HeaderId::lookup(name), name: name.into() }))
    }

    /// The header's fields; none where not all headers can be read.
    fn fields<'a>(&'a self, message: &'a Message) -> impl DoubleEndedIterator<Item = &'a HeaderField> + 'a {
        let fields = if is_readable(message) { message.headers() } else { &[] };
        fields.iter().filter(move |field| {
            field.id == self.id
                && (self.id != HeaderId::Other || message.bytes(field.name).eq_ignore_ascii_case(&self.name))
        })
    }
}

/// `$hdr(name)`: the body of its first field, or of the one that the index names; `[*]` joins all.
pub(super) fn header(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(name) = args.parsed::<HeaderName>() else { return Value::Null };
    field_value(cx.context, name, args.index)
}

fn field_value(context: &Context, name: &HeaderName, index: Index) -> Value {
    let mut fields = name.fields(&context.message);
    let field = match index {
        Index::None => fields.next(),
        Index::At(nth) => match usize::try_from(nth) {
            Ok(nth) => fields.nth(nth),
            Err(_) => usize::try_from(-(nth + 1)).ok().and_then(|from_last| fields.nth_back(from_last)),
        },
        Index::All => return joined(context, fields),
    };
    field.map(|field| context.slice(field.value)).into()
}

fn joined<'a>(context: &Context, mut fields: impl Iterator<Item = &'a HeaderField>) -> Value {
    let Some(first) = fields.next() else { return Value::Null };
    let Some(second) = fields.next() else { return Value::Str(context.slice(first.value)) };
    let mut text = context.message.bytes(first.value).to_vec();
    for field in std::iter::once(second).chain(fields) {
        text.push(b',');
        text.extend_from_slice(context.message.bytes(field.value));
    }
    Value::Str(text.into())
}

/// `$hdrc(name)`: how many fields there are.
pub(super) fn header_count(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(name) = args.parsed::<HeaderName>() else { return Value::Null };
    if is_readable(&cx.context.message) {
        Value::Int(name.fields(&cx.context.message).count() as i64)
    } else {
        Value::Null
    }
}

/// Headers whose values `$hfl` takes apart; of others it gives fields.
fn is_list(id: HeaderId) -> bool {
    matches!(id, HeaderId::Via | HeaderId::Contact | HeaderId::Route | HeaderId::RecordRoute)
}

/// `$hfl(name)`: the value that the index names, counted over all fields of the header.
pub(super) fn list_value(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(name) = args.parsed::<HeaderName>() else { return Value::Null };
    let context = &*cx.context;
    if !is_list(name.id) {
        return field_value(context, name, args.index);
    }
    let nth = match args.index {
        Index::None => 0,
        Index::All => return joined(context, name.fields(&context.message)),
        Index::At(nth) => match usize::try_from(nth) {
            Ok(nth) => nth,
            Err(_) => return Value::Null,
        },
    };
    nth_value(&context.message, name, nth).map(|span| context.slice(span)).into()
}

/// The nth value. Kamailio lists the contacts of one field backwards, and a Via value goes up to and with its comma.
fn nth_value(message: &Message, name: &HeaderName, mut nth: usize) -> Option<Span> {
    for field in name.fields(message) {
        let text = message.bytes(field.value);
        let count = sip_message::Values::new(text).count();
        if nth >= count {
            nth -= count;
            continue;
        }
        let place = if name.id == HeaderId::Contact { count - 1 - nth } else { nth };
        let mut span = message.span_of(sip_message::Values::new(text).nth(place)?)?;
        if name.id == HeaderId::Via && place + 1 < count {
            let rest = &message.as_bytes()[span.end as usize..];
            let comma = rest.iter().position(|&byte| byte == b',')?;
            span = Span::new(span.start as usize, span.end as usize + comma + 1);
        }
        return Some(span);
    }
    None
}

/// `$hflc(name)`: how many values there are.
pub(super) fn list_count(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(name) = args.parsed::<HeaderName>() else { return Value::Null };
    let message = &cx.context.message;
    if !is_readable(message) {
        return Value::Null;
    }
    let of_field = |field: &HeaderField| {
        if is_list(name.id) { sip_message::Values::new(message.bytes(field.value)).count() } else { 1 }
    };
    Value::Int(name.fields(message).map(of_field).sum::<usize>() as i64)
}

/// What `$via0(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ViaPart {
    Host,
    Port,
    Proto,
    ProtoId,
    Branch,
    Rport,
    Received,
    Connection,
    Params,
}

/// Names in `$via0(…)`.
pub(super) const VIA_PARTS: &[(&str, ViaPart)] = &[
    ("host", ViaPart::Host),
    ("port", ViaPart::Port),
    ("proto", ViaPart::Proto),
    ("protoid", ViaPart::ProtoId),
    ("branch", ViaPart::Branch),
    ("rport", ViaPart::Rport),
    ("received", ViaPart::Received),
    ("i", ViaPart::Connection),
    ("params", ViaPart::Params),
];

pub(super) fn via_first(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let via = cx.context.message.top_via().ok();
    via_part(cx.context, via, args)
}

pub(super) fn via_second(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let via = message.via_values().nth(1).and_then(|value| message.via(value).ok());
    via_part(cx.context, via, args)
}

pub(super) fn via_last(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let via = message.via_values().last().and_then(|value| message.via(value).ok());
    via_part(cx.context, via, args)
}

fn via_part(context: &Context, via: Option<Via<'_>>, args: &PvArgs<'_>) -> Value {
    let (Some(via), Some(part)) = (via, args.parsed::<ViaPart>()) else { return Value::Null };
    let text = |part: Option<&[u8]>| Value::from(part.map(|part| context.keep(part)));
    match part {
        ViaPart::Host => text(Some(via.host)),
        ViaPart::Port => Value::Int(via.port.unwrap_or(5060).into()),
        ViaPart::Proto => text(Some(via.transport)),
        ViaPart::ProtoId => {
            transport::Proto::from_bytes(via.transport).map(|proto| i64::from(proto.number())).into()
        }
        ViaPart::Branch => text(via.branch()),
        ViaPart::Rport => match via.rport() {
            Rport::Port(port) => Value::Str(Str::decimal(port.into())),
            _ => Value::Null,
        },
        ViaPart::Received => text(via.received()),
        ViaPart::Connection => text(via.connection_id()),
        ViaPart::Params => text(Some(via.params_text).filter(|params| !params.is_empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pv::testing::context;

    fn name(text: &str) -> HeaderName {
        HeaderName { id: HeaderId::lookup(text.as_bytes()), name: text.as_bytes().into() }
    }

    fn with(headers: &str) -> Context {
        context(&format!("OPTIONS sip:b@h SIP/2.0\r\n{headers}\r\n"))
    }

    fn hdr(context: &Context, header: &str, index: Index) -> String {
        match field_value(context, &name(header), index) {
            Value::Null => "<null>".into(),
            value => value.to_str().to_lossy().into_owned(),
        }
    }

    fn hfl(context: &Context, header: &str, nth: usize) -> Option<String> {
        let span = nth_value(&context.message, &name(header), nth)?;
        Some(String::from_utf8_lossy(context.message.bytes(span)).into_owned())
    }

    #[test]
    fn fields_are_counted_from_both_ends() {
        let context = with("X-A: first\r\nX-A: second, with comma\r\nx-a: third\r\ns: short\r\n");
        assert_eq!(hdr(&context, "X-A", Index::None), "first");
        assert_eq!(hdr(&context, "X-A", Index::At(1)), "second, with comma");
        assert_eq!(hdr(&context, "X-A", Index::At(-1)), "third");
        assert_eq!(hdr(&context, "X-A", Index::At(-4)), "<null>");
        assert_eq!(hdr(&context, "X-A", Index::At(9)), "<null>");
        assert_eq!(hdr(&context, "X-A", Index::All), "first,second, with comma,third");
        assert_eq!(hdr(&context, "Subject", Index::None), "short");
    }

    #[test]
    fn list_values_run_over_all_fields() {
        let context = with(
            "Via: SIP/2.0/UDP a;foo=\"b;ar\", SIP/2.0/TCP b\r\nVia: SIP/2.0/TLS c\r\n\
             Route: <sip:r1;lr>\r\nRoute: <sip:r2;lr>, <sip:r3;lr>\r\n",
        );
        assert_eq!(hfl(&context, "Via", 0).as_deref(), Some("SIP/2.0/UDP a;foo=\"b;ar\","));
        assert_eq!(hfl(&context, "Via", 1).as_deref(), Some("SIP/2.0/TCP b"));
        assert_eq!(hfl(&context, "Via", 2).as_deref(), Some("SIP/2.0/TLS c"));
        assert_eq!(hfl(&context, "Route", 1).as_deref(), Some("<sip:r2;lr>"));
        assert_eq!(hfl(&context, "Route", 3), None);
    }

    #[test]
    fn contacts_of_one_field_are_listed_backwards() {
        let context = with("Contact: <sip:one@h1>, <sip:two@h2>\r\nContact: <sip:three@h3>\r\n");
        let all: Vec<_> = (0..4).map_while(|nth| hfl(&context, "m", nth)).collect();
        assert_eq!(all, ["<sip:two@h2>", "<sip:one@h1>", "<sip:three@h3>"]);
    }
}
