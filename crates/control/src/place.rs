//! Where control sockets are.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A control socket of a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The socket.
    pub path: PathBuf,
    /// The server's process.
    pub pid: u32,
}

/// The folder of this user's control sockets: `/run/tandem` for root, else `$XDG_RUNTIME_DIR/tandem`, else a folder
/// of the user's own under `/tmp`.
fn folder() -> PathBuf {
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if is_root {
        return PathBuf::from("/run/tandem");
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(runtime) if !runtime.is_empty() => Path::new(&runtime).join("tandem"),
        _ => PathBuf::from(format!(
            "/tmp/tandem-{}",
            std::env::var("USER").unwrap_or_else(|_| "user".to_owned())
        )),
    }
}

/// Where this process's own socket goes. Its folder is made, for this user only.
///
/// # Errors
/// The folder cannot be made.
pub fn own_place() -> io::Result<Place> {
    let (folder, pid) = (folder(), std::process::id());
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(Place { path: folder.join(format!("{pid}.sock")), pid })
}

/// The sockets of all running servers of this user, oldest process number first. Sockets that a killed server left
/// behind are taken away.
///
/// # Errors
/// The folder cannot be read; that it is missing only means that no server runs.
pub fn find() -> io::Result<Vec<Place>> {
    let entries = match std::fs::read_dir(folder()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut places = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let pid = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let Some(pid) = pid.filter(|_| path.extension().is_some_and(|extension| extension == "sock")) else {
            continue;
        };
        if Path::new("/proc").join(format!("{pid}")).exists() {
            places.push(Place { path, pid });
        } else {
            // Left behind by a server that was killed. Somebody else may have removed it meanwhile.
            let _ = std::fs::remove_file(&path);
        }
    }
    places.sort_by_key(|place| place.pid);
    Ok(places)
}
