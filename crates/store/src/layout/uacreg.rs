//! `uacreg`, the table whose layout changed most: people's scripts insert into it by position.

use super::column::{Column, int, name};
use super::{Index, Table};

const KEY: &[Index] = &[Index::unique(&["l_uuid"])];

const fn table(version: i64, columns: &'static [Column]) -> Table {
    Table { module: "uac", name: "uacreg", version, key: "id", columns, indexes: KEY }
}

/// 5.0 to 5.2.
pub(super) const V3: Table = table(
    3,
    &[
        name("l_uuid", 64),
        name("l_username", 64),
        name("l_domain", 64),
        name("r_username", 64),
        name("r_domain", 64),
        name("realm", 64),
        name("auth_username", 64),
        name("auth_password", 64),
        name("auth_ha1", 64),
        name("auth_proxy", 255),
        int("expires").or("0"),
        int("flags").or("0"),
        int("reg_delay").or("0"),
    ],
);

/// 5.3 and 5.4.
pub(super) const V4: Table = table(
    4,
    &[
        name("l_uuid", 64),
        name("l_username", 64),
        name("l_domain", 64),
        name("r_username", 64),
        name("r_domain", 64),
        name("realm", 64),
        name("auth_username", 64),
        name("auth_password", 64),
        name("auth_ha1", 64),
        name("auth_proxy", 255),
        int("expires").or("0"),
        int("flags").or("0"),
        int("reg_delay").or("0"),
        name("socket", 128),
    ],
);

/// 6.2 and later; between them stands the table of 5.5.
pub(super) const V6: Table = table(
    6,
    &[
        name("l_uuid", 64),
        name("l_username", 64),
        name("l_domain", 64),
        name("r_username", 64),
        name("r_domain", 64),
        name("realm", 64),
        name("auth_username", 64),
        name("auth_password", 64),
        name("auth_ha1", 128),
        name("auth_proxy", 255),
        int("expires").or("0"),
        int("flags").or("0"),
        int("reg_delay").or("0"),
        name("contact_addr", 255),
        name("contact_user", 255),
        name("socket", 128),
    ],
);
