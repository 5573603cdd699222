//! Transactions and dialogs whose messages are traced as they come and go.
//!
//! They are known by what all their messages share: Call-ID, and in a transaction the number in CSeq. So this needs nothing
//! of who handles them, and sees what leaves without a transaction too.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use engine::forward::Hop;
use engine::services::Services;
use sip_message::{Message, Method};

use super::record::{Record, Way};
use super::{SipTrace, emit};

/// Followed at most on one shard.
const MOST: usize = 10_000;
/// A transaction that is not heard of for so long is forgotten.
const TRANSACTION: Duration = Duration::from_secs(300);
/// The same for a dialog.
const DIALOG: Duration = Duration::from_secs(12 * 3600);
/// How long what is over can still be repeated: RFC 3261's 64 T1.
const OVER: Duration = Duration::from_secs(32);
/// How often the forgotten are cleared away.
const SWEEP: Duration = Duration::from_secs(10);

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Transaction,
    Dialog,
}

/// A transaction or, without a number, a dialog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    call: Box<[u8]>,
    number: Option<u32>,
}

/// Where its messages go.
#[derive(Clone, Debug)]
struct Entry {
    hops: Vec<Option<Hop>>,
    until: Instant,
    /// An INVITE of it was answered with a failure, whose ACK belongs to the transaction (RFC 3261 §17.1.1.3).
    refused: bool,
}

/// All that a shard follows.
#[derive(Default)]
pub(super) struct Followed {
    entries: HashMap<Key, Entry>,
    sweep: Option<Instant>,
}

impl Key {
    fn of(message: &Message, scope: Scope) -> Option<Self> {
        let number = match scope {
            Scope::Transaction => Some(message.cseq().ok()?.number),
            Scope::Dialog => None,
        };
        Some(Self { call: message.call_id().ok()?.into(), number })
    }
}

impl Followed {
    /// Follows from this message on; false when there is no room or the message names no call.
    pub(super) fn add(&mut self, message: &Message, scope: Scope, hop: Option<Hop>, now: Instant) -> bool {
        self.sweep(now);
        let Some(key) = Key::of(message, scope) else { return false };
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            return false;
        }
        let until = now + if scope == Scope::Dialog { DIALOG } else { TRANSACTION };
        let entry =
            self.entries.entry(key).or_insert_with(|| Entry { hops: Vec::new(), until, refused: false });
        if !entry.hops.contains(&hop) {
            entry.hops.push(hop);
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a message goes as well.
    fn hops(&mut self, message: &Message, way: Way, now: Instant) -> Vec<Option<Hop>> {
        self.sweep(now);
        let mut hops = Vec::new();
        for scope in [Scope::Transaction, Scope::Dialog] {
            let Some(entry) = Key::of(message, scope).and_then(|key| self.entries.get_mut(&key)) else {
                continue;
            };
            if scope == Scope::Transaction && is_apart(message, way, entry.refused) {
                continue;
            }
            entry.refused |= is_refusal(message, way);
            if is_end(message, scope, way) {
                entry.until = entry.until.min(now + OVER);
            }
            for hop in &entry.hops {
                if !hops.contains(hop) {
                    hops.push(hop.clone());
                }
            }
        }
        hops
    }

    fn sweep(&mut self, now: Instant) {
        if self.sweep.is_none_or(|next| now >= next) {
            self.entries.retain(|_, entry| entry.until > now);
            self.sweep = Some(now + SWEEP);
            if self.entries.is_empty() {
                self.entries.shrink_to_fit();
            }
        }
    }
}

/// Whether a message is not a transaction's although it has its number: of what is received, requests are the script's to
/// trace, which sees their retransmissions too, but for the ACK of a failure, which ends here; and an ACK that is passed on,
/// below another's Via, is that of a 2xx, which is no part of the INVITE's transaction (RFC 3261 §17.1.1.3).
fn is_apart(message: &Message, way: Way, refused: bool) -> bool {
    let is_ack = message.method() == Method::Ack;
    message.is_request()
        && match way {
            Way::In => !(is_ack && refused),
            Way::Out => is_ack && message.via_values().nth(1).is_some(),
        }
}

/// Whether it tells the caller that an INVITE has failed.
fn is_refusal(message: &Message, way: Way) -> bool {
    let is_failure = way == Way::Out && message.status().is_some_and(|status| status >= 300);
    is_failure && message.cseq().is_ok_and(|cseq| cseq.method == Method::Invite)
}

/// A final reply that we send ends a transaction; the one to a BYE ends the dialog.
fn is_end(message: &Message, scope: Scope, way: Way) -> bool {
    let is_final = way == Way::Out && message.status().is_some_and(|status| status >= 200);
    is_final && (scope == Scope::Transaction || message.cseq().is_ok_and(|cseq| cseq.method == Method::Bye))
}

/// Traces a message if what it belongs to is followed.
pub(super) fn note(services: &mut Services, trace: &SipTrace, record: &Record<'_>) {
    let now = services.now;
    if services.kept_if_any::<Followed>().is_none_or(Followed::is_empty) {
        return;
    }
    let Ok(message) = Message::from_bytes(record.bytes) else { return };
    let hops = services.kept::<Followed>().hops(&message, record.way, now);
    if hops.is_empty() {
        return;
    }
    emit::keep(services, trace, record);
    for hop in hops.iter().flatten() {
        emit::duplicate(services, trace, record, hop, b"", trace.form);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(first: &str, cseq: &str) -> Message {
        Message::from_bytes(format!("{first}\r\nVia: v\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\r\n"))
            .expect("a message")
    }

    fn hop(host: &str) -> Option<Hop> {
        Hop::of_uri(format!("sip:{host}").as_bytes())
    }

    #[test]
    fn a_transaction_is_followed_until_its_final_reply_is_old() {
        let (mut followed, start) = (Followed::default(), Instant::now());
        let invite = message("INVITE sip:a SIP/2.0", "1 INVITE");
        assert!(followed.add(&invite, Scope::Transaction, hop("x"), start));
        assert!(followed.add(&invite, Scope::Transaction, hop("x"), start));
        assert_eq!(followed.hops(&invite, Way::In, start), []);
        assert_eq!(followed.hops(&invite, Way::Out, start), [hop("x")]);
        assert_eq!(followed.hops(&message("SIP/2.0 180 R", "1 INVITE"), Way::In, start), [hop("x")]);
        assert_eq!(followed.hops(&message("ACK sip:a SIP/2.0", "1 ACK"), Way::Out, start), [hop("x")]);
        let passed_on = message("ACK sip:a SIP/2.0\r\nVia: ours", "1 ACK");
        assert_eq!(followed.hops(&passed_on, Way::Out, start), []);
        let from_caller = message("ACK sip:a SIP/2.0", "1 ACK");
        assert_eq!(followed.hops(&from_caller, Way::In, start), []);
        assert_eq!(followed.hops(&message("SIP/2.0 486 Busy", "1 INVITE"), Way::Out, start), [hop("x")]);
        assert_eq!(followed.hops(&from_caller, Way::In, start), [hop("x")]);
        assert_eq!(followed.hops(&message("SIP/2.0 180 R", "2 INVITE"), Way::In, start), []);
        let end = message("SIP/2.0 200 OK", "1 INVITE");
        assert_eq!(followed.hops(&end, Way::Out, start), [hop("x")]);
        assert_eq!(followed.hops(&end, Way::Out, start + OVER - Duration::from_secs(1)), [hop("x")]);
        assert_eq!(followed.hops(&end, Way::Out, start + OVER + SWEEP), []);
        assert!(followed.is_empty());
    }

    #[test]
    fn a_dialog_is_followed_over_its_transactions() {
        let (mut followed, start) = (Followed::default(), Instant::now());
        assert!(followed.add(&message("INVITE sip:a SIP/2.0", "1 INVITE"), Scope::Dialog, None, start));
        let bye = message("BYE sip:a SIP/2.0", "7 BYE");
        assert_eq!(followed.hops(&bye, Way::In, start + TRANSACTION), [None]);
        assert_eq!(followed.hops(&message("SIP/2.0 200 OK", "7 BYE"), Way::Out, start + TRANSACTION), [None]);
        assert_eq!(followed.hops(&bye, Way::In, start + TRANSACTION + OVER + SWEEP), []);
    }

    #[test]
    fn there_is_an_end_to_what_is_followed() {
        let (mut followed, start) = (Followed::default(), Instant::now());
        for number in 0..MOST {
            assert!(followed.add(
                &message("BYE sip:a SIP/2.0", &format!("{number} BYE")),
                Scope::Transaction,
                None,
                start
            ));
        }
        let one_more = message("BYE sip:a SIP/2.0", "99999 BYE");
        assert!(!followed.add(&one_more, Scope::Transaction, None, start));
        assert!(followed.add(&one_more, Scope::Transaction, None, start + TRANSACTION + SWEEP));
    }
}
