//! Header names as scripts give them.

use std::borrow::Cow;
use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use engine::Args;
use sip_message::{HeaderField, HeaderId, Message};

/// A header's name; a compact name and its long one are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderName {
    id: HeaderId,
    text: Box<[u8]>,
}

impl HeaderName {
    /// Reads a name.
    ///
    /// # Errors
    /// It is empty, or has a character that no header's name has (RFC 3261 §25.1, token).
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
        if text.is_empty() {
            return Err("the name of a header is missing".into());
        }
        if !text.iter().all(is_token) {
            return Err(format!("\"{}\" is no header's name", text.escape_ascii()));
        }
        Ok(Self { id: HeaderId::lookup(text), text: text.into() })
    }

    /// For a function's table.
    pub(crate) fn parse_argument(text: &[u8]) -> Result<Parsed, String> {
        Self::parse(text).map(|name| Arc::new(name) as Parsed)
    }

    /// The name that an argument holds: parsed at load, or read now. One that is none is logged.
    pub(crate) fn of<'a>(args: &Args<'a>, at: usize) -> Option<Cow<'a, Self>> {
        if let Some(name) = args.parsed::<Self>(at) {
            return Some(Cow::Borrowed(name));
        }
        match Self::parse(args.text(at)) {
            Ok(name) => Some(Cow::Owned(name)),
            Err(why) => {
                tracing::error!(target: "textops", "{why}");
                None
            }
        }
    }

    /// The name as given.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether a field has this name.
    pub(crate) fn is_of(&self, message: &Message, field: &HeaderField) -> bool {
        field.id == self.id
            && (self.id != HeaderId::Other || message.bytes(field.name).eq_ignore_ascii_case(&self.text))
    }

    /// All fields of this name, in order.
    pub(crate) fn fields<'m>(&'m self, message: &'m Message) -> impl Iterator<Item = &'m HeaderField> + 'm {
        message.headers().iter().filter(|field| self.is_of(message, field))
    }

    /// The first field of this name.
    pub(crate) fn first<'m>(&'m self, message: &'m Message) -> Option<&'m HeaderField> {
        self.fields(message).next()
    }

    /// The last field of this name.
    pub(crate) fn last<'m>(&'m self, message: &'m Message) -> Option<&'m HeaderField> {
        self.fields(message).last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_names_are_one() {
        let message = Message::from_bytes(
            "OPTIONS sip:a SIP/2.0\r\ns: short\r\nX-A: 1\r\nSubject: long\r\nx-a: 2\r\n\r\n",
        )
        .unwrap();
        let count = |name: &str| HeaderName::parse(name.as_bytes()).unwrap().fields(&message).count();
        assert_eq!((count("Subject"), count("S"), count("X-A"), count("X-B")), (2, 2, 2, 0));
    }

    #[test]
    fn what_no_header_is_called_is_refused() {
        for text in ["", "a b", "<null>", "X:", "$var(h)"] {
            assert!(HeaderName::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
