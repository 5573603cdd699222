//! The tables of RFC 3261 figures 7 and 8 with RFC 6026 figure 7, row by row. What no row names leaves the state with
//! nothing to do.

use super::Event::*;
use super::State::*;
use super::*;
use crate::Kind::{Invite, NonInvite};

type Row = (State, Event, State, &'static [Actions]);

const AGAIN: Actions = Actions::SEND_AGAIN;
const END: Actions = Actions::END;
const PASS: Actions = Actions::PASS;
const SEND: Actions = Actions::SEND;
const START_R: Actions = Actions::START_RETRANSMIT;
const REPEAT: Actions = Actions::RESTART_RETRANSMIT;
const STOP_R: Actions = Actions::STOP_RETRANSMIT;
const START_T: Actions = Actions::START_TIMEOUT;
const STOP_T: Actions = Actions::STOP_TIMEOUT;
const START_W: Actions = Actions::START_WAIT;
const STOP_W: Actions = Actions::STOP_WAIT;
const LATE: Actions = Actions::TELL_TIMEOUT;
const BROKEN: Actions = Actions::TELL_TRANSPORT_ERROR;

/// Figure 7 of RFC 3261 as figure 7 of RFC 6026 has it.
const INVITE_OVER_UDP: &[Row] = &[
    (Proceeding, Request, Proceeding, &[AGAIN]),
    (Proceeding, Provisional, Proceeding, &[SEND]),
    (Proceeding, Success, Accepted, &[SEND, START_W]),
    (Proceeding, Failure, Completed, &[SEND, START_R, START_T]),
    (Proceeding, TransportError, Proceeding, &[BROKEN]),
    (Completed, Request, Completed, &[AGAIN]),
    (Completed, Ack, Confirmed, &[STOP_R, STOP_T, START_W]),
    (Completed, Retransmit, Completed, &[AGAIN, REPEAT]),
    (Completed, Timeout, Terminated, &[STOP_R, LATE, END]),
    (Completed, TransportError, Completed, &[BROKEN]),
    (Accepted, Ack, Accepted, &[PASS]),
    (Accepted, Success, Accepted, &[SEND]),
    (Accepted, Wait, Terminated, &[END]),
    (Accepted, TransportError, Accepted, &[BROKEN]),
    (Confirmed, Wait, Terminated, &[END]),
];

/// What differs over a reliable transport: no timer G, and timer I is zero.
const INVITE_OVER_TCP: &[Row] = &[
    (Proceeding, Failure, Completed, &[SEND, START_T]),
    (Completed, Ack, Terminated, &[STOP_R, STOP_T, END]),
    (Completed, Retransmit, Completed, &[]),
];

/// Figure 8 of RFC 3261.
const OTHER_OVER_UDP: &[Row] = &[
    (Trying, Provisional, Proceeding, &[SEND]),
    (Trying, Success, Completed, &[SEND, START_W]),
    (Trying, Failure, Completed, &[SEND, START_W]),
    (Proceeding, Request, Proceeding, &[AGAIN]),
    (Proceeding, Provisional, Proceeding, &[SEND]),
    (Proceeding, Success, Completed, &[SEND, START_W]),
    (Proceeding, Failure, Completed, &[SEND, START_W]),
    (Proceeding, TransportError, Terminated, &[BROKEN, END]),
    (Completed, Request, Completed, &[AGAIN]),
    (Completed, Wait, Terminated, &[END]),
    (Completed, TransportError, Terminated, &[STOP_W, BROKEN, END]),
];

/// What differs over a reliable transport: timer J is zero.
const OTHER_OVER_TCP: &[Row] = &[
    (Trying, Success, Terminated, &[SEND, END]),
    (Trying, Failure, Terminated, &[SEND, END]),
    (Proceeding, Success, Terminated, &[SEND, END]),
    (Proceeding, Failure, Terminated, &[SEND, END]),
];

const STATES: [State; 6] = [Trying, Proceeding, Completed, Accepted, Confirmed, Terminated];
const EVENTS: [Event; 9] =
    [Request, Ack, Provisional, Success, Failure, Retransmit, Timeout, Wait, TransportError];

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
fn the_request_is_passed_and_no_timer_runs_yet() {
    for reliable in [false, true] {
        assert_eq!(begin(Invite, reliable), Step { state: Proceeding, actions: PASS });
        assert_eq!(begin(NonInvite, reliable), Step { state: Trying, actions: PASS });
    }
}
