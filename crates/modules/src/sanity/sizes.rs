//! How long a message and its parts may be.

use engine::Setup;
use sip_message::{HeaderId, Message};

use super::fault::Fault;

/// Limits in the order of their bits in `size_checks`, from 1.
const NAMES: [(&str, i64); 12] = [
    ("size_message", 16_384),
    ("size_method", 32),
    ("size_ruri", 256),
    ("size_from_uri", 256),
    ("size_to_uri", 256),
    ("size_contact_uri", 256),
    ("size_route_uri", 256),
    ("size_path_uri", 256),
    ("size_pai_uri", 256),
    ("size_header", 2048),
    ("size_headers", 8192),
    ("size_body", 8192),
];

/// The limits of one configuration.
pub(super) struct Sizes {
    wanted: i64,
    limits: [usize; 12],
}

impl Sizes {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        let limit = |(name, default): (&str, i64)| {
            usize::try_from(setup.int(name).unwrap_or(default)).unwrap_or(usize::MAX)
        };
        Self { wanted: setup.int("size_checks").unwrap_or_default(), limits: NAMES.map(limit) }
    }

    /// RFC 3261 §21.4.12 and §21.5.7 have the codes.
    pub(super) fn check(&self, message: &Message) -> Result<(), Fault> {
        for (at, limit) in self.limits.iter().enumerate() {
            if self.wanted >> at & 1 == 1 && measure(message, at) > *limit {
                let is_uri = at == 2;
                let (code, reason) =
                    if is_uri { (414, "Request-URI Too Long") } else { (513, "Message Too Large") };
                return Err(Fault::reply_of(code, reason));
            }
        }
        Ok(())
    }
}

/// The length that a limit is compared with.
fn measure(message: &Message, at: usize) -> usize {
    let index = message.index();
    match at {
        0 => message.as_bytes().len(),
        1 => message.method_text().len(),
        2 => message.request_uri().map_or(0, <[u8]>::len),
        3 => message.from().map_or(0, |from| from.uri_text.len()),
        4 => message.to().map_or(0, |to| to.uri_text.len()),
        5 => longest_uri(message, HeaderId::Contact),
        6 => longest_uri(message, HeaderId::Route),
        7 => longest_uri(message, HeaderId::Path),
        8 => longest_uri(message, HeaderId::PAssertedIdentity),
        9 => index.headers().iter().map(|field| field.whole.len()).max().unwrap_or(0),
        10 => index.headers().first().map_or(0, |first| index.fields_end() - first.whole.start as usize),
        _ => message.body().len(),
    }
}

fn longest_uri(message: &Message, id: HeaderId) -> usize {
    let values = message.values(id).filter_map(|value| message.name_addr(value).ok());
    values.map(|addr| addr.uri_text.len()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_that_are_asked_for_count() {
        let text = "OPTIONS sip:long@example.com SIP/2.0\r\nVia: v\r\nRoute: <sip:1>, <sip:22>\r\n\r\nbody";
        let message = Message::from_bytes(text).expect("a message");
        assert_eq!(measure(&message, 6), 6);
        assert_eq!(measure(&message, 11), 4);
        let check =
            |wanted| Sizes { wanted, limits: [8; 12] }.check(&message).map_err(|fault| fault.to_string());
        assert_eq!(check(1 << 2), Err("414 Request-URI Too Long".to_owned()));
        assert_eq!(check(1), Err("513 Message Too Large".to_owned()));
        assert_eq!(check(1 << 6 | 1 << 11), Ok(()));
    }
}
