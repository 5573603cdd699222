//! TLS as a layer of a stream connection: rustls without buffers of its own, so that an idle connection holds only keys.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::{Buf, BytesMut};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CommonState, Error, InvalidMessage, ProtocolVersion};

use super::cipher::Suite;
use super::domain::{Config, Domain};
use super::domains::Domains;
use super::facts::Facts;
use super::settings::Version;
use crate::stream::{ConnInfo, Layer, LayerError, LayerGroup, LayerSource, Side, Wish};

/// Room in a record beside what it carries: header, nonce, tag, type (RFC 8446 §5.2).
const RECORD_EXTRA: usize = 64;
/// The most that a record carries.
const RECORD: usize = 16_384;

/// Makes TLS layers out of the domains in force.
#[derive(Default)]
pub struct Tls {
    domains: RwLock<Arc<Domains>>,
    says_goodbye: AtomicBool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("domains", &self.domains()).finish_non_exhaustive()
    }
}

impl Tls {
    /// With these domains.
    pub fn new(domains: Domains) -> Self {
        Self { domains: RwLock::new(Arc::new(domains)), says_goodbye: AtomicBool::new(false) }
    }

    /// The domains in force.
    pub fn domains(&self) -> Arc<Domains> {
        Arc::clone(&self.domains.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other domains in force, for connections that begin from now on.
    pub fn replace(&self, domains: Arc<Domains>) {
        *self.domains.write().unwrap_or_else(PoisonError::into_inner) = domains;
    }

    /// Whether the end of a connection is announced to its peer (RFC 8446 §6.1).
    pub fn set_goodbye(&self, says_goodbye: bool) {
        self.says_goodbye.store(says_goodbye, Ordering::Relaxed);
    }
}

impl LayerSource for Tls {
    fn layer(&self, info: &ConnInfo, side: Side<'_>) -> Result<Box<dyn Layer>, LayerError> {
        let state = match side {
            Side::Server => State::Greeting(Greeting {
                domains: self.domains(),
                local: info.local,
                acceptor: None,
                heard: 0,
            }),
            Side::Client(wish) => State::Open(self.client(info.remote, wish)?),
        };
        let says_goodbye = self.says_goodbye.load(Ordering::Relaxed);
        Ok(Box::new(TlsLayer { state, incoming: BytesMut::new(), says_goodbye }))
    }

    fn group(&self, remote: SocketAddr, wish: Wish<'_>) -> LayerGroup {
        self.domains().group(remote, wish)
    }
}

impl Tls {
    fn client(&self, remote: SocketAddr, wish: Wish<'_>) -> Result<Session, LayerError> {
        let domains = self.domains();
        let domain = domains.client(remote, wish).ok_or_else(|| nothing_for("client", remote))?;
        let Config::Client(config) = &domain.config else { return Err(nothing_for("client", remote)) };
        let asked = wish.server_name.or(domain.settings.server_name.as_deref());
        // An address is no server name (RFC 6066 §3): then none is asked for.
        let name = match asked.map(|name| ServerName::try_from(name.to_owned())) {
            Some(Ok(name)) => name,
            Some(Err(_)) => {
                return Err(LayerError(format!("`{}` is no server name", asked.unwrap_or_default())));
            }
            None => ServerName::from(remote.ip()),
        };
        let connection = UnbufferedClientConnection::new(Arc::clone(config), name).map_err(told)?;
        Ok(Session {
            connection: Connection::Client(Box::new(connection)),
            domain: Arc::clone(domain),
            server_name: asked.map(str::to_owned),
        })
    }
}

fn nothing_for(role: &str, address: SocketAddr) -> LayerError {
    LayerError(format!("no TLS {role} domain is for {address}; add [{role}:default] to tls.cfg"))
}

/// One connection's TLS.
struct TlsLayer {
    state: State,
    /// What came off the wire and is no whole record yet.
    incoming: BytesMut,
    says_goodbye: bool,
}

enum State {
    /// The client has not said yet for which domain it comes.
    Greeting(Greeting),
    /// It is known with whom we are.
    Open(Session),
    /// Nothing more can be done.
    Broken,
}

struct Greeting {
    domains: Arc<Domains>,
    local: SocketAddr,
    acceptor: Option<Box<Acceptor>>,
    /// How much of what came the acceptor has seen.
    heard: usize,
}

struct Session {
    connection: Connection,
    domain: Arc<Domain>,
    server_name: Option<String>,
}

enum Connection {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Connection {
    fn common(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }
}

impl Layer for TlsLayer {
    fn start(&mut self, wire: &mut BytesMut) -> Result<(), LayerError> {
        self.advance(&mut BytesMut::new(), wire)
    }

    fn is_ready(&self) -> bool {
        matches!(&self.state, State::Open(session) if !session.connection.common().is_handshaking())
    }

    fn decode(
        &mut self,
        received: &mut BytesMut,
        plain: &mut BytesMut,
        wire: &mut BytesMut,
    ) -> Result<(), LayerError> {
        self.incoming.unsplit(received.split());
        if let State::Greeting(greeting) = &mut self.state {
            let heard = greeting.hear(&self.incoming, wire);
            match heard {
                Ok(Some(session)) => self.state = State::Open(session),
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.state = State::Broken;
                    return Err(error);
                }
            }
        }
        let result = self.advance(plain, wire);
        if self.incoming.is_empty() {
            self.incoming = BytesMut::new();
        }
        result
    }

    fn encode(&mut self, message: &[u8], wire: &mut BytesMut) -> Result<(), LayerError> {
        let State::Open(session) = &mut self.state else {
            return Err(LayerError("the connection is not set up".to_owned()));
        };
        let write = Write::Message(message);
        // What came is read as it comes: there is no whole record left here that could carry a message.
        match &mut session.connection {
            Connection::Server(connection) => {
                work(&mut **connection, &mut self.incoming, &mut BytesMut::new(), wire, write)
            }
            Connection::Client(connection) => {
                work(&mut **connection, &mut self.incoming, &mut BytesMut::new(), wire, write)
            }
        }
        .map_err(told)
    }

    fn finish(&mut self, wire: &mut BytesMut) {
        let State::Open(session) = &mut self.state else { return };
        if !self.says_goodbye || session.connection.common().is_handshaking() {
            return;
        }
        let (incoming, plain) = (&mut self.incoming, &mut BytesMut::new());
        // If it cannot be said, the connection's end says it.
        let _ = match &mut session.connection {
            Connection::Server(connection) => work(&mut **connection, incoming, plain, wire, Write::Goodbye),
            Connection::Client(connection) => work(&mut **connection, incoming, plain, wire, Write::Goodbye),
        };
    }

    fn facts(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let State::Open(session) = &self.state else { return None };
        let common = session.connection.common();
        let version = match common.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Version::Tls12,
            ProtocolVersion::TLSv1_3 => Version::Tls13,
            _ => return None,
        };
        Some(Arc::new(Facts {
            domain: Arc::clone(&session.domain),
            version,
            suite: Suite::of(common.negotiated_cipher_suite()?.suite())?,
            server_name: session.server_name.clone(),
            peer: common.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
        }))
    }
}

impl TlsLayer {
    /// Works off what has come.
    fn advance(&mut self, plain: &mut BytesMut, wire: &mut BytesMut) -> Result<(), LayerError> {
        let result = match &mut self.state {
            State::Greeting(_) => return Ok(()),
            State::Broken => return Err(LayerError("the connection is broken".to_owned())),
            State::Open(session) => match &mut session.connection {
                Connection::Server(connection) => {
                    work(&mut **connection, &mut self.incoming, plain, wire, Write::Nothing)
                }
                Connection::Client(connection) => {
                    work(&mut **connection, &mut self.incoming, plain, wire, Write::Nothing)
                }
            },
        };
        result.map_err(|error| {
            self.state = State::Broken;
            told(error)
        })
    }
}

impl Greeting {
    /// Listens for the name that the client asks for; the whole greeting stays in `incoming` for the connection.
    fn hear(&mut self, incoming: &[u8], wire: &mut BytesMut) -> Result<Option<Session>, LayerError> {
        let acceptor = self.acceptor.get_or_insert_with(Box::default);
        let mut news = &incoming[self.heard..];
        self.heard = incoming.len();
        let accepted = loop {
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => break accepted,
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    // A Vec takes everything.
                    let _ = alert.write_all(&mut bytes);
                    wire.extend_from_slice(&bytes);
                    return Err(told(error));
                }
            }
            if news.is_empty() {
                return Ok(None);
            }
            acceptor
                .read_tls(&mut news)
                .map_err(|error| LayerError(format!("the peer's greeting: {error}")))?;
        };
        let asked = accepted.client_hello().server_name().map(str::to_owned);
        let domain = self.domains.server(self.local, asked.as_deref());
        let domain = domain.ok_or_else(|| nothing_for("server", self.local))?;
        let Config::Server(config) = &domain.config else { return Err(nothing_for("server", self.local)) };
        let connection = UnbufferedServerConnection::new(Arc::clone(config)).map_err(told)?;
        Ok(Some(Session {
            connection: Connection::Server(Box::new(connection)),
            domain: Arc::clone(domain),
            server_name: asked,
        }))
    }
}

/// What is to be written once it can be.
#[derive(Clone, Copy)]
enum Write<'a> {
    Nothing,
    Message(&'a [u8]),
    Goodbye,
}

/// Both sides' state machines, which rustls types apart.
trait Machine {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Machine for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Machine for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

/// Works off `incoming` until more is needed, then writes what is to be written.
fn work<M: Machine>(
    machine: &mut M,
    incoming: &mut BytesMut,
    plain: &mut BytesMut,
    wire: &mut BytesMut,
    write: Write<'_>,
) -> Result<(), Error> {
    let mut failed = None;
    loop {
        let UnbufferedStatus { mut discard, state } = machine.process(incoming);
        let mut is_done = false;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    plain.extend_from_slice(record.payload);
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                append(wire, RECORD_EXTRA, |room| match data.encode(room) {
                    Err(EncodeError::InsufficientSize(needed)) => Err(Some(needed.required_size)),
                    result => result.map_err(|_| None),
                })?;
            }
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                is_done = true;
                let result = |written: Result<usize, EncryptError>| match written {
                    Err(EncryptError::InsufficientSize(needed)) => Err(Some(needed.required_size)),
                    result => result.map_err(|_| None),
                };
                match write {
                    Write::Nothing => {}
                    Write::Message(message) => {
                        let records = message.len() / RECORD + 1;
                        let room = message.len() + records * RECORD_EXTRA;
                        append(wire, room, |room| result(traffic.encrypt(message, room)))?;
                    }
                    Write::Goodbye => {
                        append(wire, RECORD_EXTRA, |room| result(traffic.queue_close_notify(room)))?;
                    }
                }
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => is_done = true,
            // The end of the peer's direction; its TCP connection says the same. Early data is never offered.
            Ok(_) => {}
            // Once more, for the alert that tells the peer.
            Err(error) if failed.is_none() => failed = Some(error),
            Err(_) => is_done = true,
        }
        incoming.advance(discard);
        if is_done {
            return failed.map_or(Ok(()), Err);
        }
    }
}

/// Appends what `write` puts into a buffer of `room` bytes, or of as many as it then asks for.
fn append(
    wire: &mut BytesMut,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Error> {
    let start = wire.len();
    let mut room = room;
    loop {
        wire.resize(start + room, 0);
        match write(&mut wire[start..]) {
            Ok(written) => {
                wire.truncate(start + written);
                return Ok(());
            }
            Err(Some(needed)) if needed > room => room = needed,
            Err(_) => {
                wire.truncate(start);
                return Err(Error::General("nothing more can be encrypted on this connection".to_owned()));
            }
        }
    }
}

/// An error in words for the log.
fn told(error: Error) -> LayerError {
    LayerError(match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS (plain SIP sent to a TLS port?)".to_owned()
        }
        Error::AlertReceived(alert) => format!("the peer broke off: {alert:?}"),
        error => format!("TLS: {error}"),
    })
}
