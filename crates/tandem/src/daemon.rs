//! Becoming a daemon, and another user.
//!
//! The process is split before any thread exists. The parent waits until the child serves or has failed, so that the
//! shell sees the true exit status.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;

use nix::unistd::{
    ForkResult, Gid, Group, Uid, User, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe, setgid, setsid,
    setuid,
};

use crate::logging;

/// What the child tells its parent when it serves.
const READY: &[u8] = b"+";

/// Splits the process: the child runs `start`, then `serve`; the parent returns from here once the child has started.
///
/// # Errors
/// Why the child did not start.
pub(crate) fn detach<T>(
    start: impl FnOnce() -> Result<T, String>,
    serve: impl FnOnce(T),
) -> Result<(), String> {
    let (reader, writer) = pipe().map_err(|error| format!("pipe: {error}"))?;
    // SAFETY: no thread has been started yet, so the child may go on like any program.
    match unsafe { fork() }.map_err(|error| format!("fork: {error}"))? {
        ForkResult::Parent { .. } => {
            drop(writer);
            wait(reader)
        }
        ForkResult::Child => {
            drop(reader);
            let mut parent = File::from(writer);
            if let Err(error) = setsid() {
                tell(&mut parent, format!("setsid: {error}").as_bytes());
                exit_child(255);
            }
            match start() {
                Ok(started) => {
                    if let Err(error) = close_terminal() {
                        tracing::warn!(target: "core", "the terminal could not be left: {error}");
                    }
                    tell(&mut parent, READY);
                    drop(parent);
                    serve(started);
                    exit_child(0)
                }
                Err(error) => {
                    tell(&mut parent, error.as_bytes());
                    exit_child(255)
                }
            }
        }
    }
}

#[allow(clippy::exit)] // The child of a fork must not return into the parent's code.
fn exit_child(status: i32) -> ! {
    exit(status)
}

fn tell(parent: &mut File, text: &[u8]) {
    // A parent that was killed need not be told.
    let _ = parent.write_all(text);
}

fn wait(reader: OwnedFd) -> Result<(), String> {
    let mut text = Vec::new();
    File::from(reader)
        .read_to_end(&mut text)
        .map_err(|error| format!("the child cannot be heard: {error}"))?;
    match text.as_slice() {
        READY => Ok(()),
        [] => Err("the server ended while it started; its log says why".to_owned()),
        error => Err(String::from_utf8_lossy(error).into_owned()),
    }
}

fn close_terminal() -> std::io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(null.as_fd())?;
    dup2_stdout(null.as_fd())?;
    dup2_stderr(null.as_fd())?;
    logging::leave_terminal();
    Ok(())
}

/// Whom the server runs as.
pub(crate) struct Identity {
    /// Name or number.
    pub user: Option<String>,
    /// Name or number.
    pub group: Option<String>,
}

impl Identity {
    /// Gives up root's rights; the sockets are open by now.
    ///
    /// # Errors
    /// There is no such user or group, or this process may not become it.
    pub(crate) fn take_on(&self) -> Result<(), String> {
        if let Some(name) = &self.group {
            let group = number(name)
                .map(Gid::from_raw)
                .or_else(|| Group::from_name(name).ok().flatten().map(|g| g.gid));
            let group = group.ok_or_else(|| format!("there is no group `{name}`"))?;
            setgid(group).map_err(|error| format!("group {name}: {error}"))?;
        }
        if let Some(name) = &self.user {
            let user = number(name)
                .map(Uid::from_raw)
                .or_else(|| User::from_name(name).ok().flatten().map(|u| u.uid));
            let user = user.ok_or_else(|| format!("there is no user `{name}`"))?;
            setuid(user).map_err(|error| format!("user {name}: {error}"))?;
        }
        Ok(())
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}
