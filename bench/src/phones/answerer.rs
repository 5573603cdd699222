//! One call as its answerer sees it: 180, then 200 or 486, repeated until the ACK (RFC 3261 §13.3.1.4, §17.2.1).

use std::time::Duration;

use super::message::{self, Received};
use super::repeats::{Repeats, T2};
use super::{Finale, Names, Plan};

/// An answerer.
#[derive(Debug)]
pub(crate) struct Answerer {
    state: State,
    /// The INVITE's branch: another one is another INVITE.
    branch: Box<str>,
    /// The reply that a repeated INVITE meets. While it rings, its final reply waits in `last`.
    current: Box<[u8]>,
    last: Box<[u8]>,
    /// Final replies that had to be sent again.
    pub(crate) repeated: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Until then, or until it is told to end.
    Ringing(Option<Duration>),
    Replied(Repeats),
    Confirmed,
    /// The BYE came.
    Over,
    /// No ACK within 64 × T1.
    Unconfirmed,
}

impl Answerer {
    /// Rings; the 180 is in `out`.
    pub(crate) fn new(
        now: Duration,
        (names, plan, call): (&Names, &Plan, u32),
        invite: Received<'_>,
        out: &mut Vec<Vec<u8>>,
    ) -> Self {
        let current = message::reply(names, invite, "180 Ringing", call);
        let last = match plan.finale {
            Finale::Answer => message::reply(names, invite, "200 OK", call),
            Finale::Refuse => message::reply(names, invite, "486 Busy Here", call),
        };
        out.push(current.clone());
        Self {
            state: State::Ringing(plan.ring.map(|ring| now + ring)),
            branch: invite.value("Via").unwrap_or_default().into(),
            current: current.into(),
            last: last.into(),
            repeated: 0,
        }
    }

    /// Whether the final reply has gone and its ACK come.
    pub(crate) fn confirmed(&self) -> bool {
        matches!(self.state, State::Confirmed | State::Over)
    }

    /// Whether the BYE has come.
    pub(crate) fn hung_up(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// When it wants to be woken.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.state {
            State::Ringing(until) => until,
            State::Replied(again) => Some(again.due()),
            _ => None,
        }
    }

    /// A request of the call; false if it is an INVITE of another branch, which should not have come.
    pub(crate) fn receive(
        &mut self,
        (names, plan, call): (&Names, &Plan, u32),
        request: Received<'_>,
        out: &mut Vec<Vec<u8>>,
    ) -> bool {
        if plan.vanishes && self.confirmed() {
            return true;
        }
        match request.method() {
            Some("INVITE") => {
                if request.value("Via") != Some(&*self.branch) {
                    return false;
                }
                out.push(self.current.to_vec());
            }
            Some("ACK") => {
                if matches!(self.state, State::Replied(_)) {
                    self.state = State::Confirmed;
                }
            }
            Some("BYE") => {
                out.push(message::reply(names, request, "200 OK", call));
                self.state = State::Over;
            }
            _ => {}
        }
        true
    }

    /// Sends the final reply now.
    pub(crate) fn finish(&mut self, now: Duration, out: &mut Vec<Vec<u8>>) {
        if let State::Ringing(_) = self.state {
            self.current = std::mem::take(&mut self.last);
            out.push(self.current.to_vec());
            self.state = State::Replied(Repeats::new(now));
        }
    }

    /// A time that [`Self::due`] named has come; what it makes the answerer send is in `out`.
    pub(crate) fn wake(&mut self, now: Duration, out: &mut Vec<Vec<u8>>) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        match self.state {
            State::Ringing(_) => self.finish(now, out),
            State::Replied(again) if again.over(now) => self.state = State::Unconfirmed,
            State::Replied(again) => {
                out.push(self.current.to_vec());
                self.repeated += 1;
                self.state = State::Replied(again.doubled(now, T2));
            }
            _ => {}
        }
    }
}
