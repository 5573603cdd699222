//! The phones against each other over bad lines, without a server, in simulated time.

use super::message::tests::names;
use super::*;

const PLAN: Plan = Plan {
    ring: Some(Duration::from_secs(1)),
    finale: Finale::Answer,
    talk: Duration::from_secs(2),
    patience: Duration::from_secs(120),
    vanishes: false,
};

const BAD: Line = Line { seed: 7, lost: 100, doubled: 50, delay: Duration::from_millis(80) };

/// All calls at once, each phone's line joined to the other's; ends when nothing is due any more.
fn calls(plan: Plan, line: Line, count: u32) -> Exchange {
    let mut exchange = Exchange::new(names(), plan, line);
    (0..count).for_each(|_| exchange.start_call(Duration::ZERO));
    let mut now = Duration::ZERO;
    loop {
        let sent: Vec<_> = exchange.drain().collect();
        for (side, bytes) in &sent {
            let other = if *side == Side::Caller { Side::Answerer } else { Side::Caller };
            exchange.receive(now, other, bytes);
        }
        if sent.is_empty() {
            let Some(due) = exchange.due() else { return exchange };
            now = due.max(now);
            exchange.wake(now);
        }
    }
}

fn completed(exchange: &Exchange) -> usize {
    exchange.ends().filter(|(_, both)| *both).count()
}

#[test]
fn on_a_good_line_every_call_completes_and_nothing_is_repeated() {
    let exchange = calls(PLAN, Line::GOOD, 50);
    assert_eq!((completed(&exchange), exchange.repeated(), exchange.twice()), (50, 0, 0));
    assert_eq!(exchange.progress(), Progress { started: 50, set_up: 50, over: 50 });
}

#[test]
fn on_a_bad_line_the_timers_save_every_call() {
    let exchange = calls(PLAN, BAD, 500);
    assert_eq!((completed(&exchange), exchange.twice()), (500, 0));
    assert!(exchange.repeated() > 100, "{} repeated", exchange.repeated());
}

#[test]
fn a_line_that_brings_nothing_ends_every_call_unheard() {
    let exchange = calls(PLAN, Line { lost: 1000, ..BAD }, 3);
    assert!(exchange.ends().all(|end| end == (Some(End::Unheard("INVITE")), false)));
    // Seven INVITEs in all.
    assert_eq!(exchange.repeated(), 18);
}

#[test]
fn a_refused_call_ends_with_its_ack() {
    let exchange = calls(Plan { finale: Finale::Refuse, ..PLAN }, BAD, 200);
    assert!(exchange.ends().all(|(end, _)| end == Some(End::Refused(486))));
    assert_eq!(exchange.progress().over, 200);
}

#[test]
fn a_phone_that_vanishes_lets_the_bye_go_unheard() {
    let exchange = calls(Plan { vanishes: true, ..PLAN }, Line::GOOD, 3);
    assert!(exchange.ends().all(|end| end == (Some(End::Unheard("BYE")), false)));
}

#[test]
fn a_call_without_a_ringing_time_rings_until_it_is_told_to_end() {
    let mut exchange =
        calls(Plan { ring: None, finale: Finale::Refuse, patience: PLAN.talk, ..PLAN }, Line::GOOD, 1);
    // The caller's patience is all that ends it.
    assert_eq!(exchange.ends().next(), Some((Some(End::Unanswered), false)));
    exchange.finish(Duration::from_secs(3), 0);
    let (side, bytes) = exchange.drain().next().expect("a final reply");
    assert_eq!((side, Received::new(&bytes).code()), (Side::Answerer, Some(486)));
}
