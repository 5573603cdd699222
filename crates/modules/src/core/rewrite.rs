//! The request URI rewritten part by part: what `rewritehost()`, `prefix()`, `$rU =` and their kin share.
//!
//! As in Kamailio, the new parts are not checked; only a URI that cannot be taken apart cannot be changed.

use sip_message::{HeaderError, Scheme, Uri};

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    /// The user; a password stays. An empty one takes user, password and `@` away.
    User(&'a [u8]),
    /// Everything before the `@`.
    UserPassword(&'a [u8]),
    /// The host; the port stays.
    Host(&'a [u8]),
    /// Host and port, written together.
    HostPort(&'a [u8]),
    /// Host, port and transport, written as in a URI.
    HostPortTransport(&'a [u8]),
    /// The port's digits; empty takes it away.
    Port(&'a [u8]),
    /// Text before the user.
    Prefix(&'a [u8]),
    /// Bytes off the user's front.
    Strip(usize),
    /// Bytes off the user's end.
    StripTail(usize),
    /// `;user=phone`, unless it is there.
    UserPhone,
}

impl Change<'_> {
    fn is_of_user(self) -> bool {
        matches!(
            self,
            Self::User(_) | Self::UserPassword(_) | Self::Prefix(_) | Self::Strip(_) | Self::StripTail(_)
        )
    }
}

/// The changed URI.
///
/// # Errors
/// The URI cannot be taken apart.
pub(crate) fn rewrite(text: &[u8], change: Change<'_>) -> Result<Vec<u8>, HeaderError> {
    let uri = Uri::parse(text)?;
    if change == Change::UserPhone {
        return Ok(with_user_phone(&uri));
    }
    let mut parts = Parts::of(&uri);
    let phone_number;
    if !change.is_of_user() && uri.scheme == Scheme::Tel {
        // A number that gets a host becomes a SIP URI (RFC 3261 §19.1.6).
        phone_number = uri.opaque().to_vec();
        parts = Parts { scheme: b"sip", user: &phone_number, params: b"user=phone", ..Parts::default() };
    }
    let mut user = parts.user.to_vec();
    let mut params = parts.params.to_vec();
    match change {
        Change::User(new) => set_user(&mut user, new, uri.is_phone()),
        Change::UserPassword(new) => {
            user = new.to_vec();
            parts.password = None;
        }
        Change::Prefix(front) => {
            user.splice(..0, front.iter().copied());
        }
        Change::Strip(count) => {
            user.drain(..count.min(user.len()));
        }
        Change::StripTail(count) => user.truncate(user.len().saturating_sub(count)),
        Change::Host(host) => parts.host = host,
        Change::Port(digits) => parts.port = Some(digits).filter(|digits| !digits.is_empty()),
        Change::HostPort(host) => (parts.host, parts.port) = (host, None),
        Change::HostPortTransport(host) => {
            (parts.host, parts.port) = (host, None);
            params = without_transport(&params);
        }
        Change::UserPhone => {}
    }
    parts.user = &user;
    parts.params = &params;
    Ok(parts.write())
}

/// The new user; parameters of a telephone number in it stay.
fn set_user(user: &mut Vec<u8>, new: &[u8], is_phone: bool) {
    let end = if is_phone { user.iter().position(|&byte| byte == b';') } else { None };
    user.splice(..end.unwrap_or(user.len()), new.iter().copied());
}

fn without_transport(params: &[u8]) -> Vec<u8> {
    let is_transport = |param: &&[u8]| {
        let name = param.split(|&byte| byte == b'=').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"transport")
    };
    let kept: Vec<_> = params.split(|&byte| byte == b';').filter(|param| !is_transport(param)).collect();
    kept.join(&b';')
}

fn with_user_phone(uri: &Uri<'_>) -> Vec<u8> {
    if uri.is_phone() || !uri.is_sip() {
        return uri.raw.to_vec();
    }
    let end = uri.raw.len() - uri.headers_text.map_or(0, |headers| headers.len() + 1);
    [&uri.raw[..end], b";user=phone", &uri.raw[end..]].concat()
}

/// A URI's parts as they are put together again.
#[derive(Clone, Copy, Debug, Default)]
struct Parts<'a> {
    scheme: &'a [u8],
    user: &'a [u8],
    password: Option<&'a [u8]>,
    host: &'a [u8],
    port: Option<&'a [u8]>,
    params: &'a [u8],
    headers: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(uri: &Uri<'a>) -> Self {
        Self {
            scheme: uri.scheme_text,
            user: uri.user.unwrap_or_default(),
            password: uri.password,
            host: uri.host,
            port: uri.port_text,
            params: uri.params_text,
            headers: uri.headers_text,
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let mut put = |before: &[u8], text: &[u8]| {
            out.extend_from_slice(before);
            out.extend_from_slice(text);
        };
        put(self.scheme, b":");
        if !self.user.is_empty() {
            put(b"", self.user);
            if let Some(password) = self.password {
                put(b":", password);
            }
            if !self.host.is_empty() {
                put(b"@", b"");
            }
        }
        put(b"", self.host);
        if let Some(port) = self.port {
            put(b":", port);
        }
        if !self.params.is_empty() {
            put(b";", self.params);
        }
        if let Some(headers) = self.headers {
            put(b"?", headers);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(uri: &str, change: Change<'_>) -> String {
        String::from_utf8(rewrite(uri.as_bytes(), change).unwrap()).unwrap()
    }

    /// All of them seen in Debian's Kamailio 5.6.3.
    #[test]
    fn each_change_leaves_the_other_parts() {
        let uri = "sip:a:pw@b:77;x=1?h=1";
        assert_eq!(changed(uri, Change::User(b"n")), "sip:n:pw@b:77;x=1?h=1");
        assert_eq!(changed(uri, Change::User(b"")), "sip:b:77;x=1?h=1");
        assert_eq!(changed(uri, Change::UserPassword(b"n:p")), "sip:n:p@b:77;x=1?h=1");
        assert_eq!(changed(uri, Change::UserPassword(b"m")), "sip:m@b:77;x=1?h=1");
        assert_eq!(changed(uri, Change::Host(b"[::1]")), "sip:a:pw@[::1]:77;x=1?h=1");
        assert_eq!(changed(uri, Change::HostPort(b"h2")), "sip:a:pw@h2;x=1?h=1");
        assert_eq!(changed(uri, Change::Port(b"5")), "sip:a:pw@b:5;x=1?h=1");
        assert_eq!(changed(uri, Change::Port(b"")), "sip:a:pw@b;x=1?h=1");
        assert_eq!(changed(uri, Change::Prefix(b"z")), "sip:za:pw@b:77;x=1?h=1");
        assert_eq!(changed("sip:b:77;x=1", Change::User(b"n")), "sip:n@b:77;x=1");
        assert_eq!(changed("sip:h5;x=1", Change::Prefix(b"77")), "sip:77@h5;x=1");
        assert_eq!(changed("sips:b?h=1", Change::Host(b"h")), "sips:h?h=1");
    }

    #[test]
    fn stripping_the_whole_user_takes_password_and_at_sign_along() {
        assert_eq!(changed("sip:a:pw@b:77;x=1", Change::Strip(1)), "sip:b:77;x=1");
        assert_eq!(changed("sip:za:pw@b", Change::StripTail(1)), "sip:z:pw@b");
        assert_eq!(changed("sip:bob@b", Change::Strip(99)), "sip:b");
        assert_eq!(changed("sip:bob@b", Change::StripTail(99)), "sip:b");
    }

    #[test]
    fn a_transport_written_with_the_host_replaces_the_old_one() {
        let change = Change::HostPortTransport(b"h4:6;transport=tcp");
        assert_eq!(changed("sip:q@h3:5;x=1?h=1", change), "sip:q@h4:6;transport=tcp;x=1?h=1");
        let change = Change::HostPortTransport(b"h5");
        assert_eq!(changed("sip:q@h4:6;transport=tcp;x=1?h=1", change), "sip:q@h5;x=1?h=1");
    }

    #[test]
    fn a_telephone_number_that_gets_a_host_becomes_a_sip_uri() {
        assert_eq!(changed("tel:123;x=1", Change::User(b"n")), "tel:n;x=1");
        assert_eq!(changed("tel:123;x=1", Change::Strip(1)), "tel:23;x=1");
        assert_eq!(changed("tel:123;x=1", Change::Host(b"h")), "sip:123;x=1@h;user=phone");
        assert_eq!(changed("sip:123;x=1@h;user=phone", Change::User(b"9")), "sip:9;x=1@h;user=phone");
        assert_eq!(changed("sip:n;x=1@h;user=phone", Change::Port(b"5")), "sip:n;x=1@h:5;user=phone");
    }

    #[test]
    fn user_phone_is_said_once() {
        assert_eq!(changed("sip:77@h5;x=1?h=1", Change::UserPhone), "sip:77@h5;x=1;user=phone?h=1");
        assert_eq!(changed("sip:1@h;user=phone", Change::UserPhone), "sip:1@h;user=phone");
        assert_eq!(changed("tel:1", Change::UserPhone), "tel:1");
    }

    #[test]
    fn what_is_no_uri_cannot_be_changed() {
        assert!(rewrite(b"x", Change::User(b"n")).is_err());
        assert!(rewrite(b"sip:a@b:x", Change::Host(b"n")).is_err());
    }
}
