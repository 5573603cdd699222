//! What the stock configuration and the seed use of the modules, and which cases meet it.

use crate::case::Case;
use crate::error::Result;

/// Coverage of required names by cases.
#[derive(Debug)]
pub struct Coverage {}

impl Coverage {
    /// Of `cases`.
    ///
    /// # Errors
    /// None yet.
    pub fn of(_cases: &[Case]) -> Result<Self> {
        Ok(Self {})
    }

    /// Table.
    #[must_use]
    pub fn text(&self) -> String {
        String::new()
    }

    /// Missing.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
