//! The commands themselves.

use engine::rpc::{RpcCall, RpcError};

use super::{Answer, many, one};

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    let mut names: Vec<_> = call.server.commands().into_iter().map(|rpc| rpc.name).collect();
    names.sort_unstable();
    names.dedup();
    many(names.into_iter().map(Into::into))
}

pub(super) fn help(call: &RpcCall<'_>) -> Answer {
    let name = call.text(0).map_err(|_| RpcError::new(400, "Method Name Expected"))?;
    let rpc = call.server.command(&name).ok_or_else(|| RpcError::new(400, "command not found"))?;
    one(rpc.doc)
}

pub(super) fn signature(_: &RpcCall<'_>) -> Answer {
    Err(RpcError::new(500, "Not Implemented Yet"))
}
