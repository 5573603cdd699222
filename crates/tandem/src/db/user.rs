//! Users: `username@domain` with a password, in the table `subscriber`.

use std::fmt::Write as _;
use std::io::{BufRead, Read};

use clap::{Args, Subcommand};
use md5::{Digest, Md5};
use store::{Cell, Change, Database, Key, Query, Value};

use super::{Told, told};

const TABLE: &str = "subscriber";
/// Letters and digits of a random password: 95 bits.
const PASSWORD_LENGTH: usize = 19;

/// What to do with users.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user. The password is made at random and shown, unless given.
    Add(Account),
    /// List the users.
    List {
        /// Only those of this domain.
        domain: Option<String>,
    },
    /// Give a user another password. It is made at random and shown, unless given.
    Passwd(Account),
}

/// A user and the password to be.
#[derive(Args)]
pub(crate) struct Account {
    /// `username@domain`; the domain is also the realm.
    pub user: String,
    /// The password; seen by all who list processes. Better: --stdin.
    #[arg(long, conflicts_with = "stdin")]
    pub password: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long)]
    pub stdin: bool,
}

pub(super) async fn run(database: &Database, command: &UserCommand) -> Result<String, Told> {
    match command {
        UserCommand::Add(account) => add(database, account).await,
        UserCommand::List { domain } => list(database, domain.as_deref()).await,
        UserCommand::Passwd(account) => passwd(database, account).await,
    }
}

async fn add(database: &Database, account: &Account) -> Result<String, Told> {
    let user = User::named(&account.user)?;
    let secret = Secret::of(account)?;
    let mut cells = vec![Cell::new("username", user.name), Cell::new("domain", user.domain)];
    if exists(database, &user).await? {
        return Err(taken(account));
    }
    cells.extend(secret.cells(&user));
    match database.change(&Change::Insert { table: TABLE.into(), cells }).await {
        Ok(_) => Ok(secret.announced(account)),
        Err(why) if why.is_duplicate() => Err(taken(account)),
        Err(why) => Err(told(database)(why)),
    }
}

fn taken(account: &Account) -> Told {
    format!("{} is there already; `tandem db user passwd` changes the password", account.user)
}

async fn exists(database: &Database, user: &User<'_>) -> Result<bool, Told> {
    let query = Query {
        table: TABLE.into(),
        columns: vec!["username".into()],
        keys: user.keys(),
        ..Query::default()
    };
    Ok(!database.query(&query).await.map_err(told(database))?.is_empty())
}

async fn passwd(database: &Database, account: &Account) -> Result<String, Told> {
    let user = User::named(&account.user)?;
    let secret = Secret::of(account)?;
    let change = Change::Update { table: TABLE.into(), cells: secret.cells(&user), keys: user.keys() };
    match database.change(&change).await.map_err(told(database))? {
        0 => Err(format!("there is no {}; `tandem db user add` makes one", account.user)),
        _ => Ok(secret.announced(account)),
    }
}

async fn list(database: &Database, domain: Option<&str>) -> Result<String, Told> {
    let query = Query {
        table: TABLE.into(),
        columns: vec!["username".into(), "domain".into()],
        keys: domain.map(|domain| Key::eq("domain", domain)).into_iter().collect(),
        order: Some("domain, username".into()),
        limit: None,
    };
    let mut text = String::new();
    for row in database.query(&query).await.map_err(told(database))? {
        let shown =
            |at: usize| row.get(at).and_then(Value::as_text).map(String::from_utf8_lossy).unwrap_or_default();
        // A String takes everything.
        let _ = writeln!(text, "{}@{}", shown(0), shown(1));
    }
    Ok(text)
}

struct User<'a> {
    name: &'a str,
    domain: &'a str,
}

impl<'a> User<'a> {
    fn named(text: &'a str) -> Result<Self, Told> {
        let text = text.strip_prefix("sip:").unwrap_or(text);
        match text.rsplit_once('@') {
            Some((name, domain)) if !name.is_empty() && !domain.is_empty() => Ok(Self { name, domain }),
            _ => Err(format!("`{text}` is no user: username@domain is")),
        }
    }

    fn keys(&self) -> Vec<Key> {
        vec![Key::eq("username", self.name), Key::eq("domain", self.domain)]
    }
}

/// A password.
enum Secret {
    Given(String),
    Made(String),
}

impl Secret {
    fn of(account: &Account) -> Result<Self, Told> {
        if let Some(given) = &account.password {
            return Ok(Self::Given(given.clone()));
        }
        if !account.stdin {
            return made().map(Self::Made);
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(|why| format!("standard input: {why}"))?;
        match line.trim_end_matches(['\r', '\n']) {
            "" => Err("standard input holds no password".into()),
            password => Ok(Self::Given(password.to_owned())),
        }
    }

    fn text(&self) -> &str {
        let (Self::Given(text) | Self::Made(text)) = self;
        text
    }

    /// In plain text, for configurations that compute (`calculate_ha1`), and as both hashes, for those that do not.
    fn cells(&self, user: &User<'_>) -> Vec<Cell> {
        let User { name, domain } = user;
        let password = self.text();
        let hash = |text: String| {
            Md5::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
        };
        vec![
            Cell::new("password", password),
            Cell::new("ha1", hash(format!("{name}:{domain}:{password}"))),
            Cell::new("ha1b", hash(format!("{name}@{domain}:{domain}:{password}"))),
        ]
    }

    fn announced(&self, account: &Account) -> String {
        match self {
            Self::Given(_) => format!("{}\n", account.user),
            Self::Made(password) => format!("{} {password}\n", account.user),
        }
    }
}

/// A password of letters and digits that are not mistaken for each other.
fn made() -> Result<String, Told> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; PASSWORD_LENGTH];
    let mut source = std::fs::File::open("/dev/urandom").map_err(|why| format!("/dev/urandom: {why}"))?;
    source.read_exact(&mut bytes).map_err(|why| format!("/dev/urandom: {why}"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_digest_authentication() {
        let user = User::named("sip:alice@example.org").expect("a user");
        let cells = Secret::Given("wonderland".into()).cells(&user);
        // Of `md5sum`: alice:example.org:wonderland, and alice@example.org:example.org:wonderland.
        assert_eq!(cells[1].value, Value::from("72f86f2053703faa0f521ce71cfe6f59"));
        assert_eq!(cells[2].value, Value::from("f5d991d8b5ad4d9bcb5958f6cd125f8c"));
    }

    #[test]
    fn made_passwords_differ_and_have_their_length() {
        let (one, other) = (made().expect("randomness"), made().expect("randomness"));
        assert_ne!(one, other);
        assert_eq!(one.len(), PASSWORD_LENGTH);
    }

    #[test]
    fn what_is_no_user_is_told() {
        for text in ["alice", "@example.org", "alice@", ""] {
            assert!(User::named(text).is_err(), "{text}");
        }
    }
}
