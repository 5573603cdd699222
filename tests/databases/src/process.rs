//! A server's process: started in the foreground, ended by its id.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};

/// How long a server may take to start on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// The package's own user, if this is root, who may not run databases.
pub(crate) fn owner(name: &str) -> Option<User> {
    let user =
        || User::from_name(name).unwrap().unwrap_or_else(|| panic!("no user `{name}`: run scripts/setup.sh"));
    Uid::effective().is_root().then(user)
}

/// A command that runs as that user.
pub(crate) fn command(program: &Path, owner: Option<&User>) -> Command {
    assert!(program.exists(), "{} is missing: run scripts/setup.sh", program.display());
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).current_dir("/");
    if let Some(user) = owner {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

/// A port of loopback that nobody uses now. Another may take it before the server does: then start again.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a server and waits until it is ready. None when it ended before that.
    pub(crate) fn start(command: &mut Command, log: &Path, ready: impl Fn() -> bool) -> Option<Self> {
        let log = File::options().create(true).append(true).open(log).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut process = Self { child: command.spawn().unwrap() };
        let started = Instant::now();
        while process.child.try_wait().unwrap().is_none() {
            if ready() {
                return Some(process);
            }
            assert!(started.elapsed() < START_LIMIT, "{command:?} is not ready within {START_LIMIT:?}");
            std::thread::sleep(POLL);
        }
        None
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it without any notice.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
