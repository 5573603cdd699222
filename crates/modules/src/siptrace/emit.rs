//! Writing one traced message: to the file, and as a duplicate to whoever collects.

use engine::forward::Hop;
use engine::services::Services;

use super::hep::{Hep, Payload, Version};
use super::record::{Record, Way};
use super::{SipTrace, destination, headers};

/// What a duplicate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The message itself.
    Sip,
    /// In HEP of the configured version.
    Hep,
}

/// Traces a message to the file and, if there is one, to a hop. False when `xheaders_read` asks for headers that are not
/// there: such a message is not traced.
pub(super) fn trace(
    services: &mut Services,
    trace: &SipTrace,
    record: &Record<'_>,
    hop: Option<&Hop>,
    correlation: &[u8],
) -> bool {
    let told = if trace.reads_headers { headers::read(record.bytes) } else { None };
    let record = match &told {
        Some(told) => Record { bytes: &told.bytes, from: told.from, to: told.to, at: told.at, way: told.way },
        None if trace.reads_headers => {
            tracing::error!(target: "siptrace", "a message without x-headers from {}", record.from.text());
            return false;
        }
        None => *record,
    };
    keep(services, trace, &record);
    if let Some(hop) = hop {
        duplicate(services, trace, &record, hop, correlation, trace.form);
    }
    true
}

/// Counts a message and writes it to the file.
pub(super) fn keep(services: &Services, trace: &SipTrace, record: &Record<'_>) {
    let counter = if record.is_reply() { &trace.replies } else { &trace.requests };
    counter.add(services.index);
    if let Some(file) = &trace.file {
        file.write(record);
    }
}

/// Sends a duplicate.
pub(super) fn duplicate(
    services: &mut Services,
    trace: &SipTrace,
    record: &Record<'_>,
    hop: &Hop,
    correlation: &[u8],
    form: Form,
) {
    let bytes = match form {
        Form::Hep => trace.hep.packet(record, correlation, Payload::Sip),
        Form::Sip if trace.writes_headers => headers::with(record),
        Form::Sip => record.bytes.to_vec(),
    };
    destination::send(services, trace, hop, bytes);
}

/// Sends a line of log, which only HEP 3 can carry.
pub(super) fn log(
    services: &mut Services,
    trace: &SipTrace,
    record: &Record<'_>,
    hop: &Hop,
    correlation: &[u8],
) {
    let hep = Hep { version: Version::Three, ..trace.hep.clone() };
    destination::send(services, trace, hop, hep.packet(record, correlation, Payload::Log));
}

/// Puts the configured address in the place of our own.
pub(super) fn with_local<'a>(trace: &SipTrace, record: Record<'a>) -> Record<'a> {
    let Some(local) = trace.local else { return record };
    match record.way {
        Way::In => Record { to: local, ..record },
        Way::Out => Record { from: local, ..record },
    }
}
