//! `$DLG_*`, `$dlg(...)`, `$dlg_ctx(...)`, `$dlg_var(...)`.

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::{Cx, PvArgs};

use super::Module;
use super::call::{self, Dialog, Leg, Side};
use super::current::{self, Current};

/// `$DLG_count`: dialogs that are answered and not over.
pub(super) fn count(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let active = cx.state::<Module>().shared.counters.active.total();
    Value::Int(i64::try_from(active).unwrap_or(i64::MAX))
}

/// The dialog of a request within it.
fn within(cx: &Cx<'_>) -> Option<Arc<Dialog>> {
    let current = cx.context.data.get::<Current>()?;
    current.sender?;
    current.dialog.clone()
}

/// `$DLG_status`
pub(super) fn status(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    within(cx).map_or(Value::Null, |dialog| Value::Int(dialog.live().state as i64))
}

/// `$DLG_lifetime`
pub(super) fn lifetime(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let now = cx.shard.unix_time();
    within(cx).map_or(Value::Null, |dialog| Value::Int(dialog.live().duration(now)))
}

const ATTRIBUTES: &[&str] = &[
    "h_id",
    "h_entry",
    "ref",
    "callid",
    "call-id",
    "from_uri",
    "to_uri",
    "state",
    "toroute",
    "start_ts",
    "init_ts",
    "end_ts",
    "dflags",
    "sflags",
    "lifetime",
    "to_tag",
    "from_tag",
    "to_cseq",
    "from_cseq",
    "to_rs",
    "from_rs",
    "to_contact",
    "from_contact",
    "to_bindaddr",
    "from_bindaddr",
    "timeout",
];

/// Checks what stands in `$dlg`.
pub(super) fn check_attribute(text: &[u8]) -> Result<(), String> {
    if ATTRIBUTES.iter().any(|known| known.as_bytes() == text) {
        return Ok(());
    }
    Err(format!("a dialog has no \"{}\"; {} are known", text.escape_ascii(), ATTRIBUTES.join(", ")))
}

/// `$dlg(attribute)`
pub(super) fn attribute(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(dialog) = current::dialog(cx) else { return Value::Null };
    let (side, name) = match args.name() {
        [b't', b'o', b'_', name @ ..] if name != b"uri" => (Side::Callee, name),
        [b'f', b'r', b'o', b'm', b'_', name @ ..] if name != b"uri" => (Side::Caller, name),
        name => return of_dialog(cx, &dialog, name),
    };
    let live = dialog.live();
    live.leg(side).map_or(Value::Null, |leg| of_leg(cx, leg, name))
}

fn of_dialog(cx: &Cx<'_>, dialog: &Dialog, name: &[u8]) -> Value {
    let live = dialog.live();
    match name {
        b"h_id" => Value::Int(dialog.ident.id.into()),
        b"h_entry" => Value::Int(dialog.ident.entry.into()),
        // One more for whoever asks.
        b"ref" => Value::Int(references(&live) + 1),
        b"callid" | b"call-id" => Value::Str(dialog.call_id.clone()),
        b"from_uri" => Value::Str(dialog.from_uri.clone()),
        b"to_uri" => Value::Str(dialog.to_uri.clone()),
        b"state" => {
            let seen = cx.context.data.get::<Current>().and_then(|current| current.seen);
            Value::Int(seen.unwrap_or(live.state) as i64)
        }
        b"toroute" => Value::Int(route_number(cx, &live.timeout_route)),
        b"start_ts" => Value::Int(live.started),
        b"init_ts" => Value::Int(dialog.created),
        b"end_ts" => Value::Int(live.ended),
        b"dflags" => Value::Int(live.marks.into()),
        b"sflags" => Value::Int(live.flags.into()),
        b"lifetime" => Value::Int(live.lifetime),
        b"timeout" => Value::Int(live.expires),
        _ => Value::Null,
    }
}

/// What Kamailio counts as references: the table, and the timer while it runs.
pub(super) fn references(live: &call::Live) -> i64 {
    1 + i64::from(live.state.is_active())
}

fn of_leg(cx: &Cx<'_>, leg: &Leg, name: &[u8]) -> Value {
    let text = |text: &Str| if text.is_empty() { Value::Null } else { Value::Str(text.clone()) };
    match name {
        b"tag" => text(&leg.tag),
        b"contact" => text(&leg.contact),
        b"cseq" => Value::Str(Str::decimal(leg.cseq.into())),
        b"rs" => text(&Str::from(leg.route_set())),
        b"bindaddr" => leg.socket.map_or(Value::Null, |id| Value::Str(cx.listeners().get(id).text().into())),
        _ => Value::Null,
    }
}

/// The number of a route as scripts see it; 0 for none.
fn route_number(cx: &Cx<'_>, name: &[u8]) -> i64 {
    if name.is_empty() {
        return 0;
    }
    cx.program().route(RouteKind::Named, name).map_or(0, |route| i64::from(route.0))
}

const WISHES: &[&str] = &["on", "timeout", "timeout_bye", "timeout_route", "timeout_route_id", "set", "dir"];

/// Checks what stands in `$dlg_ctx`.
pub(super) fn check_wish(text: &[u8]) -> Result<(), String> {
    if WISHES.iter().any(|known| known.as_bytes() == text) {
        return Ok(());
    }
    Err(format!("$dlg_ctx has no \"{}\"; {} are known", text.escape_ascii(), WISHES.join(", ")))
}

/// `$dlg_ctx(attribute)`
pub(super) fn wish(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let current = cx.data::<Current>();
    let wishes = &current.wishes;
    match args.name() {
        b"on" => Value::Int(wishes.on),
        b"timeout" => Value::Int(wishes.timeout),
        b"timeout_bye" => Value::Int(wishes.timeout_bye),
        b"timeout_route" if wishes.timeout_route.is_empty() => Value::Null,
        b"timeout_route" => Value::Str(wishes.timeout_route.clone()),
        b"timeout_route_id" => {
            let name = wishes.timeout_route.clone();
            Value::Int(route_number(cx, &name))
        }
        b"set" => Value::Int(current.dialog.is_some().into()),
        b"dir" => Value::Int(match current.sender {
            None => 0,
            Some(Side::Caller) => 1,
            Some(Side::Callee) => 2,
        }),
        _ => Value::Null,
    }
}

/// `$dlg_ctx(attribute) = …`. Properties hold for the dialog that begins next; `timeout` also for one in conversation.
pub(super) fn set_wish(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let number = value.as_int().unwrap_or(0);
    let wishes = &mut cx.data::<Current>().wishes;
    match args.name() {
        b"on" => wishes.on = number,
        b"timeout_bye" => wishes.timeout_bye = number,
        b"timeout_route" => wishes.timeout_route = Str::copy(&value.to_str()),
        b"timeout" => {
            wishes.timeout = number;
            let (state, now) = (cx.state::<Module>(), cx.shard.unix_time());
            if let Some(dialog) = cx.data::<Current>().dialog.clone().filter(|_| number > 0) {
                state.shared.set_timeout(&dialog, number, &state.params.limits, now);
            }
        }
        _ => return Err(WriteError::NotHere),
    }
    Ok(())
}

/// `$dlg_var(name)`
pub(super) fn variable(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let value = match current::dialog(cx) {
        Some(dialog) => dialog.live().variable(args.name()).cloned(),
        None => cx
            .data::<Current>()
            .variables
            .iter()
            .find(|(name, _)| **name == *args.name())
            .map(|(_, v)| v.clone()),
    };
    value.map_or(Value::Null, Value::Str)
}

/// `$dlg_var(name) = …`; before there is a dialog, for the one that begins next.
pub(super) fn set_variable(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let value = match value {
        Value::Null => None,
        Value::Str(text) => Some(Str::copy(&text)),
        Value::Int(_) => return Err(WriteError::Unfit("a dialog's variable takes text".to_owned())),
    };
    match current::dialog(cx) {
        Some(dialog) => {
            dialog.live().set_variable(args.name(), value);
            cx.state::<Module>().shared.changed.note(dialog.ident);
        }
        None => call::set(&mut cx.data::<Current>().variables, args.name(), value),
    }
    Ok(())
}
