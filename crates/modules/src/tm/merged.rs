//! Merged requests (RFC 3261 §8.2.2.2): one request that came by two ways, each with a branch of its own.

use std::collections::HashMap;

use engine::Cx;
use sip_transaction::matching::{self, MergeKey};

use super::table::Table;
use super::transaction::Id;

/// Which transaction had a request first.
#[derive(Default)]
pub(super) struct Originals(HashMap<MergeKey, Id>);

impl Originals {
    /// A transaction goes.
    pub(super) fn forget(&mut self, key: MergeKey, id: Id) {
        if self.0.get(&key) == Some(&id) {
            self.0.remove(&key);
        }
    }
}

/// Whether the request of a new transaction has another transaction already, by another way. If not, this is the first.
pub(super) fn is_copy(cx: &mut Cx<'_>, id: Id) -> bool {
    let table: &mut Table = cx.shard.kept();
    let Some(key) = matching::merge_key(&table.key, &cx.context.message) else { return false };
    if table.originals.0.contains_key(&key) {
        return true;
    }
    if let Some(transaction) = table.get_mut(id) {
        transaction.merge_key = Some(key);
        table.originals.0.insert(key, id);
    }
    false
}
