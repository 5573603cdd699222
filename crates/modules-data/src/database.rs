//! Which databases a configuration may use: as in Kamailio, those whose driver's module it loads.

use engine::Setup;

/// Drivers' modules, and the URLs that they serve.
const DRIVERS: &[(&str, &str)] = &[
    ("sqlite", "db_sqlite"),
    ("mysql", "db_mysql"),
    ("postgres", "db_postgres"),
    ("postgresql", "db_postgres"),
];

/// Whether the URL's driver is loaded.
///
/// # Errors
/// What is missing, to be told at the parameter.
pub fn check_driver(setup: &Setup<'_>, url: &[u8]) -> Result<(), String> {
    let scheme = store::scheme(url).unwrap_or_default();
    match DRIVERS.iter().find(|(known, _)| known.as_bytes() == scheme) {
        Some((_, module)) if !setup.is_loaded(module) => {
            Err(format!("this URL needs loadmodule \"{module}.so\" before this module"))
        }
        // Of an unknown scheme, `store` tells more.
        _ => Ok(()),
    }
}
