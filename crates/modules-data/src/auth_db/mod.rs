//! Module `auth_db`: checks digest credentials against a table of subscribers.

mod check;
mod subscriber;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use cfg_vm::Str;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::variables::AvpName;
use engine::{Cx, Function, Module, Param, Setup, SetupError};
use store::{Database, Key, Query, Row};

use crate::source;

/// The module's table.
pub const MODULE: Module = Module {
    name: "auth_db",
    doc: "Checks digest credentials against a table of subscribers.",
    params: &[
        Param::text("db_url", source::READ_ONLY_URL, "The database."),
        Param::text("user_column", "username", "Column of the user."),
        Param::text("domain_column", "domain", "Column of the domain."),
        Param::text("password_column", "ha1", "Column of the HA1, or of the password with `calculate_ha1`."),
        Param::text("password_column_2", "ha1b", "Column of the HA1 made with `user@domain`."),
        Param::int_in("calculate_ha1", 0, 1, "0", "Whether the table holds passwords, not HA1s."),
        Param::int_in("use_domain", 0, 1, "0", "Whether a user of another domain is another user."),
        Param::text(
            "load_credentials",
            "",
            "Columns to put into AVPs, as `$avp(name)=column;column`, where credentials are right.",
        ),
        Param::int_in("version_table", 0, 1, "1", "Columns are met by their names, whatever the table's version.")
            .ignored(),
        Param::int_in(
            "force_generate_avps",
            0,
            1,
            "0",
            "Fills the AVPs of `load_credentials` for a wrong password too.",
        ),
    ],
    functions: &[
        Function::new(
            "auth_check",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Int],
            Routes::REQUEST,
            check::auth_check,
            "Checks the credentials for a realm against a table: 1 right, -1 failed, -2 wrong password, -3 no such user, \
             -4 stale nonce, -5 none, -6 nonce used before, -8 another's. Flag 1 compares the user with From (and To in \
             REGISTER and PUBLISH), 2 leaves that out for requests that may be anonymous.",
        )
        .waits(),
        Function::new(
            "www_authenticate",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            check::www_authenticate,
            "Checks Authorization for a realm against a table, for another method than the request's if one is given.",
        )
        .requires(2)
        .waits(),
        Function::new(
            "www_authorize",
            REALM_AND_TABLE,
            Routes::REQUEST,
            check::www_authenticate,
            "Older name of `www_authenticate`.",
        )
        .waits(),
        Function::new(
            "proxy_authenticate",
            REALM_AND_TABLE,
            Routes::REQUEST,
            check::proxy_authenticate,
            "Checks Proxy-Authorization for a realm against a table.",
        )
        .waits(),
        Function::new(
            "proxy_authorize",
            REALM_AND_TABLE,
            Routes::REQUEST,
            check::proxy_authenticate,
            "Older name of `proxy_authenticate`.",
        )
        .waits(),
        Function::new(
            "is_subscriber",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Int],
            Routes::ANY,
            subscriber::is_subscriber,
            "Whether a URI's user is in a table: 1 yes, -2 no, -1 failed. Flag 1 compares the domain too, 2 loads no AVPs.",
        )
        .waits(),
    ],
    start,
    ..Module::EMPTY
};

const REALM_AND_TABLE: &[ArgKind] = &[ArgKind::Format, ArgKind::Format];

/// The module under one configuration.
struct AuthDb {
    database: Database,
    user: String,
    domain: String,
    password: String,
    password_with_domain: String,
    calculates: bool,
    use_domain: bool,
    loads: Vec<Load>,
    always_loads: bool,
    /// Stands for the secret of a user that does not exist, so that the answer takes as long as for one that does.
    /// Nobody knows it.
    nobodys: Vec<u8>,
}

/// A column that goes into an AVP.
#[derive(Debug, PartialEq)]
struct Load {
    avp: AvpName,
    column: String,
}

impl AuthDb {
    /// Rows of a user, with these columns before those that go into AVPs.
    fn query(&self, table: &[u8], first: &str, user: &[u8], domain: Option<&[u8]>) -> Query {
        let mut keys = vec![Key::eq(&self.user, user)];
        keys.extend(domain.map(|domain| Key::eq(&self.domain, domain)));
        let columns = std::iter::once(first).chain(self.loads.iter().map(|load| &load.column[..]));
        Query {
            table: String::from_utf8_lossy(table).into_owned(),
            columns: columns.map(str::to_owned).collect(),
            keys,
            order: None,
            limit: Some(1),
        }
    }

    /// Fills the AVPs from a row of [`AuthDb::query`].
    fn load(&self, cx: &mut Cx<'_>, row: &Row) {
        for (load, value) in self.loads.iter().zip(row.iter().skip(1)) {
            cx.context.variables.avps.push(load.avp.clone(), source::script_value(value));
        }
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if !setup.is_loaded("auth") {
        return Err(SetupError::new("needs module auth; load it before"));
    }
    let loads = match setup.values("load_credentials").last() {
        Some(param) => parse_loads(param.value.as_text().unwrap_or_default())
            .map_err(|reason| SetupError::at(param, format!("load_credentials: {reason}")))?,
        None => Vec::new(),
    };
    Ok(Arc::new(AuthDb {
        database: source::database(setup)?,
        user: source::name(setup, "user_column", "username"),
        domain: source::name(setup, "domain_column", "domain"),
        password: source::name(setup, "password_column", "ha1"),
        password_with_domain: source::name(setup, "password_column_2", "ha1b"),
        calculates: source::is_on(setup, "calculate_ha1"),
        use_domain: source::is_on(setup, "use_domain"),
        loads,
        always_loads: source::is_on(setup, "force_generate_avps"),
        nobodys: format!("{0:016x}{1:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
            .into_bytes(),
    }))
}

/// `$avp(name)=column;column`
fn parse_loads(text: &[u8]) -> Result<Vec<Load>, String> {
    let items = text.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let (avp, column) = match item.iter().position(|&byte| byte == b'=') {
                Some(equals) => {
                    let avp = item[..equals].trim_ascii();
                    let name = avp.strip_prefix(b"$avp(").and_then(|rest| rest.strip_suffix(b")"));
                    let name = name.ok_or_else(|| format!("`{}` is no $avp(name)", avp.escape_ascii()))?;
                    (AvpName::parse(name)?, item[equals + 1..].trim_ascii())
                }
                None => (AvpName::Text(Str::copy(item)), item),
            };
            Ok(Load { avp, column: String::from_utf8_lossy(column).into_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_into_avps_of_their_own_names_or_of_others() {
        let loads = parse_loads(b"$avp(i:12)=rpid; email_address;$avp(s:x) = y").expect("well-formed");
        let expected = [
            (AvpName::Number(12), "rpid"),
            (AvpName::Text(Str::from("email_address")), "email_address"),
            (AvpName::Text(Str::from("x")), "y"),
        ];
        let expected = expected.map(|(avp, column)| Load { avp, column: column.to_owned() });
        assert_eq!(loads, expected);
        assert!(parse_loads(b"x=y").is_err());
        assert_eq!(parse_loads(b" ; "), Ok(Vec::new()));
    }
}
