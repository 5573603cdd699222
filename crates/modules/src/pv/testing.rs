//! Messages made up for tests.

use std::time::SystemTime;

use engine::Context;
use engine::context::Received;
use engine::listener::ListenerId;
use transport::Proto;

/// A context around a message, as received from 192.0.2.1 by UDP.
pub(super) fn context(text: &str) -> Context {
    let received = Received {
        proto: Proto::Udp,
        source: "192.0.2.1:5060".parse().unwrap(),
        destination: "192.0.2.2:5060".parse().unwrap(),
        listener: ListenerId(0),
        connection: None,
        at: SystemTime::UNIX_EPOCH,
    };
    Context::of_message(text.as_bytes().to_vec(), received).unwrap()
}
