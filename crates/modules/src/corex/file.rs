//! Files, read and written without holding the shard.

use std::io;
use std::path::PathBuf;

use engine::module::{Flow, Resume};
use engine::{Args, Cx};

/// Longest file that is read into a variable.
const MOST_BYTES: u64 = 16 << 20;

fn path(args: &Args<'_>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(args.text(0)).into_owned())
}

/// An empty file counts as none, as in Kamailio.
fn read(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let length = std::fs::metadata(path)?.len();
    if length == 0 || length > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has {length} bytes")));
    }
    std::fs::read(path)
}

pub(super) fn file_read(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (path, Some(target)) = (path(args), args.pv(1)) else { return Flow::FALSE };
    let work = cx.server().runtime.spawn_blocking(move || (read(&path), path));
    Flow::wait(async move {
        let done = work.await;
        let resume: Resume = Box::new(move |cx| match done {
            Ok((Ok(content), _)) => cx.write_pv(target, content.into()).into(),
            Ok((Err(error), path)) => failed("read", &path, &error),
            Err(_) => Flow::FALSE,
        });
        resume
    })
}

pub(super) fn file_write(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (path, content) = (path(args), args.str(1));
    if content.is_empty() {
        tracing::error!(target: "corex", "file_write: there is no content");
        return Flow::FALSE;
    }
    let work = cx.server().runtime.spawn_blocking(move || (std::fs::write(&path, &content), path));
    Flow::wait(async move {
        let done = work.await;
        let resume: Resume = Box::new(move |_| match done {
            Ok((Ok(()), _)) => Flow::TRUE,
            Ok((Err(error), path)) => failed("written", &path, &error),
            Err(_) => Flow::FALSE,
        });
        resume
    })
}

fn failed(what: &str, path: &std::path::Path, error: &io::Error) -> Flow {
    tracing::error!(target: "corex", "{} cannot be {what}: {error}", path.display());
    Flow::FALSE
}
