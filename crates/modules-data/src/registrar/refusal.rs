//! Why a REGISTER was not done, and what it is answered with.

/// Why a REGISTER was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Something that Kamailio has no words for: it answers 200 without contacts.
    Unsaid,
    /// A known contact has a newer CSeq.
    Sequence,
    /// The address of record is no URI.
    Aor,
    /// A Contact does not parse.
    Contact,
    /// `*` and other contacts.
    StarAndOthers,
    /// `*` without `Expires: 0`.
    StarExpires,
    /// `q` is no number from 0 to 1.
    Q,
    /// A contact or the received URI is too long.
    TooLong,
    /// A Path does not parse.
    Path,
    /// Path without `Supported: path`.
    PathUnsupported,
    /// Outbound is asked for and not offered.
    OutboundUnsupported,
    /// Outbound is required of everybody.
    OutboundRequired,
    /// The first proxy does not do outbound (RFC 5626 §6).
    FirstHop,
    /// The interval is shorter than is allowed.
    Brief,
    /// More contacts than are allowed.
    TooMany,
    /// The database does not answer.
    Database,
}

impl Refusal {
    /// Status code, reason phrase and the text of `P-Registrar-Error`.
    pub(super) fn words(self) -> (u16, &'static str, &'static str) {
        const BAD: (u16, &str) = (400, "Bad Request");
        let ((code, reason), text) = match self {
            Self::Unsaid => ((200, "OK"), ""),
            Self::Sequence => (BAD, "Invalid CSeq number"),
            Self::Aor => (BAD, "Error while parsing AOR"),
            Self::Contact => (BAD, "Contact parse error"),
            Self::StarAndOthers => (BAD, "* used in contact and more than 1 contact"),
            Self::StarExpires => (BAD, "* used in contact and expires is not zero"),
            Self::Q => (BAD, "Invalid q param in contact"),
            Self::TooLong => (BAD, "Contact/received too long"),
            Self::Path => (BAD, "Path parse error"),
            Self::PathUnsupported => ((420, "Bad Extension"), "No support for found Path indicated"),
            Self::OutboundUnsupported => ((420, "Bad Extension"), "No support for Outbound on server"),
            Self::OutboundRequired => ((421, "Extension Required"), "No support for Outbound indicated"),
            Self::FirstHop => {
                ((439, "First Hop Lacks Outbound Support"), "No support for Outbound on edge proxy")
            }
            Self::Brief => ((423, "Interval Too Brief"), "Interval too brief"),
            Self::TooMany => ((503, "Service Unavailable"), "Too many registered contacts"),
            Self::Database => ((500, "Server Internal Error"), "usrloc_record_update failed"),
        };
        (code, reason, text)
    }

    /// What `save` returns.
    pub(super) fn code(self) -> i64 {
        if self == Self::TooMany { -2 } else { -1 }
    }
}
