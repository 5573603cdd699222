//! The RPC commands `dbg.*`.

use std::sync::atomic::Ordering;

use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::Debugger;

type Answer = Result<Vec<RpcValue>, RpcError>;

fn failed(reason: &str) -> RpcError {
    RpcError::new(500, reason)
}

/// Tells `200 ok`, as Kamailio does.
fn ok() -> Answer {
    Ok(vec!["200 ok".into()])
}

/// Does something with the module's state.
fn with_state<T>(call: &RpcCall<'_>, act: impl FnOnce(&Debugger) -> T) -> Result<T, RpcError> {
    let running = call.server.running();
    running.state::<Debugger>().map(act).ok_or_else(|| failed("module debugger is not loaded"))
}

/// The process that the command names, if it names one, must be ours: the server is one process.
fn check_process(call: &RpcCall<'_>, at: usize) -> Result<(), RpcError> {
    if call.arguments.len() > at && call.int(at) != Ok(i64::from(std::process::id())) {
        return Err(failed("No such pid"));
    }
    Ok(())
}

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    check_process(call, 0)?;
    let on = with_state(call, |state| state.trace.on.load(Ordering::Relaxed))?;
    let entry = [
        ("entry", 0),
        ("pid", i64::from(std::process::id())),
        ("set", i64::from(on)),
        ("state", 0),
        ("in.pid", 0),
        ("in.cmd", 0),
    ];
    Ok(vec![RpcValue::Struct(entry.map(|(name, value)| (name.to_owned(), value.into())).into())])
}

pub(super) fn trace(call: &RpcCall<'_>) -> Answer {
    let command = call.text(0).map_err(|_| failed("Config trace command missing"))?;
    let on = match command.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(failed("Unknown trace command")),
    };
    check_process(call, 1)?;
    with_state(call, |state| state.trace.on.store(on, Ordering::Relaxed))?;
    ok()
}

pub(super) fn level(call: &RpcCall<'_>) -> Answer {
    let module = call.text(0).map_err(|_| failed("invalid parameters"))?;
    Ok(vec![engine::log::level_of(&module).into()])
}

pub(super) fn set_level(call: &RpcCall<'_>) -> Answer {
    let (Ok(module), Ok(level)) = (call.text(0), call.int(1)) else {
        return Err(failed("invalid parameters"));
    };
    engine::log::set_level_of(&module, level);
    ok()
}

pub(super) fn facility(call: &RpcCall<'_>) -> Answer {
    let module = call.text(0).map_err(|_| failed("invalid parameters"))?;
    let running = call.server.running();
    let general = running.settings.core.text("log_facility").map(String::from_utf8_lossy);
    let own = engine::log::facility_of(&module).map(str::to_owned);
    Ok(vec![own.or_else(|| general.map(Into::into)).unwrap_or_else(|| "LOG_DAEMON".to_owned()).into()])
}

pub(super) fn set_facility(call: &RpcCall<'_>) -> Answer {
    let (Ok(module), Ok(name)) = (call.text(0), call.text(1)) else {
        return Err(failed("invalid parameters"));
    };
    let facility =
        crate::xlog::level::facility(name.as_bytes()).ok_or_else(|| failed("facility not found"))?;
    engine::log::set_facility_of(&module, facility);
    ok()
}
