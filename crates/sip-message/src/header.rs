//! Header names: identities, compact forms, lookup.

use crate::span::Span;

macro_rules! headers {
    ($($variant:ident $name:literal,)*) => {
        /// Which header a field is. Names compare without case (RFC 3261 §7.3.1), and a compact name is its long
        /// one (§7.3.3, §20).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum HeaderId {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any header that is not in this list; its name stands in the message.
            Other,
            /// A line of the header part that is no header: it has no colon, or no name before it.
            Malformed,
        }

        const LONG: &[(HeaderId, &str)] = &[$((HeaderId::$variant, $name),)*];
    };
}

headers! {
    Via "Via",
    From "From",
    To "To",
    CallId "Call-ID",
    CSeq "CSeq",
    Contact "Contact",
    MaxForwards "Max-Forwards",
    Route "Route",
    RecordRoute "Record-Route",
    ContentType "Content-Type",
    ContentLength "Content-Length",
    ContentEncoding "Content-Encoding",
    ContentLanguage "Content-Language",
    ContentDisposition "Content-Disposition",
    ContentId "Content-ID",
    MimeVersion "MIME-Version",
    Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization",
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate",
    AuthenticationInfo "Authentication-Info",
    Expires "Expires",
    MinExpires "Min-Expires",
    Supported "Supported",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Unsupported "Unsupported",
    Allow "Allow",
    AllowEvents "Allow-Events",
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AcceptContact "Accept-Contact",
    RejectContact "Reject-Contact",
    RequestDisposition "Request-Disposition",
    Event "Event",
    SubscriptionState "Subscription-State",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    UserAgent "User-Agent",
    Server "Server",
    Subject "Subject",
    Date "Date",
    Timestamp "Timestamp",
    RetryAfter "Retry-After",
    Path "Path",
    ServiceRoute "Service-Route",
    Priority "Priority",
    Organization "Organization",
    ReferTo "Refer-To",
    ReferredBy "Referred-By",
    Replaces "Replaces",
    Join "Join",
    InReplyTo "In-Reply-To",
    SessionExpires "Session-Expires",
    MinSe "Min-SE",
    RemotePartyId "Remote-Party-ID",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    PAssociatedUri "P-Associated-URI",
    PCalledPartyId "P-Called-Party-ID",
    PAccessNetworkInfo "P-Access-Network-Info",
    PVisitedNetworkId "P-Visited-Network-ID",
    PChargingVector "P-Charging-Vector",
    PChargingFunctionAddresses "P-Charging-Function-Addresses",
    Privacy "Privacy",
    Diversion "Diversion",
    HistoryInfo "History-Info",
    Geolocation "Geolocation",
    Warning "Warning",
    Reason "Reason",
    ErrorInfo "Error-Info",
    AlertInfo "Alert-Info",
    CallInfo "Call-Info",
    ReplyTo "Reply-To",
    RSeq "RSeq",
    RAck "RAck",
    Identity "Identity",
    IdentityInfo "Identity-Info",
    FeatureCaps "Feature-Caps",
    FlowTimer "Flow-Timer",
    SecurityClient "Security-Client",
    SecurityServer "Security-Server",
    SecurityVerify "Security-Verify",
    MaxBreadth "Max-Breadth",
    SessionId "Session-ID",
    UserToUser "User-to-User",
    Host "Host",
    Connection "Connection",
}

/// Compact names: RFC 3261 §20 and the IANA registry of SIP header fields.
const COMPACT: &[(u8, HeaderId)] = &[
    (b'a', HeaderId::AcceptContact),
    (b'b', HeaderId::ReferredBy),
    (b'c', HeaderId::ContentType),
    (b'd', HeaderId::RequestDisposition),
    (b'e', HeaderId::ContentEncoding),
    (b'f', HeaderId::From),
    (b'i', HeaderId::CallId),
    (b'j', HeaderId::RejectContact),
    (b'k', HeaderId::Supported),
    (b'l', HeaderId::ContentLength),
    (b'm', HeaderId::Contact),
    (b'n', HeaderId::IdentityInfo),
    (b'o', HeaderId::Event),
    (b'r', HeaderId::ReferTo),
    (b's', HeaderId::Subject),
    (b't', HeaderId::To),
    (b'u', HeaderId::AllowEvents),
    (b'v', HeaderId::Via),
    (b'x', HeaderId::SessionExpires),
    (b'y', HeaderId::Identity),
];

const SLOTS: usize = 256;
const FREE: u8 = u8::MAX;

/// Open addressing over the names, filled when compiled: one probe or two find any of them.
static TABLE: [u8; SLOTS] = {
    let mut table = [FREE; SLOTS];
    let mut at = 0;
    while at < LONG.len() {
        let mut slot = hash(LONG[at].1.as_bytes());
        while table[slot] != FREE {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = at as u8;
        at += 1;
    }
    table
};

const fn hash(name: &[u8]) -> usize {
    let first = (name[0] | 0x20) as usize;
    let middle = (name[name.len() / 2] | 0x20) as usize;
    let last = (name[name.len() - 1] | 0x20) as usize;
    (name.len() * 7 + first * 31 + middle * 5 + last * 113) % SLOTS
}

impl HeaderId {
    /// How many identities there are; each is below this as a number.
    pub const COUNT: usize = Self::Malformed as usize + 1;

    /// The header that `name` names, in its long or compact form and any case.
    pub fn lookup(name: &[u8]) -> Self {
        match name {
            [] => Self::Malformed,
            [letter] => {
                let letter = letter.to_ascii_lowercase();
                COMPACT.iter().find(|(compact, _)| *compact == letter).map_or(Self::Other, |(_, id)| *id)
            }
            _ => {
                let mut slot = hash(name);
                while let Some((id, long)) = LONG.get(TABLE[slot] as usize) {
                    // Most names are written as the RFC has them: compare those at once.
                    if long.as_bytes() == name || long.as_bytes().eq_ignore_ascii_case(name) {
                        return *id;
                    }
                    slot = (slot + 1) % SLOTS;
                }
                Self::Other
            }
        }
    }

    /// The long name as the RFCs write it; empty for [`HeaderId::Other`] and [`HeaderId::Malformed`].
    pub fn name(self) -> &'static str {
        LONG.get(self as usize).map_or("", |(_, name)| name)
    }

    /// The one-letter name, where one is registered.
    pub fn compact(self) -> Option<u8> {
        COMPACT.iter().find(|(_, id)| *id == self).map(|(letter, _)| *letter)
    }
}

/// One header field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// Which header it is.
    pub id: HeaderId,
    /// The name as written, without white space around it.
    pub name: Span,
    /// The value without white space around it; line folds inside are still there.
    pub value: Span,
    /// The whole field from the name's first byte to the end of its last line's line end.
    pub whole: Span,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_long_name_is_found_in_any_case() {
        for (id, name) in LONG {
            assert_eq!(HeaderId::lookup(name.as_bytes()), *id);
            assert_eq!(HeaderId::lookup(name.to_uppercase().as_bytes()), *id);
            assert_eq!(HeaderId::lookup(name.to_lowercase().as_bytes()), *id);
            assert_eq!(id.name(), *name);
        }
    }

    #[test]
    fn compact_names_are_their_long_ones() {
        assert_eq!(HeaderId::lookup(b"v"), HeaderId::Via);
        assert_eq!(HeaderId::lookup(b"L"), HeaderId::ContentLength);
        assert_eq!(HeaderId::lookup(b"z"), HeaderId::Other);
        assert_eq!(HeaderId::Via.compact(), Some(b'v'));
        assert_eq!(HeaderId::Route.compact(), None);
    }

    #[test]
    fn a_name_that_differs_only_in_bit_five_is_another() {
        assert_eq!(HeaderId::lookup(b"Call\rID"), HeaderId::Other);
        assert_eq!(HeaderId::lookup(b"X-Call-ID"), HeaderId::Other);
    }
}
