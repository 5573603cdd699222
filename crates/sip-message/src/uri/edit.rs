//! A URI that can be changed part by part.

use super::Uri;
use crate::error::HeaderError;
use crate::span::Span;

/// An owned URI. Each setter rewrites one part and leaves the others as they were written.
///
/// What is set is not checked here (scripts may write what they like, as in Kamailio); [`UriBuf::uri`] tells whether
/// the result can still be taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UriBuf {
    text: Vec<u8>,
}

impl UriBuf {
    /// A URI from its text.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into() }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The text, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    /// The URI taken apart.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn uri(&self) -> Result<Uri<'_>, HeaderError> {
        Uri::parse(&self.text)
    }

    /// Sets the user part; `None` takes it away with its password and `@`. For `tel`, sets the number.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn set_user(&mut self, user: Option<&[u8]>) -> Result<(), HeaderError> {
        let uri = self.uri()?;
        let after_scheme = uri.scheme_text.len() + 1;
        let (range, text) = match (uri.is_sip(), uri.user, user) {
            (_, Some(old), Some(new)) => (self.range(old), new.to_vec()),
            (true, Some(_), None) => {
                let end = uri.userinfo().map_or(0, |userinfo| userinfo.len() + 1);
                (after_scheme..after_scheme + end, Vec::new())
            }
            (true, None, Some(new)) => (after_scheme..after_scheme, [new, b"@"].concat()),
            _ => return Ok(()),
        };
        self.text.splice(range, text);
        Ok(())
    }

    /// Sets the password; `None` takes it away. A URI without a user stays as it is.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn set_password(&mut self, password: Option<&[u8]>) -> Result<(), HeaderError> {
        let uri = self.uri()?;
        let (Some(user), true) = (uri.user, uri.is_sip()) else { return Ok(()) };
        let start = self.range(user).end;
        let end = start + uri.password.map_or(0, |old| old.len() + 1);
        let text = password.map(|new| [b":", new].concat()).unwrap_or_default();
        self.text.splice(start..end, text);
        Ok(())
    }

    /// Sets the host; the port stays.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn set_host(&mut self, host: &[u8]) -> Result<(), HeaderError> {
        let range = self.range(self.uri()?.host);
        self.text.splice(range, host.iter().copied());
        Ok(())
    }

    /// Sets the port; `None` takes it away.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn set_port(&mut self, port: Option<u16>) -> Result<(), HeaderError> {
        let uri = self.uri()?;
        let start = self.range(uri.host).end;
        let end = start + uri.port_text.map_or(0, |old| old.len() + 1);
        let text = port.map(|new| format!(":{new}")).unwrap_or_default();
        self.text.splice(start..end, text.into_bytes());
        Ok(())
    }

    /// Sets a parameter: rewritten where it stands, else added after the others. `Some(b"")` and `None` differ:
    /// the first writes `name=`, the second `name`.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn set_param(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<(), HeaderError> {
        let mut text = name.to_vec();
        if let Some(value) = value {
            text.push(b'=');
            text.extend_from_slice(value);
        }
        let range = match self.param_range(name)? {
            Some(range) => range,
            None => {
                let end = self.params_end()?;
                text.insert(0, b';');
                end..end
            }
        };
        self.text.splice(range, text);
        Ok(())
    }

    /// Takes every parameter of this name away.
    ///
    /// # Errors
    /// When the URI cannot be taken apart; it is then unchanged.
    pub fn remove_param(&mut self, name: &[u8]) -> Result<(), HeaderError> {
        let uri = self.uri()?;
        let start = self.params_end()? - uri.params_text.len();
        let mut kept: Vec<u8> = Vec::with_capacity(uri.params_text.len());
        for text in uri.params_text.split(|&byte| byte == b';') {
            let own = text.split(|&byte| byte == b'=').next().unwrap_or_default();
            if !own.trim_ascii().eq_ignore_ascii_case(name) {
                kept.push(b';');
                kept.extend_from_slice(text);
            }
        }
        let end = start + uri.params_text.len();
        if start != end {
            self.text.splice(start - 1..end, kept);
        }
        Ok(())
    }

    /// Where a parameter stands, from its name to the end of its value.
    fn param_range(&self, name: &[u8]) -> Result<Option<std::ops::Range<usize>>, HeaderError> {
        let uri = self.uri()?;
        let found = uri.params().find(name);
        Ok(found.map(|param| {
            let start = self.range(param.name).start;
            start..param.value.map_or(start + param.name.len(), |value| self.range(value).end)
        }))
    }

    /// Offset after the last parameter: where another may be added.
    fn params_end(&self) -> Result<usize, HeaderError> {
        let uri = self.uri()?;
        Ok(self.text.len() - uri.headers_text.map_or(0, |headers| headers.len() + 1))
    }

    /// Where a part of this URI's own text stands.
    fn range(&self, part: &[u8]) -> std::ops::Range<usize> {
        Span::locate(&self.text, part).unwrap_or_default().range()
    }
}
