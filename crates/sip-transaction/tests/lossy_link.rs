//! A client and a server machine against each other over a link that loses, delays and repeats, in simulated time.

mod world;

use proptest::prelude::*;
use sip_transaction::{Kind, client, server};
use world::{Answer, Link, Outcome, World};

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Invite), Just(Kind::NonInvite)]
}

fn answer() -> impl Strategy<Value = Answer> {
    (0_u8..4, any::<bool>(), 0_u64..25_000).prop_map(|(provisionals, success, after_ms)| Answer {
        provisionals,
        success,
        after_ms,
    })
}

fn bad_link() -> impl Strategy<Value = Link> {
    (0_u8..=60, 0_u8..30, 0_u8..4, 1_u64..900).prop_map(|(loss, repeat, error, delay_ms)| Link {
        reliable: false,
        loss,
        repeat,
        error,
        delay_ms,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn over_any_link_both_sides_end_with_one_outcome(
        kind in kind(),
        answer in answer(),
        link in bad_link(),
        seed: u64,
    ) {
        let mut world = World::new(kind, link, answer, seed);
        world.run();
        let (client, server) = (&world.client, &world.server);
        prop_assert_eq!(client.state, client::State::Terminated);
        prop_assert!(matches!(server.state, None | Some(server::State::Terminated)));
        prop_assert_eq!((world.timers_left(), client.timers_left_at_end, server.timers_left_at_end), (0, 0, 0));
        prop_assert_eq!(client.outcomes.len(), 1, "{:?}", client.outcomes);
        prop_assert_eq!(client.sent_after_answer, 0);
        prop_assert_eq!(client.acks, client.failures_taken);
        prop_assert!(world.now_ms() < 10 * 60_000, "took {} ms", world.now_ms());
    }

    #[test]
    fn over_a_good_link_the_answer_comes_through(
        kind in kind(),
        answer in answer(),
        reliable: bool,
        delay_ms in 1_u64..400,
        seed: u64,
    ) {
        let link = Link { reliable, loss: 0, repeat: 0, error: 0, delay_ms };
        let mut world = World::new(kind, link, answer, seed);
        world.run();
        let expected = if answer.success { Outcome::Success } else { Outcome::Failure };
        prop_assert_eq!(&world.client.outcomes, &[expected]);
        prop_assert_eq!(world.server.state, Some(server::State::Terminated));
        prop_assert_eq!(world.server.unacknowledged, 0);
        prop_assert_eq!(world.server.passed_acks > 0, kind == Kind::Invite && answer.success);
    }

    /// RFC 3261's timers lose a call at 5 % only when every copy of a message is lost. A request that is not an INVITE is
    /// answered in time for some copies.
    #[test]
    fn five_percent_of_loss_fail_no_call(
        kind in kind(),
        answer in answer(),
        delay_ms in 1_u64..200,
        seed: u64,
    ) {
        let answer = Answer { after_ms: answer.after_ms / 4, ..answer };
        let link = Link { reliable: false, loss: 5, repeat: 0, error: 0, delay_ms };
        let mut world = World::new(kind, link, answer, seed);
        world.run();
        let expected = if answer.success { Outcome::Success } else { Outcome::Failure };
        prop_assert_eq!(&world.client.outcomes, &[expected]);
    }
}

#[test]
fn a_peer_that_never_answers_ends_in_a_timeout_after_the_rfcs_retransmissions() {
    let answer = Answer { provisionals: 0, success: true, after_ms: 0 };
    let deaf = Link { reliable: false, loss: 100, repeat: 0, error: 0, delay_ms: 1 };
    for (kind, copies) in [(Kind::Invite, 11), (Kind::NonInvite, 11)] {
        let mut world = World::new(kind, deaf, answer, 1);
        world.run();
        assert_eq!(world.client.outcomes, [Outcome::Timeout]);
        // At 0, 0.5, 1.5, 3.5, 7.5 and then every 4 seconds, up to 32 (RFC 3261 §17.1.2.2).
        assert_eq!(world.client.copies_sent, copies, "{kind:?}");
        assert!((32_000..32_100).contains(&world.now_ms()), "{}", world.now_ms());
    }
}
