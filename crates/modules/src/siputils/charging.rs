//! P-Charging-Vector (RFC 7315 §4.6, §5.6).

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use engine::{Args, Context, Cx, Flow, PvArgs};
use sip_message::{HeaderId, Params, unquote};

/// What is to be done with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Remove,
    Generate,
    Replace,
}

/// The header that was generated for a message.
#[derive(Default)]
struct Generated(Option<Str>);

pub(super) fn parse_flags(text: &[u8]) -> Result<Parsed, String> {
    let task = match text {
        b"r" | b"R" => Task::Remove,
        b"g" | b"G" => Task::Generate,
        b"f" | b"F" => Task::Replace,
        _ => return Err("one of r (remove), g (generate) and f (remove and generate) is expected".to_owned()),
    };
    Ok(Arc::new(task))
}

pub(super) fn manage(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(task) = args.parsed::<Task>(0).copied() else { return Flow::FALSE };
    let is_there = cx.context.message.index().has(HeaderId::PChargingVector);
    if is_there && task == Task::Generate {
        return Flow::TRUE;
    }
    let Context { message, edits, .. } = &mut *cx.context;
    for field in message.index().all(HeaderId::PChargingVector) {
        edits.delete_header(field);
    }
    if task == Task::Remove {
        return Flow::TRUE;
    }
    let value = generate(cx);
    let line = [b"P-Charging-Vector: ", &value[..], b"\r\n"].concat();
    cx.context.edits.append_header(&cx.context.message, &line);
    cx.data::<Generated>().0 = Some(value.into());
    Flow::TRUE
}

/// A vector that nobody else has: random, with our address as the place where it was made.
fn generate(cx: &mut Cx<'_>) -> Vec<u8> {
    let (high, low) = (cx.shard.random(), cx.shard.random());
    let host = &cx.listeners().get(cx.context.received.listener).bare_host;
    format!("icid-value={high:016x}{low:016x};icid-generated-at={}", host.to_lossy()).into_bytes()
}

/// A field of the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    All,
    Param(&'static str),
}

pub(super) fn parse_field(text: &[u8]) -> Result<Parsed, String> {
    let field = match text {
        b"all" => Field::All,
        b"value" => Field::Param("icid-value"),
        b"genaddr" => Field::Param("icid-generated-at"),
        b"orig" => Field::Param("orig-ioi"),
        b"term" => Field::Param("term-ioi"),
        _ => return Err("all, value, genaddr, orig or term is expected".to_owned()),
    };
    Ok(Arc::new(field))
}

/// `$pcv(field)`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(field) = args.parsed::<Field>().copied() else { return Value::Null };
    if let Some(vector) = cx.context.data.get::<Generated>().and_then(|generated| generated.0.as_ref()) {
        return match field {
            Field::All => Value::Str(vector.clone()),
            Field::Param(name) => param(vector, name).map(Str::copy).into(),
        };
    }
    let Some(vector) = cx.context.message.value(HeaderId::PChargingVector) else { return Value::Null };
    let text = match field {
        Field::All => Some(vector),
        Field::Param(name) => param(vector, name),
    };
    text.map(|text| cx.context.keep(text)).into()
}

fn param<'a>(vector: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let value = Params::of_header(vector).value(name.as_bytes())?;
    match unquote(value) {
        std::borrow::Cow::Borrowed(text) => Some(text),
        // A value with escapes is given as it stands.
        std::borrow::Cow::Owned(_) => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let vector = b"icid-value=\"12;34\" ; icid-generated-at=192.0.2.1;orig-ioi=home.example";
        assert_eq!(param(vector, "icid-value"), Some(&b"12;34"[..]));
        assert_eq!(param(vector, "icid-generated-at"), Some(&b"192.0.2.1"[..]));
        assert_eq!(param(vector, "term-ioi"), None);
    }
}
