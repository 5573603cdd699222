//! What waits to be written to one connection.

use std::io;
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
    /// It has ended; nothing is taken any more.
    Done,
}

/// What one connection has to write.
pub(super) struct Outbox {
    layer: Option<Box<dyn Layer>>,
    wire: BytesMut,
    /// When the peer last took something, while something waits.
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
        Self { layer, wire: BytesMut::new(), waiting_since: None, ending: Ending::No, farewell: false }
    }

    /// The TCP connection stands.
    pub(super) fn start(&mut self, total: &AtomicUsize) -> Result<(), LayerError> {
        let before = self.wire.len();
        let started = self.layer.as_mut().map_or(Ok(()), |layer| layer.start(&mut self.wire));
        self.account(before, total);
        started
    }

    /// Whether all of it has been written, the layer's announcement of the end too if it ends.
    pub(super) fn is_written(&self) -> bool {
        self.wire.is_empty() && (self.farewell || self.ending != Ending::WhenWritten)
    }

    fn holds_back(&self) -> bool {
        self.layer.as_ref().is_some_and(|layer| layer.holds_back())
    }

    pub(super) fn waiting(&self) -> usize {
        self.wire.len()
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
        let waiting = self.wire.len();
        if waiting > 0 && waiting + message.len() > options.connection_queue {
            return Err(SendError::ConnectionQueueFull);
        }
        if total.load(Ordering::Relaxed) + message.len() > options.total_queue {
            return Err(SendError::TotalQueueFull);
        }
        let put = match (&mut self.layer, stream) {
            (Some(layer), _) => layer.encode(message, &mut self.wire).map_err(|_| SendError::Layer),
            (None, Some(stream)) if waiting == 0 => {
                let Ok(written) = write(stream, message) else {
                    self.ending = Ending::Broken;
                    return Ok(Posted::Gone);
                };
                self.wire.extend_from_slice(&message[written..]);
                Ok(())
            }
            (None, _) => {
                self.wire.extend_from_slice(message);
                Ok(())
            }
        };
        self.account(waiting, total);
        put?;
        if self.wire.is_empty() { Ok(Posted::Written) } else { Ok(Posted::Queued) }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self, stream: &TcpStream, total: &AtomicUsize) -> io::Result<()> {
        let before = self.wire.len();
        if self.ending == Ending::WhenWritten && !self.farewell && !self.holds_back() {
            self.farewell = true;
            if let Some(layer) = &mut self.layer {
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
        let Some(layer) = &mut self.layer else {
            plain.unsplit(received.split());
            return Ok(());
        };
        let before = self.wire.len();
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
        let lost = self.wire.len();
        self.wire.clear();
        self.account(lost, total);
        self.ending = Ending::Done;
        self.layer = None;
        lost
    }

    fn account(&mut self, before: usize, total: &AtomicUsize) {
        let after = self.wire.len();
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
