//! What Kamailio has.

/// Names that Kamailio has.
#[derive(Debug, Default)]
pub struct Known {}

/// Kamailio's default of a core parameter, as text.
pub(crate) fn core_default(_name: &str) -> Option<&'static str> {
    None
}
