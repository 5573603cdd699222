//! A dialog: who talks to whom, by which way, since when and until when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cfg_vm::Str;
use engine::listener::ListenerId;

use super::state::State;

/// The name of a dialog here: where it stands in the table, and its number there. It goes into Record-Route as
/// `did=ENTRY.ID`, both in hexadecimal digits from the last to the first, as Kamailio writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ident {
    pub(super) entry: u32,
    pub(super) id: u32,
}

impl Ident {
    /// `76f.6852`
    pub(super) fn text(self) -> String {
        let reversed = |number: u32| format!("{number:x}").chars().rev().collect::<String>();
        format!("{}.{}", reversed(self.entry), reversed(self.id))
    }

    /// Reads it back.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let at = text.iter().position(|byte| *byte == b'.')?;
        let number = |digits: &[u8]| {
            if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            let digits: String = digits.iter().rev().map(|byte| char::from(*byte)).collect();
            u32::from_str_radix(&digits, 16).ok()
        };
        Some(Self { entry: number(&text[..at])?, id: number(&text[at + 1..])? })
    }
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Who sent the INVITE.
    Caller,
    /// Who answered it.
    Callee,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// What is known of a party.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Leg {
    pub(super) tag: Str,
    /// Its Contact's URI: where its requests go (RFC 3261 §12.1, remote target).
    pub(super) contact: Str,
    /// The number of its last request.
    pub(super) cseq: u32,
    /// The Route values to it from here, nearest first.
    pub(super) routes: Vec<Str>,
    /// The socket that it is reached from.
    pub(super) socket: Option<ListenerId>,
}

impl Leg {
    /// The route set as one header's value.
    pub(super) fn route_set(&self) -> Vec<u8> {
        self.routes.iter().map(|route| &**route).collect::<Vec<_>>().join(&b","[..])
    }
}

/// Marks that commands show as `dflags`, with Kamailio's bits.
pub(super) mod mark {
    /// Answered.
    pub(in super::super) const NEW: u32 = 1;
    /// Something changed since.
    pub(in super::super) const CHANGED: u32 = 2;
    /// A BYE came.
    pub(in super::super) const HAS_BYE: u32 = 4;
    /// A variable changed.
    pub(in super::super) const VARIABLES: u32 = 128;
    /// Its INVITE has a transaction.
    pub(in super::super) const TRANSACTION: u32 = 512;
    /// Its profiles changed.
    pub(in super::super) const PROFILES: u32 = 1024;
}

/// Properties that scripts set, shown as `iflags`.
pub(super) mod property {
    /// BYE to both when its time is over.
    pub(in super::super) const TIMEOUT_BYE: u32 = 1;
    /// The caller is asked whether it is still there.
    pub(in super::super) const ASK_CALLER: u32 = 2;
    /// The callee is.
    pub(in super::super) const ASK_CALLEE: u32 = 4;
    /// Requests within do not begin its time anew.
    pub(in super::super) const TIMER_NORESET: u32 = 8;
}

/// What changes about a dialog.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) state: State,
    /// When it was answered; 0 before. All times are seconds since 1970.
    pub(super) started: i64,
    /// When it ended; 0 before.
    pub(super) ended: i64,
    /// Seconds that it may last.
    pub(super) lifetime: i64,
    /// When its time is over; 0 while none runs.
    pub(super) expires: i64,
    pub(super) marks: u32,
    /// Flags of scripts.
    pub(super) flags: u32,
    pub(super) properties: u32,
    /// The route to run when its time is over.
    pub(super) timeout_route: Str,
    pub(super) caller: Leg,
    /// Nothing before the answer.
    pub(super) callee: Option<Leg>,
    pub(super) variables: Vec<(Str, Str)>,
    /// Profiles that it is in, with the value where they have one.
    pub(super) profiles: Vec<(Str, Option<Str>)>,
    /// Our own BYEs that are not answered.
    pub(super) byes: u8,
    /// When the parties are asked next whether they are still there; 0 for never.
    pub(super) ask_at: i64,
    /// How often in a row the caller and the callee did not answer that.
    pub(super) unanswered: [u32; 2],
}

/// A dialog.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) ident: Ident,
    pub(super) call_id: Str,
    pub(super) from_uri: Str,
    pub(super) to_uri: Str,
    /// The INVITE's request URI.
    pub(super) request_uri: Str,
    /// When the INVITE came.
    pub(super) created: i64,
    live: Mutex<Live>,
}

impl Dialog {
    /// One that begins.
    pub(super) fn new(ident: Ident, call_id: Str, uris: [Str; 3], created: i64, live: Live) -> Self {
        let [from_uri, to_uri, request_uri] = uris;
        Self { ident, call_id, from_uri, to_uri, request_uri, created, live: Mutex::new(live) }
    }

    /// What changes; never held across a route or a wait.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which side a request or reply with these tags comes from: From's tag is the sender's of the request. A callee
    /// that is not known yet fits any tag.
    pub(super) fn side(&self, from_tag: &[u8], to_tag: &[u8]) -> Option<Side> {
        let live = self.live();
        let callee = live.callee.as_ref().map(|leg| &*leg.tag);
        let fits = |tag: &[u8]| callee.is_none_or(|callee| tag == callee);
        if *from_tag == *live.caller.tag && fits(to_tag) {
            return Some(Side::Caller);
        }
        (*to_tag == *live.caller.tag && fits(from_tag)).then_some(Side::Callee)
    }
}

impl Live {
    /// Of a dialog whose INVITE has just come.
    pub(super) fn begun(caller: Leg, lifetime: i64) -> Self {
        Self {
            state: State::Unconfirmed,
            started: 0,
            ended: 0,
            lifetime,
            expires: 0,
            marks: 0,
            flags: 0,
            properties: 0,
            timeout_route: Str::EMPTY,
            caller,
            callee: None,
            variables: Vec::new(),
            profiles: Vec::new(),
            byes: 0,
            ask_at: 0,
            unanswered: [0; 2],
        }
    }

    /// A side's leg; the callee's only after the answer.
    pub(super) fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::Caller => Some(&self.caller),
            Side::Callee => self.callee.as_ref(),
        }
    }

    /// The same, to change.
    pub(super) fn leg_mut(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::Caller => Some(&mut self.caller),
            Side::Callee => self.callee.as_mut(),
        }
    }

    /// A variable's value.
    pub(super) fn variable(&self, name: &[u8]) -> Option<&Str> {
        self.variables.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// Sets a variable, or takes it away.
    pub(super) fn set_variable(&mut self, name: &[u8], value: Option<Str>) {
        self.marks |= mark::VARIABLES;
        set(&mut self.variables, name, value);
    }

    /// Seconds that it lasted or lasts, counted as Kamailio does.
    pub(super) fn duration(&self, now: i64) -> i64 {
        match (self.ended, self.started) {
            (0, 0) => 0,
            (0, started) => now - started,
            (ended, started) => ended - started,
        }
    }
}

/// Sets one of some named values, or takes it away; the newest comes first, as in Kamailio.
pub(super) fn set(values: &mut Vec<(Str, Str)>, name: &[u8], value: Option<Str>) {
    let at = values.iter().position(|(known, _)| **known == *name);
    match (at, value) {
        (Some(at), Some(value)) => values[at].1 = value,
        (Some(at), None) => drop(values.remove(at)),
        (None, Some(value)) => values.insert(0, (Str::copy(name), value)),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ident_is_written_backwards_and_read_again() {
        let ident = Ident { entry: 3943, id: 9606 };
        assert_eq!(ident.text(), "76f.6852");
        assert_eq!(Ident::parse(b"76f.6852"), Some(ident));
        let bad = [&b""[..], b".", b"1.", b".1", b"g.1", b"1.+1", b"111111111.1", b"11"];
        assert!(bad.iter().all(|text| Ident::parse(text).is_none()));
    }

    #[test]
    fn tags_tell_which_side_a_request_comes_from() {
        let live = Live::begun(Leg { tag: "a".into(), ..Leg::default() }, 60);
        let ident = Ident { entry: 1, id: 1 };
        let dialog = Dialog::new(ident, "c".into(), [Str::EMPTY, Str::EMPTY, Str::EMPTY], 0, live);
        assert_eq!(dialog.side(b"a", b"x"), Some(Side::Caller));
        dialog.live().callee = Some(Leg { tag: "b".into(), ..Leg::default() });
        assert_eq!(dialog.side(b"a", b"b"), Some(Side::Caller));
        assert_eq!(dialog.side(b"b", b"a"), Some(Side::Callee));
        assert_eq!(dialog.side(b"a", b"x"), None);
        assert_eq!(dialog.side(b"x", b"a"), None);
    }
}
