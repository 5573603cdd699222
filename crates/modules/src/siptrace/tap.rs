//! Tracing whole traffic (`trace_mode`), what is followed, and the ACKs that stateless replies swallow.

use std::sync::Arc;

use cfg_vm::Value;
use engine::context::Received;
use engine::forward::Departure;
use engine::services::Services;
use engine::{Context, Cx, Running, event};

use super::emit::{self, Form};
use super::record::{Place, Record, Way};
use super::{SipTrace, follow};

/// In a message's data while `event_route[siptrace:msg]` runs: where it came from and where it goes.
#[derive(Default)]
pub(super) struct Shown(pub(super) Option<(Place, Place)>);

/// What `$siptrace(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    of_source: bool,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Address,
    Proto,
    Host,
    BareHost,
    Port,
}

impl Key {
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let (end, what) = text.split_at_checked(4)?;
        let what = match what {
            b"addr" => What::Address,
            b"proto" => What::Proto,
            b"host" => What::Host,
            b"hostip" => What::BareHost,
            b"port" => What::Port,
            _ => return None,
        };
        match end {
            b"src_" => Some(Self { of_source: true, what }),
            b"dst_" => Some(Self { of_source: false, what }),
            _ => None,
        }
    }

    pub(super) fn read(self, from: Place, to: Place) -> Value {
        let place = if self.of_source { from } else { to };
        let (bracketed, bare) = engine::listener::host_texts(place.address.ip());
        match self.what {
            What::Address => Value::from(place.text().into_bytes()),
            What::Proto => Value::from(place.proto.to_string().into_bytes()),
            What::Host => Value::Str(bracketed),
            What::BareHost => Value::Str(bare),
            What::Port => Value::Int(i64::from(place.address.port())),
        }
    }
}

pub(super) fn received(services: &mut Services, running: &Arc<Running>, received: &Received, bytes: &[u8]) {
    let from = Place { proto: received.proto, address: received.source };
    let to = Place { proto: received.proto, address: received.destination };
    let record = Record { bytes, from, to, at: received.at, way: Way::In };
    seen(services, running, record, *received);
}

pub(super) fn sent(services: &mut Services, running: &Arc<Running>, departure: &Departure, bytes: &[u8]) {
    let Departure { socket, target, .. } = *departure;
    let address = services.server.listeners.get(socket).address;
    let from = Place { proto: target.proto, address };
    let to = Place { proto: target.proto, address: target.addr };
    let record = Record { bytes, from, to, at: services.clock, way: Way::Out };
    let received = Received {
        proto: target.proto,
        source: address,
        destination: target.addr,
        listener: socket,
        connection: None,
        at: services.clock,
    };
    seen(services, running, record, received);
}

fn seen(services: &mut Services, running: &Arc<Running>, record: Record<'_>, received: Received) {
    let Some(trace) = running.state::<SipTrace>().filter(|trace| trace.is_on()) else { return };
    if trace.mirrors() && is_wanted(services, running, trace, &record, received) {
        let record = emit::with_local(trace, record);
        emit::keep(services, trace, &record);
        for (asked, form) in [(trace.mirror.hep, Form::Hep), (trace.mirror.sip, Form::Sip)] {
            if let Some(hop) = trace.duplicate.as_ref().filter(|_| asked) {
                emit::duplicate(services, trace, &record, hop, b"", form);
            }
        }
    }
    follow::note(services, trace, &emit::with_local(trace, record));
}

/// Asks `event_route[siptrace:msg]`, whose `drop` keeps the message out. One that cannot be read is not asked about.
fn is_wanted(
    services: &mut Services,
    running: &Arc<Running>,
    trace: &SipTrace,
    record: &Record<'_>,
    received: Received,
) -> bool {
    let Some(route) = trace.event else { return true };
    let Ok(mut context) = Context::of_message(record.bytes, received) else { return true };
    context.data.of::<Shown>().0 = Some((record.from, record.to));
    event::run(&mut Cx::new(&mut context, services, running), route)
}

/// Traces an ACK that module `sl` is about to swallow, since no script will see it.
pub(super) fn filtered_ack(cx: &mut Cx<'_>) -> bool {
    let trace = cx.state::<SipTrace>();
    let hop = trace.duplicate.as_ref();
    let is_asked = trace.is_on() && (hop.is_some() || trace.file.is_some());
    if is_asked && crate::sl::is_own_ack(cx) {
        let (received, bytes) = (cx.context.received, cx.context.message.buffer().clone());
        let from = Place { proto: received.proto, address: received.source };
        let to = Place { proto: received.proto, address: received.destination };
        let whole = &bytes[..cx.context.message.as_bytes().len()];
        let record = Record { bytes: whole, from, to, at: received.at, way: Way::In };
        emit::trace(cx.shard, trace, &emit::with_local(trace, record), hop, b"");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_both_ends() {
        let place = |text: &str| Place::parse(text.as_bytes()).expect("a place");
        let (from, to) = (place("udp:192.0.2.1:5070"), place("tls:[2001:db8::1]:5061"));
        let read = |key: &str| {
            Key::of(key.as_bytes()).map(|key| key.read(from, to).to_str().to_lossy().into_owned())
        };
        assert_eq!(read("src_addr").as_deref(), Some("udp:192.0.2.1:5070"));
        assert_eq!(read("src_port").as_deref(), Some("5070"));
        assert_eq!(read("dst_proto").as_deref(), Some("tls"));
        assert_eq!(read("dst_host").as_deref(), Some("[2001:db8::1]"));
        assert_eq!(read("dst_hostip").as_deref(), Some("2001:db8::1"));
        for unknown in ["", "src", "src_", "src_x", "mid_addr"] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }
}
