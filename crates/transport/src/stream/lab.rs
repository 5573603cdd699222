//! A hub on loopback that tells all it does, for tests.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::runtime::Runtime;

use super::*;
use crate::address::{Proto, SocketName};

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Counted;

impl Framing for Counted {
    fn feed(&mut self, buffer: &mut BytesMut) -> Frame {
        let Some(end) = buffer.iter().position(|&b| b == b'\n') else { return Frame::More };
        let length = std::str::from_utf8(&buffer[..end]).ok().and_then(|text| text.parse::<usize>().ok());
        let Some(length) = length else { return Frame::Broken(FramingError::NoMessage) };
        if buffer.len() < end + 1 + length {
            return Frame::More;
        }
        buffer.advance(end + 1);
        Frame::Message(buffer.split_to(length).to_vec())
    }
}

/// Everything the hub told, and a way to wait for it.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct Told {
    pub(crate) messages: VecDeque<ReceivedStream>,
    pub(crate) events: VecDeque<StreamEvent>,
    /// How many messages are still to be refused.
    pub(crate) refuse: usize,
}

impl StreamSink for Log {
    fn deliver(&self, received: ReceivedStream) -> Result<(), ReceivedStream> {
        let mut told = self.told.lock().unwrap();
        if told.refuse > 0 {
            told.refuse -= 1;
            return Err(received);
        }
        told.messages.push_back(received);
        self.changed.notify_all();
        Ok(())
    }

    fn event(&self, event: StreamEvent) {
        self.told.lock().unwrap().events.push_back(event);
        self.changed.notify_all();
    }
}

impl Log {
    pub(crate) fn wait<T>(&self, what: &str, mut take: impl FnMut(&mut Told) -> Option<T>) -> T {
        let mut told = self.told.lock().unwrap();
        let started = Instant::now();
        loop {
            if let Some(taken) = take(&mut told) {
                return taken;
            }
            let left = DEADLINE.checked_sub(started.elapsed());
            let left = left.unwrap_or_else(|| panic!("no {what}; events: {:?}", told.events));
            told = self.changed.wait_timeout(told, left).unwrap().0;
        }
    }

    pub(crate) fn message(&self) -> (ConnInfo, String) {
        let received = self.wait("message", |told| told.messages.pop_front());
        (received.conn, String::from_utf8(received.data.to_vec()).unwrap())
    }

    pub(crate) fn text(&self) -> String {
        self.message().1
    }

    pub(crate) fn connected(&self) -> ConnInfo {
        self.wait("connection", |told| {
            let at = told.events.iter().position(|event| matches!(event, StreamEvent::Connected(_)))?;
            match told.events.remove(at) {
                Some(StreamEvent::Connected(info)) => Some(info),
                _ => None,
            }
        })
    }

    pub(crate) fn closed(&self) -> (ConnInfo, CloseReason) {
        self.wait("end of a connection", |told| {
            let at = told.events.iter().position(|event| matches!(event, StreamEvent::Closed(..)))?;
            match told.events.remove(at) {
                Some(StreamEvent::Closed(info, reason)) => Some((info, reason)),
                _ => None,
            }
        })
    }

    pub(crate) fn lost(&self) -> usize {
        self.wait("loss", |told| {
            told.events.iter().find_map(|event| match event {
                StreamEvent::SendFailed { bytes, .. } => Some(*bytes),
                _ => None,
            })
        })
    }
}

/// A hub that listens on loopback.
pub(crate) struct Lab {
    pub(crate) hub: StreamHub,
    pub(crate) log: Arc<Log>,
    pub(crate) addr: SocketAddr,
    _runtime: Runtime,
}

pub(crate) fn lab(options: StreamOptions) -> Lab {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let log = Arc::new(Log::default());
    let framing: NewFraming = Box::new(|_| Box::new(Counted));
    let hub = StreamHub::new(runtime.handle().clone(), options, framing, Arc::<Log>::clone(&log));
    let addr = hub.listen(SocketName { proto: Proto::Tcp, addr: "127.0.0.1:0".parse().unwrap() }).unwrap();
    Lab { hub, log, addr, _runtime: runtime }
}

impl Lab {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    pub(crate) fn send(&self, remote: SocketAddr, data: &str) -> Result<ConnId, SendError> {
        self.hub.send(&Outgoing::new(Proto::Tcp, remote, data.as_bytes()))
    }
}

/// Somebody else's server.
pub(crate) fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}
