//! What scripts do with dialogs.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use engine::{Args, Cx, Flow};

use super::call::{Dialog, Ident, Side, property};
use super::current::{self, Current};
use super::requests::{self, Content};
use super::state::Event;
use super::{Module, events, track};

/// Who a request of ours goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    One(Side),
    Both,
}

impl Whom {
    fn sides(self) -> &'static [Side] {
        match self {
            Self::One(Side::Caller) => &[Side::Caller],
            Self::One(Side::Callee) => &[Side::Callee],
            Self::Both => &[Side::Caller, Side::Callee],
        }
    }
}

/// `caller`, `callee`, `all`
pub(super) fn parse_whom(text: &[u8]) -> Result<Parsed, String> {
    Ok(Arc::new(match text {
        b"caller" => Whom::One(Side::Caller),
        b"callee" => Whom::One(Side::Callee),
        b"all" | b"both" => Whom::Both,
        _ => return Err(format!("\"{}\" is no side; caller, callee and all are", text.escape_ascii())),
    }))
}

/// A property of a dialog.
pub(super) fn parse_property(text: &[u8]) -> Result<Parsed, String> {
    Ok(Arc::new(match text {
        b"ka-src" => property::ASK_CALLER,
        b"ka-dst" => property::ASK_CALLEE,
        b"timeout-noreset" => property::TIMER_NORESET,
        _ => {
            let name = text.escape_ascii();
            return Err(format!("\"{name}\" is no property; ka-src, ka-dst and timeout-noreset are"));
        }
    }))
}

fn with(cx: &Cx<'_>, f: impl FnOnce(&Arc<Dialog>) -> bool) -> Flow {
    current::dialog(cx).is_some_and(|dialog| f(&dialog)).into()
}

/// `is_known_dlg()`
pub(super) fn is_known(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    current::by_tags(cx).is_some().into()
}

/// `dlg_get(callid, ftag, ttag)`
pub(super) fn get(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(dialog) = named(cx, args) else { return Flow::FALSE };
    cx.data::<Current>().dialog = Some(dialog);
    Flow::TRUE
}

fn named(cx: &Cx<'_>, args: &Args<'_>) -> Option<Arc<Dialog>> {
    let table = &cx.state::<Module>().shared.table;
    table.matching(args.text(0), args.text(1), args.text(2)).map(|(dialog, _)| dialog)
}

/// `dlg_bye(side)`
pub(super) fn bye(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(dialog), Some(whom)) = (current::dialog(cx), args.parsed::<Whom>(0)) else {
        return Flow::FALSE;
    };
    let (state, was_active) = (cx.state::<Module>(), dialog.live().state.is_active());
    if !was_active {
        return requests::bye(cx.shard, cx.running, &dialog, whom.sides()).into();
    }
    if let Some(route) = state.events.end {
        events::run_alone(cx, route, &dialog);
    }
    let (now, shard) = (cx.shard.unix_time(), cx.shard.index);
    state.shared.advance(&dialog, Event::Expiry, &state.params.limits, now, shard);
    requests::bye(cx.shard, cx.running, &dialog, whom.sides()).into()
}

/// `dlg_req_within(side, method, [headers], [content type, body])`
pub(super) fn request_within(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(dialog), Some(whom)) = (current::dialog(cx), args.parsed::<Whom>(0)) else {
        return Flow::FALSE;
    };
    let (kind, body) = match args.len() {
        4 => (args.text(2), args.text(3)),
        5 => (args.text(3), args.text(4)),
        _ => (&b""[..], &b""[..]),
    };
    let mut headers = if args.len() == 4 { Vec::new() } else { args.text(2).to_vec() };
    if !kind.is_empty() {
        headers.extend_from_slice(&[b"Content-Type: ", kind, b"\r\n"].concat());
    }
    let content = Content { method: args.text(1), headers: &headers, body };
    let mut all = true;
    for side in whom.sides() {
        all &= match requests::send(cx.shard, cx.running, &dialog, *side, &content) {
            Ok(sent) => sent,
            Err(error) => {
                tracing::error!(target: "dialog", "dlg_req_within: {error}");
                false
            }
        };
    }
    all.into()
}

/// The profile and value of a call with these arguments; an error line where there is no such profile.
fn profile(cx: &Cx<'_>, args: &Args<'_>, has_value: bool) -> Option<(Str, Option<Str>)> {
    let name = Str::copy(args.text(0));
    let Some(takes_value) = cx.state::<Module>().params.profiles.has_values(&name) else {
        tracing::error!(target: "dialog", "there is no profile {name:?}: name it in profiles_with_value or profiles_no_value");
        return None;
    };
    Some((name, (has_value && takes_value).then(|| Str::copy(args.text(1)))))
}

/// The same, where members of such a profile are meant: the value must be there.
fn member(cx: &Cx<'_>, args: &Args<'_>) -> Option<(Str, Option<Str>)> {
    let (name, value) = profile(cx, args, args.len() > 1)?;
    if value.is_none() && cx.state::<Module>().params.profiles.has_values(&name) == Some(true) {
        tracing::error!(target: "dialog", "members of profile {name:?} have a value");
        return None;
    }
    Some((name, value))
}

/// `set_dlg_profile(profile[, value])`
pub(super) fn set_profile(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((name, value)) = member(cx, args) else { return Flow::FALSE };
    let table = &cx.state::<Module>().shared.table;
    with(cx, |dialog| {
        table.join(dialog, name, value);
        true
    })
}

/// `unset_dlg_profile(profile[, value])`
pub(super) fn unset_profile(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((name, value)) = profile(cx, args, args.len() > 1) else { return Flow::FALSE };
    let table = &cx.state::<Module>().shared.table;
    with(cx, |dialog| table.leave(dialog, &name, value.as_deref()))
}

/// `is_in_profile(profile[, value])`
pub(super) fn is_in_profile(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((name, value)) = member(cx, args) else { return Flow::FALSE };
    with(cx, |dialog| {
        let live = dialog.live();
        live.profiles.iter().any(|(of, member)| *of == name && (value.is_none() || *member == value))
    })
}

/// `get_profile_size(profile[, value], size)`
pub(super) fn profile_size(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some((name, value)) = profile(cx, args, args.len() > 2) else { return Flow::FALSE };
    let size = cx.state::<Module>().shared.table.profile_size(&name, value.as_deref());
    let Some(pv) = args.pv(args.len() - 1) else { return Flow::FALSE };
    cx.write_pv(pv, Value::Int(size)).into()
}

/// `dlg_setflag(flag)`
pub(super) fn set_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    flag(cx, args, |flags, bit| {
        *flags |= bit;
        true
    })
}

/// `dlg_resetflag(flag)`
pub(super) fn reset_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    flag(cx, args, |flags, bit| {
        *flags &= !bit;
        true
    })
}

/// `dlg_isflagset(flag)`
pub(super) fn is_flag_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    flag(cx, args, |flags, bit| *flags & bit != 0)
}

fn flag(cx: &Cx<'_>, args: &Args<'_>, f: impl FnOnce(&mut u32, u32) -> bool) -> Flow {
    let Some(bit @ 0..=31) = args.int(0) else {
        tracing::error!(target: "dialog", "flags of a dialog go from 0 to 31");
        return Flow::FALSE;
    };
    with(cx, |dialog| f(&mut dialog.live().flags, 1 << bit))
}

/// `dlg_set_property(attr)`
pub(super) fn set_property(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(property) = args.parsed::<u32>(0) else { return Flow::FALSE };
    with(cx, |dialog| {
        dialog.live().properties |= property;
        true
    })
}

/// `dlg_reset_property(attr)`
pub(super) fn reset_property(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(property) = args.parsed::<u32>(0) else { return Flow::FALSE };
    with(cx, |dialog| {
        dialog.live().properties &= !property;
        true
    })
}

/// `dlg_set_timeout(timeout[, h_entry, h_id])`
pub(super) fn set_timeout(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (state, now) = (cx.state::<Module>(), cx.shard.unix_time());
    let Some(seconds) = args.int(0).filter(|seconds| *seconds > 0) else { return Flow::FALSE };
    let dialog = match (args.int(1), args.int(2)) {
        (Some(entry), Some(id)) => match (u32::try_from(entry), u32::try_from(id)) {
            (Ok(entry), Ok(id)) => state.shared.table.get(Ident { entry, id }),
            _ => None,
        },
        _ => current::dialog(cx),
    };
    dialog.is_some_and(|dialog| state.shared.set_timeout(&dialog, seconds, &state.params.limits, now)).into()
}

/// `dlg_set_timeout_by_profile(profile, [value], timeout)`: of all dialogs in the profile.
pub(super) fn set_timeout_by_profile(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (state, now) = (cx.state::<Module>(), cx.shard.unix_time());
    let Some((name, value)) = profile(cx, args, args.len() > 2) else { return Flow::FALSE };
    let Some(seconds) = args.int(args.len() - 1).filter(|seconds| *seconds > 0) else { return Flow::FALSE };
    for dialog in members(state, &name, value.as_deref()) {
        state.shared.set_timeout(&dialog, seconds, &state.params.limits, now);
    }
    Flow::TRUE
}

/// The dialogs in a profile.
pub(super) fn members(state: &Module, name: &[u8], value: Option<&[u8]>) -> Vec<Arc<Dialog>> {
    let mut all = state.shared.table.all();
    all.retain(|dialog| {
        let live = dialog.live();
        live.profiles
            .iter()
            .any(|(of, member)| **of == *name && (value.is_none() || member.as_deref() == value))
    });
    all
}

/// `dlg_set_ruri()`: where the request goes by what the dialog knows of its receiver.
pub(super) fn set_ruri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let side = cx.context.data.get::<Current>().and_then(|current| current.sender);
    let found = side.map(Side::other).zip(current::dialog(cx));
    let contact = found.and_then(|(to, dialog)| dialog.live().leg(to).map(|leg| leg.contact.clone()));
    let Some(contact) = contact.filter(|contact| !contact.is_empty()) else { return Flow::FALSE };
    cx.context.destination.uri = Some(contact);
    Flow::TRUE
}

/// `dlg_get_var(callid, ftag, ttag, name, dst)`
pub(super) fn get_var(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(dialog) = named(cx, args) else { return Flow::FALSE };
    let value = dialog.live().variable(args.text(3)).cloned();
    let (Some(value), Some(pv)) = (value, args.pv(4)) else { return Flow::FALSE };
    cx.write_pv(pv, Value::Str(value)).into()
}

/// `dlg_set_var(callid, ftag, ttag, name, value)`
pub(super) fn set_var(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(dialog) = named(cx, args) else { return Flow::FALSE };
    dialog.live().set_variable(args.text(3), Some(Str::copy(args.text(4))));
    cx.state::<Module>().shared.changed.note(dialog.ident);
    Flow::TRUE
}

/// `dlg_manage()`
pub(super) fn manage(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    track::manage(cx, args)
}
