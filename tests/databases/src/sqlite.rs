//! SQLite.

use std::path::PathBuf;

use crate::folder::Folder;

/// A SQLite file in a folder of its own; not there until somebody writes to it.
#[derive(Debug, Default)]
pub struct Sqlite {
    folder: Folder,
}

impl Sqlite {
    /// A place for one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("kamailio.sqlite")
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }
}
