//! Files of unix sockets: made anew, and given to whom they are for.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;

/// Whose a socket's or fifo's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Permissions.
    pub mode: u32,
    /// User, if another than the server's.
    pub user: Option<u32>,
    /// Group, if another than the server's.
    pub group: Option<u32>,
}

impl Ownership {
    /// The server's own user only.
    pub const PRIVATE: Self = Self { mode: 0o600, user: None, group: None };

    /// Puts it into effect on a file.
    ///
    /// # Errors
    /// The server may not.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, Permissions::from_mode(self.mode))?;
        if self.user.is_some() || self.group.is_some() {
            std::os::unix::fs::chown(path, self.user, self.group)?;
        }
        Ok(())
    }
}

/// Makes room for a socket: its folder, for the server's user only if it is new, and no socket in its place.
///
/// # Errors
/// The folder cannot be made, something else than a socket stands there, or a server still answers on it.
pub(super) fn make_room(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} exists and is no socket", path.display()),
        )),
        Ok(_) => std::fs::remove_file(path),
    }
}
