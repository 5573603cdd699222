//! `cfg.*`, with Kamailio's words and shapes.

use std::sync::{MutexGuard, PoisonError};

use cfg_vm::Value;
use engine::Running;
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::variable::{Changes, Variable, all};
use super::{CfgRpc, Change};

type Answer = Result<Vec<RpcValue>, RpcError>;

fn show(value: &Value) -> RpcValue {
    match value {
        Value::Int(number) => RpcValue::Int(*number),
        other => RpcValue::Str(String::from_utf8_lossy(other.as_text().unwrap_or_default()).into_owned()),
    }
}

fn find(running: &Running, group: &str, name: &str) -> Option<Variable> {
    all(running).into_iter().find(|variable| variable.group == group && variable.name == name)
}

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    let wanted = if call.arguments.is_empty() { None } else { Some(call.text(0)?) };
    let variables = all(&call.server.running()).into_iter();
    let fitting = variables.filter(|variable| wanted.as_ref().is_none_or(|group| *group == variable.group));
    let lines = fitting.map(|variable| format!("{}: {}", variable.group, variable.name).into());
    Ok(vec![RpcValue::List(lines.collect())])
}

pub(super) fn get(call: &RpcCall<'_>) -> Answer {
    let group = call.text(0).map_err(|_| RpcError::new(500, "Failed to get the parameters"))?;
    let failed = || RpcError::new(400, "Failed to get the variable");
    let running = call.server.running();
    if call.arguments.len() > 1 {
        let variable = find(&running, &group, &call.text(1)?).ok_or_else(failed)?;
        return Ok(vec![show(&variable.value)]);
    }
    let variables = all(&running).into_iter().filter(|variable| variable.group == group);
    let members: Vec<_> = variables.map(|variable| (variable.name, show(&variable.value))).collect();
    if members.is_empty() { Err(failed()) } else { Ok(vec![RpcValue::Struct(members)]) }
}

pub(super) fn help(call: &RpcCall<'_>) -> Answer {
    let (group, name) = (call.text(0)?, call.text(1)?);
    let variable = find(&call.server.running(), &group, &name)
        .ok_or_else(|| RpcError::new(400, "Failed to get the variable description"))?;
    let kind = if variable.is_number() { "integer" } else { "string" };
    Ok(vec![variable.doc.into(), format!("(parameter type is {kind})").into()])
}

/// The change that the arguments ask for, if its variable can be changed. A variable keeps its kind: a text that is no
/// number does not go into a number.
fn change(
    call: &RpcCall<'_>,
    value: fn(&RpcCall<'_>) -> Result<Value, RpcError>,
) -> Result<Change, RpcError> {
    let (group, name, value) = (call.text(0)?, call.text(1)?, value(call)?);
    let variable = find(&call.server.running(), &group, &name);
    let changeable = variable.filter(|variable| variable.changes != Changes::Never);
    let variable = changeable.ok_or_else(|| RpcError::new(400, "Failed to set the variable"))?;
    let value = match (variable.is_number(), value) {
        (true, Value::Int(number)) => Value::Int(number),
        (true, text) => {
            Value::Int(number(&text).ok_or_else(|| RpcError::new(400, "Failed to set the variable"))?)
        }
        (false, Value::Int(number)) => number.to_string().into_bytes().into(),
        (false, text) => text,
    };
    Ok(Change { group, name, value })
}

fn number(text: &Value) -> Option<i64> {
    std::str::from_utf8(text.as_text()?).ok()?.trim().parse().ok()
}

fn number_argument(call: &RpcCall<'_>) -> Result<Value, RpcError> {
    call.int(2).map(Value::Int)
}

fn text_argument(call: &RpcCall<'_>) -> Result<Value, RpcError> {
    Ok(call.text(2)?.into_bytes().into())
}

/// The third argument as it came.
fn any_argument(call: &RpcCall<'_>) -> Result<Value, RpcError> {
    match call.arguments.get(2) {
        Some(RpcValue::Int(number)) => Ok(Value::Int(*number)),
        _ => text_argument(call),
    }
}

fn apply(running: &Running, change: &Change) {
    if change.group == "core" && change.name == "debug" {
        engine::log::set_threshold(change.value.as_int().unwrap_or_default());
    } else {
        running.tuned.set(&change.group, &change.name, change.value.clone());
    }
    tracing::info!(target: "cfg_rpc", "{}.{} has been changed to {:?}", change.group, change.name, show(&change.value));
}

fn now(call: &RpcCall<'_>, value: fn(&RpcCall<'_>) -> Result<Value, RpcError>) -> Answer {
    let change = change(call, value)?;
    apply(&call.server.running(), &change);
    Ok(Vec::new())
}

pub(super) fn set(call: &RpcCall<'_>) -> Answer {
    now(call, any_argument)
}

pub(super) fn set_int(call: &RpcCall<'_>) -> Answer {
    now(call, number_argument)
}

pub(super) fn set_text(call: &RpcCall<'_>) -> Answer {
    now(call, text_argument)
}

/// The changes that wait.
fn waiting(running: &Running) -> Result<MutexGuard<'_, Vec<Change>>, RpcError> {
    let state =
        running.state::<CfgRpc>().ok_or_else(|| RpcError::new(500, "module cfg_rpc is not loaded"))?;
    Ok(state.waiting.lock().unwrap_or_else(PoisonError::into_inner))
}

fn later(call: &RpcCall<'_>, value: fn(&RpcCall<'_>) -> Result<Value, RpcError>) -> Answer {
    let change = change(call, value)?;
    let running = call.server.running();
    let mut waiting = waiting(&running)?;
    waiting.retain(|known| known.group != change.group || known.name != change.name);
    waiting.push(change);
    Ok(Vec::new())
}

pub(super) fn set_delayed(call: &RpcCall<'_>) -> Answer {
    later(call, any_argument)
}

pub(super) fn set_delayed_int(call: &RpcCall<'_>) -> Answer {
    later(call, number_argument)
}

pub(super) fn set_delayed_text(call: &RpcCall<'_>) -> Answer {
    later(call, text_argument)
}

pub(super) fn diff(call: &RpcCall<'_>) -> Answer {
    let running = call.server.running();
    let changes = waiting(&running)?.clone();
    let rows = changes.iter().map(|change| {
        let old = find(&running, &change.group, &change.name).map_or(RpcValue::Null, |v| show(&v.value));
        RpcValue::structure([
            ("group name", change.group.as_str().into()),
            ("variable name", change.name.as_str().into()),
            ("old value", old),
            ("new value", show(&change.value)),
        ])
    });
    Ok(rows.collect())
}

pub(super) fn commit(call: &RpcCall<'_>) -> Answer {
    let running = call.server.running();
    let changes = std::mem::take(&mut *waiting(&running)?);
    changes.iter().for_each(|change| apply(&running, change));
    Ok(Vec::new())
}

pub(super) fn rollback(call: &RpcCall<'_>) -> Answer {
    waiting(&call.server.running())?.clear();
    Ok(Vec::new())
}

pub(super) fn reset(call: &RpcCall<'_>) -> Answer {
    call.server.running().tuned.reset(&call.text(0)?);
    Ok(Vec::new())
}
