//! Events in any order: each machine keeps the promises that its owner relies on.

use proptest::prelude::*;
use sip_transaction::{Actions, Kind, client, server};

/// Which timers run, as the actions say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Timers {
    retransmit: bool,
    timeout: bool,
    wait: bool,
}

impl Timers {
    fn follow(&mut self, actions: Actions) {
        let mut set = |timer: fn(&mut Self) -> &mut bool, stop, start| {
            if actions.contains(stop) {
                *timer(self) = false;
            }
            if actions.contains(start) {
                *timer(self) = true;
            }
        };
        set(|timers| &mut timers.retransmit, Actions::STOP_RETRANSMIT, Actions::START_RETRANSMIT);
        set(|timers| &mut timers.retransmit, Actions::NONE, Actions::RESTART_RETRANSMIT);
        set(|timers| &mut timers.timeout, Actions::STOP_TIMEOUT, Actions::START_TIMEOUT);
        set(|timers| &mut timers.wait, Actions::STOP_WAIT, Actions::START_WAIT);
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Invite), Just(Kind::NonInvite)]
}

fn client_event() -> impl Strategy<Value = client::Event> {
    use client::Event::*;
    prop::sample::select(vec![Provisional, Success, Failure, Retransmit, Timeout, Wait, TransportError])
}

fn server_event() -> impl Strategy<Value = server::Event> {
    use server::Event::*;
    let events = vec![Request, Ack, Provisional, Success, Failure, Retransmit, Timeout, Wait, TransportError];
    prop::sample::select(events)
}

/// Whether the event is a timer's, and if so, whether it ran; it is then taken off.
fn fires(timer: &mut bool) -> bool {
    std::mem::take(timer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_client_tells_one_outcome_and_ends_by_its_timers(
        kind in kind(),
        reliable: bool,
        events in prop::collection::vec(client_event(), 1..40),
    ) {
        use client::{Event, State};
        let first = client::begin(kind, reliable);
        let (mut state, mut timers) = (first.state, Timers::default());
        timers.follow(first.actions);
        let mut outcomes = 0;
        let mut answered = false;
        for event in events {
            let ran = match event {
                Event::Retransmit => fires(&mut timers.retransmit),
                Event::Timeout => fires(&mut timers.timeout),
                Event::Wait => fires(&mut timers.wait),
                _ => true,
            };
            if !ran {
                continue;
            }
            let step = client::step(kind, reliable, state, event);
            let done = |action| step.actions.contains(action);
            timers.follow(step.actions);

            prop_assert!(state != State::Terminated || step.actions.is_empty(), "the dead do nothing");
            prop_assert_eq!(done(Actions::END), step.state == State::Terminated && state != State::Terminated);
            prop_assert!(!(answered && done(Actions::SEND_AGAIN)), "sent again after an answer");
            let takes_failure = kind == Kind::Invite
                && event == Event::Failure
                && matches!(state, State::Calling | State::Proceeding | State::Completed);
            prop_assert_eq!(done(Actions::ACK), takes_failure);

            let final_answer = matches!(event, Event::Success | Event::Failure);
            let further_2xx = kind == Kind::Invite && event == Event::Success && answered;
            if done(Actions::PASS) && final_answer && !further_2xx {
                outcomes += 1;
            }
            outcomes += i32::from(done(Actions::TELL_TIMEOUT));
            // Only an ACK can still fail to be sent after the outcome.
            outcomes += i32::from(done(Actions::TELL_TRANSPORT_ERROR) && !answered);
            answered |= final_answer || done(Actions::TELL_TIMEOUT);
            prop_assert!(outcomes <= 1, "told twice how it ended");

            state = step.state;
            match state {
                State::Terminated => prop_assert_eq!(timers, Timers::default(), "timers outlive it"),
                State::Calling | State::Proceeding => prop_assert!(timers.timeout && !timers.wait),
                State::Completed | State::Accepted => {
                    prop_assert!(timers.wait && !timers.timeout && !timers.retransmit);
                }
            }
        }
        prop_assert!(state != State::Terminated || outcomes == 1, "ended without an outcome");
    }

    #[test]
    fn a_server_sends_one_final_reply_and_ends_by_its_timers(
        kind in kind(),
        reliable: bool,
        events in prop::collection::vec(server_event(), 1..40),
    ) {
        use server::{Event, State};
        let first = server::begin(kind, reliable);
        let (mut state, mut timers) = (first.state, Timers::default());
        timers.follow(first.actions);
        let mut finals = Vec::new();
        for event in events {
            let ran = match event {
                Event::Retransmit => fires(&mut timers.retransmit),
                Event::Timeout => fires(&mut timers.timeout),
                Event::Wait => fires(&mut timers.wait),
                _ => true,
            };
            if !ran {
                continue;
            }
            let step = server::step(kind, reliable, state, event);
            let done = |action| step.actions.contains(action);
            timers.follow(step.actions);

            prop_assert!(state != State::Terminated || step.actions.is_empty(), "the dead do nothing");
            prop_assert_eq!(done(Actions::END), step.state == State::Terminated && state != State::Terminated);
            if done(Actions::SEND) && matches!(event, Event::Success | Event::Failure) {
                finals.push(event);
            }
            let all_2xx_to_invite = kind == Kind::Invite && finals.iter().all(|event| *event == Event::Success);
            prop_assert!(finals.len() <= 1 || all_2xx_to_invite, "two final replies");
            prop_assert!(!(done(Actions::SEND) && event == Event::Provisional && !finals.is_empty()));

            state = step.state;
            match state {
                State::Terminated => prop_assert_eq!(timers, Timers::default(), "timers outlive it"),
                State::Trying | State::Proceeding => prop_assert_eq!(timers, Timers::default()),
                State::Completed if kind == Kind::Invite => prop_assert!(timers.timeout && !timers.wait),
                State::Completed | State::Accepted | State::Confirmed => {
                    prop_assert!(timers.wait && !timers.timeout && !timers.retransmit);
                }
            }
        }
    }
}
