//! Two machines, their timers in a wheel, and the link between them.

use std::collections::BTreeMap;

use sip_transaction::{Actions, Kind, TimerId, TimerWheel, Timing, client, server};

const TIMING: Timing = Timing::RFC;
const TICK_MS: u32 = 16;

/// How the link treats what is sent; shares in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) reliable: bool,
    pub(crate) loss: u8,
    pub(crate) repeat: u8,
    /// How often the transport says that it could not send.
    pub(crate) error: u8,
    /// The longest delay.
    pub(crate) delay_ms: u64,
}

/// What the server's user does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) provisionals: u8,
    pub(crate) success: bool,
    pub(crate) after_ms: u64,
}

/// How the transaction ended, as the client's user was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure,
    Timeout,
    TransportError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Retransmit,
    Timeout,
    Wait,
}

/// What arrives at a time: a message at the other end, or a decision of the server's user.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    Request,
    Ack,
    Response(client::Event),
    Reply(server::Event),
}

/// One side's running timers and its last retransmission interval.
#[derive(Debug, Default)]
struct Timers {
    running: [Option<TimerId>; 3],
    interval: u32,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) state: client::State,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) copies_sent: u32,
    pub(crate) sent_after_answer: u32,
    pub(crate) acks: u32,
    /// Failures that came while the machine lived and had no 2xx.
    pub(crate) failures_taken: u32,
    pub(crate) timers_left_at_end: usize,
    answered: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    /// None before the request came.
    pub(crate) state: Option<server::State>,
    pub(crate) passed_acks: u32,
    pub(crate) unacknowledged: u32,
    pub(crate) timers_left_at_end: usize,
    last_reply: Option<client::Event>,
}

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) server: Server,
    kind: Kind,
    link: Link,
    answer: Answer,
    random: u64,
    now: u64,
    arrivals: BTreeMap<(u64, u64), Arrival>,
    arrived: u64,
    wheel: TimerWheel<(Side, Timer)>,
    timers: [Timers; 2],
}

impl World {
    pub(crate) fn new(kind: Kind, link: Link, answer: Answer, seed: u64) -> Self {
        let first = client::begin(kind, link.reliable);
        let client = Client {
            state: first.state,
            outcomes: Vec::new(),
            copies_sent: 0,
            sent_after_answer: 0,
            acks: 0,
            failures_taken: 0,
            timers_left_at_end: 0,
            answered: false,
        };
        let server = Server {
            state: None,
            passed_acks: 0,
            unacknowledged: 0,
            timers_left_at_end: 0,
            last_reply: None,
        };
        let mut world = Self {
            client,
            server,
            kind,
            link,
            answer,
            random: seed | 1,
            now: 0,
            arrivals: BTreeMap::new(),
            arrived: 0,
            wheel: TimerWheel::new(TICK_MS, 0),
            timers: Default::default(),
        };
        world.client_acts(first.actions);
        world
    }

    /// Goes on until nothing is under way and no timer runs, or for an hour.
    pub(crate) fn run(&mut self) {
        while self.now < 3_600_000 {
            let arrival = self.arrivals.first_key_value().map(|(&(at, _), _)| at);
            let Some(next) = arrival.into_iter().chain(self.wheel.next()).min() else { return };
            self.now = self.now.max(next);
            self.wheel.advance(self.now);
            while let Some((side, timer)) = self.wheel.expired() {
                self.timers[side as usize].running[timer as usize] = None;
                self.fire(side, timer);
            }
            while let Some(entry) = self.arrivals.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let arrival = entry.remove();
                self.arrive(arrival);
            }
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now
    }

    pub(crate) fn timers_left(&self) -> usize {
        self.wheel.len()
    }

    fn fire(&mut self, side: Side, timer: Timer) {
        match (side, timer) {
            (Side::Client, Timer::Retransmit) => self.client_step(client::Event::Retransmit),
            (Side::Client, Timer::Timeout) => self.client_step(client::Event::Timeout),
            (Side::Client, Timer::Wait) => self.client_step(client::Event::Wait),
            (Side::Server, Timer::Retransmit) => self.server_step(server::Event::Retransmit),
            (Side::Server, Timer::Timeout) => self.server_step(server::Event::Timeout),
            (Side::Server, Timer::Wait) => self.server_step(server::Event::Wait),
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Request if self.server.state.is_none() => {
                let first = server::begin(self.kind, self.link.reliable);
                self.server.state = Some(first.state);
                self.server_acts(first.actions, None);
                self.answer();
            }
            Arrival::Request => self.server_step(server::Event::Request),
            Arrival::Ack => self.server_step(server::Event::Ack),
            Arrival::Response(event) => self.client_step(event),
            Arrival::Reply(event) => {
                let before = self.server.passed_acks;
                self.server_step(event);
                // The user of a 2xx sends it again until the ACK is there (RFC 3261 §13.3.1.4).
                let accepted = self.server.state == Some(server::State::Accepted);
                if event == server::Event::Success && accepted && before == 0 && !self.link.reliable {
                    self.later(1_000, Arrival::Reply(event));
                }
            }
        }
    }

    /// The user's provisional replies and its final one.
    fn answer(&mut self) {
        for _ in 0..self.answer.provisionals {
            let after = self.chance() % (self.answer.after_ms + 1);
            self.later(after, Arrival::Reply(server::Event::Provisional));
        }
        let event = if self.answer.success { server::Event::Success } else { server::Event::Failure };
        self.later(self.answer.after_ms, Arrival::Reply(event));
    }

    fn client_step(&mut self, event: client::Event) {
        let state = self.client.state;
        let step = client::step(self.kind, self.link.reliable, state, event);
        self.client.state = step.state;
        let done = |action| step.actions.contains(action);
        if event == client::Event::Failure
            && self.kind == Kind::Invite
            && !matches!(state, client::State::Terminated | client::State::Accepted)
        {
            self.client.failures_taken += 1;
        }
        if done(Actions::PASS) {
            self.passed_to_user(event);
        }
        if done(Actions::TELL_TIMEOUT) {
            self.client.outcomes.push(Outcome::Timeout);
        }
        // After the answer it is an ACK that could not be sent, which is no outcome.
        if done(Actions::TELL_TRANSPORT_ERROR) && !self.client.answered {
            self.client.outcomes.push(Outcome::TransportError);
        }
        self.client.answered |= matches!(event, client::Event::Success | client::Event::Failure);
        self.client.answered |= done(Actions::TELL_TIMEOUT);
        self.client_acts(step.actions);
    }

    fn passed_to_user(&mut self, event: client::Event) {
        match event {
            client::Event::Success => {
                if !self.client.answered {
                    self.client.outcomes.push(Outcome::Success);
                }
                // The user acknowledges every 2xx itself.
                if self.kind == Kind::Invite {
                    self.send(Arrival::Ack);
                }
            }
            client::Event::Failure => self.client.outcomes.push(Outcome::Failure),
            _ => {}
        }
    }

    fn client_acts(&mut self, actions: Actions) {
        let mut sent = true;
        if actions.contains(Actions::SEND) || actions.contains(Actions::SEND_AGAIN) {
            self.client.copies_sent += 1;
            self.client.sent_after_answer += u32::from(self.client.answered);
            sent = self.send(Arrival::Request);
        }
        if actions.contains(Actions::ACK) {
            self.client.acks += 1;
            sent = self.send(Arrival::Ack);
        }
        let at_t2 = self.kind == Kind::NonInvite && self.client.state == client::State::Proceeding;
        self.set_timers(Side::Client, actions, at_t2);
        if actions.contains(Actions::END) {
            self.client.timers_left_at_end = self.running(Side::Client);
        }
        if !sent {
            self.client_step(client::Event::TransportError);
        }
    }

    fn server_step(&mut self, event: server::Event) {
        let Some(state) = self.server.state else { return };
        let step = server::step(self.kind, self.link.reliable, state, event);
        self.server.state = Some(step.state);
        let reply = match event {
            server::Event::Provisional => Some(client::Event::Provisional),
            server::Event::Success => Some(client::Event::Success),
            server::Event::Failure => Some(client::Event::Failure),
            _ => None,
        };
        if event == server::Event::Ack && step.actions.contains(Actions::PASS) {
            self.server.passed_acks += 1;
        }
        self.server.unacknowledged += u32::from(step.actions.contains(Actions::TELL_TIMEOUT));
        self.server_acts(step.actions, reply);
    }

    fn server_acts(&mut self, actions: Actions, reply: Option<client::Event>) {
        let mut sent = true;
        if actions.contains(Actions::SEND) {
            self.server.last_reply = reply;
        }
        if (actions.contains(Actions::SEND) || actions.contains(Actions::SEND_AGAIN))
            && let Some(reply) = self.server.last_reply
        {
            sent = self.send(Arrival::Response(reply));
        }
        self.set_timers(Side::Server, actions, false);
        if actions.contains(Actions::END) {
            self.server.timers_left_at_end = self.running(Side::Server);
        }
        if !sent {
            self.server_step(server::Event::TransportError);
        }
    }

    fn set_timers(&mut self, side: Side, actions: Actions, at_t2: bool) {
        let interval = self.timers[side as usize].interval;
        let again = if at_t2 { TIMING.retr_t2 } else { TIMING.next_retransmit(interval) };
        let table = [
            (Timer::Retransmit, Actions::STOP_RETRANSMIT, Actions::START_RETRANSMIT, TIMING.retr_t1),
            (Timer::Retransmit, Actions::RESTART_RETRANSMIT, Actions::RESTART_RETRANSMIT, again),
            (Timer::Timeout, Actions::STOP_TIMEOUT, Actions::START_TIMEOUT, self.timeout(side)),
            (Timer::Wait, Actions::STOP_WAIT, Actions::START_WAIT, TIMING.wait),
        ];
        for (timer, stop, start, length) in table {
            let (starts, timers) = (actions.contains(start), &mut self.timers[side as usize]);
            if (starts || actions.contains(stop))
                && let Some(running) = timers.running[timer as usize].take()
            {
                self.wheel.stop(running);
            }
            if starts {
                let started = self.wheel.start(self.now, u64::from(length), (side, timer));
                timers.running[timer as usize] = Some(started);
                if timer == Timer::Retransmit {
                    timers.interval = length;
                }
            }
        }
    }

    /// B, F and H, or C once a provisional response came.
    fn timeout(&self, side: Side) -> u32 {
        let proceeding = side == Side::Client && self.client.state == client::State::Proceeding;
        if proceeding { TIMING.fr_inv } else { TIMING.fr }
    }

    fn running(&self, side: Side) -> usize {
        self.timers[side as usize].running.iter().flatten().count()
    }

    /// Puts a message on the link; false when the transport says that it cannot.
    fn send(&mut self, message: Arrival) -> bool {
        if self.percent(self.link.error) {
            return false;
        }
        let copies = if self.percent(self.link.repeat) { 2 } else { 1 };
        for _ in 0..copies {
            if self.percent(self.link.loss) {
                continue;
            }
            // A reliable link keeps the order.
            let delay =
                if self.link.reliable { self.link.delay_ms } else { 1 + self.chance() % self.link.delay_ms };
            self.later(delay, message);
        }
        true
    }

    fn later(&mut self, delay: u64, arrival: Arrival) {
        self.arrived += 1;
        self.arrivals.insert((self.now + delay, self.arrived), arrival);
    }

    fn percent(&mut self, share: u8) -> bool {
        self.chance() % 100 < u64::from(share)
    }

    /// A xorshift generator: the same seed gives the same world.
    fn chance(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}
