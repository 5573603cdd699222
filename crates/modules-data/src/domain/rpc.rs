//! `domain.reload`, `domain.dump`.

use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::Domain;

pub(super) fn reload(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let state = running.state::<Domain>().ok_or_else(not_loaded)?;
    let read = call.server.runtime.block_on(state.read(call.server));
    read.map(|()| Vec::new())
        .map_err(|error| RpcError::new(500, format!("Domain table reload failed: {error}")))
}

pub(super) fn dump(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let running = call.server.running();
    let domains = running.state::<Domain>().ok_or_else(not_loaded)?.domains();
    let text = |bytes: &[u8]| RpcValue::Str(String::from_utf8_lossy(bytes).into_owned());
    let member = |name: &str, value: RpcValue| (name.to_owned(), value);
    let mut names = Vec::new();
    let mut attributes: Vec<(&[u8], RpcValue)> = Vec::new();
    let sorted = domains.sorted();
    for (name, known) in &sorted {
        names.push(RpcValue::Struct(vec![member("domain", text(name)), member("did", text(&known.did))]));
        if !known.attributes.is_empty() && attributes.iter().all(|(did, _)| *did != known.did) {
            let of_did = known.attributes.iter().map(|(name, _)| text(name)).collect();
            let shown = vec![member("did", text(&known.did)), member("attrs", RpcValue::List(of_did))];
            attributes.push((&known.did, RpcValue::Struct(shown)));
        }
    }
    let attributes = attributes.into_iter().map(|(_, shown)| shown).collect();
    Ok(vec![RpcValue::Struct(vec![
        member("domains", RpcValue::List(names)),
        member("attributes", RpcValue::List(attributes)),
    ])])
}

fn not_loaded() -> RpcError {
    RpcError::new(500, "module domain is not loaded")
}
