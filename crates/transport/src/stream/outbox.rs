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
    pub(super) fn new(mut layer: Option<Box<dyn Layer>>) -> Result<Self, LayerError> {
        let mut wire = BytesMut::new();
        if let Some(layer) = &mut layer {
            layer.start(&mut wire)?;
        }
        Ok(Self { layer, wire, waiting_since: None, ending: Ending::No })
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
        let waiting = self.wire.len();
        if waiting > 0 && waiting + message.len() > options.connection_queue {
            return Err(SendError::ConnectionQueueFull);
        }
        if total.load(Ordering::Relaxed) + message.len() > options.total_queue {
            return Err(SendError::TotalQueueFull);
        }
        let mut rest = message;
        if let Some(layer) = &mut self.layer {
            layer.encode(message, &mut self.wire).map_err(|_| SendError::Layer)?;
        } else {
            if let (0, Some(stream)) = (waiting, stream) {
                match stream.try_write(message) {
                    Ok(written) => rest = &message[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => {
                        self.ending = Ending::Broken;
                        return Ok(Posted::Gone);
                    }
                }
            }
            self.wire.extend_from_slice(rest);
        }
        self.account(waiting, total);
        if self.wire.is_empty() { Ok(Posted::Written) } else { Ok(Posted::Queued) }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self, stream: &TcpStream, total: &AtomicUsize) -> io::Result<()> {
        let before = self.wire.len();
        let result = loop {
            if self.wire.is_empty() {
                break Ok(());
            }
            match stream.try_write(&self.wire) {
                Ok(written) => {
                    self.wire.advance(written);
                    self.waiting_since = Some(Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
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

    /// Announces the end in the layer's way and takes nothing any more; what waits is still written.
    pub(super) fn finish(&mut self, total: &AtomicUsize) {
        if self.ending != Ending::No {
            return;
        }
        let before = self.wire.len();
        if let Some(layer) = &mut self.layer {
            layer.finish(&mut self.wire);
        }
        self.account(before, total);
        self.ending = Ending::WhenWritten;
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
