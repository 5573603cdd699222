//! Database URLs, as Kamailio's users write them: nothing in them is percent-encoded.

use std::path::PathBuf;

use crate::UrlError;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    MySql(Account),
    Postgres(Account),
}

/// A database on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// A name, an address, or the folder of a unix socket (PostgreSQL) or the socket itself (MySQL).
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) database: String,
}

/// The kind of database that a URL names, without looking further: `mysql` of `mysql://…`.
pub fn scheme(url: &[u8]) -> Option<&[u8]> {
    let end = url.windows(3).position(|part| part == b"://")?;
    Some(&url[..end])
}

impl Place {
    pub(crate) fn parse(url: &[u8]) -> Result<Self, UrlError> {
        let url = std::str::from_utf8(url).map_err(|_| UrlError::NotText)?.trim();
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
        match scheme {
            "sqlite" if rest.is_empty() || rest == ":memory:" => Err(UrlError::NoDatabase),
            "sqlite" => Ok(Self::Sqlite(rest.into())),
            "mysql" => Account::parse(rest).map(Self::MySql),
            "postgres" | "postgresql" => Account::parse(rest).map(Self::Postgres),
            other => Err(UrlError::Scheme(other.to_owned())),
        }
    }

    /// The URL without its password.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::MySql(account) => account.shown("mysql"),
            Self::Postgres(account) => account.shown("postgres"),
        }
    }
}

impl Account {
    /// `[user[:password]@]host[:port]/database`. A password may hold any character: the last `@` ends it.
    fn parse(rest: &str) -> Result<Self, UrlError> {
        let (who, place) = match rest.rsplit_once('@') {
            Some((who, place)) => (Some(who), place),
            None => (None, rest),
        };
        let (user, password) =
            match who.map(|who| who.split_once(':').map_or((who, None), |(u, p)| (u, Some(p)))) {
                Some((user, password)) => (Some(user.to_owned()), password.map(str::to_owned)),
                None => (None, None),
            };
        let (host, after) = split_host(place)?;
        let (port, database) = after.split_once('/').ok_or(UrlError::NoDatabase)?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(port.parse().map_err(|_| UrlError::Port(port.to_owned()))?),
            None if port.is_empty() => None,
            None => return Err(UrlError::Port(port.to_owned())),
        };
        if database.is_empty() {
            return Err(UrlError::NoDatabase);
        }
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        Ok(Self { user, password, host: host.to_owned(), port, database: database.to_owned() })
    }

    fn shown(&self, scheme: &str) -> String {
        let user = self.user.as_deref().unwrap_or_default();
        let secret = if self.password.is_some() { ":***" } else { "" };
        let at = if self.user.is_some() { "@" } else { "" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let (open, close) = match &*self.host {
            host if host.starts_with('/') => ("unix(", ")"),
            host if host.contains(':') => ("[", "]"),
            _ => ("", ""),
        };
        format!("{scheme}://{user}{secret}{at}{open}{}{close}{port}/{}", self.host, self.database)
    }
}

/// The host, and what follows it: a name, `[2001:db8::1]`, or `unix(/path)`.
fn split_host(place: &str) -> Result<(&str, &str), UrlError> {
    for (open, close) in [("[", ']'), ("unix(", ')')] {
        if let Some(inner) = place.strip_prefix(open) {
            return inner.split_once(close).ok_or(UrlError::NoHost);
        }
    }
    let end = place.find([':', '/']).ok_or(UrlError::NoDatabase)?;
    Ok(place.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(url: &str) -> Account {
        match Place::parse(url.as_bytes()) {
            Ok(Place::MySql(account) | Place::Postgres(account)) => account,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn a_password_may_hold_every_separator() {
        let parsed = account("mysql://kamailio:a@b:c/d@db.example.org:3307/kamailio");
        assert_eq!(parsed.user.as_deref(), Some("kamailio"));
        assert_eq!(parsed.password.as_deref(), Some("a@b:c/d"));
        assert_eq!((parsed.host.as_str(), parsed.port), ("db.example.org", Some(3307)));
        assert_eq!(parsed.database, "kamailio");
    }

    #[test]
    fn a_host_may_be_an_address_of_either_family_or_a_socket() {
        assert_eq!(account("postgres://u@[::1]:5433/k").host, "::1");
        assert_eq!(account("postgres://u:p@127.0.0.1/k").port, None);
        assert_eq!(account("postgres://u@unix(/run/postgresql)/k").host, "/run/postgresql");
    }

    #[test]
    fn a_sqlite_path_is_all_that_follows() {
        let parsed = Place::parse(b"sqlite:///var/lib/kamailio/kamailio.sqlite");
        assert_eq!(parsed, Ok(Place::Sqlite("/var/lib/kamailio/kamailio.sqlite".into())));
        assert_eq!(Place::parse(b"sqlite://here.db"), Ok(Place::Sqlite("here.db".into())));
    }

    #[test]
    fn what_names_no_database_is_told() {
        assert_eq!(Place::parse(b"/var/lib/x.db"), Err(UrlError::NoScheme));
        assert_eq!(Place::parse(b"text:///etc/dbtext"), Err(UrlError::Scheme("text".into())));
        assert_eq!(Place::parse(b"mysql://u:p@host"), Err(UrlError::NoDatabase));
        assert_eq!(Place::parse(b"mysql://u:p@host/"), Err(UrlError::NoDatabase));
        assert_eq!(Place::parse(b"mysql://u:p@host:x/k"), Err(UrlError::Port("x".into())));
        assert_eq!(Place::parse(b"sqlite://:memory:"), Err(UrlError::NoDatabase));
    }

    #[test]
    fn a_shown_url_hides_the_password() {
        let place = Place::parse(b"mysql://kamailio:secret@localhost/kamailio").expect("a URL");
        assert_eq!(place.shown(), "mysql://kamailio:***@localhost/kamailio");
    }
}
