//! `stats.*`: the counters on request.

use engine::rpc::{RpcCall, RpcError, RpcValue};

type Result = std::result::Result<Vec<RpcValue>, RpcError>;

/// Whether an argument asks for a counter: `all`, `group:`, `name`, `group:name` or `group.name`.
fn asks_for(argument: &str, group: &str, name: &str) -> bool {
    if argument == "all" || argument == name {
        return true;
    }
    match argument.split_once([':', '.']) {
        Some((wanted, "")) => wanted == group,
        Some((wanted, rest)) => wanted == group && rest == name,
        None => false,
    }
}

/// The counters that the arguments ask for, in the arguments' order: group, name, value.
fn chosen(call: &RpcCall<'_>) -> std::result::Result<Vec<(String, String, u64)>, RpcError> {
    if call.arguments.is_empty() {
        return Err(RpcError::new(400, "Please provide which stats to retrieve"));
    }
    let all = call.server.statistics.all();
    let mut found = Vec::new();
    for at in 0..call.arguments.len() {
        let argument = call.text(at)?;
        found.extend(all.iter().filter(|(group, name, _)| asks_for(&argument, group, name)).cloned());
    }
    Ok(found)
}

fn lines(counters: &[(String, String, u64)]) -> Vec<RpcValue> {
    counters.iter().map(|(group, name, value)| format!("{group}:{name} = {value}").into()).collect()
}

pub(super) fn get_statistics(call: &RpcCall<'_>) -> Result {
    Ok(vec![RpcValue::List(lines(&chosen(call)?))])
}

pub(super) fn fetch(call: &RpcCall<'_>) -> Result {
    structure(call, |value| value.to_string().into())
}

pub(super) fn fetchn(call: &RpcCall<'_>) -> Result {
    structure(call, |value| RpcValue::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn structure(call: &RpcCall<'_>, show: impl Fn(u64) -> RpcValue) -> Result {
    let counters = chosen(call)?;
    let members =
        counters.into_iter().map(|(group, name, value)| (format!("{group}.{name}"), show(value))).collect();
    Ok(vec![RpcValue::Struct(members)])
}

pub(super) fn reset(call: &RpcCall<'_>) -> Result {
    for (group, name, _) in chosen(call)? {
        call.server.statistics.counter(&group, &name).reset();
    }
    Ok(Vec::new())
}

pub(super) fn clear(call: &RpcCall<'_>) -> Result {
    let counters = chosen(call)?;
    for (group, name, _) in &counters {
        call.server.statistics.counter(group, name).reset();
    }
    Ok(vec![RpcValue::List(lines(&counters))])
}

pub(super) fn memory_info(_: &RpcCall<'_>) -> Result {
    let memory = crate::core::rpc::memory_now();
    Ok(vec![RpcValue::structure([("name", "system".into()), ("size", (memory.used + memory.free).into())])])
}

pub(super) fn memory(_: &RpcCall<'_>) -> Result {
    let memory = crate::core::rpc::memory_now();
    let row = RpcValue::structure([
        ("entry", 0.into()),
        ("pid", i64::from(std::process::id()).into()),
        ("rank", 0.into()),
        ("used", memory.used.into()),
        ("free", memory.free.into()),
        ("real_used", memory.used.into()),
        ("total_size", (memory.used + memory.free).into()),
        ("total_frags", 0.into()),
        ("desc", "all threads".into()),
    ]);
    Ok(vec![RpcValue::List(vec![row])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_asked_for_by_group_and_name() {
        for argument in ["all", "core:", "core.", "rcv_requests", "core:rcv_requests", "core.rcv_requests"] {
            assert!(asks_for(argument, "core", "rcv_requests"), "{argument}");
        }
        for argument in ["sl:", "core", "sl:rcv_requests", "core:rcv_replies"] {
            assert!(!asks_for(argument, "core", "rcv_requests"), "{argument}");
        }
    }
}
