//! One scenario through a running server: the endpoints perform its steps, and what each got is the outcome.

use std::net::SocketAddr;
use std::time::Duration;

use crate::endpoint::{ENDPOINTS, Transport, poll};
use crate::error::Result;
use crate::exchange::{Exchange, is_answer, script_lines, sentinel};
use crate::flow::{Action, Scenario, Step};
use crate::network::find;
use crate::normal::{Normaliser, byte, latin};
use crate::outcome::{Delivery, Outcome};
use crate::party::{Draft, Party, Received, Sent, header};
use crate::server::Server;

/// How long a step waits for what it names.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's socket to which an endpoint sends: that of its own address family.
fn server_of(party: usize) -> &'static str {
    if ENDPOINTS[party].1.starts_with('[') { "[::1]:25000" } else { "127.100.100.1:5060" }
}

/// A scenario while it is performed.
struct Play<'a> {
    exchange: &'a mut Exchange,
    server: &'a mut Server,
    parties: Vec<Party>,
    /// Calls whose stragglers may still arrive.
    other_calls: Vec<String>,
    log_from: usize,
    sentinels: Vec<String>,
}

/// Performs `scenario`; `others` are the scenarios that the same server has served or will.
///
/// # Errors
/// [`crate::Error::Server`] when the server has stopped; a step that cannot be done is part of the outcome.
pub(crate) fn perform(
    exchange: &mut Exchange,
    server: &mut Server,
    scenario: &Scenario,
    others: &[Scenario],
) -> Result<Outcome> {
    let call_id = scenario.call_id();
    let other_calls = others.iter().map(Scenario::call_id).filter(|other| *other != call_id).collect();
    let parties = (0..ENDPOINTS.len()).map(|index| Party::new(index, &call_id)).collect();
    let log_from = server.log_size();
    let mut play = Play { exchange, server, parties, other_calls, log_from, sentinels: Vec::new() };
    let mut stuck = None;
    for step in &scenario.steps {
        if !play.step(step)? {
            stuck = Some(format!("`{}` could not be done", step.text));
            break;
        }
    }
    if stuck.is_none() && !play.settle(0)? {
        stuck = Some("the server did not answer a sentinel at the end".to_owned());
    }
    play.outcome(scenario, stuck)
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<bool> {
        match &step.action {
            Action::Send { party, method, uri, transport } => {
                let draft = self.parties[*party].request(method, uri, *transport);
                self.send(step, *party, Some((draft, *transport)), None)
            }
            Action::SendInDialog(party, method) => {
                let made = self.parties[*party].request_in_dialog(method);
                self.send(step, *party, made, None)
            }
            Action::Ack(party) => {
                let made = self.parties[*party].ack();
                self.send(step, *party, made, None)
            }
            Action::Cancel(party) => {
                let made = self.parties[*party].cancel();
                self.send(step, *party, made, None)
            }
            Action::Answer { party, status, to } => {
                let Some((draft, transport, from)) = self.parties[*party].reply(status, to.as_deref()) else {
                    return Ok(false);
                };
                self.send(step, *party, Some((draft, transport)), Some(from))
            }
            Action::Repeat(party, pattern) => match self.parties[*party].newest_sent(pattern) {
                Some(sent) => self.transmit(*party, &sent),
                None => Ok(false),
            },
            Action::Get(party, pattern) => self.wait(|play| play.parties[*party].get(pattern)),
            Action::Count(party, pattern, count) => {
                self.wait(|play| (play.parties[*party].copies(pattern) >= *count).then_some(()))
            }
            Action::Quiet(time) => {
                // Silence is what is awaited: nothing but the clock ends this.
                poll(*time, || {
                    self.gather();
                    None::<()>
                });
                Ok(true)
            }
            Action::Logged(text) => self.wait(|play| {
                let lines = play.server.lines(play.log_from);
                lines.iter().any(|line| line.contains(text)).then_some(())
            }),
            Action::Settled => self.settle(0),
        }
    }

    /// Sends what was made, with what the step adds; what could not be made could not be done.
    fn send(
        &mut self,
        step: &Step,
        party: usize,
        made: Option<(Draft, Transport)>,
        to: Option<SocketAddr>,
    ) -> Result<bool> {
        let Some((mut draft, transport)) = made else { return Ok(false) };
        draft.amend(&step.headers, &step.body);
        let sent = Sent { text: draft.text(), transport, to };
        self.parties[party].sent.push(sent.clone());
        self.transmit(party, &sent)
    }

    fn transmit(&mut self, party: usize, sent: &Sent) -> Result<bool> {
        let bytes: Vec<u8> = sent.text.chars().map(byte).collect();
        let bytes = self.exchange.network.localise(&bytes);
        let to = match sent.to {
            Some(to) => to,
            None => self.exchange.socket_address(server_of(party))?,
        };
        self.exchange.endpoints[party].send(sent.transport, to, &bytes, false)?;
        // Messages from several sockets may overtake one another: each is dealt with before the next is sent.
        self.settle(party)
    }

    /// Waits until the server has dealt with what `party` has sent, by a sentinel from the same socket.
    fn settle(&mut self, party: usize) -> Result<bool> {
        self.exchange.sentinels += 1;
        let id = format!("sentinel-{}-", self.exchange.sentinels);
        self.sentinels.push(id.clone());
        let to = self.exchange.socket_address(server_of(party))?;
        let text = sentinel(&id, None, Transport::Udp, self.exchange.endpoints[party].address);
        self.exchange.endpoints[party].send(Transport::Udp, to, &text, false)?;
        let mark = format!("sentinel {id}");
        let answered = self.wait(|play| {
            let lines = play.server.lines(play.log_from);
            let logged = lines.iter().any(|line| line.contains(&mark));
            (logged && !play.sentinels.contains(&id)).then_some(())
        })?;
        // The sockets are read one after the other: what came in meanwhile at one already read is there now.
        self.gather();
        Ok(answered)
    }

    fn wait(&mut self, mut done: impl FnMut(&mut Self) -> Option<()>) -> Result<bool> {
        let finished = poll(PATIENCE, || {
            self.gather();
            done(self)
        });
        if finished.is_none() && !self.server.is_running() {
            return Err(self.server.failure("the server has stopped"));
        }
        Ok(finished.is_some())
    }

    fn gather(&mut self) {
        for at in 0..self.parties.len() {
            for arrival in self.exchange.endpoints[at].drain() {
                let answered = self.sentinels.iter().position(|id| is_answer(&arrival, id));
                if let Some(answered) = answered {
                    self.sentinels.remove(answered);
                    continue;
                }
                let Some(bytes) = &arrival.bytes else { continue };
                let text = latin(&self.exchange.network.canonicalise(bytes));
                let is_straggler = header(&text, "Call-ID").is_some_and(|id| self.other_calls.contains(&id));
                if is_straggler || text.contains("CSeq: 1 SENTINEL\r\n") {
                    continue;
                }
                let received = &mut self.parties[at].received;
                match received.iter_mut().find(|known| known.text == text) {
                    Some(known) => known.copies += 1,
                    None => received.push(Received {
                        text,
                        transport: arrival.transport,
                        from: arrival.from,
                        copies: 1,
                        taken: false,
                    }),
                }
            }
        }
    }

    fn outcome(&self, scenario: &Scenario, stuck: Option<String>) -> Result<Outcome> {
        let own: Vec<String> = self.parties.iter().flat_map(Party::own_values).collect();
        let given =
            scenario.steps.iter().flat_map(|step| step.headers.iter().map(|line| format!("{line}\r\n")));
        let known: Vec<Vec<u8>> = own.into_iter().chain(given).map(String::into_bytes).collect();
        let call_id = format!("Call-ID: {}\r\n", scenario.call_id()).into_bytes();
        let known = known.iter().map(Vec::as_slice).chain([call_id.as_slice()]);
        let mut deliveries = Vec::new();
        for (at, party) in self.parties.iter().enumerate() {
            deliveries.extend(party.received.iter().map(|message| self.delivery(at, message)));
        }
        let lines = self.server.lines(self.log_from);
        let log = if self.exchange.whole_log {
            lines
        } else {
            let mut log = script_lines(&self.exchange.network, &lines);
            log.retain(|line| find(line.as_bytes(), b": sentinel sentinel-").is_none());
            log
        };
        let outcome = Outcome { name: scenario.name.clone(), deliveries, log, stuck };
        let ports: Vec<u16> =
            self.exchange.endpoints.iter().flat_map(|endpoint| endpoint.dialled_ports()).collect();
        Ok(Normaliser::new(known).normalise(&outcome, &ports))
    }

    fn delivery(&self, at: usize, message: &Received) -> Delivery {
        let from = self.exchange.network.canonicalise(message.from.to_string().as_bytes());
        Delivery {
            at: ENDPOINTS[at].0,
            transport: message.transport,
            from: String::from_utf8_lossy(&from).into_owned(),
            bytes: Some(message.text.chars().map(byte).collect()),
            copies: message.copies,
        }
    }
}
