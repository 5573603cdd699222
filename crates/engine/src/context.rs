//! A message on its way: what was received, what the script has changed, and what belongs to the running route.
//!
//! A context is owned and can move between threads: a parked route takes it along.

use std::any::{Any, TypeId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use cfg_vm::Str;
use sip_message::{EditList, Limits, Message, ScanError, StartLine};
use transport::stream::Wish;
use transport::{ConnId, Proto, Target};

use crate::listener::ListenerId;
use crate::variables::Variables;

/// One message and everything that goes with it.
pub struct Context {
    /// The message as received (or as `msg_apply_changes()` made it).
    pub message: Message,
    /// Changes to it; unseen by reads until applied or sent.
    pub edits: EditList,
    /// Where it came from.
    pub received: Received,
    /// Where it is to go.
    pub destination: Destination,
    /// Further branches (`append_branch`).
    pub branches: Vec<Branch>,
    /// Flags.
    pub flags: Flags,
    /// What is asked of the Via that we add, and of the one we found.
    pub via: ViaWishes,
    /// What goes into replies that we make.
    pub reply: ReplyWishes,
    /// How streams are to be used.
    pub stream: StreamWishes,
    /// What is asked of a connection that has to be opened for it.
    pub connect: Option<Arc<Connect>>,
    /// AVPs and their kin.
    pub variables: Variables,
    /// What Kamailio keeps per process: taken from the shard when the route starts, given back at its end.
    pub locals: Locals,
    /// `$rc`; it stays from one message to the next, as in a process of Kamailio's.
    pub return_code: i64,
    /// Data of modules that lives as long as the message.
    pub data: TypeMap,
    /// `$mi`: counts the messages of this server.
    pub number: u64,
    /// What kind of route runs.
    pub route: RouteContext,
    /// The message was not received: it stands where a timer's or an event's route has none.
    pub made_up: bool,
    /// What is about to leave, in `onsend_route`.
    pub sending: Option<Sending>,
    /// The code of the last forwarding that failed, for an error reply.
    pub failure: Option<i64>,
    /// The connection that a reply's request came over, as our Via said.
    pub(crate) reply_connection: Option<ConnId>,
    /// Later requests of its call need not wait for this one's route: it has made its transaction.
    pub settled: bool,
    /// Collects the steps of a traced message.
    pub(crate) trace: Option<Box<crate::trace::Trace>>,
}

/// The message that timers and event routes see when there is none.
pub(crate) const MADE_UP: &[u8] = b"OPTIONS sip:nobody@localhost.invalid SIP/2.0\r\n\
Via: SIP/2.0/UDP 127.0.0.1\r\n\
From: <sip:nobody@localhost.invalid>;tag=none\r\n\
To: <sip:nobody@localhost.invalid>\r\n\
Call-ID: none@localhost.invalid\r\n\
CSeq: 1 OPTIONS\r\n\
Content-Length: 0\r\n\r\n";

/// A message that is about to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// From which socket.
    pub socket: ListenerId,
    /// Where to.
    pub target: Target,
}

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Transport.
    pub proto: Proto,
    /// The sender's address.
    pub source: SocketAddr,
    /// Our address that it was sent to.
    pub destination: SocketAddr,
    /// The socket that took it.
    pub listener: ListenerId,
    /// Its connection, for streams.
    pub connection: Option<ConnId>,
    /// When.
    pub at: SystemTime,
}

/// Where the first branch is to go.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// `$ru` when the script changed it: a whole URI. Unchanged, it is the message's own.
    pub uri: Option<Str>,
    /// `$du`: overrides the URI for routing only.
    pub uri_to_send: Option<Str>,
    /// Path vector of the branch, for Route headers.
    pub path: Option<Str>,
    /// `$fs`, `force_send_socket`: the socket to send from.
    pub socket: Option<ListenerId>,
    /// q value of the first branch in thousandths, if set.
    pub q: Option<u16>,
    /// `$ruid`.
    pub ruid: Option<Str>,
    /// `$location_ua`.
    pub location_ua: Option<Str>,
    /// `+sip.instance` of the contact.
    pub instance: Option<Str>,
}

/// A branch beside the first.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    /// Request URI.
    pub uri: Str,
    /// Where to send it instead.
    pub uri_to_send: Option<Str>,
    /// Path vector.
    pub path: Option<Str>,
    /// Socket to send from.
    pub socket: Option<ListenerId>,
    /// q in thousandths.
    pub q: Option<u16>,
    /// Branch flags.
    pub flags: u32,
    /// `ruid` of the contact.
    pub ruid: Option<Str>,
    /// User agent of the contact.
    pub location_ua: Option<Str>,
    /// Instance of the contact.
    pub instance: Option<Str>,
    /// TCP connection to use.
    pub connection: Option<u32>,
}

/// Flags of a message; one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `setflag`: go with the transaction.
    pub message: u32,
    /// `setsflag`: of the script run.
    pub script: u32,
    /// `setbflag` of branch 0.
    pub branch: u32,
    /// Extended message flags (`corex`), four words.
    pub extended: [u32; 4],
    /// Message's inner marks that scripts may ask for (`msg_iflag_set`).
    pub internal: u64,
}

/// What is asked of Vias.
#[derive(Clone, Debug, Default)]
pub struct ViaWishes {
    /// `force_rport()`: answer to the source port, and say so in the Via we found.
    pub force_rport: bool,
    /// `add_local_rport()`: `;rport` in the Via that we add.
    pub local_rport: bool,
    /// `set_advertised_address()`.
    pub advertised_address: Option<Str>,
    /// `set_advertised_port()`.
    pub advertised_port: Option<u16>,
    /// Further parameters of the Via that we add, each with its `;`.
    pub parameters: Vec<u8>,
    /// `received` and `rport` are in the edits already.
    pub(crate) marked: bool,
}

impl ViaWishes {
    fn clear(&mut self) {
        let mut parameters = std::mem::take(&mut self.parameters);
        parameters.clear();
        *self = Self { parameters, ..Self::default() };
    }
}

/// What goes into replies made here.
#[derive(Clone, Debug, Default)]
pub struct ReplyWishes {
    /// `append_to_reply`: header lines as the script gave them, CRLF included.
    pub headers: Vec<u8>,
    /// `set_reply_body`: content type and body.
    pub body: Option<Box<(Str, Str)>>,
}

/// What a script asks of a connection that is opened for its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// The name of the server to ask for.
    pub server_name: Option<String>,
    /// The id of our own settings to connect with.
    pub server_id: Option<String>,
}

impl Connect {
    /// The same, for the transport.
    pub fn wish(&self) -> Wish<'_> {
        Wish { server_name: self.server_name.as_deref(), server_id: self.server_id.as_deref() }
    }
}

/// How streams are to be used for this message and its replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamWishes {
    /// `set_forward_no_connect()`.
    pub forward_no_connect: bool,
    /// `set_forward_close()`.
    pub forward_close: bool,
    /// `set_reply_no_connect()`.
    pub reply_no_connect: bool,
    /// `set_reply_close()`.
    pub reply_close: bool,
    /// `udp_mtu_try_proto()`: what a datagram longer than `udp_mtu` goes over, in place of the parameter's.
    pub mtu_proto: Option<Proto>,
}

/// What kind of route runs, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteContext {
    /// A request.
    Request,
    /// A request whose branches have all failed.
    Failure,
    /// A request, once for each branch that it is sent to.
    Branch,
    /// A reply of a transaction.
    Reply,
    /// A request, when one branch has failed and others may go on.
    BranchFailure,
    /// A request that this server makes.
    Local,
    /// A reply, before a transaction sees it.
    CoreReply,
    /// An event route or timer, on a made-up or a received message.
    Event,
    /// Just before a message leaves, with what is about to leave.
    OnSend,
}

/// What Kamailio keeps per process (`$var`, iterators, results): each module keeps a value of its own type.
#[derive(Default)]
pub struct Locals(TypeMap);

impl Locals {
    /// The value of a type; made when first asked for.
    pub fn of<T: Any + Default + Send>(&mut self) -> &mut T {
        self.0.of()
    }
}

/// One value a type. Values that were cleared are made afresh in their old place when they are asked for again.
#[derive(Default)]
pub struct TypeMap(Vec<Entry>);

struct Entry {
    id: TypeId,
    /// It was asked for since the last clearing.
    live: bool,
    value: Box<dyn Any + Send>,
}

impl TypeMap {
    /// The value of a type; made when first asked for.
    pub fn of<T: Any + Default + Send>(&mut self) -> &mut T {
        let id = TypeId::of::<T>();
        let at = self.0.iter().position(|entry| entry.id == id).unwrap_or_else(|| {
            self.0.push(Entry { id, live: true, value: Box::<T>::default() });
            self.0.len() - 1
        });
        let entry = &mut self.0[at];
        // The entry was pushed with this type's id.
        let value = entry.value.downcast_mut().expect("stored under its own type");
        if !std::mem::replace(&mut entry.live, true) {
            *value = T::default();
        }
        value
    }

    /// The value of a type, if somebody made one.
    pub fn get<T: Any>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.0.iter().find(|entry| entry.id == id && entry.live).and_then(|entry| entry.value.downcast_ref())
    }

    /// Gives room back that is not used, for what will be kept for long.
    pub(crate) fn shrink(&mut self) {
        self.0.retain(|entry| entry.live);
        self.0.shrink_to_fit();
    }

    /// Forgets everything; the places stay, so that nothing is allocated for the next message.
    pub fn clear(&mut self) {
        for entry in &mut self.0 {
            entry.live = false;
        }
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        !self.0.iter().any(|entry| entry.live)
    }
}

impl Default for Context {
    /// Around a message that nobody sent, to be filled by [`Context::begin`] or swapped with another.
    fn default() -> Self {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let received = Received {
            proto: Proto::Udp,
            source: nobody,
            destination: nobody,
            listener: ListenerId(0),
            connection: None,
            at: SystemTime::UNIX_EPOCH,
        };
        let message = Message::from_bytes(MADE_UP).expect("a constant that is a message");
        Self::around(message, received)
    }
}

impl Context {
    /// A context around a received message.
    ///
    /// # Errors
    /// The bytes are no message.
    pub fn of_message(bytes: impl Into<Vec<u8>>, received: Received) -> Result<Self, ScanError> {
        Ok(Self::around(Message::from_bytes(bytes)?, received))
    }

    /// A context around a message, with nothing changed yet.
    pub fn around(message: Message, received: Received) -> Self {
        Self {
            message,
            edits: EditList::new(),
            received,
            destination: Destination::default(),
            branches: Vec::new(),
            flags: Flags::default(),
            via: ViaWishes::default(),
            reply: ReplyWishes::default(),
            stream: StreamWishes::default(),
            connect: None,
            variables: Variables::default(),
            locals: Locals::default(),
            return_code: 0,
            data: TypeMap::default(),
            number: 0,
            route: RouteContext::Request,
            made_up: false,
            sending: None,
            failure: None,
            reply_connection: None,
            settled: false,
            trace: None,
        }
    }

    /// Makes it ready for another message, keeping what was allocated; `locals` stay.
    ///
    /// # Errors
    /// The bytes are no message within the limits.
    pub fn begin(
        &mut self,
        buffer: Arc<Vec<u8>>,
        received: Received,
        limits: &Limits,
    ) -> Result<(), ScanError> {
        self.message.reparse_limited(buffer, limits)?;
        self.edits.clear();
        self.received = received;
        self.destination = Destination::default();
        self.branches.clear();
        self.flags = Flags::default();
        self.via.clear();
        self.reply.headers.clear();
        self.reply.body = None;
        self.stream = StreamWishes::default();
        self.connect = None;
        self.variables.clear();
        self.data.clear();
        self.made_up = false;
        self.sending = None;
        self.failure = None;
        self.reply_connection = None;
        self.settled = false;
        self.trace = None;
        Ok(())
    }

    /// Whether its steps are being traced.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// The request URI as it stands: changed, or the message's own. No bytes in a reply.
    pub fn request_uri(&self) -> Str {
        self.destination.uri.clone().unwrap_or_else(|| self.original_uri())
    }

    /// The request URI as received. No bytes in a reply.
    pub fn original_uri(&self) -> Str {
        match self.message.start_line() {
            StartLine::Request { uri, .. } => self.slice(uri),
            StartLine::Response { .. } => Str::EMPTY,
        }
    }

    /// A slice of the message, to keep.
    pub fn slice(&self, span: sip_message::Span) -> Str {
        Str::slice(self.message.buffer(), span.start as usize, span.end as usize)
    }

    /// Exchanges the messages and all that belongs to them; what belongs to the running route stays: `$var` and its kin,
    /// `$rc`, the steps that are being collected.
    pub fn swap_message(&mut self, other: &mut Self) {
        std::mem::swap(self, other);
        std::mem::swap(&mut self.locals, &mut other.locals);
        std::mem::swap(&mut self.return_code, &mut other.return_code);
        std::mem::swap(&mut self.trace, &mut other.trace);
        std::mem::swap(&mut self.settled, &mut other.settled);
    }

    /// Gives room back that is not used, for a message that will be kept for long.
    pub fn shrink(&mut self) {
        self.edits.shrink();
        self.message.shrink();
        self.data.shrink();
    }

    /// Forgets where the script wanted it sent: the first branch, its socket and path, and the others.
    pub fn clear_destinations(&mut self) {
        self.destination = Destination::default();
        self.branches.clear();
    }

    /// A text that was borrowed from the message's buffer, to keep without copying; copied if it was not.
    pub fn keep(&self, text: &[u8]) -> Str {
        let buffer = self.message.buffer();
        let base = buffer.as_ptr() as usize;
        let start = (text.as_ptr() as usize).wrapping_sub(base);
        if start <= buffer.len() && text.len() <= buffer.len() - start {
            Str::slice(buffer, start, start + text.len())
        } else {
            Str::copy(text)
        }
    }
}
