//! `cfgutils.*` commands.

use std::sync::Arc;

use engine::Running;
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::CfgUtils;
use super::hash::HashedFile;

type Result = std::result::Result<Vec<RpcValue>, RpcError>;

/// Does something with the module under the configuration in force.
fn with_state(call: &RpcCall<'_>, f: impl FnOnce(&CfgUtils) -> Result) -> Result {
    let running: Arc<Running> = call.server.running();
    match running.state::<CfgUtils>() {
        Some(state) => f(state),
        None => Err(RpcError::new(500, "Module cfgutils is not loaded")),
    }
}

pub(super) fn rand_set_prob(call: &RpcCall<'_>) -> Result {
    let per_cent = call.int(0).map_err(|_| RpcError::new(500, "Invalid Parameters"))?;
    with_state(call, |state| match state.chance.set(per_cent) {
        true => Ok(Vec::new()),
        false => Err(RpcError::new(500, "Invalid Percent")),
    })
}

pub(super) fn rand_reset_prob(call: &RpcCall<'_>) -> Result {
    with_state(call, |state| {
        state.chance.reset();
        Ok(Vec::new())
    })
}

pub(super) fn rand_get_prob(call: &RpcCall<'_>) -> Result {
    with_state(call, |state| {
        Ok(vec![format!("actual probability: {} percent", state.chance.per_cent()).into()])
    })
}

/// Does something with the file whose hash was taken.
fn with_file(call: &RpcCall<'_>, f: impl FnOnce(&HashedFile) -> Result) -> Result {
    with_state(call, |state| match &state.file {
        Some(file) => f(file),
        None => Err(RpcError::new(500, "No hash file")),
    })
}

pub(super) fn get_config_hash(call: &RpcCall<'_>) -> Result {
    with_file(call, |file| Ok(vec![file.hash().into()]))
}

pub(super) fn check_config_hash(call: &RpcCall<'_>) -> Result {
    with_file(call, |file| match file.is_unchanged() {
        Ok(true) => Ok(vec!["Identical hash".into()]),
        Ok(false) => Err(RpcError::new(500, "Hash Not Identical")),
        Err(error) => Err(RpcError::new(500, format!("The file cannot be read: {error}"))),
    })
}

/// The mask that a command was given.
fn mask(call: &RpcCall<'_>) -> std::result::Result<u32, RpcError> {
    let wrong = |_| RpcError::new(500, "Invalid Parameters");
    let text = call.text(0).map_err(wrong)?;
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| RpcError::new(500, "Invalid Parameters"))
}

pub(super) fn set_gflag(call: &RpcCall<'_>) -> Result {
    let mask = mask(call)?;
    with_state(call, |state| {
        state.flags.set(mask);
        Ok(Vec::new())
    })
}

pub(super) fn reset_gflag(call: &RpcCall<'_>) -> Result {
    let mask = mask(call)?;
    with_state(call, |state| {
        state.flags.reset(mask);
        Ok(Vec::new())
    })
}

pub(super) fn is_gflag(call: &RpcCall<'_>) -> Result {
    let mask = mask(call)?;
    with_state(call, |state| {
        Ok(vec![if state.flags.mask() & mask == mask { "TRUE" } else { "FALSE" }.into()])
    })
}

pub(super) fn get_gflags(call: &RpcCall<'_>) -> Result {
    with_state(call, |state| {
        let mask = state.flags.mask();
        Ok(vec![format!("0x{mask:X} ({mask})").into()])
    })
}
