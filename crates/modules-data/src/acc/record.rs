//! What is accounted: the same six fields everywhere, then those of one's own; as a line of the log or as rows.

use std::time::{Duration, SystemTime};

use cfg_vm::{Str, Value};
use engine::Cx;
use modules::tm::callbacks::Answer;
use sip_message::HeaderId;
use store::Cell;

use super::extra::Field;
use super::{Acc, reason};

/// The fields that are always there.
#[derive(Clone, Debug)]
pub(super) struct Record {
    method: Str,
    from_tag: Str,
    to_tag: Str,
    call_id: Str,
    code: Str,
    reason: Str,
    /// Since 1970.
    time: Duration,
}

/// Code and reason, and a To tag where the request has none.
pub(super) struct Outcome<'a> {
    pub(super) code: &'a [u8],
    pub(super) reason: &'a [u8],
    pub(super) to_tag: Option<Str>,
}

impl Record {
    /// Of a reply to the request in hand.
    pub(super) fn of_answer(cx: &Cx<'_>, state: &Acc, answer: &Answer<'_>) -> Self {
        let code = Str::decimal(answer.code.into());
        let (reason, to_tag) = match answer.reply {
            Some(reply) => {
                let header = reply.message.header_named(b"Reason").next();
                let header = header.filter(|_| state.params.reason_from_hf);
                let reason = match header {
                    Some(field) => reply.message.bytes(field.value),
                    None => reply.message.reason(),
                };
                (Str::copy(reason), reply.message.to().ok().and_then(|to| to.tag()).map(Str::copy))
            }
            None => {
                let reason = Str::from_static(reason::of(answer.code).as_bytes());
                (reason, Some(Str::copy(answer.local_tag)).filter(|tag| !tag.is_empty()))
            }
        };
        Self::new(cx, state, &Outcome { code: &code, reason: &reason, to_tag })
    }

    /// Of the request in hand.
    pub(super) fn new(cx: &Cx<'_>, state: &Acc, outcome: &Outcome<'_>) -> Self {
        let context = &*cx.context;
        let message = &context.message;
        let from_tag = message.from().ok().and_then(|from| from.tag());
        let from_tag = from_tag.map(|tag| context.keep(tag)).unwrap_or_default();
        let own_tag = || message.to().ok().and_then(|to| to.tag()).map(|tag| context.keep(tag));
        let to_tag = outcome.to_tag.clone().or_else(own_tag).unwrap_or_default();
        let is_reversed = state.params.detect_direction && modules::rr::is_upstream(cx);
        let (from_tag, to_tag) = if is_reversed { (to_tag, from_tag) } else { (from_tag, to_tag) };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            method: Str::copy(message.method_text()),
            from_tag,
            to_tag,
            call_id: message.value(HeaderId::CallId).map(|id| context.keep(id)).unwrap_or_default(),
            code: Str::copy(outcome.code),
            reason: Str::copy(outcome.reason),
            time: now,
        }
    }

    /// Writes the line that people and their scripts know.
    pub(super) fn log(&self, cx: &mut Cx<'_>, state: &Acc, title: &str) {
        let params = &state.params;
        if params.level > engine::log::level_of("acc") {
            return;
        }
        let mut line = format!("ACC: {title}: timestamp={}", self.time.as_secs()).into_bytes();
        if let Some((name, value)) = params.form.logged(self.time) {
            write_field(&mut line, name, value.as_bytes());
        }
        let known = [
            ("method", &self.method),
            ("from_tag", &self.from_tag),
            ("to_tag", &self.to_tag),
            ("call_id", &self.call_id),
            ("code", &self.code),
            ("reason", &self.reason),
        ];
        for (name, value) in known {
            write_field(&mut line, name, value);
        }
        for field in &params.log_extra {
            write_field(&mut line, &field.name, &field.read(cx).to_str());
        }
        for leg in params.legs.read(cx) {
            for (name, value) in params.legs.names().zip(&leg) {
                write_field(&mut line, name, &value.to_str());
            }
        }
        let (line, facility) = (String::from_utf8_lossy(&line), params.facility.as_deref());
        tracing::error!(target: "acc", severity = params.level, facility, "{line}");
    }

    /// The rows of a table: one, or one for each leg of the call.
    pub(super) fn rows(&self, cx: &mut Cx<'_>, state: &Acc) -> Vec<Vec<Cell>> {
        let Some(database) = &state.database else { return Vec::new() };
        let columns = &database.columns;
        let text = |column: &String, value: &Str| Cell::new(column.clone(), value.as_bytes());
        let mut row = vec![
            text(&columns.method, &self.method),
            text(&columns.from_tag, &self.from_tag),
            text(&columns.to_tag, &self.to_tag),
            text(&columns.call_id, &self.call_id),
            text(&columns.code, &self.code),
            text(&columns.reason, &self.reason),
            Cell { column: columns.time.clone(), value: store::Value::Time(self.time.as_secs() as i64) },
        ];
        row.extend(state.params.form.cells(self.time));
        row.extend(state.params.db_extra.iter().map(|field| cell(state, field, field.read(cx))));
        let legs = state.params.legs.read(cx);
        if legs.is_empty() {
            return vec![row];
        }
        let of_leg = |values: Vec<Value>| {
            let cells = state.params.legs.names().zip(values).map(|(name, value)| named(state, name, value));
            row.iter().cloned().chain(cells).collect()
        };
        legs.into_iter().map(of_leg).collect()
    }
}

fn write_field(line: &mut Vec<u8>, name: &str, value: &[u8]) {
    line.push(b';');
    line.extend_from_slice(name.as_bytes());
    line.push(b'=');
    line.extend_from_slice(value);
}

fn cell(state: &Acc, field: &Field, value: Value) -> Cell {
    named(state, &field.name, value)
}

fn named(state: &Acc, name: &str, value: Value) -> Cell {
    let value = match value {
        Value::Null if state.params.nullable => store::Value::Null,
        other => other.to_str().as_bytes().into(),
    };
    Cell { column: name.to_owned(), value }
}
