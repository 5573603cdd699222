//! Configurations from the file system and the environment.

use std::path::Path;

use cfg_syntax::source::Loader;

/// This machine's files and this process's environment, and what the command line adds to the main file.
pub(crate) struct FileLoader<'a> {
    /// The file that was named.
    pub main: &'a Path,
    /// Lines after its own.
    pub appended: &'a str,
}

impl Loader for FileLoader<'_> {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let mut text = std::fs::read(path)?;
        if path == self.main && !self.appended.is_empty() {
            text.push(b'\n');
            text.extend_from_slice(self.appended.as_bytes());
        }
        Ok(text)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
