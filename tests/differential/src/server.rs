//! A server under test: Kamailio, or Tandem under Kamailio's command line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::endpoint::poll;
use crate::error::{Error, Result};

/// Which server a run goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Debian's Kamailio, the judge.
    Kamailio,
    /// The binary at this path, started as `tandem kamailio …`.
    Tandem(PathBuf),
}

impl Kind {
    /// Kamailio, when it is installed.
    #[must_use]
    pub fn kamailio() -> Option<Self> {
        ["/usr/sbin/kamailio", "/usr/local/sbin/kamailio"]
            .iter()
            .any(|path| Path::new(path).is_file())
            .then_some(Self::Kamailio)
    }

    /// Tandem: what `TANDEM_BIN` names, or the binary beside the running test in the target folder.
    #[must_use]
    pub fn tandem() -> Option<Self> {
        let named = std::env::var_os("TANDEM_BIN").map(PathBuf::from);
        let beside = || {
            let test = std::env::current_exe().ok()?;
            test.ancestors().skip(1).take(2).map(|folder| folder.join("tandem")).find(|path| path.is_file())
        };
        named.or_else(beside).map(Self::Tandem)
    }

    /// For people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kamailio => "kamailio",
            Self::Tandem(_) => "tandem",
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Kamailio => Command::new("kamailio"),
            Self::Tandem(path) => {
                let mut command = Command::new(path);
                command.arg("kamailio");
                command
            }
        }
    }
}

/// A running server. Dropping it stops it, with every process it has.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    folder: PathBuf,
}

impl Server {
    /// Starts `kind` on the configuration `text`; it is not ready yet.
    ///
    /// # Errors
    /// [`Error::File`] when the run's folder cannot be written, [`Error::Server`] when nothing can be started.
    pub fn start(kind: &Kind, text: &[u8], common: &[u8]) -> Result<Self> {
        let folder = run_folder()?;
        let file = folder.join("kamailio.cfg");
        fs::write(&file, text).map_err(Error::file(&file))?;
        let beside = folder.join("common.cfg");
        fs::write(&beside, common).map_err(Error::file(&beside))?;
        let mut child = kind
            .command()
            .args(["-DD", "-E", "-m", "32", "-M", "8", "-f"])
            .arg(&file)
            .arg("-Y")
            .arg(&folder)
            .current_dir(&folder)
            .env("DIFFERENTIAL_TEST", "an environment value")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                Error::Server(format!("{} cannot be started: {error}", kind.name()), Vec::new())
            })?;
        let log = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || collect(stderr, &log));
        }
        Ok(Self { child, log, folder })
    }

    /// The number of log lines up to now.
    #[must_use]
    pub fn log_size(&self) -> usize {
        self.lines(0).len()
    }

    /// The log from line `from` on.
    #[must_use]
    pub fn lines(&self, from: usize) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        log.get(from..).unwrap_or_default().to_vec()
    }

    /// Waits until a log line from `from` on contains `mark`, which is no part of what is given back.
    #[must_use]
    pub fn lines_until(&self, from: usize, mark: &str) -> Option<Vec<String>> {
        poll(Duration::from_secs(10), || {
            let mut lines = self.lines(from);
            let at = lines.iter().position(|line| line.contains(mark))?;
            lines.truncate(at);
            Some(lines)
        })
    }

    /// Whether the main process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// An [`Error::Server`] that shows the end of the log.
    #[must_use]
    pub fn failure(&self, what: &str) -> Error {
        let lines = self.lines(0);
        let interesting = lines.iter().filter(|line| !line.contains("INFO:") && !line.contains("DEBUG:"));
        let last: Vec<String> = interesting.cloned().collect();
        Error::Server(what.to_owned(), last[last.len().saturating_sub(12)..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        if poll(Duration::from_secs(5), || self.child.try_wait().ok().flatten()).is_none() {
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn collect(stderr: ChildStderr, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(size) if size > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
        let entries = entries(&text).map(str::to_owned);
        log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(entries);
        line.clear();
    }
}

/// The entries of one line: a script whose text has no line end lets the next entry follow on the same line.
fn entries(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = (1..rest.len()).filter(|at| rest.is_char_boundary(*at)).find(|at| is_entry(&rest[*at..]));
        let (entry, after) = rest.split_at(next.unwrap_or(rest.len()));
        rest = after;
        Some(entry)
    })
}

/// Whether text begins as an entry does: ` 1(4711) ERROR: `.
fn is_entry(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix(' ').and_then(|text| text.split_once('(')).is_some_and(|(index, rest)| {
        number(index)
            && rest.split_once(") ").is_some_and(|(process, rest)| {
                let level = rest.split_once(": ").map_or("", |(level, _)| level);
                number(process) && !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_uppercase())
            })
    })
}

/// A folder for one server's files; its number keeps parallel runs apart.
fn run_folder() -> Result<PathBuf> {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("differential-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn a_text_without_a_line_end_does_not_swallow_the_next_entry() {
        let line = " 1(47) ERROR: <script>: one (2) ERR: 1(47) INFO: <script>: two";
        let expected = [" 1(47) ERROR: <script>: one (2) ERR:", " 1(47) INFO: <script>: two"];
        assert_eq!(entries(line).collect::<Vec<_>>(), expected);
    }
}
