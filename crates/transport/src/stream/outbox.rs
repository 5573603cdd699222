//! What waits to be written to one connection.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::event::SendError;
use super::layer::{Layer, LayerError};
use super::options::StreamOptions;

/// How far a connection has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It lives.
    No,
    /// It ends when what waits has been written.
    WhenWritten,
    /// A write failed: it ends now.
    Broken,
    /// Its handshake was not done, and others needed the room.
    Crowded,
    /// It has ended; nothing is taken any more.
    Done,
}

/// What stands between the messages and the wire.
enum Channel {
    /// Nothing: the messages are the wire's bytes.
    Plain,
    /// A layer.
    Layered(Box<dyn Layer>),
    /// A layer that works on its handshake elsewhere.
    Away,
}

/// What one connection has to write.
pub(super) struct Outbox {
    channel: Channel,
    wire: BytesMut,
    /// Messages that wait for the layer's handshake.
    held: Vec<u8>,
    /// When the peer last took something, while something waits for it.
    pub(super) waiting_since: Option<Instant>,
    pub(super) ending: Ending,
    /// The layer has announced the end.
    farewell: bool,
}

/// What became of a message.
pub(super) enum Posted {
    /// The kernel has all of it.
    Written,
    /// Part of it waits; the connection's task must see to it.
    Queued,
    /// The connection is ending or broken.
    Gone,
}

impl Outbox {
    pub(super) fn new(layer: Option<Box<dyn Layer>>) -> Self {
        Self {
            channel: layer.map_or(Channel::Plain, Channel::Layered),
            wire: BytesMut::new(),
            held: Vec::new(),
            waiting_since: None,
            ending: Ending::No,
            farewell: false,
        }
    }

    /// The TCP connection stands.
    pub(super) fn start(&mut self, total: &AtomicUsize) -> Result<(), LayerError> {
        let before = self.waiting();
        let started = match &mut self.channel {
            Channel::Layered(layer) => layer.start(&mut self.wire),
            Channel::Plain | Channel::Away => Ok(()),
        };
        self.account(before, total);
        started
    }

    /// Whether a handshake has to be done before messages flow.
    pub(super) fn shakes_hands(&self) -> bool {
        match &self.channel {
            Channel::Plain => false,
            Channel::Layered(layer) => !layer.is_ready(),
            Channel::Away => true,
        }
    }

    /// Gives the layer out, to work on its handshake without keeping senders waiting.
    pub(super) fn lend(&mut self) -> Option<Box<dyn Layer>> {
        match std::mem::replace(&mut self.channel, Channel::Away) {
            Channel::Layered(layer) => Some(layer),
            other => {
                self.channel = other;
                None
            }
        }
    }

    /// Takes the layer back with what it has to say, and sends what waited for it if it is ready.
    pub(super) fn give_back(
        &mut self,
        mut layer: Box<dyn Layer>,
        answer: &[u8],
        total: &AtomicUsize,
    ) -> Result<(), LayerError> {
        let before = self.waiting();
        self.wire.extend_from_slice(answer);
        let mut carried = Ok(());
        if layer.is_ready() && !self.held.is_empty() {
            carried = layer.encode(&std::mem::take(&mut self.held), &mut self.wire);
        }
        self.channel = Channel::Layered(layer);
        self.account(before, total);
        carried
    }

    /// What the layer's handshake has made known.
    pub(super) fn facts(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        if let Channel::Layered(layer) = &self.channel { layer.facts() } else { None }
    }

    /// Whether all of it has been written, the layer's announcement of the end too if it ends.
    pub(super) fn is_written(&self) -> bool {
        self.wire.is_empty() && (self.farewell || self.ending != Ending::WhenWritten)
    }

    /// Bytes that wait for the peer or for the layer's handshake.
    pub(super) fn waiting(&self) -> usize {
        self.wire.len() + self.held.len()
    }

    /// Whether something could be written if the peer took it.
    pub(super) fn has_wire(&self) -> bool {
        !self.wire.is_empty()
    }

    /// Takes one message: writes what the kernel takes now, keeps the rest. `total` counts what all peers wait for.
    pub(super) fn post(
        &mut self,
        message: &[u8],
        stream: Option<&TcpStream>,
        options: &StreamOptions,
        total: &AtomicUsize,
    ) -> Result<Posted, SendError> {
        if self.ending != Ending::No {
            return Ok(Posted::Gone);
        }
        if let (Some(stream), false) = (stream, self.wire.is_empty()) {
            // The connection's task may not have come to it yet: what counts is what the peer does not take.
            if self.flush(stream, total).is_err() {
                self.ending = Ending::Broken;
                return Ok(Posted::Gone);
            }
        }
        let waiting = self.waiting();
        if waiting > 0 && waiting + message.len() > options.connection_queue {
            return Err(SendError::ConnectionQueueFull);
        }
        if total.load(Ordering::Relaxed) + message.len() > options.total_queue {
            return Err(SendError::TotalQueueFull);
        }
        let put = match (&mut self.channel, stream) {
            (Channel::Layered(layer), _) if layer.is_ready() => {
                layer.encode(message, &mut self.wire).map_err(|_| SendError::Layer)
            }
            (Channel::Layered(_) | Channel::Away, _) => {
                self.held.extend_from_slice(message);
                Ok(())
            }
            (Channel::Plain, Some(stream)) if waiting == 0 => {
                let Ok(written) = write(stream, message) else {
                    self.ending = Ending::Broken;
                    return Ok(Posted::Gone);
                };
                self.wire.extend_from_slice(&message[written..]);
                Ok(())
            }
            (Channel::Plain, _) => {
                self.wire.extend_from_slice(message);
                Ok(())
            }
        };
        self.account(waiting, total);
        put?;
        if let (Some(stream), Channel::Layered(_), true) = (stream, &self.channel, waiting == 0)
            && self.flush(stream, total).is_err()
        {
            self.ending = Ending::Broken;
            return Ok(Posted::Gone);
        }
        if self.waiting() == 0 { Ok(Posted::Written) } else { Ok(Posted::Queued) }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self, stream: &TcpStream, total: &AtomicUsize) -> io::Result<()> {
        let before = self.waiting();
        if self.ending == Ending::WhenWritten && !self.farewell && self.held.is_empty() {
            self.farewell = true;
            if let Channel::Layered(layer) = &mut self.channel {
                layer.finish(&mut self.wire);
            }
        }
        let result = loop {
            if self.wire.is_empty() {
                break Ok(());
            }
            match write(stream, &self.wire) {
                Ok(0) => break Ok(()),
                Ok(written) => {
                    self.wire.advance(written);
                    self.waiting_since = Some(Instant::now());
                }
                Err(error) => break Err(error),
            }
        };
        self.account(before, total);
        result
    }

    /// Turns what came off the wire into the messages' bytes.
    pub(super) fn decode(
        &mut self,
        received: &mut BytesMut,
        plain: &mut BytesMut,
        total: &AtomicUsize,
    ) -> Result<(), LayerError> {
        let before = self.waiting();
        let Channel::Layered(layer) = &mut self.channel else {
            plain.unsplit(received.split());
            return Ok(());
        };
        let result = layer.decode(received, plain, &mut self.wire);
        self.account(before, total);
        result
    }

    /// Takes nothing any more; what waits is still written.
    pub(super) fn finish(&mut self) {
        if self.ending == Ending::No {
            self.ending = Ending::WhenWritten;
        }
    }

    /// Drops what waits; returns how much that was.
    pub(super) fn abandon(&mut self, total: &AtomicUsize) -> usize {
        let lost = self.waiting();
        self.wire.clear();
        self.held.clear();
        self.account(lost, total);
        self.ending = Ending::Done;
        self.channel = Channel::Plain;
        lost
    }

    fn account(&mut self, before: usize, total: &AtomicUsize) {
        let after = self.waiting();
        if after > before {
            total.fetch_add(after - before, Ordering::Relaxed);
        } else {
            total.fetch_sub(before - after, Ordering::Relaxed);
        }
        match (self.wire.is_empty(), self.waiting_since) {
            (true, _) => self.waiting_since = None,
            (false, None) => self.waiting_since = Some(Instant::now()),
            (false, Some(_)) => {}
        }
    }
}

/// Writes what the kernel takes now, which may be nothing.
fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}
