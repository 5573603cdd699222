//! From what stands in a call's parentheses to what the function gets.

use cfg_syntax::Span;

use crate::catalogue::ArgKind;
use crate::host::{ArgValue, Host, Notice};
use crate::operate;
use crate::program::{ArgPlan, Program};
use crate::read::Reader;
use crate::value::Value;

/// What making arguments needs of the execution.
pub(crate) struct Buffers<'a> {
    pub(crate) stack: &'a mut Vec<Value>,
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) arguments: &'a mut Vec<ArgValue>,
    pub(crate) trace: bool,
    pub(crate) span: Span,
}

/// Makes all arguments. False, after a notice, when a value does not fit: then the call fails.
pub(crate) fn make<H: Host>(
    plans: &[ArgPlan],
    program: &Program,
    host: &mut H,
    buffers: &mut Buffers<'_>,
) -> bool {
    let on_stack = plans.iter().filter(|plan| matches!(plan, ArgPlan::Stack(_))).count();
    let mut next = buffers.stack.len() - on_stack;
    let first = next;
    let mut fits = true;
    for plan in plans {
        let mut reader = Reader::new(host, &program.pool, buffers.scratch, buffers.trace);
        let made = match plan {
            ArgPlan::Constant(value) => Some(value.clone()),
            ArgPlan::Format(template) => Some(ArgValue::Str(reader.text(*template))),
            ArgPlan::Value(pv, kind) => {
                let value = reader.read(*pv);
                convert(value, *kind, program, host, buffers.span)
            }
            ArgPlan::Text(template, kind) => {
                let value = Value::Str(reader.text(*template));
                convert(value, *kind, program, host, buffers.span)
            }
            ArgPlan::Stack(kind) => {
                let value = std::mem::take(&mut buffers.stack[next]);
                next += 1;
                convert(value, *kind, program, host, buffers.span)
            }
        };
        match made {
            Some(value) => buffers.arguments.push(value),
            None => fits = false,
        }
    }
    buffers.stack.truncate(first);
    fits
}

fn convert<H: Host>(
    value: Value,
    kind: ArgKind,
    program: &Program,
    host: &mut H,
    span: Span,
) -> Option<ArgValue> {
    Some(match kind {
        ArgKind::Int | ArgKind::Flag => match operate::int(&value) {
            Ok(number) if !value.is_null() => ArgValue::Int(number),
            Ok(_) => {
                host.notice(span, Notice::NotANumber(b""));
                return None;
            }
            Err(text) => {
                host.notice(span, Notice::NotANumber(text));
                return None;
            }
        },
        ArgKind::Value | ArgKind::ParsedOrValue(_) => match value {
            Value::Null => ArgValue::Null,
            Value::Int(number) => ArgValue::Int(number),
            Value::Str(text) => ArgValue::Str(text),
        },
        ArgKind::Route(kind) => {
            let name = value.to_str();
            program.route(kind, &name).map_or(ArgValue::Str(name), ArgValue::Route)
        }
        ArgKind::Parsed(parse) | ArgKind::ParsedFormat(parse) => match parse(&value.to_str()) {
            Ok(parsed) => ArgValue::Parsed(parsed),
            Err(why) => {
                host.notice(span, Notice::Argument(&why));
                return None;
            }
        },
        ArgKind::Text | ArgKind::Format | ArgKind::Template | ArgKind::PvRead | ArgKind::PvWrite => {
            ArgValue::Str(value.to_str())
        }
    })
}
