//! Where stream connections hand their messages over: to the shard that a message belongs to.

use std::sync::{Arc, OnceLock, Weak};

use bytes::{Buf, BytesMut};
use sip_message::{FrameError, Framer, Limits, MissingLength};
use transport::ConnId;
use transport::stream::{
    CloseReason, ConnInfo, Direction, Frame, Framing, FramingError, NewFraming, ReceivedStream, StreamEvent,
    StreamSink,
};

use crate::running::Running;
use crate::server::Server;
use crate::services::Services;
use crate::shard::{Event, peek};

/// The server's side of all connections; connected to it once it exists.
#[derive(Default)]
pub(crate) struct Sink(OnceLock<Weak<Server>>);

impl Sink {
    pub(crate) fn connect(&self, server: &Arc<Server>) {
        // Called once, when the server has been made.
        let _ = self.0.set(Arc::downgrade(server));
    }

    fn server(&self) -> Option<Arc<Server>> {
        self.0.get().and_then(Weak::upgrade)
    }

    /// Any shard may have sent over the connection.
    fn tell_lost(&self, conn: ConnId) {
        let Some(server) = self.server() else { return };
        if server.running().hooks.stream_lost.is_empty() {
            return;
        }
        for shard in 0..server.shards() {
            let tell = Box::new(move |services: &mut Services, running: &Arc<Running>| {
                for hook in &running.hooks.stream_lost {
                    hook(services, conn);
                }
            });
            if server.visit(shard, tell).is_err() {
                tracing::error!(target: "core", "shard {shard} is not told of the lost connection: its inbox is full");
            }
        }
    }
}

impl StreamSink for Sink {
    fn deliver(&self, received: ReceivedStream) -> Result<(), ReceivedStream> {
        let Some(server) = self.server() else { return Ok(()) };
        let shard = server.steering.shard_of(&peek(&received.data)).unwrap_or(0);
        let Some(inbox) = server.inboxes.get().and_then(|inboxes| inboxes.get(shard)) else { return Ok(()) };
        inbox.send(Event::Stream(received)).map_err(|event| match event {
            Event::Stream(received) => received,
            // What comes back is what was sent.
            _ => unreachable!("an inbox gives back what it did not take"),
        })
    }

    fn event(&self, event: StreamEvent) {
        match event {
            StreamEvent::Connected(conn) => {
                tracing::debug!(target: "core", "connection {} {} {}", conn.id, conn.proto, conn.remote);
            }
            StreamEvent::Closed(conn, reason @ (CloseReason::Layer(_) | CloseReason::HandshakeTimeout)) => {
                match conn.direction {
                    // Who connects to us may do so wrongly as often as they like.
                    Direction::Accepted => {
                        tracing::info!(target: "core", "connection from {}:{}: {reason}", conn.proto, conn.remote);
                    }
                    Direction::Opened => {
                        tracing::error!(target: "core", "connection to {}:{}: {reason}", conn.proto, conn.remote);
                    }
                }
            }
            StreamEvent::Closed(conn, reason) => {
                tracing::debug!(target: "core", "connection {} {} {}: {reason}", conn.id, conn.proto, conn.remote);
            }
            StreamEvent::SendFailed { conn, bytes } => {
                tracing::error!(target: "core", "{bytes} bytes to {}:{} were lost", conn.proto, conn.remote);
                self.tell_lost(conn.id);
            }
            _ => {}
        }
    }
}

/// Cuts streams into SIP messages.
pub(crate) fn framing(limits: Limits, missing: MissingLength) -> NewFraming {
    Box::new(move |_: &ConnInfo| Box::new(SipFraming(Framer::new(limits, missing))) as Box<dyn Framing>)
}

struct SipFraming(Framer);

impl Framing for SipFraming {
    fn feed(&mut self, buffer: &mut BytesMut) -> Frame {
        loop {
            match self.0.next(buffer) {
                Ok(sip_message::Frame::Message { start, end }) => {
                    buffer.advance(start);
                    return Frame::Message(buffer.split_to(end - start).to_vec());
                }
                // The connection answers pings itself; what is left of them here is white space.
                Ok(sip_message::Frame::Ping { consumed } | sip_message::Frame::Pong { consumed }) => {
                    buffer.advance(consumed);
                }
                Ok(sip_message::Frame::Incomplete { skip }) => {
                    buffer.advance(skip);
                    return Frame::More;
                }
                Err(FrameError::MessageTooLong { .. } | FrameError::HeadersTooLong) => {
                    return Frame::Broken(FramingError::TooLong);
                }
                Err(FrameError::NoContentLength { .. } | FrameError::BadContentLength { .. }) => {
                    return Frame::Broken(FramingError::NoLength);
                }
                Err(_) => return Frame::Broken(FramingError::NoMessage),
            }
        }
    }
}
