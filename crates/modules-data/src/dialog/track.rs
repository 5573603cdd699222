//! How dialogs follow what comes by: the INVITE that begins one, its replies, and the requests within.

use std::sync::Arc;

use cfg_vm::Str;
use engine::{Args, Cx, Flow};
use modules::rr;
use modules::tm::callbacks::{Answer, Watcher};
use sip_message::{HeaderId, Message, Method, NameAddr, Params as UriParams};

use super::call::{Dialog, Ident, Leg, Live, Side, mark, property};
use super::current::{self, Current, Key};
use super::params::Match;
use super::state::{Event, Meaning, State};
use super::{Module, events};

/// What the module hears of transactions.
pub(super) const WATCHER: Watcher = Watcher { created, replied, failing: |_, _| {}, acknowledged: |_| {} };

/// `dlg_manage()`
pub(super) fn manage(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    let has_to_tag = message.to().is_ok_and(|to| to.tag().is_some());
    if has_to_tag {
        let params = first_route_params(cx);
        return within(cx, params.as_deref().unwrap_or_default()).into();
    }
    if message.method() != Method::Invite {
        return Flow::FALSE;
    }
    begin(cx).is_some().into()
}

/// The parameters of the topmost Route's URI.
fn first_route_params(cx: &Cx<'_>) -> Option<Vec<u8>> {
    let message = &cx.context.message;
    let value = message.route_values().next()?;
    let uri = message.name_addr(value).ok()?.uri_text;
    let at = uri.iter().position(|byte| *byte == b';')?;
    Some(uri[at..].to_vec())
}

/// Begins a dialog for an INVITE, or finds the one that it began when it came by before.
fn begin(cx: &mut Cx<'_>) -> Option<()> {
    let state = cx.state::<Module>();
    if cx.data::<Current>().dialog.is_some() {
        return Some(());
    }
    let known = current::by_tags(cx)
        .filter(|(dialog, side)| *side == Side::Caller && dialog.live().state != State::Deleted);
    let dialog = match known {
        Some((dialog, _)) if state.params.detects_spirals => dialog,
        _ => made(cx)?,
    };
    if state.params.matching != Match::Tags {
        let param = [b";", &*state.params.rr_param, b"=", dialog.ident.text().as_bytes()].concat();
        rr::add_params(cx, &param);
    }
    cx.data::<Current>().dialog = Some(dialog);
    Some(())
}

fn made(cx: &mut Cx<'_>) -> Option<Arc<Dialog>> {
    let (state, now, shard) = (cx.state::<Module>(), cx.shard.unix_time(), cx.shard.index);
    let lifetime = lifetime(cx);
    let message = &cx.context.message;
    let caller = Leg {
        tag: Str::copy(message.from().ok()?.tag()?),
        contact: contact(message),
        cseq: message.cseq().ok()?.number,
        routes: record_routes(message),
        socket: Some(cx.context.received.listener),
    };
    let uri =
        |party: Result<NameAddr<'_>, _>| party.map(|party| Str::copy(party.uri_text)).unwrap_or_default();
    let uris = [uri(message.from()), uri(message.to()), Str::copy(&cx.context.request_uri())];
    let call_id = Str::copy(message.call_id().ok()?);
    let mut live = Live::begun(caller, lifetime.unwrap_or(state.params.default_timeout));
    let own = cx.data::<Current>();
    own.is_unattached = true;
    live.variables = std::mem::take(&mut own.variables);
    live.timeout_route = own.wishes.timeout_route.clone();
    if own.wishes.timeout_bye != 0 || state.params.sends_bye {
        live.properties |= property::TIMEOUT_BYE;
    }
    let ident = state.shared.table.name(&call_id);
    let dialog = Arc::new(Dialog::new(ident, call_id, uris, now, live));
    state.shared.table.add(&dialog);
    state.shared.table.due_at(ident, now + state.params.limits.early);
    state.shared.counters.processed.add(shard);
    Some(dialog)
}

/// The lifetime that `timeout_avp` gives.
fn lifetime(cx: &mut Cx<'_>) -> Option<i64> {
    let pv = cx.state::<Module>().params.timeout.as_ref()?;
    cx.read_bound(pv).as_int().filter(|seconds| *seconds > 0)
}

fn contact(message: &Message) -> Str {
    let first = message.contact_values().next().and_then(|value| message.name_addr(value).ok());
    first.map(|addr| Str::copy(addr.uri_text)).unwrap_or_default()
}

fn record_routes(message: &Message) -> Vec<Str> {
    message
        .record_route_values()
        .filter_map(|value| message.name_addr(value).ok())
        .map(|addr| Str::from([b"<", addr.uri_text, b">"].concat()))
        .collect()
}

/// A transaction has been made for the request.
fn created(cx: &mut Cx<'_>) {
    let Some(own) = cx.context.data.get::<Current>() else { return };
    let Some(dialog) = own.dialog.clone().filter(|_| own.is_unattached) else { return };
    cx.data::<Current>().is_unattached = false;
    dialog.live().marks |= mark::TRANSACTION;
}

/// After `request_route`: a dialog whose INVITE was answered without a transaction, or not at all, never was one.
pub(super) fn after_script(cx: &mut Cx<'_>) {
    let Some(own) = cx.context.data.get::<Current>() else { return };
    let Some(dialog) = own.dialog.clone().filter(|_| own.is_unattached) else { return };
    cx.data::<Current>().is_unattached = false;
    cx.state::<Module>().shared.remove(&dialog, cx.shard.index);
}

/// A reply has been sent to the caller of a transaction.
fn replied(cx: &mut Cx<'_>, answer: &Answer<'_>) {
    let Some(own) = cx.context.data.get::<Current>() else { return };
    let Some(dialog) = own.dialog.clone() else { return };
    if cx.context.message.method() != Method::Invite {
        return;
    }
    if let Some(sender) = own.sender {
        return refreshed(&dialog, sender.other(), answer);
    }
    match answer.code {
        ..=100 => {}
        101..200 => happen(cx, &dialog, Event::Provisional),
        200..300 => {
            answered(cx, &dialog, answer);
            happen(cx, &dialog, Event::Answer);
        }
        _ => happen(cx, &dialog, Event::Rejection),
    }
}

/// The 2xx of an INVITE within tells where its sender is now (RFC 3261 §12.2.1.2).
fn refreshed(dialog: &Dialog, side: Side, answer: &Answer<'_>) {
    let Some(reply) = answer.reply.filter(|_| matches!(answer.code, 200..300)) else { return };
    let contact = contact(&reply.message);
    if let Some(leg) = dialog.live().leg_mut(side).filter(|_| !contact.is_empty()) {
        leg.contact = contact;
    }
}

/// Notes who answered. Of several branches that answer, the first is the dialog's.
fn answered(cx: &Cx<'_>, dialog: &Dialog, answer: &Answer<'_>) {
    let callee = match answer.reply {
        Some(reply) => Leg {
            tag: reply.message.to().ok().and_then(|to| to.tag()).map(Str::copy).unwrap_or_default(),
            contact: contact(&reply.message),
            cseq: 0,
            routes: callee_routes(cx, &reply.message),
            socket: Some(reply.received.listener),
        },
        None => Leg { tag: Str::copy(answer.local_tag), ..Leg::default() },
    };
    let mut live = dialog.live();
    if matches!(live.state, State::Unconfirmed | State::Early) {
        live.callee = Some(callee);
    }
}

/// The way from here to the callee: of the reply's Record-Routes, those above ours, backwards.
fn callee_routes(cx: &Cx<'_>, reply: &Message) -> Vec<Str> {
    let mut routes = record_routes(reply);
    let upstream = cx.context.message.record_route_values().count();
    routes.truncate(routes.len().saturating_sub(upstream));
    if !cx.state::<Module>().params.keeps_own_routes[1] {
        while routes.last().is_some_and(|route| is_own(cx, route)) {
            routes.pop();
        }
    }
    routes.reverse();
    routes
}

fn is_own(cx: &Cx<'_>, route: &[u8]) -> bool {
    let uri = NameAddr::parse(route).and_then(|addr| addr.uri());
    uri.is_ok_and(|uri| cx.listeners().is_own(uri.host, uri.port, None))
}

/// One of our Routes led the request here.
pub(super) fn routed(cx: &mut Cx<'_>, params: &[u8]) {
    if cx.context.message.to().is_ok_and(|to| to.tag().is_some()) {
        within(cx, params);
    }
}

/// Finds the dialog of a request within it and lets it happen there; false when there is none. A request that was found is
/// not counted again.
fn within(cx: &mut Cx<'_>, params: &[u8]) -> bool {
    if cx.data::<Current>().dialog.is_some() {
        return true;
    }
    let Some((dialog, sender)) = find(cx, params) else { return false };
    let own = cx.data::<Current>();
    (own.dialog, own.sender) = (Some(Arc::clone(&dialog)), Some(sender));
    let event = match cx.context.message.method() {
        Method::Ack if sender == Side::Caller => Event::Ack,
        Method::Bye => Event::Bye,
        _ => Event::Request,
    };
    if event == Event::Request {
        note(cx, &dialog, sender);
    }
    happen(cx, &dialog, event);
    true
}

fn find(cx: &Cx<'_>, params: &[u8]) -> Option<(Arc<Dialog>, Side)> {
    let state = cx.state::<Module>();
    let named = || {
        let ident = Ident::parse(
            UriParams::of_uri(params.strip_prefix(b";").unwrap_or(params)).value(&state.params.rr_param)?,
        )?;
        let dialog = state.shared.table.get(ident)?;
        let key = Key::of(cx.context)?;
        let side = dialog.side(key.from_tag, key.to_tag).filter(|_| *dialog.call_id == *key.call_id)?;
        Some((dialog, side))
    };
    match state.params.matching {
        Match::Ident => named(),
        Match::IdentThenTags => named().or_else(|| current::by_tags(cx)),
        Match::Tags => current::by_tags(cx),
    }
}

/// Keeps what a request within tells of its sender: its number and, where it is to be told, its Contact (RFC 3261
/// §12.2.2). Where a script gives another lifetime, it begins now.
fn note(cx: &mut Cx<'_>, dialog: &Arc<Dialog>, sender: Side) {
    let lifetime = lifetime(cx);
    let (state, now) = (cx.state::<Module>(), cx.shard.unix_time());
    let message = &cx.context.message;
    let number = message.cseq().map(|cseq| cseq.number).unwrap_or_default();
    let is_refresh = matches!(message.method(), Method::Invite | Method::Update);
    let contact = if is_refresh { contact(message) } else { Str::EMPTY };
    state.shared.changed.note(dialog.ident);
    let resets = {
        let mut live = dialog.live();
        if let Some(leg) = live.leg_mut(sender) {
            if message.method() != Method::Ack {
                leg.cseq = leg.cseq.max(number);
            }
            if message.index().has(HeaderId::Contact) && !contact.is_empty() {
                leg.contact = contact;
            }
        }
        state.params.resets_timer && live.properties & property::TIMER_NORESET == 0
    };
    if let Some(seconds) = lifetime.filter(|_| resets) {
        state.shared.set_timeout(dialog, seconds, &state.params.limits, now);
    }
}

/// Lets an event happen, and the routes hear of it.
fn happen(cx: &mut Cx<'_>, dialog: &Arc<Dialog>, event: Event) {
    let state = cx.state::<Module>();
    let meaning =
        state.shared.advance(dialog, event, &state.params.limits, cx.shard.unix_time(), cx.shard.index);
    let route = match meaning {
        Meaning::Started => state.events.start,
        Meaning::Ended => state.events.end,
        Meaning::Failed => state.events.failed,
        Meaning::Acknowledged => {
            super::ask::begin(state, dialog, cx.shard.unix_time());
            None
        }
        Meaning::Same | Meaning::Rings => None,
    };
    if let Some(route) = route {
        events::run(cx, route);
    }
}
