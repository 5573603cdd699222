//! Adding, removing and finding header fields.

use cfg_vm::regex::Regex;
use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::{Class, Date, EditList, HeaderField, HeaderId, Message, Span};

use super::name::HeaderName;
use super::pattern;

pub(super) fn append_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = args.text(0);
    if text.is_empty() {
        tracing::info!(target: "textops", "nothing to add");
        return Flow::FALSE;
    }
    let Context { message, edits, .. } = &mut *cx.context;
    match args.parsed::<HeaderName>(1).and_then(|name| name.last(message)) {
        Some(field) => edits.insert_after(field, text),
        None => edits.append_header(message, text),
    }
    Flow::TRUE
}

pub(super) fn insert_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = args.text(0);
    if text.is_empty() {
        tracing::info!(target: "textops", "nothing to add");
        return Flow::FALSE;
    }
    let Context { message, edits, .. } = &mut *cx.context;
    let anchor = args.parsed::<HeaderName>(1).and_then(|name| name.first(message));
    if let Some(field) = anchor.or_else(|| message.headers().first()) {
        insert_before(edits, field, text);
    }
    Flow::TRUE
}

/// Inserts lines before a field. Those before a Via stand above ours, as Record-Route does.
pub(crate) fn insert_before(edits: &mut EditList, field: &HeaderField, text: &[u8]) {
    let class = if field.id == HeaderId::Via { Class::RecordRoute } else { Class::Text };
    edits.insert(field.whole.start as usize, class, text);
}

pub(super) fn append_urihf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(uri) = message.request_uri() else { return Flow::FALSE };
    edits.append_header(message, &[args.text(0), uri, args.text(1)].concat());
    Flow::TRUE
}

pub(super) fn append_to_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = args.text(0);
    if text.is_empty() {
        tracing::error!(target: "textops", "append_to_reply: nothing to add");
        return Flow::FALSE;
    }
    cx.context.reply.headers.extend_from_slice(text);
    Flow::TRUE
}

pub(super) fn append_time(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let line = date_line(cx);
    cx.context.reply.headers.extend_from_slice(line.as_bytes());
    Flow::TRUE
}

/// The Date stands right after the topmost Via, where Kamailio puts it.
pub(super) fn append_time_to_request(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let line = date_line(cx);
    let Context { message, edits, .. } = &mut *cx.context;
    match message.index().first(HeaderId::Via) {
        Some(field) => edits.insert_after(field, line.as_bytes()),
        None => edits.append_header(message, line.as_bytes()),
    }
    Flow::TRUE
}

fn date_line(cx: &Cx<'_>) -> String {
    format!("Date: {}\r\n", Date { unix: cx.shard.unix_time().unsigned_abs() })
}

pub(super) fn remove_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(name) = HeaderName::of(args, 0) else { return Flow::FALSE };
    remove_where(cx, |message, field| name.is_of(message, field)).into()
}

pub(super) fn remove_hf_re(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(re) = pattern::of(args, 0) else { return Flow::FALSE };
    remove_where(cx, |message, field| re.is_match(message.bytes(field.name))).into()
}

pub(super) fn remove_hf_exp(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(wanted), Some(kept)) = (pattern::of(args, 0), pattern::of(args, 1)) else { return Flow::FALSE };
    remove_where(cx, |message, field| {
        let name = message.bytes(field.name);
        !kept.is_match(name) && wanted.is_match(name)
    })
    .into()
}

/// Removes the field at an index among those of its name. The codes are Kamailio's: 2 where a place from the front
/// is empty, 1 where one from the end is.
pub(super) fn remove_hf_idx(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), Some(index)) = (HeaderName::of(args, 0), args.int(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let index = if index >= 0 { index } else { index + name.fields(message).count() as i64 };
    let field = usize::try_from(index).ok().and_then(|index| name.fields(message).nth(index));
    match field {
        Some(field) => {
            edits.delete_header(field);
            Flow::TRUE
        }
        None if index >= 0 => Flow::Done(2),
        None => Flow::TRUE,
    }
}

/// How `remove_hf_match` compares a body.
enum Comparison {
    Equal,
    Differs,
    Contains,
    Matches(Regex),
}

impl Comparison {
    fn new(operator: &[u8], expression: &[u8]) -> Option<Self> {
        match operator {
            b"eq" => Some(Self::Equal),
            b"ne" => Some(Self::Differs),
            b"in" => Some(Self::Contains),
            b"re" => match Regex::cached(expression, pattern::BY_LINE) {
                Ok(regex) => Some(Self::Matches(regex)),
                Err(error) => {
                    tracing::error!(target: "textops", "remove_hf_match: {}", error.0);
                    None
                }
            },
            other => {
                tracing::error!(
                    target: "textops",
                    "remove_hf_match: \"{}\" is no operator; eq, ne, in and re are",
                    other.escape_ascii()
                );
                None
            }
        }
    }

    fn holds(&self, body: &[u8], expression: &[u8]) -> bool {
        match self {
            Self::Equal => body == expression,
            Self::Differs => body != expression,
            Self::Contains => super::compare::find(body, expression).is_some(),
            Self::Matches(regex) => regex.is_match(body),
        }
    }
}

/// -1 for arguments that cannot be used, -2 where nothing matched.
pub(super) fn remove_hf_match(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(name), expression) = (HeaderName::of(args, 0), args.text(2)) else { return Flow::FALSE };
    let Some(comparison) = Comparison::new(args.text(1), expression) else { return Flow::FALSE };
    let removed = remove_where(cx, |message, field| {
        name.is_of(message, field) && comparison.holds(message.bytes(field.value), expression)
    });
    if removed { Flow::TRUE } else { Flow::Done(-2) }
}

fn remove_where(cx: &mut Cx<'_>, wanted: impl Fn(&Message, &HeaderField) -> bool) -> bool {
    let Context { message, edits, .. } = &mut *cx.context;
    let mut found = false;
    for field in message.headers().iter().filter(|field| wanted(message, field)) {
        found = true;
        if !edits.is_deleted(field.whole) {
            edits.delete_header(field);
        }
    }
    found
}

pub(super) fn is_present_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    HeaderName::of(args, 0).is_some_and(|name| name.first(&cx.context.message).is_some()).into()
}

pub(super) fn is_present_hf_re(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(re) = pattern::of(args, 0) else { return Flow::FALSE };
    let message = &cx.context.message;
    message.headers().iter().any(|field| re.is_match(message.bytes(field.name))).into()
}

/// Removes a parameter of the Via at an index: 0 is the topmost, -1 the last.
pub(super) fn via_param_rm(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (param, Some(index)) = (args.text(0), args.int(1)) else { return Flow::FALSE };
    let Context { message, edits, .. } = &mut *cx.context;
    let index = if index >= 0 { index } else { index + message.via_values().count() as i64 };
    let value = usize::try_from(index).ok().and_then(|index| message.via_values().nth(index));
    let Some(via) = value.and_then(|value| message.via(value).ok()) else { return Flow::FALSE };
    let span = via.params().find(param).and_then(|param| {
        let name = message.span_of(param.name)?;
        let end = param.value.and_then(|value| message.span_of(value)).map_or(name.end, |value| value.end);
        Some(Span { start: name.start, end })
    });
    match span {
        Some(mut span) => {
            // The semicolon goes with its parameter.
            let before = &message.as_bytes()[..span.start as usize];
            if let Some(semicolon) = before.iter().rposition(|&byte| byte == b';') {
                span.start = semicolon as u32;
            }
            edits.delete(span);
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}
