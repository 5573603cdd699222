//! One call as its caller sees it: the client transactions of INVITE and BYE with RFC 3261's timers for UDP.

use std::time::Duration;

use super::message::{self, Dialog, Received};
use super::repeats::{GIVE_UP, Repeats, T2};
use super::{Names, Plan};

/// How a call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Answered, and its BYE answered with 2xx.
    Completed,
    /// The INVITE met a final reply of this code.
    Refused(u16),
    /// Answered, but its BYE met a final reply of this code.
    ByeRefused(u16),
    /// No reply within 64 × T1 (timers B and F).
    Unheard(&'static str),
    /// Provisional replies, and no final one within the caller's patience.
    Unanswered,
    /// The 2xx has no Contact or To to go on with.
    Unusable,
}

/// A caller.
#[derive(Debug)]
pub(crate) struct Caller {
    state: State,
    /// Kept from the first 2xx on: each further one is acknowledged again (RFC 3261 §13.2.2.4).
    dialog: Option<Box<Dialog>>,
    /// INVITEs and BYEs that had to be sent again.
    pub(crate) repeated: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Inviting { again: Repeats },
    Ringing { until: Duration },
    Talking { until: Duration },
    HangingUp { again: Repeats },
    Ended(End),
}

impl Caller {
    /// Calls; the INVITE is in `out`.
    pub(crate) fn new(now: Duration, names: &Names, call: u32, out: &mut Vec<Vec<u8>>) -> Self {
        out.push(message::invite(names, call));
        Self { state: State::Inviting { again: Repeats::new(now) }, dialog: None, repeated: 0 }
    }

    /// How the call ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Whether the server has taken the INVITE.
    pub(crate) fn heard(&self) -> bool {
        !matches!(self.state, State::Inviting { .. })
    }

    /// Whether the call waits for the final reply to an INVITE that the server has taken.
    pub(crate) fn rings(&self) -> bool {
        matches!(self.state, State::Ringing { .. })
    }

    /// Whether the INVITE was answered with 2xx.
    pub(crate) fn answered(&self) -> bool {
        self.dialog.is_some()
    }

    /// When it wants to be woken.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.state {
            State::Inviting { again } | State::HangingUp { again } => Some(again.due()),
            State::Ringing { until } | State::Talking { until } => Some(until),
            State::Ended(_) => None,
        }
    }

    /// A reply; what it makes the caller send is in `out`.
    pub(crate) fn receive(
        &mut self,
        now: Duration,
        (names, plan, call): (&Names, &Plan, u32),
        reply: Received<'_>,
        out: &mut Vec<Vec<u8>>,
    ) {
        let Some(code) = reply.code() else { return };
        match (reply.method(), code) {
            (Some("INVITE"), 100..=199) => {
                if matches!(self.state, State::Inviting { .. }) {
                    self.state = State::Ringing { until: now + plan.patience };
                }
            }
            (Some("INVITE"), 200..=299) => {
                if self.dialog.is_none() {
                    self.dialog = Dialog::of(reply).map(Box::new);
                    self.state = match self.dialog {
                        Some(_) => State::Talking { until: now + plan.talk },
                        None => State::Ended(End::Unusable),
                    };
                }
                out.extend(self.dialog.iter().map(|dialog| message::ack(names, call, dialog)));
            }
            (Some("INVITE"), _) => {
                out.push(message::ack_of_failure(names, call, reply));
                if matches!(self.state, State::Inviting { .. } | State::Ringing { .. }) {
                    self.state = State::Ended(End::Refused(code));
                }
            }
            (Some("BYE"), _) => self.hung_up(now, code),
            _ => {}
        }
    }

    fn hung_up(&mut self, now: Duration, code: u16) {
        let State::HangingUp { again } = self.state else { return };
        self.state = match code {
            // A provisional reply sets timer E to T2 (RFC 3261 §17.1.2.2).
            ..=199 => State::HangingUp { again: again.every(now, T2) },
            200..=299 => State::Ended(End::Completed),
            _ => State::Ended(End::ByeRefused(code)),
        };
    }

    /// A time that [`Self::due`] named has come; what it makes the caller send is in `out`.
    pub(crate) fn wake(&mut self, now: Duration, names: &Names, call: u32, out: &mut Vec<Vec<u8>>) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.state = match (self.state, &self.dialog) {
            (State::Inviting { again }, _) if again.over(now) => State::Ended(End::Unheard("INVITE")),
            (State::Inviting { again }, _) => {
                out.push(message::invite(names, call));
                self.repeated += 1;
                State::Inviting { again: again.doubled(now, GIVE_UP) }
            }
            (State::Talking { .. }, Some(dialog)) => {
                out.push(message::bye(names, call, dialog));
                State::HangingUp { again: Repeats::new(now) }
            }
            (State::HangingUp { again }, Some(dialog)) if !again.over(now) => {
                out.push(message::bye(names, call, dialog));
                self.repeated += 1;
                State::HangingUp { again: again.doubled(now, T2) }
            }
            (State::HangingUp { .. } | State::Talking { .. }, _) => State::Ended(End::Unheard("BYE")),
            (State::Ringing { .. }, _) => State::Ended(End::Unanswered),
            (State::Ended(end), _) => State::Ended(end),
        };
    }
}
