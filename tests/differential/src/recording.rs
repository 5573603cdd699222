//! `expected.out`: what Kamailio did with each message of a case; and `tandem.out`, for the pairs in which
//! Tandem differs on purpose.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::outcome::Outcome;

/// The recorded text of each message, in order.
pub type Recording = Vec<(String, String)>;

/// Reads a recording; a missing file is an empty one.
///
/// # Errors
/// [`Error::File`] when the file is there but cannot be read.
pub fn read(path: &Path) -> Result<Recording> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::File(path.to_path_buf(), error)),
    };
    Ok(parse(&text))
}

/// Writes the recording of `outcomes`.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn write<'a>(path: &Path, outcomes: impl Iterator<Item = &'a Outcome>) -> Result<()> {
    let text: String = outcomes.map(|outcome| format!("=== {}\n{}", outcome.name, outcome.text())).collect();
    fs::write(path, text).map_err(Error::file(path))
}

/// The recorded text of the message `name`.
#[must_use]
pub fn find<'a>(recording: &'a Recording, name: &str) -> Option<&'a str> {
    recording.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
}

fn parse(text: &str) -> Recording {
    let mut recording = Recording::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("=== "), recording.last_mut()) {
            (Some(name), _) => recording.push((name.trim_end().to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    recording
}

#[cfg(test)]
mod tests {
    #[test]
    fn records_are_told_apart_by_their_heads() {
        let recording = super::parse("=== a\n-> nothing\n=== b\n-> x\n    y\n\n");
        assert_eq!(super::find(&recording, "a"), Some("-> nothing\n"));
        assert_eq!(super::find(&recording, "b"), Some("-> x\n    y\n\n"));
        assert_eq!(super::find(&recording, "c"), None);
    }
}
