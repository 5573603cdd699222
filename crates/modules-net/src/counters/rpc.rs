//! `cnt.*`: all counters of the server, by group and name.

use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::Counters;

type Answer = Result<Vec<RpcValue>, RpcError>;

/// The counters of the group that the first argument names.
fn of_group(call: &RpcCall<'_>) -> Result<Vec<(String, u64)>, RpcError> {
    let group = call.text(0)?;
    let all = call.server.statistics.all().into_iter();
    Ok(all.filter(|(known, _, _)| *known == group).map(|(_, name, value)| (name, value)).collect())
}

/// The counter that the first two arguments name.
fn found(call: &RpcCall<'_>) -> Result<(String, String, u64), RpcError> {
    let (group, name) = (call.text(0)?, call.text(1)?);
    let value = of_group(call)?.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    match value {
        Some(value) => Ok((group, name, value)),
        None => Err(RpcError::new(400, format!("non-existent counter {group}.{name}\n"))),
    }
}

pub(super) fn get(call: &RpcCall<'_>) -> Answer {
    Ok(vec![RpcValue::count(found(call)?.2)])
}

pub(super) fn group(call: &RpcCall<'_>) -> Answer {
    let members = of_group(call)?.into_iter().map(|(name, value)| (name, RpcValue::count(value)));
    Ok(vec![RpcValue::Struct(members.collect())])
}

pub(super) fn names(call: &RpcCall<'_>) -> Answer {
    Ok(vec![RpcValue::List(of_group(call)?.into_iter().map(|(name, _)| name.into()).collect())])
}

pub(super) fn groups(call: &RpcCall<'_>) -> Answer {
    let mut groups: Vec<_> = call.server.statistics.all().into_iter().map(|(group, _, _)| group).collect();
    // They come sorted.
    groups.dedup();
    Ok(vec![RpcValue::List(groups.into_iter().map(RpcValue::Str).collect())])
}

pub(super) fn help(call: &RpcCall<'_>) -> Answer {
    let (group, name, _) = found(call)?;
    let running = call.server.running();
    let declared = running.state::<Counters>().and_then(|state| state.declared.get(&(group, name)));
    let text = declared.map_or("kamailio statistic (no description)", |(_, description)| description);
    Ok(vec![text.into()])
}

pub(super) fn reset(call: &RpcCall<'_>) -> Answer {
    let (group, name, _) = found(call)?;
    call.server.statistics.counter(&group, &name).reset();
    Ok(Vec::new())
}
