//! `dlg.*` commands, with Kamailio's texts and shapes.

use std::sync::Arc;
use std::time::SystemTime;

use cfg_vm::Str;
use cfg_vm::regex::{Flags, Regex};
use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::call::{Dialog, Ident, Leg};
use super::state::State;
use super::{Module, functions, timer, variables};

type Result = std::result::Result<Vec<RpcValue>, RpcError>;

fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64)
}

fn text(bytes: &[u8]) -> RpcValue {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn with<T>(
    call: &RpcCall<'_>,
    f: impl FnOnce(&Module) -> std::result::Result<T, RpcError>,
) -> std::result::Result<T, RpcError> {
    let running = call.server.running();
    f(running.state::<Module>().ok_or_else(|| RpcError::new(500, "Module dialog is not loaded"))?)
}

/// What is shown for a party that is not known.
const UNKNOWN: &str = "<null string>";

fn leg(call: &RpcCall<'_>, leg: Option<&Leg>) -> RpcValue {
    let of = |f: &dyn Fn(&Leg) -> RpcValue| leg.map_or_else(|| UNKNOWN.into(), f);
    let socket = |leg: &Leg| match leg.socket {
        Some(id) => call.server.listeners.get(id).text().into(),
        None => UNKNOWN.into(),
    };
    RpcValue::structure([
        ("tag", of(&|leg| text(&leg.tag))),
        ("contact", of(&|leg| text(&leg.contact))),
        ("cseq", of(&|leg| leg.cseq.to_string().into())),
        ("route_set", of(&|leg| text(&leg.route_set()))),
        ("socket", of(&socket)),
    ])
}

fn shown(call: &RpcCall<'_>, dialog: &Dialog) -> RpcValue {
    let (live, now) = (dialog.live(), now());
    let named = |name: &Str, value: &Str| RpcValue::Struct(vec![(name.to_lossy().into_owned(), text(value))]);
    let profiles = live.profiles.iter().map(|(name, value)| match value {
        Some(value) => named(name, value),
        None => text(name),
    });
    let is_over = live.state == State::Deleted;
    let variables = live.variables.iter().filter(|_| !is_over).map(|(name, value)| named(name, value));
    RpcValue::structure([
        ("h_entry", i64::from(dialog.ident.entry).into()),
        ("h_id", i64::from(dialog.ident.id).into()),
        ("ref", variables::references(&live).into()),
        ("call-id", text(&dialog.call_id)),
        ("from_uri", text(&dialog.from_uri)),
        ("to_uri", text(&dialog.to_uri)),
        ("state", (live.state as i64).into()),
        ("start_ts", live.started.into()),
        ("init_ts", dialog.created.into()),
        ("end_ts", live.ended.into()),
        ("duration", live.duration(now).into()),
        ("timeout", live.expires.into()),
        ("lifetime", live.lifetime.into()),
        ("dflags", i64::from(live.marks).into()),
        ("sflags", i64::from(live.flags).into()),
        ("iflags", i64::from(live.properties).into()),
        ("caller", leg(call, Some(&live.caller))),
        ("callee", leg(call, live.callee.as_ref())),
        ("profiles", RpcValue::List(profiles.collect())),
        ("variables", RpcValue::List(variables.collect())),
    ])
}

fn shown_all(call: &RpcCall<'_>, dialogs: &[Arc<Dialog>]) -> Result {
    Ok(dialogs.iter().map(|dialog| shown(call, dialog)).collect())
}

/// `dlg.list`, `dlg.list_ctx`
pub(super) fn list(call: &RpcCall<'_>) -> Result {
    with(call, |state| shown_all(call, &state.shared.table.all()))
}

/// `dlg.dlg_list callid [from_tag]`
pub(super) fn of_call(call: &RpcCall<'_>) -> Result {
    let call_id = call.text(0)?;
    let tag = call.text(1).ok();
    with(call, |state| {
        let mut all = state.shared.table.of_call(call_id.as_bytes());
        all.retain(|dialog| tag.as_ref().is_none_or(|tag| tag.as_bytes() == &*dialog.live().caller.tag));
        shown_all(call, &all)
    })
}

/// Whether a text is what was asked for.
type Test = Box<dyn Fn(&[u8]) -> bool>;

/// `dlg.list_match key operator value [limit]`
pub(super) fn matching(call: &RpcCall<'_>) -> Result {
    let key: fn(&Dialog) -> Str = match call.text(0)?.as_str() {
        "ruri" => |dialog| dialog.request_uri.clone(),
        "furi" => |dialog| dialog.from_uri.clone(),
        "turi" => |dialog| dialog.to_uri.clone(),
        "callid" => |dialog| dialog.call_id.clone(),
        _ => return Err(RpcError::new(500, "Invalid matching key parameter")),
    };
    let (operator, value) = (call.text(1)?, call.text(2)?);
    let is_met: Test = match operator.as_str() {
        "eq" => Box::new(move |text| text == value.as_bytes()),
        "sw" => Box::new(move |text| text.starts_with(value.as_bytes())),
        "re" => {
            let regex = Regex::posix(value.as_bytes(), Flags::default())
                .map_err(|_| RpcError::new(500, "Invalid matching value parameter"))?;
            Box::new(move |text| regex.is_match(text))
        }
        _ => return Err(RpcError::new(500, "Invalid matching operator parameter")),
    };
    let limit = call.int(3).ok().and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    with(call, |state| {
        let mut all = state.shared.table.all();
        all.retain(|dialog| is_met(&key(dialog)));
        all.truncate(limit.unwrap_or(usize::MAX));
        if all.is_empty() {
            return Err(RpcError::new(404, "Not found"));
        }
        shown_all(call, &all)
    })
}

/// `dlg.briefing [fields]`: each letter is a member.
pub(super) fn briefing(call: &RpcCall<'_>) -> Result {
    let fields = call.text(0).unwrap_or_else(|_| "ftcFT".to_owned());
    with(call, |state| {
        let brief = |dialog: &Arc<Dialog>| {
            let live = dialog.live();
            let mut members = vec![
                ("h_entry".to_owned(), i64::from(dialog.ident.entry).into()),
                ("h_id".to_owned(), i64::from(dialog.ident.id).into()),
            ];
            for field in fields.chars() {
                let (name, value) = match field {
                    'f' => ("from_uri", text(&dialog.from_uri)),
                    't' => ("to_uri", text(&dialog.to_uri)),
                    'c' => ("call-id", text(&dialog.call_id)),
                    'F' => ("from_tag", text(&live.caller.tag)),
                    'T' => {
                        ("to_tag", live.callee.as_ref().map_or_else(|| UNKNOWN.into(), |leg| text(&leg.tag)))
                    }
                    'I' => ("init_ts", dialog.created.into()),
                    'S' => ("start_ts", live.started.into()),
                    'E' => ("end_ts", live.ended.into()),
                    's' => ("state", (live.state as i64).into()),
                    _ => continue,
                };
                members.push((name.to_owned(), value));
            }
            RpcValue::Struct(members)
        };
        Ok(state.shared.table.all().iter().map(brief).collect())
    })
}

/// `dlg.stats_active`
pub(super) fn active(call: &RpcCall<'_>) -> Result {
    with(call, |state| {
        let states: Vec<_> = state.shared.table.all().iter().map(|dialog| dialog.live().state).collect();
        let count = |of| states.iter().filter(|state| **state == of).count() as i64;
        let counts = [State::Unconfirmed, State::Early, State::Unacknowledged, State::Confirmed].map(count);
        Ok(vec![RpcValue::structure([
            ("starting", counts[0].into()),
            ("connecting", counts[1].into()),
            ("answering", counts[2].into()),
            ("ongoing", counts[3].into()),
            ("all", counts.iter().sum::<i64>().into()),
        ])])
    })
}

fn find(state: &Module, call: &RpcCall<'_>) -> Option<Arc<Dialog>> {
    let key = |at| call.text(at).unwrap_or_default();
    let (call_id, from, to) = (key(0), key(1), key(2));
    let found = state.shared.table.matching(call_id.as_bytes(), from.as_bytes(), to.as_bytes());
    found.map(|(dialog, _)| dialog)
}

/// `dlg.is_alive callid from_tag to_tag`
pub(super) fn is_alive(call: &RpcCall<'_>) -> Result {
    (0..3).try_for_each(|at| call.text(at).map(drop))?;
    with(call, |state| match find(state, call) {
        Some(dialog) if dialog.live().state.is_active() => Ok(vec!["Alive".into()]),
        Some(_) => Err(RpcError::new(500, "Dialog is not alive")),
        None => Err(RpcError::new(404, "Dialog not found")),
    })
}

/// Has a dialog ended on a shard.
fn end(call: &RpcCall<'_>, dialog: Arc<Dialog>) -> Result {
    let visit = move |services: &mut engine::services::Services, running: &Arc<engine::Running>| {
        if let Some(state) = running.state::<Module>() {
            timer::over(services, running, state, &dialog, timer::Parting::Bye);
        }
    };
    call.server
        .visit(0, Box::new(visit))
        .map_err(|_| RpcError::new(500, "The server is too busy; try again"))?;
    Ok(Vec::new())
}

/// `dlg.terminate_dlg callid from_tag to_tag`
pub(super) fn terminate(call: &RpcCall<'_>) -> Result {
    (0..3)
        .try_for_each(|at| call.text(at).map(drop))
        .map_err(|_| RpcError::new(400, "Need a Callid ,from tag ,to tag"))?;
    let found = with(call, |state| {
        find(state, call).ok_or_else(|| RpcError::new(500, "Couldnt find callid in dialog"))
    })?;
    end(call, found)
}

/// `dlg.end_dlg h_entry h_id`
pub(super) fn end_by_ident(call: &RpcCall<'_>) -> Result {
    let number = |at| call.int(at).map(u32::try_from);
    let (entry, id) = (number(0)?, number(1)?);
    let found = with(call, |state| {
        let dialog =
            entry.ok().zip(id.ok()).and_then(|(entry, id)| state.shared.table.get(Ident { entry, id }));
        dialog.ok_or_else(|| RpcError::new(404, "Dialog not found"))
    })?;
    end(call, found)
}

/// `dlg.set_state callid from_tag to_tag state`
pub(super) fn set_state(call: &RpcCall<'_>) -> Result {
    let wanted = (0..3)
        .try_for_each(|at| call.text(at).map(drop))
        .and_then(|()| call.int(3))
        .map_err(|_| RpcError::new(400, "Need the callid, from tag,to tag and state"))?;
    let wanted = State::of_number(wanted).ok_or_else(|| RpcError::new(500, "Invalid state value"))?;
    with(call, |state| {
        let dialog = find(state, call).ok_or_else(|| RpcError::new(500, "Couldnt find callid in dialog"))?;
        state.shared.force(&dialog, wanted, &state.params.limits, now(), 0);
        Ok(vec!["Done".into()])
    })
}

fn profile(state: &Module, call: &RpcCall<'_>) -> std::result::Result<(String, Option<String>), RpcError> {
    let name = call.text(0)?;
    match state.params.profiles.has_values(name.as_bytes()) {
        None => Err(RpcError::new(404, format!("Profile not found: {name}"))),
        Some(true) => Ok((name, call.text(1).ok())),
        Some(false) => Ok((name, None)),
    }
}

/// `dlg.profile_get_size profile [value]`
pub(super) fn profile_size(call: &RpcCall<'_>) -> Result {
    with(call, |state| {
        let (name, value) = profile(state, call)?;
        let value = value.as_deref().map(str::as_bytes);
        Ok(vec![state.shared.table.profile_size(name.as_bytes(), value).into()])
    })
}

/// `dlg.profile_list profile [value]`
pub(super) fn profile_list(call: &RpcCall<'_>) -> Result {
    with(call, |state| {
        let (name, value) = profile(state, call)?;
        let value = value.as_deref().map(str::as_bytes);
        shown_all(call, &functions::members(state, name.as_bytes(), value))
    })
}
