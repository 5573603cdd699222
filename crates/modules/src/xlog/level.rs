//! Kamailio's nine log levels by name, and syslog's facilities.

/// `L_ERR`: the level of a line that names none.
pub(crate) const ERROR: i64 = -1;
/// `L_DBG`.
pub(crate) const DEBUG: i64 = 3;

/// A level's number by its name. Only the third letter counts, as in Kamailio: `L_ERR` is `L_ERROR`.
pub(crate) fn by_name(name: &[u8]) -> Option<i64> {
    Some(match name.get(2)? {
        b'A' => -5,
        b'B' => -4,
        b'C' if name.ends_with(b"2") => -3,
        b'C' => -2,
        b'E' => ERROR,
        b'W' => 0,
        b'N' => 1,
        b'I' => 2,
        b'D' => DEBUG,
        _ => return None,
    })
}

/// The facilities of syslog, as `log_facility` names them.
const FACILITIES: [&str; 20] = [
    "LOG_AUTH",
    "LOG_AUTHPRIV",
    "LOG_CRON",
    "LOG_DAEMON",
    "LOG_FTP",
    "LOG_KERN",
    "LOG_LOCAL0",
    "LOG_LOCAL1",
    "LOG_LOCAL2",
    "LOG_LOCAL3",
    "LOG_LOCAL4",
    "LOG_LOCAL5",
    "LOG_LOCAL6",
    "LOG_LOCAL7",
    "LOG_LPR",
    "LOG_MAIL",
    "LOG_NEWS",
    "LOG_SYSLOG",
    "LOG_USER",
    "LOG_UUCP",
];

/// A facility by its name, if syslog has it.
pub(crate) fn facility(name: &[u8]) -> Option<&'static str> {
    FACILITIES.into_iter().find(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_letter_names_a_level() {
        let named = |name: &str| by_name(name.as_bytes());
        assert_eq!(named("L_ALERT"), Some(-5));
        assert_eq!(named("L_CRIT"), Some(-2));
        assert_eq!(named("L_CRIT2"), Some(-3));
        assert_eq!(named("L_ERR"), Some(-1));
        assert_eq!(named("XXEabc"), Some(-1));
        assert_eq!(named("L_DBG"), Some(3));
        assert_eq!(named("L_err"), None);
        assert_eq!(named("L_"), None);
    }

    #[test]
    fn facilities_are_those_of_syslog() {
        assert_eq!(facility(b"LOG_LOCAL3"), Some("LOG_LOCAL3"));
        assert_eq!(facility(b"LOG_LOCAL8"), None);
    }
}
