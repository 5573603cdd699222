//! Commands to the program around the server, and those that only Tandem has.

use std::net::IpAddr;

use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::server::TraceSources;

use super::{Answer, many, one};

/// SIGTERM.
const TERMINATE: i64 = 15;

fn keeper<'c>(call: &'c RpcCall<'_>) -> Result<&'c dyn engine::rpc::Keeper, RpcError> {
    let keeper = call.server.keeper.get();
    keeper.map(AsRef::as_ref).ok_or_else(|| RpcError::new(500, "the server is still starting; ask again"))
}

pub(super) fn reload(call: &RpcCall<'_>) -> Answer {
    match keeper(call)?.reload(call.server) {
        Ok(done) => one(done),
        Err(lines) => Err(RpcError::new(500, lines.join("\n"))),
    }
}

pub(super) fn kill(call: &RpcCall<'_>) -> Answer {
    let number = if call.arguments.is_empty() { TERMINATE } else { call.int(0)? };
    let refuse = |why: String| RpcError::new(400, why);
    let number = i32::try_from(number).map_err(|_| refuse(format!("{number} is no signal")))?;
    keeper(call)?.signal(number).map_err(refuse)?;
    Ok(Vec::new())
}

pub(super) fn trace(call: &RpcCall<'_>) -> Answer {
    let words = (0..call.arguments.len()).map(|at| call.text(at)).collect::<Result<Vec<_>, _>>()?;
    let sources = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["off"] => TraceSources::None,
        ["all"] => TraceSources::All,
        ref words => {
            let addresses: Result<_, _> = words.iter().map(|word| word.parse::<IpAddr>()).collect();
            TraceSources::Addresses(
                addresses.map_err(|_| RpcError::new(400, "give IP addresses, `all` or `off`"))?,
            )
        }
    };
    call.server.trace.set(sources);
    one("done")
}

pub(super) fn shards(call: &RpcCall<'_>) -> Answer {
    let counts = &call.server.counts;
    let columns = [
        ("handled", counts.handled.per_shard()),
        ("handed_over", counts.handed_over.per_shard()),
        ("dropped", counts.dropped.per_shard()),
        ("sent", counts.sent.per_shard()),
        ("unsent", counts.unsent.per_shard()),
        ("panics", counts.panics.per_shard()),
        ("cut", counts.cut.per_shard()),
        ("overload", counts.overload.per_shard()),
        ("queued", counts.queued.per_shard()),
        ("absorbed", counts.absorbed.per_shard()),
    ];
    let row = |shard: usize| {
        let mut row = vec![("shard".to_owned(), RpcValue::count(shard))];
        let counts =
            columns.iter().map(|(name, values)| ((*name).to_owned(), RpcValue::count(values[shard])));
        row.extend(counts);
        RpcValue::Struct(row)
    };
    many((0..call.server.shards()).map(row))
}
