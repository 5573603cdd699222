//! `mod_level=tm=3`: levels and facilities of single modules.

/// Reads `module=value`.
pub(super) fn pair(text: &[u8]) -> Option<(&str, &str)> {
    let (module, value) = std::str::from_utf8(text).ok()?.split_once('=')?;
    let (module, value) = (module.trim(), value.trim());
    (!module.is_empty()).then_some((module, value))
}

/// Reads `module=level`.
pub(super) fn level(text: &[u8]) -> Result<(&str, i64), String> {
    let found = pair(text).and_then(|(module, level)| Some((module, level.parse().ok()?)));
    found.ok_or_else(|| format!("\"{}\" is no module=level, such as \"core=3\"", text.escape_ascii()))
}

/// Reads `module=facility`.
pub(super) fn facility(text: &[u8]) -> Result<(&str, &'static str), String> {
    let found =
        pair(text).and_then(|(module, name)| Some((module, crate::xlog::level::facility(name.as_bytes())?)));
    found.ok_or_else(|| {
        format!("\"{}\" is no module=facility, such as \"core=LOG_LOCAL0\"", text.escape_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_and_its_value_are_read() {
        assert_eq!(level(b"core=2"), Ok(("core", 2)));
        assert_eq!(level(b" tm = -1 "), Ok(("tm", -1)));
        assert!(level(b"core").is_err());
        assert!(level(b"core=x").is_err());
        assert_eq!(facility(b"core=LOG_LOCAL3"), Ok(("core", "LOG_LOCAL3")));
        assert!(facility(b"core=LOCAL3").is_err());
    }
}
