//! The pairs in which Tandem differs on purpose, and the reason's place in `docs/compatibility.md`.

use std::fs;

use crate::case::root;
use crate::error::{Error, Result};

/// One line of `differences.txt`: `case/message reason-id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Case and message, joined by `/`.
    pub pair: String,
    /// The id under which `docs/compatibility.md` gives the reason, as `` `id` `` at the start of an entry.
    pub reason: String,
}

/// Every listed difference.
///
/// # Errors
/// [`Error::Case`] for a line without a reason, or a reason that the documentation does not give.
pub fn load() -> Result<Vec<Difference>> {
    let path = root().join("differences.txt");
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let documentation = root().join("../../docs/compatibility.md");
    let reasons = fs::read_to_string(&documentation).map_err(Error::file(&documentation))?;
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let wrong = |what: &str| Error::Case(path.clone(), format!("`{line}`: {what}"));
            let (pair, reason) =
                line.split_once(' ').ok_or_else(|| wrong("write the pair, a space, the reason's id"))?;
            let reason = reason.trim().to_owned();
            if !reasons.contains(&format!("`{reason}`")) {
                return Err(wrong("docs/compatibility.md gives no such reason"));
            }
            Ok(Difference { pair: pair.to_owned(), reason })
        })
        .collect()
}
