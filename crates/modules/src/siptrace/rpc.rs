//! `siptrace.status`.

use std::sync::atomic::Ordering;

use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::SipTrace;

pub(super) fn status(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let Some(trace) = running.state::<SipTrace>() else {
        return Err(RpcError::new(500, "siptrace is not loaded"));
    };
    let Ok(word) = call.text(0) else {
        return Err(RpcError::new(500, "Not enough parameters (on, off or check)"));
    };
    match word.as_str() {
        "on" => trace.on.store(true, Ordering::Relaxed),
        "off" => trace.on.store(false, Ordering::Relaxed),
        "check" => {}
        _ => return Err(RpcError::new(500, "Bad parameter (on, off or check)")),
    }
    Ok(vec![RpcValue::from(if trace.is_on() { "Enabled" } else { "Disabled" })])
}
