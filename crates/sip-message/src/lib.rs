//! SIP messages by RFC 3261, without I/O.
//!
//! * [`Index`] finds, in one pass over a buffer, the start line, every header field and the body.
//! * [`Message`] joins a shared buffer and its index, and reads what is asked for, when it is asked for.
//! * Views borrow from the buffer: [`Uri`], [`NameAddr`], [`Via`], [`CSeq`], [`Credentials`], [`ContentType`] and its
//!   parts, [`sdp::Sdp`], …
//! * [`EditList`] holds changes and writes the changed message in one pass.
//! * [`Reply`] and [`NewRequest`] write responses and requests; [`Framer`] finds messages in a stream.
//!
//! [`conformance`] says what RFC 3261 holds of a message; reading asks for less.
//!
//! The crate knows nothing of sockets, time or configuration. No input makes it panic, and all work is linear in the
//! input's length.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod conformance;
mod content;
mod credentials;
mod cseq;
mod date;
pub mod digest;
mod edit;
mod error;
mod framer;
mod grammar;
mod header;
mod index;
mod limits;
mod message;
mod method;
mod name_addr;
mod options;
mod params;
mod reason;
mod reply;
mod request;
pub mod sdp;
mod span;
mod uri;
mod via;

pub use content::{ContentType, Part, Parts};
pub use credentials::{AuthParam, Credentials};
pub use cseq::CSeq;
pub use date::Date;
pub use edit::{Change, Class, EditList, Mark, Slot};
pub use error::{HeaderError, Rule, ScanError};
pub use framer::{Frame, FrameError, Framer, MissingLength, PONG};
pub use grammar::{Values, unquote};
pub use header::{HeaderField, HeaderId};
pub use index::{Index, StartFault, StartLine};
pub use limits::Limits;
pub use message::{HeaderValue, Message};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use reason::Reason;
pub use reply::Reply;
pub use request::NewRequest;
pub use span::Span;
pub use uri::{Scheme, Uri, UriBuf};
pub use via::{Rport, Via};
