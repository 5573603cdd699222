//! Two telephones around a server, thousands of calls at a time: a caller and an answerer that keep RFC 3261's
//! timers, each behind a line that may be bad. SIPp keeps no call that has lost its 180 or whose BYE overtook
//! its ACK; these do, as real phones must.
//!
//! [`Exchange`] knows no socket and no clock, so that the phones can be tried against each other in simulated
//! time; [`Phones`] puts it on two UDP sockets.

mod answerer;
mod caller;
mod line;
mod message;
mod repeats;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use answerer::Answerer;
use caller::Caller;
pub(crate) use caller::End;
pub(crate) use line::Line;
use line::Way;
pub(crate) use message::Names;
use message::Received;

/// Datagrams that are read from a socket before the other one has its turn.
const BATCH: usize = 64;

/// How the answerer replies to an INVITE after its 180.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finale {
    Answer,
    Refuse,
}

/// What becomes of each call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long it rings; None: until [`Exchange::finish`].
    pub(crate) ring: Option<Duration>,
    pub(crate) finale: Finale,
    /// From the answer to the caller's BYE.
    pub(crate) talk: Duration,
    /// How long the caller waits for a final reply.
    pub(crate) patience: Duration,
    /// The answerer falls silent when the call is set up.
    pub(crate) vanishes: bool,
}

/// Either phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Caller,
    Answerer,
}

/// How far the calls are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) started: u32,
    /// The server has taken the INVITE, and the answerer has it.
    pub(crate) set_up: u32,
    /// Neither side waits for anything.
    pub(crate) over: u32,
}

struct Call {
    caller: Caller,
    answerer: Option<Answerer>,
    /// Datagrams so far each way, for the lines.
    passed: [u32; 4],
    /// Another INVITE of the same call reached the answerer.
    twice: bool,
}

impl Call {
    fn set_up(&self) -> bool {
        self.caller.heard() && self.answerer.is_some()
    }

    fn over(&self) -> bool {
        self.caller.end().is_some() && self.answerer.as_ref().is_none_or(|answerer| answerer.due().is_none())
    }
}

/// A datagram on its way through a slow line; the soonest is the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct OnTheWay {
    arrives: Duration,
    /// Keeps those of the same moment in order.
    number: u64,
    leaves: bool,
    side: Side,
    call: u32,
    bytes: Vec<u8>,
}

/// Both phones and their lines.
pub(crate) struct Exchange {
    names: Names,
    plan: Plan,
    line: Line,
    calls: Vec<Call>,
    timers: BinaryHeap<Reverse<(Duration, u32, Side)>>,
    on_the_way: BinaryHeap<Reverse<OnTheWay>>,
    delayed: u64,
    progress: Progress,
    out: Vec<(Side, Vec<u8>)>,
}

impl Exchange {
    pub(crate) fn new(names: Names, plan: Plan, line: Line) -> Self {
        Self {
            names,
            plan,
            line,
            calls: Vec::new(),
            timers: BinaryHeap::new(),
            on_the_way: BinaryHeap::new(),
            delayed: 0,
            progress: Progress::default(),
            out: Vec::new(),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// Bytes of a call's INVITE as the server receives it.
    pub(crate) fn invite_length(&self) -> usize {
        message::invite(&self.names, self.progress.started.saturating_sub(1)).len()
    }

    /// How each call ended for its caller, and whether for both.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Option<End>, bool)> {
        self.calls.iter().map(|call| {
            let hung_up = call.answerer.as_ref().is_some_and(Answerer::hung_up);
            (call.caller.end(), call.caller.end() == Some(End::Completed) && hung_up)
        })
    }

    /// Calls whose INVITE reached the answerer as two.
    pub(crate) fn twice(&self) -> usize {
        self.calls.iter().filter(|call| call.twice).count()
    }

    /// Requests and final replies that a phone had to send again.
    pub(crate) fn repeated(&self) -> u32 {
        let of_answerer = |call: &Call| call.answerer.as_ref().map_or(0, |answerer| answerer.repeated);
        self.calls.iter().map(|call| call.caller.repeated + of_answerer(call)).sum()
    }

    /// The calls whose INVITE the server has taken and not finally answered.
    pub(crate) fn ringing(&self) -> Vec<u32> {
        (0..self.progress.started).filter(|&call| self.calls[call as usize].caller.rings()).collect()
    }

    /// Whether the call's INVITE was answered with 2xx.
    pub(crate) fn answered(&self, call: u32) -> bool {
        self.calls.get(call as usize).is_some_and(|call| call.caller.answered())
    }

    /// Makes the next call.
    pub(crate) fn start_call(&mut self, now: Duration) {
        let (call, mut sent) = (self.progress.started, Vec::new());
        let caller = Caller::new(now, &self.names, call, &mut sent);
        self.calls.push(Call { caller, answerer: None, passed: [0; 4], twice: false });
        self.progress.started += 1;
        self.leave(now, Side::Caller, call, sent);
    }

    /// Lets the answerer send a call's final reply now.
    pub(crate) fn finish(&mut self, now: Duration, call: u32) {
        let mut sent = Vec::new();
        if let Some(answerer) = self.calls.get_mut(call as usize).and_then(|call| call.answerer.as_mut()) {
            answerer.finish(now, &mut sent);
        }
        self.leave(now, Side::Answerer, call, sent);
    }

    /// A datagram has come to a phone's end of its line.
    pub(crate) fn receive(&mut self, now: Duration, side: Side, bytes: &[u8]) {
        // What is of another run, or nonsense, is nobody's.
        if let Some(call) =
            Received::new(bytes).call(self.names.run).filter(|call| *call < self.progress.started)
        {
            self.cross(now, false, side, call, bytes);
        }
    }

    /// When [`Self::wake`] has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let arrival = self.on_the_way.peek().map(|Reverse(datagram)| datagram.arrives);
        timer.into_iter().chain(arrival).min()
    }

    /// Does what is due.
    pub(crate) fn wake(&mut self, now: Duration) {
        while self.on_the_way.peek().is_some_and(|Reverse(datagram)| datagram.arrives <= now) {
            let Some(Reverse(datagram)) = self.on_the_way.pop() else { break };
            self.arrive(now, datagram.leaves, datagram.side, datagram.call, &datagram.bytes);
        }
        while self.timers.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, number, side))) = self.timers.pop() else { break };
            self.change(now, side, number, |call, names, _, sent| match side {
                Side::Caller => call.caller.wake(now, names, number, sent),
                Side::Answerer => {
                    call.answerer.iter_mut().for_each(|answerer| answerer.wake(now, sent));
                }
            });
        }
    }

    /// What the phones' lines have let out, in order.
    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, (Side, Vec<u8>)> {
        self.out.drain(..)
    }

    fn leave(&mut self, now: Duration, side: Side, call: u32, sent: Vec<Vec<u8>>) {
        for bytes in sent {
            self.cross(now, true, side, call, &bytes);
        }
        self.set_timer(side, call);
    }

    /// A datagram enters a line at one of its ends.
    fn cross(&mut self, now: Duration, leaves: bool, side: Side, call: u32, bytes: &[u8]) {
        let way = match (side, leaves) {
            (Side::Caller, true) => Way::FromCaller,
            (Side::Caller, false) => Way::ToCaller,
            (Side::Answerer, true) => Way::FromAnswerer,
            (Side::Answerer, false) => Way::ToAnswerer,
        };
        let nth = &mut self.calls[call as usize].passed[way as usize];
        *nth += 1;
        for delay in self.line.copies(way, call, *nth) {
            if delay.is_zero() {
                self.arrive(now, leaves, side, call, bytes);
            } else {
                self.delayed += 1;
                let (arrives, number, bytes) = (now + delay, self.delayed, bytes.to_vec());
                self.on_the_way.push(Reverse(OnTheWay { arrives, number, leaves, side, call, bytes }));
            }
        }
    }

    /// A datagram leaves the line at the other end: to the server, or to the phone.
    fn arrive(&mut self, now: Duration, leaves: bool, side: Side, number: u32, bytes: &[u8]) {
        if leaves {
            return self.out.push((side, bytes.to_vec()));
        }
        let message = Received::new(bytes);
        self.change(now, side, number, |call, names, plan, sent| {
            let context = (names, plan, number);
            match (side, &mut call.answerer) {
                (Side::Caller, _) => call.caller.receive(now, context, message, sent),
                (Side::Answerer, Some(answerer)) => {
                    call.twice |= !answerer.receive(context, message, sent);
                }
                (Side::Answerer, None) if message.method() == Some("INVITE") => {
                    call.answerer = Some(Answerer::new(now, context, message, sent));
                }
                (Side::Answerer, None) => {}
            }
        });
    }

    /// Changes a call, sends what comes of it, and keeps the counts and the timer.
    fn change(
        &mut self,
        now: Duration,
        side: Side,
        number: u32,
        change: impl FnOnce(&mut Call, &Names, &Plan, &mut Vec<Vec<u8>>),
    ) {
        let Some(call) = self.calls.get_mut(number as usize) else { return };
        let (was_set_up, was_over) = (call.set_up(), call.over());
        let mut sent = Vec::new();
        change(call, &self.names, &self.plan, &mut sent);
        self.progress.set_up += u32::from(!was_set_up && call.set_up());
        self.progress.over += u32::from(!was_over && call.over());
        self.leave(now, side, number, sent);
    }

    /// A timer that is no longer meant finds nothing due when it fires.
    fn set_timer(&mut self, side: Side, number: u32) {
        let Some(call) = self.calls.get(number as usize) else { return };
        let due = match side {
            Side::Caller => call.caller.due(),
            Side::Answerer => call.answerer.as_ref().and_then(Answerer::due),
        };
        self.timers.extend(due.map(|due| Reverse((due, number, side))));
    }
}

/// The exchange on sockets.
pub(crate) struct Phones {
    pub(crate) exchange: Exchange,
    caller: UdpSocket,
    answerer: UdpSocket,
    start: Instant,
}

impl Phones {
    /// Binds both phones' sockets.
    pub(crate) fn new(names: Names, plan: Plan, line: Line) -> io::Result<Self> {
        let bound = |address: SocketAddr| {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Self {
            exchange: Exchange::new(names, plan, line),
            caller: bound(names.caller)?,
            answerer: bound(names.answerer)?,
            start: Instant::now(),
        })
    }

    /// Time since the phones were made; the exchange's clock.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Sends what is to be sent, waits for something to happen, but no longer than `longest`, and does it.
    pub(crate) fn turn(&mut self, longest: Duration) -> io::Result<()> {
        self.flush()?;
        let due = self.exchange.due().map(|due| due.saturating_sub(self.now()));
        let wait = due.map_or(longest, |due| due.min(longest));
        // Rounded up: a poll that returns just before the time would spin.
        let milliseconds = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let mut polled =
            [&self.caller, &self.answerer].map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        match poll(&mut polled, PollTimeout::from(milliseconds)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.start.elapsed();
        for (side, socket) in [(Side::Caller, &self.caller), (Side::Answerer, &self.answerer)] {
            read(socket, |bytes| self.exchange.receive(now, side, bytes))?;
        }
        self.exchange.wake(now);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let server = self.exchange.names.server;
        for (side, bytes) in self.exchange.drain() {
            let socket = match side {
                Side::Caller => &self.caller,
                Side::Answerer => &self.answerer,
            };
            match socket.send_to(&bytes, server) {
                // A full socket buffer, or a server that has gone, loses a datagram, as a network does.
                Ok(_) => {}
                Err(error) if is_loss(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read(socket: &UdpSocket, mut with: impl FnMut(&[u8])) -> io::Result<()> {
    let mut datagram = [0; 8192];
    for _ in 0..BATCH {
        match socket.recv_from(&mut datagram) {
            Ok((length, _)) => with(datagram.get(..length).unwrap_or_default()),
            Err(error) if is_loss(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_loss(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests;
