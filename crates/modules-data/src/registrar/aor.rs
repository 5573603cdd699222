//! Addresses of record: what of a URI says who is meant (RFC 3261 §10.3 step 5).

use sip_message::Uri;

/// How URIs become addresses of record.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    /// `user@domain` rather than the user alone.
    pub(super) use_domain: bool,
    /// Users that differ in the case of letters are different.
    pub(super) is_case_sensitive: bool,
    /// What is taken off the front of a domain.
    pub(super) realm_prefix: Vec<u8>,
}

impl Rule {
    /// The address of record of a URI; none when it is no URI of a user or domain.
    pub(super) fn aor(&self, uri: &[u8]) -> Option<Vec<u8>> {
        let uri = Uri::parse(uri).ok()?;
        let mut aor = Vec::with_capacity(uri.raw.len());
        unescape(uri.user.unwrap_or_default(), &mut aor);
        if !self.is_case_sensitive {
            aor.make_ascii_lowercase();
        }
        if self.use_domain {
            if !aor.is_empty() {
                aor.push(b'@');
            }
            let host = uri.host.to_ascii_lowercase();
            let prefix = self.realm_prefix.as_slice();
            aor.extend_from_slice(host.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(&host));
        }
        Some(aor)
    }
}

/// Resolves `%xx`.
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                rest = &after[2..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_compared_without_escapes_and_case() {
        let rule = Rule::default();
        assert_eq!(rule.aor(b"sip:A%6c@h"), Some(b"al".to_vec()));
        assert_eq!(rule.aor(b"sip:h"), Some(Vec::new()));
        assert_eq!(rule.aor(b"nonsense"), None);
    }

    #[test]
    fn domains_count_without_their_prefix() {
        let rule = Rule { use_domain: true, is_case_sensitive: true, realm_prefix: b"sip.".to_vec() };
        assert_eq!(rule.aor(b"sip:Al@SIP.Biloxi.example:5070;x=1"), Some(b"Al@biloxi.example".to_vec()));
        assert_eq!(rule.aor(b"sip:biloxi.example"), Some(b"biloxi.example".to_vec()));
    }
}
