//! The tables of RFC 3261 figures 5 and 6 with RFC 6026 figure 8, row by row. What no row names leaves the state with
//! nothing to do.

use super::Event::*;
use super::State::*;
use super::*;
use crate::Kind::{Invite, NonInvite};

type Row = (State, Event, State, &'static [Actions]);

const A: Actions = Actions::ACK;
const AGAIN: Actions = Actions::SEND_AGAIN;
const END: Actions = Actions::END;
const PASS: Actions = Actions::PASS;
const REPEAT: Actions = Actions::RESTART_RETRANSMIT;
const STOP_R: Actions = Actions::STOP_RETRANSMIT;
const START_T: Actions = Actions::START_TIMEOUT;
const STOP_T: Actions = Actions::STOP_TIMEOUT;
const START_W: Actions = Actions::START_WAIT;
const STOP_W: Actions = Actions::STOP_WAIT;
const LATE: Actions = Actions::TELL_TIMEOUT;
const BROKEN: Actions = Actions::TELL_TRANSPORT_ERROR;

/// Figure 5 of RFC 3261 with figure 8 of RFC 6026, timer C, and a 2xx in Completed.
const INVITE_OVER_UDP: &[Row] = &[
    (Calling, Provisional, Proceeding, &[PASS, STOP_R, START_T]),
    (Calling, Success, Accepted, &[PASS, STOP_R, STOP_T, START_W]),
    (Calling, Failure, Completed, &[PASS, A, STOP_R, STOP_T, START_W]),
    (Calling, Retransmit, Calling, &[AGAIN, REPEAT]),
    (Calling, Timeout, Terminated, &[STOP_R, LATE, END]),
    (Calling, TransportError, Terminated, &[STOP_R, STOP_T, BROKEN, END]),
    (Proceeding, Provisional, Proceeding, &[PASS, START_T]),
    (Proceeding, Success, Accepted, &[PASS, STOP_R, STOP_T, START_W]),
    (Proceeding, Failure, Completed, &[PASS, A, STOP_R, STOP_T, START_W]),
    (Proceeding, Timeout, Completed, &[LATE, START_W]),
    (Proceeding, TransportError, Terminated, &[STOP_R, STOP_T, BROKEN, END]),
    (Completed, Success, Completed, &[PASS]),
    (Completed, Failure, Completed, &[A]),
    (Completed, Wait, Terminated, &[END]),
    (Completed, TransportError, Terminated, &[STOP_W, BROKEN, END]),
    (Accepted, Success, Accepted, &[PASS]),
    (Accepted, Wait, Terminated, &[END]),
];

/// What differs over a reliable transport: no timer A, and timer D is zero. Timer M is not (RFC 6026 §7.2).
const INVITE_OVER_TCP: &[Row] = &[
    (Calling, Failure, Terminated, &[PASS, A, STOP_R, STOP_T, END]),
    (Calling, Retransmit, Calling, &[]),
    (Proceeding, Failure, Terminated, &[PASS, A, STOP_R, STOP_T, END]),
];

/// Figure 6 of RFC 3261.
const OTHER_OVER_UDP: &[Row] = &[
    (Calling, Provisional, Proceeding, &[PASS]),
    (Calling, Success, Completed, &[PASS, STOP_R, STOP_T, START_W]),
    (Calling, Failure, Completed, &[PASS, STOP_R, STOP_T, START_W]),
    (Calling, Retransmit, Calling, &[AGAIN, REPEAT]),
    (Calling, Timeout, Terminated, &[STOP_R, LATE, END]),
    (Calling, TransportError, Terminated, &[STOP_R, STOP_T, BROKEN, END]),
    (Proceeding, Provisional, Proceeding, &[PASS]),
    (Proceeding, Success, Completed, &[PASS, STOP_R, STOP_T, START_W]),
    (Proceeding, Failure, Completed, &[PASS, STOP_R, STOP_T, START_W]),
    (Proceeding, Retransmit, Proceeding, &[AGAIN, REPEAT]),
    (Proceeding, Timeout, Terminated, &[STOP_R, LATE, END]),
    (Proceeding, TransportError, Terminated, &[STOP_R, STOP_T, BROKEN, END]),
    (Completed, Wait, Terminated, &[END]),
];

/// What differs over a reliable transport: no timer E, and timer K is zero.
const OTHER_OVER_TCP: &[Row] = &[
    (Calling, Success, Terminated, &[PASS, STOP_R, STOP_T, END]),
    (Calling, Failure, Terminated, &[PASS, STOP_R, STOP_T, END]),
    (Calling, Retransmit, Calling, &[]),
    (Proceeding, Success, Terminated, &[PASS, STOP_R, STOP_T, END]),
    (Proceeding, Failure, Terminated, &[PASS, STOP_R, STOP_T, END]),
    (Proceeding, Retransmit, Proceeding, &[]),
];

const STATES: [State; 5] = [Calling, Proceeding, Completed, Accepted, Terminated];
const EVENTS: [Event; 7] = [Provisional, Success, Failure, Retransmit, Timeout, Wait, TransportError];

/// Holds every state and event against the first table that has a row for them.
fn check(kind: Kind, reliable: bool, tables: &[&[Row]]) {
    for state in STATES {
        for event in EVENTS {
            let row = tables.iter().copied().flatten().find(|row| (row.0, row.1) == (state, event));
            let (next, actions) = row.map_or((state, &[][..]), |row| (row.2, row.3));
            let actions = actions.iter().fold(Actions::NONE, |all, action| all | *action);
            let expected = Step { state: next, actions };
            assert_eq!(step(kind, reliable, state, event), expected, "{kind:?} {state:?} {event:?}");
        }
    }
}

#[test]
fn an_invite_over_udp_goes_by_its_table() {
    check(Invite, false, &[INVITE_OVER_UDP]);
}

#[test]
fn an_invite_over_tcp_goes_by_its_table() {
    check(Invite, true, &[INVITE_OVER_TCP, INVITE_OVER_UDP]);
}

#[test]
fn another_request_over_udp_goes_by_its_table() {
    check(NonInvite, false, &[OTHER_OVER_UDP]);
}

#[test]
fn another_request_over_tcp_goes_by_its_table() {
    check(NonInvite, true, &[OTHER_OVER_TCP, OTHER_OVER_UDP]);
}

#[test]
fn the_request_is_sent_and_its_timers_run() {
    let start = Actions::SEND | START_T;
    for kind in [Invite, NonInvite] {
        assert_eq!(begin(kind, true), Step { state: Calling, actions: start });
        let actions = start | Actions::START_RETRANSMIT;
        assert_eq!(begin(kind, false), Step { state: Calling, actions });
    }
}
