//! A fifo of JSON-RPC requests, as `kamctl` writes them; each names the fifo that takes its answer.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::de::IgnoredAny;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Desk, Ownership};
use crate::json;

/// How much is read at a time.
const CHUNK: usize = 4096;
/// How often an answer is tried whose reader has not opened its fifo yet or does not read, and how long between.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// Makes and opens the fifo; within the runtime.
pub(super) fn open(
    desk: &Arc<Desk>,
    path: &Path,
    ownership: &Ownership,
    replies: &Path,
) -> io::Result<JoinHandle<()>> {
    match std::fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_fifo() => std::fs::remove_file(path)?,
        Ok(_) => {
            let why = format!("{} exists and is no fifo", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o600))?;
    ownership.give(path)?;
    // Opened for writing too, so that it does not end with its first writer.
    let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(path)?;
    Ok(tokio::spawn(serve(Arc::clone(desk), receiver, replies.to_owned())))
}

async fn serve(desk: Arc<Desk>, mut receiver: pipe::Receiver, replies: PathBuf) {
    let mut buffer = Vec::new();
    loop {
        while let Some(request) = take(&mut buffer) {
            if let Ok(name) = json::request(&request).map(|request| request.reply_name) {
                let answer = desk.json(&request, desk.layout).await;
                if let Some(path) = name.and_then(|name| reply_path(&replies, &name)) {
                    reply(&path, answer.as_bytes()).await;
                }
            }
        }
        let length = buffer.len();
        buffer.resize(length + CHUNK, 0);
        let reading = receiver.read(&mut buffer[length..]);
        let read = match timeout(desk.limits.patience, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => return,
            // What has come in is no whole request and will not become one.
            Err(_) => {
                buffer.clear();
                continue;
            }
        };
        buffer.truncate(length + read);
        if buffer.len() > desk.limits.request {
            buffer.clear();
        }
    }
}

/// Takes the first whole value off the front. What is no JSON is dropped up to its line's end.
fn take(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let mut values = serde_json::Deserializer::from_slice(buffer).into_iter::<IgnoredAny>();
        match values.next()? {
            Ok(_) => {
                let end = values.byte_offset();
                return Some(buffer.drain(..end).collect());
            }
            Err(error) if error.is_eof() => return None,
            Err(_) => {
                let end = buffer.iter().position(|byte| *byte == b'\n').map_or(buffer.len(), |end| end + 1);
                buffer.drain(..end);
            }
        }
    }
}

/// Where an answer goes: a plain name in the folder, never a way out of it.
fn reply_path(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && name != ".." && name != "." && !name.contains(['/', '\0']);
    plain.then(|| folder.join(name))
}

/// Writes an answer to a fifo that somebody reads. There may be none, or a reader that dawdles; both are nobody's loss
/// but the reader's.
async fn reply(path: &Path, mut answer: &[u8]) {
    let mut open: Option<File> = None;
    for _ in 0..TRIES {
        match write(path, &mut open, &mut answer) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Nobody has opened it for reading yet.
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32) => {}
            Err(_) => return,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn write(path: &Path, open: &mut Option<File>, answer: &mut &[u8]) -> io::Result<()> {
    let file = match open {
        Some(file) => file,
        None => {
            let flags = (OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits();
            let file = std::fs::OpenOptions::new().write(true).custom_flags(flags).open(path)?;
            if !file.metadata()?.file_type().is_fifo() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            open.insert(file)
        }
    };
    while !answer.is_empty() {
        let written = file.write(answer)?;
        *answer = &answer[written..];
    }
    Ok(())
}
