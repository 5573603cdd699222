//! The dialog of the message being worked on, and what a script wishes for the one that it is about to begin.

use std::sync::Arc;

use cfg_vm::Str;
use engine::{Context, Cx};

use super::Module;
use super::call::{Dialog, Side};
use super::state::State;

/// Goes with the message.
#[derive(Default)]
pub(super) struct Current {
    pub(super) dialog: Option<Arc<Dialog>>,
    /// Who sent the request, where it is one within the dialog.
    pub(super) sender: Option<Side>,
    /// The message began the dialog, and has no transaction yet.
    pub(super) is_unattached: bool,
    pub(super) wishes: Wishes,
    /// The state that routes see, where they run on what happened to the dialog a moment ago.
    pub(super) seen: Option<State>,
    /// `$dlg_var`s that were set before there was a dialog.
    pub(super) variables: Vec<(Str, Str)>,
}

/// `$dlg_ctx`
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) on: i64,
    pub(super) timeout: i64,
    pub(super) timeout_bye: i64,
    pub(super) timeout_route: Str,
}

/// The tags and the Call-ID of a message.
pub(super) struct Key<'a> {
    pub(super) call_id: &'a [u8],
    pub(super) from_tag: &'a [u8],
    pub(super) to_tag: &'a [u8],
}

impl<'a> Key<'a> {
    /// Of a message that has them.
    pub(super) fn of(context: &'a Context) -> Option<Self> {
        let message = &context.message;
        Some(Self {
            call_id: message.call_id().ok()?,
            from_tag: message.from().ok()?.tag()?,
            to_tag: message.to().ok()?.tag().unwrap_or_default(),
        })
    }
}

/// The dialog of the message: the one that the script or a Route named, else the one that its Call-ID and tags name.
pub(super) fn dialog(cx: &Cx<'_>) -> Option<Arc<Dialog>> {
    if let Some(dialog) = cx.context.data.get::<Current>().and_then(|current| current.dialog.clone()) {
        return Some(dialog);
    }
    by_tags(cx).map(|(dialog, _)| dialog)
}

/// The dialog that the message's Call-ID and tags name, and who sends its request.
pub(super) fn by_tags(cx: &Cx<'_>) -> Option<(Arc<Dialog>, Side)> {
    if cx.context.made_up {
        return None;
    }
    let key = Key::of(cx.context)?;
    let table = &cx.state::<Module>().shared.table;
    let found = table.matching(key.call_id, key.from_tag, key.to_tag);
    if found.is_some() || cx.context.message.is_request() {
        return found;
    }
    // A reply of a branch that is not the one that answered.
    let mut of_call = table.of_call(key.call_id).into_iter();
    of_call.find(|dialog| *dialog.live().caller.tag == *key.from_tag).map(|dialog| (dialog, Side::Caller))
}
