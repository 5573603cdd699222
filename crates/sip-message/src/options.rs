//! Lists of option tags: Supported, Require, Proxy-Require, Unsupported (RFC 3261 §20.32, §20.37).

use crate::grammar::trim;
use crate::header::HeaderId;
use crate::message::Message;

impl Message {
    /// The option tags of a header, across all its lines, as written; empty ones are left out.
    pub fn option_tags(&self, id: HeaderId) -> impl Iterator<Item = &[u8]> + '_ {
        let fields = self.index().all(id);
        fields
            .flat_map(|field| self.bytes(field.value).split(|&byte| byte == b','))
            .map(trim)
            .filter(|tag| !tag.is_empty())
    }

    /// Whether a header lists an option tag (tags compare without case, RFC 3261 §7.3.1).
    pub fn has_option_tag(&self, id: HeaderId, tag: &[u8]) -> bool {
        self.option_tags(id).any(|found| found.eq_ignore_ascii_case(tag))
    }

    /// The tags of a header that are not among `known`: what a 420 lists in Unsupported (RFC 3261 §8.2.2.3, §16.3).
    pub fn unknown_option_tags<'a>(
        &'a self,
        id: HeaderId,
        known: &'a [&'a [u8]],
    ) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.option_tags(id).filter(|tag| !known.iter().any(|known| known.eq_ignore_ascii_case(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_across_lines() {
        let text = b"INVITE sip:a SIP/2.0\r\nk: 100rel, Path\r\nSupported: ,\r\nSupported:gruu\r\nRequire: x,100REL\r\n\r\n";
        let message = Message::from_bytes(&text[..]).expect("a message");
        let tags: Vec<_> = message.option_tags(HeaderId::Supported).collect();
        assert_eq!(tags, [&b"100rel"[..], b"Path", b"gruu"]);
        assert!(message.has_option_tag(HeaderId::Supported, b"path"));
        let unknown: Vec<_> = message.unknown_option_tags(HeaderId::Require, &[b"100rel"]).collect();
        assert_eq!(unknown, [b"x"]);
    }
}
