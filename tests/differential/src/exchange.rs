//! One case through one running server: send, wait for the sentinel, gather.

use std::net::SocketAddr;
use std::time::Duration;

use crate::case::{Case, Content};
use crate::endpoint::{Arrival, Endpoint, Transport, poll};
use crate::error::{Error, Result};
use crate::message::{self, Awaited, Message, Until};
use crate::network::{Network, find, replace};
use crate::normal::Normaliser;
use crate::outcome::{Delivery, Outcome};
use crate::play;
use crate::server::{Kind, Server};

/// How long a server may take to answer a sentinel, once it runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);

/// The endpoints of a run, which serve one case after the other.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) network: Network,
    pub(crate) endpoints: Vec<Endpoint>,
    common: Vec<u8>,
    pub(crate) sentinels: usize,
    /// The newest `;i=` that a server wrote into a Via: the id of a stream connection, for `@CONNECTION@`.
    connection: String,
    /// Whether outcomes hold the server's own log lines too, for people who look into one.
    pub whole_log: bool,
}

impl Exchange {
    /// Reserves a network and binds every endpoint.
    ///
    /// # Errors
    /// [`Error::NoFreeNetwork`], [`Error::Socket`], or [`Error::File`] for `cases/common.cfg`.
    pub fn new() -> Result<Self> {
        let network = Network::reserve()?;
        let endpoints = Endpoint::bind_all(&network)?;
        let path = crate::case::root().join("cases/common.cfg");
        let common = network.localise(&std::fs::read(&path).map_err(Error::file(&path))?);
        Ok(Self { network, endpoints, common, sentinels: 0, connection: String::new(), whole_log: false })
    }

    /// Starts `kind` on the case's configuration and sends its messages; one outcome for each.
    ///
    /// # Errors
    /// [`Error::Server`] when the server does not start or stops answering.
    pub fn run(&mut self, kind: &Kind, case: &Case) -> Result<Vec<Outcome>> {
        let configuration = self.network.localise(case.configuration.as_bytes());
        let mut server = Server::start(kind, &configuration, &self.common)?;
        self.wait_until_ready(&mut server)?;
        let outcomes = match &case.content {
            Content::Messages(messages) => self.pairs(&mut server, messages),
            Content::Scenarios(scenarios) => {
                let perform = |scenario| play::perform(self, &mut server, scenario, scenarios);
                scenarios.iter().filter(|scenario| scenario.is_for(kind)).map(perform).collect()
            }
        };
        self.endpoints.iter_mut().for_each(Endpoint::hang_up);
        drop(server);
        self.endpoints.iter_mut().for_each(|endpoint| drop(endpoint.drain()));
        outcomes
    }

    fn pairs(&mut self, server: &mut Server, messages: &[Message]) -> Result<Vec<Outcome>> {
        let mut normaliser = Normaliser::new(messages.iter().map(|message| message.bytes.as_slice()));
        messages.iter().map(|message| self.pair(server, message, &mut normaliser)).collect()
    }

    fn wait_until_ready(&mut self, server: &mut Server) -> Result<()> {
        let to = self.socket_address("127.100.100.1:5060")?;
        let caller = self.index("caller");
        let mut asked = Vec::new();
        let ready = poll(START, || {
            if !server.is_running() {
                return Some(false);
            }
            self.sentinels += 1;
            asked.push(format!("sentinel-{}-", self.sentinels));
            let text =
                sentinel(&asked[asked.len() - 1], None, Transport::Udp, self.endpoints[caller].address);
            // Refused until the server has bound its socket.
            let _ = self.endpoints[caller].send(Transport::Udp, to, &text, false);
            let answered = poll(Duration::from_millis(30), || {
                let arrivals = self.endpoints[caller].drain();
                arrivals.iter().any(|arrival| asked.iter().any(|id| is_answer(arrival, id))).then_some(())
            });
            answered.map(|()| true)
        });
        match ready {
            Some(true) => self.settle(server, &asked),
            Some(false) => Err(server.failure("the server stopped while it started")),
            None => Err(server.failure("the server does not answer")),
        }
    }

    /// Swallows the answers to the sentinels that were sent while the server started.
    fn settle(&mut self, server: &Server, asked: &[String]) -> Result<()> {
        let to = self.socket_address("127.100.100.1:5060")?;
        let caller = self.index("caller");
        self.sentinels += 1;
        let id = format!("sentinel-{}-", self.sentinels);
        let text = sentinel(&id, None, Transport::Udp, self.endpoints[caller].address);
        self.endpoints[caller].send(Transport::Udp, to, &text, false)?;
        let last = poll(PATIENCE, || {
            self.endpoints[caller].drain().iter().any(|arrival| is_answer(arrival, &id)).then_some(())
        });
        let logged = server.lines_until(0, &id);
        match (last, logged) {
            (Some(()), Some(_)) => Ok(()),
            _ => {
                Err(server
                    .failure(&format!("after {} start sentinels the next was not answered", asked.len())))
            }
        }
    }

    fn pair(
        &mut self,
        server: &mut Server,
        message: &Message,
        normaliser: &mut Normaliser,
    ) -> Result<Outcome> {
        let log_from = server.log_size();
        let to = self.socket_address(&message.to)?;
        let sender = self.index(message.from);
        let bytes = replace(&message.bytes, "@CONNECTION@", &self.connection);
        let bytes = self.network.localise(&bytes);
        self.endpoints[sender].send(message.transport, to, &bytes, message.fresh)?;
        let ports: Vec<u16> = self.endpoints[sender].dialled_ports().collect();

        let mut arrivals: Vec<(usize, Arrival)> = Vec::new();
        let log = match message.until {
            Until::Sentinel => self.wait_for_sentinels(server, message, sender, log_from, &mut arrivals)?,
            Until::Closed | Until::Answered => {
                let closed = message.until == Until::Closed;
                let done = |a: &(usize, Arrival)| a.0 == sender && (!closed || a.1.bytes.is_none());
                self.wait_for(server, message, &mut arrivals, done)?;
                server.lines(log_from)
            }
        };
        if let Some(awaited) = message.awaits {
            let (Awaited::Arrival(name) | Awaited::End(name)) = awaited;
            let (at, end) = (self.index(name), matches!(awaited, Awaited::End(_)));
            let done = |a: &(usize, Arrival)| {
                a.0 == at && a.1.transport == Transport::Tcp && (!end || a.1.bytes.is_none())
            };
            self.wait_for(server, message, &mut arrivals, done)?;
        }
        if let Some(id) = arrivals.iter().filter_map(|(_, arrival)| connection_id(arrival)).next_back() {
            self.connection = id;
        }
        arrivals.sort_by_key(|(endpoint, arrival)| (*endpoint, arrival.transport));
        let deliveries =
            arrivals.into_iter().map(|(endpoint, arrival)| self.delivery(endpoint, arrival)).collect();
        let log = if self.whole_log { log } else { script_lines(&self.network, &log) };
        Ok(normaliser
            .normalise(&Outcome { name: message.name.clone(), deliveries, log, stuck: None }, &ports))
    }

    /// Sentinels until all that the message causes has left. What leaves through another socket than the answer, or by a
    /// stream, may come after the answer of the same time, so that another sentinel follows, by UDP.
    fn wait_for_sentinels(
        &mut self,
        server: &mut Server,
        message: &Message,
        sender: usize,
        log_from: usize,
        arrivals: &mut Vec<(usize, Arrival)>,
    ) -> Result<Vec<String>> {
        self.wait_for_sentinel(server, message, message.transport, sender, log_from, arrivals)?;
        let first = format!("sentinel sentinel-{}-", self.sentinels);
        let mut log = self.wait_for_sentinel(server, message, Transport::Udp, sender, log_from, arrivals)?;
        log.retain(|line| !line.ends_with(&first));
        Ok(log)
    }

    fn wait_for_sentinel(
        &mut self,
        server: &mut Server,
        message: &Message,
        transport: Transport,
        sender: usize,
        log_from: usize,
        arrivals: &mut Vec<(usize, Arrival)>,
    ) -> Result<Vec<String>> {
        self.sentinels += 1;
        let to = self.socket_address(&message.to)?;
        let id = format!("sentinel-{}-", self.sentinels);
        let call = message.waits.then(|| message::call_id(&message.name));
        let text = sentinel(&id, call.as_deref(), transport, self.endpoints[sender].address);
        self.endpoints[sender].send(transport, to, &text, false)?;
        self.wait_for(server, message, arrivals, |(at, arrival)| *at == sender && is_answer(arrival, &id))?;
        arrivals.retain(|(_, arrival)| !is_answer(arrival, &id));
        server
            .lines_until(log_from, &id)
            .ok_or_else(|| server.failure(&format!("`{}`: the sentinel's log line is missing", message.name)))
    }

    fn wait_for(
        &mut self,
        server: &mut Server,
        message: &Message,
        arrivals: &mut Vec<(usize, Arrival)>,
        done: impl Fn(&(usize, Arrival)) -> bool,
    ) -> Result<()> {
        let finished = poll(PATIENCE, || {
            self.gather(arrivals);
            arrivals.iter().any(&done).then_some(())
        });
        // The sockets are read one after the other: what came in meanwhile at one already read is there now.
        self.gather(arrivals);
        finished.ok_or_else(|| {
            let state = if server.is_running() { "runs but has not finished" } else { "has stopped at" };
            server.failure(&format!("the server {state} `{}`; {} arrivals", message.name, arrivals.len()))
        })
    }

    fn gather(&mut self, arrivals: &mut Vec<(usize, Arrival)>) {
        for (at, endpoint) in self.endpoints.iter_mut().enumerate() {
            arrivals.extend(endpoint.drain().into_iter().map(|arrival| (at, arrival)));
        }
    }

    fn delivery(&self, endpoint: usize, arrival: Arrival) -> Delivery {
        let from = self.network.canonicalise(arrival.from.to_string().as_bytes());
        Delivery {
            at: self.endpoints[endpoint].name,
            transport: arrival.transport,
            from: String::from_utf8_lossy(&from).into_owned(),
            bytes: arrival.bytes.map(|bytes| self.network.canonicalise(&bytes)),
            copies: 1,
        }
    }

    fn index(&self, name: &str) -> usize {
        let at = self.endpoints.iter().position(|endpoint| endpoint.name == name);
        at.expect("message::load checks the names of endpoints")
    }

    pub(crate) fn socket_address(&self, canonical: &str) -> Result<SocketAddr> {
        let text = self.network.address(canonical);
        text.parse().map_err(|_| Error::Case(canonical.into(), "is no socket address of the server".into()))
    }
}

/// The request that `cases/common.cfg` answers first thing, in a call of its own or in that of a message.
pub(crate) fn sentinel(id: &str, call: Option<&str>, transport: Transport, from: SocketAddr) -> Vec<u8> {
    format!(
        "SENTINEL sip:{id}@{from} SIP/2.0\r\nVia: SIP/2.0/{} {from};branch=z9hG4bK-{id}\r\n\
         From: <sip:test@{from}>;tag=1\r\nTo: <sip:{id}@{from}>\r\nCall-ID: {}\r\nCSeq: 1 SENTINEL\r\n\
         Content-Length: 0\r\n\r\n",
        transport.name(),
        call.unwrap_or(id)
    )
    .into_bytes()
}

pub(crate) fn is_answer(arrival: &Arrival, id: &str) -> bool {
    let branch = format!("branch=z9hG4bK-{id}\r\n");
    arrival.bytes.as_deref().is_some_and(|bytes| find(bytes, branch.as_bytes()).is_some())
}

/// The value of the first `;i=` in the headers of what arrived.
fn connection_id(arrival: &Arrival) -> Option<String> {
    let bytes = arrival.bytes.as_deref()?;
    let at = find(bytes, b";i=")? + 3;
    let end = bytes[at..].iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    Some(String::from_utf8_lossy(&bytes[at..at + end]).into_owned())
}

/// What a script wrote to the log, and what was accounted there, as level and text without the process; the server's own
/// lines are left out.
pub(crate) fn script_lines(network: &Network, log: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_script = false;
    for line in log {
        if let Some(accounted) = accounted(line) {
            lines.push(String::from_utf8_lossy(&network.canonicalise(accounted.as_bytes())).into_owned());
            is_script = false;
            continue;
        }
        let script = line.split_once("<script>: ");
        is_script = script.is_some() || (is_script && !begins_with_process(line));
        if !is_script {
            continue;
        }
        // ` 1(4711) ` is the process; a log prefix that the configuration sets stays.
        let text = match script {
            Some((head, text)) => {
                let level = head.split_once(") ").map_or(head, |(_, rest)| rest);
                format!("{level}{text}")
            }
            None => format!("  {line}"),
        };
        lines.push(String::from_utf8_lossy(&network.canonicalise(text.as_bytes())).into_owned());
    }
    lines
}

/// A line of accounting, without the process, the place in the source, the time, and the tags that the server makes.
fn accounted(line: &str) -> Option<String> {
    let (head, text) = line.split_once(" ACC: ")?;
    let (_, level) = head.split_once(") ")?;
    let (level, _) = level.split_once(": ")?;
    let fields = text.split(';').map(|field| match field.rsplit_once('=') {
        Some((name, _)) if name.ends_with(": timestamp") => format!("{name}=<now>"),
        Some((name @ ("from_tag" | "to_tag"), tag)) if is_of_the_server(tag) => format!("{name}=<server's>"),
        _ => field.to_owned(),
    });
    Some(format!("{level}: ACC: {}", fields.collect::<Vec<_>>().join(";")))
}

/// Whether a tag is one that servers make: long, and of hexadecimal digits.
fn is_of_the_server(tag: &str) -> bool {
    tag.len() >= 16 && tag.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'.'))
}

/// Whether a log line begins as every entry does: ` 1(4711) `; what does not goes on with the entry before.
fn begins_with_process(line: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    line.trim_start().split_once('(').is_some_and(|(index, rest)| {
        digits(index) && rest.split_once(") ").is_some_and(|(process, _)| digits(process))
    })
}
