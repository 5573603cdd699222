//! The wheel against a model: a sorted map of when each timer is due.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn drain(wheel: &mut TimerWheel<u32>) -> Vec<u32> {
    std::iter::from_fn(|| wheel.expired()).collect()
}

#[test]
fn a_timer_fires_at_its_tick_and_not_before() {
    let mut wheel = TimerWheel::new(16, 1000);
    wheel.start(1000, 500, 1);
    assert_eq!(wheel.next(), Some(1512));
    wheel.advance(1499);
    assert_eq!(drain(&mut wheel), []);
    wheel.advance(1512);
    assert_eq!(drain(&mut wheel), [1]);
    assert_eq!((wheel.len(), wheel.next()), (0, None));
}

#[test]
fn timers_of_every_length_fire_in_order() {
    let delays = [180_000, 5, 500, 4_000, 32_000, 64, 63, 65, 4_095, 4_096, 4_097, 10_000_000_000];
    let mut wheel = TimerWheel::new(1, 77);
    for (name, delay) in delays.iter().enumerate() {
        wheel.start(77, *delay, name as u32);
    }
    wheel.advance(20_000_000_000);
    let order = drain(&mut wheel).into_iter().map(|name| delays[name as usize]);
    assert!(order.is_sorted());
    assert!(wheel.is_empty());
}

#[test]
fn a_timer_that_fired_can_be_stopped_until_it_is_taken() {
    let mut wheel = TimerWheel::new(10, 0);
    let first = wheel.start(0, 10, 1);
    let second = wheel.start(0, 10, 2);
    wheel.advance(20);
    assert_eq!(wheel.next(), Some(20));
    assert_eq!(wheel.expired(), Some(1));
    assert_eq!(wheel.stop(second), Some(2));
    assert_eq!(wheel.expired(), None);
    assert_eq!((wheel.stop(first), wheel.stop(second)), (None, None));
}

#[test]
fn a_stale_name_stops_no_other_timer() {
    let mut wheel = TimerWheel::new(10, 0);
    let old = wheel.start(0, 10, 1);
    wheel.stop(old);
    let new = wheel.start(0, 10, 2);
    assert_eq!(wheel.stop(old), None);
    assert_eq!(wheel.stop(new), Some(2));
}

#[test]
fn a_timer_without_delay_does_not_fire_in_the_round_that_started_it() {
    let mut wheel = TimerWheel::new(10, 0);
    wheel.advance(50);
    wheel.start(50, 0, 1);
    assert_eq!(wheel.expired(), None);
    wheel.advance(60);
    assert_eq!(wheel.expired(), Some(1));
}

#[test]
fn the_farthest_timer_neither_fires_nor_breaks_the_wheel() {
    let mut wheel = TimerWheel::new(1, 5);
    let never = wheel.start(5, u64::MAX, 1);
    wheel.advance(u64::MAX / 2);
    assert_eq!(wheel.expired(), None);
    assert_eq!(wheel.stop(never), Some(1));
}

#[test]
fn a_time_before_the_present_changes_nothing() {
    let mut wheel = TimerWheel::new(10, 1_000);
    wheel.start(1_000, 20, 1);
    wheel.advance(10);
    wheel.advance(1_015);
    wheel.advance(1_000);
    wheel.start(900, 0, 2);
    wheel.advance(1_020);
    assert_eq!(drain(&mut wheel), [1, 2]);
}

#[test]
fn memory_follows_a_burst_down() {
    let mut wheel = TimerWheel::new(16, 0);
    for name in 0..200_000 {
        wheel.start(0, 500 + u64::from(name % 5_000), name);
    }
    let peak = wheel.capacity();
    wheel.advance(10_000);
    assert_eq!(drain(&mut wheel).len(), 200_000);
    assert!(wheel.capacity() * 100 <= peak, "{} of {peak} kept", wheel.capacity());
    for name in 0..200_000 {
        wheel.start(10_000, 500, name);
    }
    assert!(wheel.capacity() <= peak);
}

#[derive(Clone, Debug)]
enum Do {
    Start(u64),
    Stop(prop::sample::Index),
    Advance(u64),
    /// Take at most so many of the timers that have fired.
    Take(usize),
}

fn deed() -> impl Strategy<Value = Do> {
    let delay =
        prop_oneof![0_u64..40, 0_u64..5_000, Just(4_096), Just(32_000), 0_u64..40_000_000, any::<u64>()];
    let pass = prop_oneof![0_u64..3, 0_u64..100, 0_u64..10_000, 0_u64..50_000_000];
    prop_oneof![
        6 => delay.prop_map(Do::Start),
        3 => any::<prop::sample::Index>().prop_map(Do::Stop),
        4 => pass.prop_map(Do::Advance),
        2 => (0_usize..5).prop_map(Do::Take),
    ]
}

struct Model {
    tick: u64,
    now: u64,
    wheel: TimerWheel<u32>,
    /// When each running timer is due.
    due: BTreeMap<u32, u64>,
    names: Vec<TimerId>,
}

impl Model {
    fn act(&mut self, deed: &Do) {
        match deed {
            Do::Start(delay) => {
                let name = self.names.len() as u32;
                self.names.push(self.wheel.start(self.now, *delay, name));
                self.due.insert(name, self.now.saturating_add(*delay));
            }
            Do::Stop(which) if !self.names.is_empty() => {
                let name = which.index(self.names.len());
                let expected = self.due.remove(&(name as u32)).map(|_| name as u32);
                assert_eq!(self.wheel.stop(self.names[name]), expected);
            }
            Do::Stop(_) => {}
            Do::Advance(by) => {
                self.now += by;
                self.wheel.advance(self.now);
            }
            Do::Take(count) => self.take(*count),
        }
        assert_eq!(self.wheel.len(), self.due.len());
        let earliest = self.due.values().min();
        assert_eq!(self.wheel.next().is_some(), earliest.is_some());
        if let (Some(next), Some(&earliest)) = (self.wheel.next(), earliest) {
            assert!(next <= earliest.max(self.now).saturating_add(self.tick), "next() comes too late");
        }
    }

    fn take(&mut self, count: usize) {
        for _ in 0..count {
            let Some(name) = self.wheel.expired() else { break };
            let due = self.due.remove(&name).expect("a timer fires once, and not after it was stopped");
            assert!(due <= self.now, "{name} fired early");
        }
    }

    /// Everything due for more than a tick comes out, in the order of the ticks.
    fn finish(&mut self) {
        self.wheel.advance(self.now);
        self.take(usize::MAX);
        let late = self.due.values().filter(|due| **due + self.tick <= self.now).count();
        assert_eq!(late, 0, "timers are late");
    }
}

proptest! {
    #[test]
    fn the_wheel_does_what_a_sorted_map_does(
        tick in 1_u32..40,
        start in 0_u64..100_000,
        deeds in prop::collection::vec(deed(), 1..200),
    ) {
        let wheel = TimerWheel::new(tick, start);
        let mut model =
            Model { tick: u64::from(tick), now: start, wheel, due: BTreeMap::new(), names: Vec::new() };
        for deed in &deeds {
            model.act(deed);
        }
        model.finish();
    }
}
