//! What a running route has to do with a transaction: which it is, and what was asked before it was there.

use cfg_vm::program::RouteId;
use engine::Cx;

use super::Tm;
use super::table::Table;
use super::transaction::{Id, Transaction, Wishes};

/// Goes with the message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Current {
    /// The transaction, once it is made or found.
    pub(crate) id: Option<Id>,
    /// The branch that a branch route, a reply or a branch failure is about.
    pub(crate) branch: Option<usize>,
    /// What was asked before there was a transaction.
    wishes: Option<Wishes>,
    /// `t_on_reply()` and `t_on_branch_failure()` of a branch route: for that branch alone.
    pub(crate) branch_routes: BranchRoutes,
    /// The code of what could not be relayed, for the reply that tells of it when the script sends none.
    pub(crate) failed: Option<i64>,
    /// The script took the end of the transaction upon itself.
    pub(crate) released: bool,
}

/// Routes of one branch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BranchRoutes {
    pub(crate) on_reply: Option<RouteId>,
    pub(crate) on_branch_failure: Option<RouteId>,
}

/// The message's transaction.
pub(crate) fn id(cx: &mut Cx<'_>) -> Option<Id> {
    let id = cx.data::<Current>().id?;
    cx.shard.kept::<Table>().get(id).map(|_| id)
}

/// The message's transaction, to look at.
pub(crate) fn transaction<'a>(cx: &'a mut Cx<'_>) -> Option<&'a mut Transaction> {
    let id = cx.data::<Current>().id?;
    cx.shard.kept::<Table>().get_mut(id)
}

/// What has been asked of the transaction, or of the one that will be made.
pub(crate) fn wishes<'a>(cx: &'a mut Cx<'_>) -> &'a mut Wishes {
    let defaults = cx.state::<Tm>().params.wishes;
    match id(cx) {
        Some(id) => {
            let transaction = cx.shard.kept::<Table>().get_mut(id);
            // `id` has just found it.
            &mut transaction.expect("a transaction that is there").wishes
        }
        None => cx.data::<Current>().wishes.get_or_insert(defaults),
    }
}

/// What has been asked so far, for a new transaction.
pub(crate) fn take_wishes(cx: &mut Cx<'_>) -> Wishes {
    let defaults = cx.state::<Tm>().params.wishes;
    cx.data::<Current>().wishes.take().unwrap_or(defaults)
}
