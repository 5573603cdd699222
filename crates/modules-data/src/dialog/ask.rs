//! Asking the parties whether they are still there, by OPTIONS within the dialog.

use std::sync::Arc;

use engine::Running;
use engine::services::Services;
use modules::tm::uac;

use super::Module;
use super::call::{Dialog, Side, property};
use super::requests::{self, Content};

/// The sides that are to be asked.
fn asked(properties: u32) -> impl Iterator<Item = Side> {
    [(property::ASK_CALLER, Side::Caller), (property::ASK_CALLEE, Side::Callee)]
        .into_iter()
        .filter(move |(bit, _)| properties & bit != 0)
        .map(|(_, side)| side)
}

/// Sets the first time, if a script wanted it and the dialog is in conversation.
pub(super) fn begin(state: &Module, dialog: &Arc<Dialog>, now: i64) {
    let mut live = dialog.live();
    if state.params.ask_interval > 0 && live.ask_at == 0 && asked(live.properties).next().is_some() {
        live.ask_at = now + state.params.ask_interval;
        state.shared.table.due_at(dialog.ident, state.params.limits.due(dialog, &live));
    }
}

/// Asks now, and sets the next time.
pub(super) fn ask(services: &mut Services, running: &Arc<Running>, state: &Module, dialog: &Arc<Dialog>) {
    let properties = {
        let mut live = dialog.live();
        live.ask_at = services.unix_time() + state.params.ask_interval;
        live.properties
    };
    for side in asked(properties) {
        let content = Content { method: b"OPTIONS", headers: b"", body: b"" };
        let Some(request) = requests::request(dialog, side, &content) else { continue };
        let about = Arc::clone(dialog);
        let request = request.then(move |services, running, outcome| {
            answered(services, running, &about, side, outcome.code);
        });
        if let Err(error) = uac::send(services, running, request) {
            tracing::error!(target: "dialog", "the {side:?} was not asked whether it is there: {error}");
        }
    }
}

/// Who is silent, or knows nothing of the dialog, is gone; any other answer is one.
fn answered(services: &mut Services, running: &Arc<Running>, dialog: &Arc<Dialog>, side: Side, code: u16) {
    let Some(state) = running.state::<Module>() else { return };
    let is_gone = {
        let mut live = dialog.live();
        let count = &mut live.unanswered[usize::from(side == Side::Callee)];
        *count = if matches!(code, 408 | 481) { *count + 1 } else { 0 };
        *count >= state.params.ask_limit && live.state.is_active()
    };
    if is_gone {
        tracing::warn!(target: "dialog", "the {side:?} of call {:?} is gone; ending it", dialog.call_id);
        super::timer::over(services, running, state, dialog, super::timer::Parting::Bye);
    }
}
