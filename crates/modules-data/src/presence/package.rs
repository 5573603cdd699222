//! Event packages.

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// RFC 3856.
    Presence,
    /// Who watches (RFC 3857).
    Watchers,
}

/// The line that says which packages there are.
pub(super) const ALLOW_EVENTS: &[u8] = b"Allow-Events: presence.winfo, presence\r\n";

impl Package {
    /// The package that an Event value names, and its `id`.
    pub(super) fn of(event: &[u8]) -> Option<(Self, &[u8])> {
        let mut parts = event.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next()?;
        let package = [Self::Presence, Self::Watchers]
            .into_iter()
            .find(|package| name.eq_ignore_ascii_case(package.name().as_bytes()))?;
        Some((package, parts.find_map(|part| part.strip_prefix(b"id=")).unwrap_or_default()))
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Watchers => "presence.winfo",
        }
    }

    /// Content-Type of its documents.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Presence => "application/pidf+xml",
            Self::Watchers => "application/watcherinfo+xml",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_names_and_identifiers() {
        assert_eq!(Package::of(b"presence"), Some((Package::Presence, &b""[..])));
        assert_eq!(Package::of(b"Presence.winfo ;x=1; id=7"), Some((Package::Watchers, &b"7"[..])));
        assert_eq!(Package::of(b"dialog"), None);
    }
}
