//! Transactions that a flag was set for, from their beginning to their last reply.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use cfg_vm::Str;
use engine::Cx;
use engine::context::RouteContext;
use modules::tm::callbacks::{Answer, Watcher};
use sip_message::{HeaderId, Message, Method};

use super::Acc;
use super::database::Table;
use super::record::{Outcome, Record};

/// What the module hears of transactions.
pub(super) const WATCHER: Watcher = Watcher { created, replied, failing, acknowledged };

/// Goes with the request.
#[derive(Clone, Copy, Default)]
struct Account {
    /// A flag was set when the transaction was made.
    is_open: bool,
    /// The flags that the request had when its failure route began: as in Kamailio, replies from that route are accounted
    /// by them.
    before_failure: Option<u32>,
}

fn created(cx: &mut Cx<'_>) {
    let params = &cx.state::<Acc>().params;
    let (asked, flags) = (params.asked, cx.context.flags.message);
    let is_left_out = cx.context.message.method() == Method::Cancel && !params.report_cancels;
    let is_asked = [asked.log, asked.log_missed, asked.db, asked.db_missed, asked.prepare]
        .iter()
        .any(|mask| mask.is_in(flags));
    if !is_left_out && (is_asked || params.prepare_always) {
        cx.data::<Account>().is_open = true;
    }
}

fn account(cx: &Cx<'_>) -> Option<Account> {
    cx.context.data.get::<Account>().copied().filter(|account| account.is_open)
}

/// A reply has been sent to the caller.
fn replied(cx: &mut Cx<'_>, answer: &Answer<'_>) {
    let Some(account) = account(cx) else { return };
    let state = cx.state::<Acc>();
    let asked = state.params.asked;
    let flags = match account.before_failure {
        Some(flags) if cx.context.route == RouteContext::Failure => flags,
        _ => cx.context.flags.message,
    };
    if answer.code >= 300 {
        missed(cx, answer, flags);
    }
    if !is_reported(state, answer, flags) {
        return;
    }
    let record = Record::of_answer(cx, state, answer);
    if asked.log.is_in(flags) {
        record.log(cx, state, "transaction answered");
    }
    if asked.db.is_in(flags)
        && let Some(database) = &state.database
    {
        database.write(cx, state, &record, Table::Accounted);
    }
    if matches!(answer.code, 200..300) {
        remember(cx, state, answer);
    }
}

/// Whether a reply is accounted at all.
fn is_reported(state: &Acc, answer: &Answer<'_>, flags: u32) -> bool {
    let params = &state.params;
    match answer.code {
        ..200 => {
            let length = answer.reply.and_then(|reply| reply.message.content_length());
            params.early_media && matches!(length, Some(Ok(1..)))
        }
        200..300 => true,
        code => params.asked.failed.is_in(flags) && !params.failed_filter.contains(&code),
    }
}

/// All branches have failed; the failure route is next.
fn failing(cx: &mut Cx<'_>, answer: &Answer<'_>) {
    if account(cx).is_none() {
        return;
    }
    let flags = cx.context.flags.message;
    // An earlier failure route is over; where another follows, it says so.
    cx.context.route = RouteContext::Request;
    cx.data::<Account>().before_failure = Some(flags);
    missed(cx, answer, flags);
}

/// A call is missed once: the flags that say so are taken back.
fn missed(cx: &mut Cx<'_>, answer: &Answer<'_>, flags: u32) {
    let state = cx.state::<Acc>();
    let asked = state.params.asked;
    let (logs, writes) = (asked.log_missed.is_in(flags), asked.db_missed.is_in(flags));
    if cx.context.message.method() != Method::Invite || !(logs || writes) {
        return;
    }
    let record = Record::of_answer(cx, state, answer);
    if logs {
        record.log(cx, state, "call missed");
    }
    if let Some(database) = state.database.as_ref().filter(|_| writes) {
        database.write(cx, state, &record, Table::Missed);
    }
    asked.log_missed.clear_in(&mut cx.context.flags.message);
    asked.db_missed.clear_in(&mut cx.context.flags.message);
}

/// After a failure route its replies are over.
pub(super) fn after_route(cx: &mut Cx<'_>) {
    if cx.context.route == RouteContext::Failure && account(cx).is_some() {
        cx.data::<Account>().before_failure = None;
    }
}

/// How long an ACK is waited for: as long as Kamailio remembers the INVITE.
const ACK_COMES: Duration = Duration::from_secs(5);
/// INVITEs whose ACK is waited for at most.
const MOST_ANSWERED: usize = 100_000;

/// INVITEs that have been answered with a 2xx, by what their ACK shares with them.
#[derive(Default)]
struct Answered {
    key: RandomState,
    invites: HashMap<u64, (Instant, u16, Str)>,
}

impl Answered {
    fn key(&self, message: &Message) -> Option<u64> {
        let tag = message.from().ok()?.tag();
        Some(self.key.hash_one((message.value(HeaderId::CallId), tag, message.cseq().ok()?.number)))
    }

    fn add(&mut self, invite: &Message, code: u16, reason: Str, now: Instant) {
        if self.invites.len() >= MOST_ANSWERED
            || self.invites.len() >= 1000 && self.invites.len().is_power_of_two()
        {
            self.invites.retain(|_, (at, ..)| now < *at + ACK_COMES);
        }
        if let Some(key) = self.key(invite).filter(|_| self.invites.len() < MOST_ANSWERED) {
            self.invites.insert(key, (now, code, reason));
        }
    }

    fn take(&mut self, ack: &Message, now: Instant) -> Option<(u16, Str)> {
        let key = self.key(ack)?;
        let (at, code, reason) = self.invites.remove(&key)?;
        (now < at + ACK_COMES).then_some((code, reason))
    }
}

fn remember(cx: &mut Cx<'_>, state: &Acc, answer: &Answer<'_>) {
    let context = &*cx.context;
    if !state.params.report_ack || context.message.method() != Method::Invite {
        return;
    }
    let reason = answer.reply.map_or(Str::from_static(b"OK"), |reply| Str::copy(reply.message.reason()));
    let now = cx.shard.now;
    cx.shard.kept::<Answered>().add(&context.message, answer.code, reason, now);
}

/// The ACK of a 2xx comes by.
fn acknowledged(cx: &mut Cx<'_>) {
    let state = cx.state::<Acc>();
    let (asked, flags) = (state.params.asked, cx.context.flags.message);
    let (logs, writes) = (asked.log.is_in(flags), asked.db.is_in(flags));
    if !state.params.report_ack || !(logs || writes) {
        return;
    }
    let now = cx.shard.now;
    let Some((code, reason)) = cx.shard.kept::<Answered>().take(&cx.context.message, now) else { return };
    let code = Str::decimal(code.into());
    let record = Record::new(cx, state, &Outcome { code: &code, reason: &reason, to_tag: None });
    if logs {
        record.log(cx, state, "request acknowledged");
    }
    if let Some(database) = state.database.as_ref().filter(|_| writes) {
        database.write(cx, state, &record, Table::Accounted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(method: &str, number: u32) -> Message {
        Message::from_bytes(format!(
            "{method} sip:a SIP/2.0\r\nVia: v\r\nFrom: <sip:b>;tag=f\r\nCall-ID: c\r\nCSeq: {number} {method}\r\n\r\n"
        ))
        .expect("a message")
    }

    #[test]
    fn an_ack_finds_its_invite_once_and_for_a_while() {
        let (mut answered, now) = (Answered::default(), Instant::now());
        answered.add(&message("INVITE", 1), 200, "OK".into(), now);
        assert_eq!(answered.take(&message("ACK", 2), now), None);
        assert_eq!(answered.take(&message("ACK", 1), now), Some((200, "OK".into())));
        assert_eq!(answered.take(&message("ACK", 1), now), None);
        answered.add(&message("INVITE", 1), 200, "OK".into(), now);
        assert_eq!(answered.take(&message("ACK", 1), now + ACK_COMES), None);
    }
}
