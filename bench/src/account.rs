//! Processor time and memory of a process tree, from the kernel's own books.
//!
//! A control group counts everything that its processes and their dead children used, to the
//! nanosecond. Where no group may be made, `/proc/PID/stat` of the living tree stands in for it: in
//! ticks of a hundredth of a second, children that were waited for included.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Nanoseconds in a tick of `/proc/PID/stat`; the kernel shows 100 ticks a second on every Linux.
const TICK: u64 = 10_000_000;

/// How the names of our control groups begin; the benchmark's process follows.
const PREFIX: &str = "sip-bench-";

/// What books a group's processor time is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Books {
    /// Control groups, version 2: `usage_usec` of `cpu.stat`.
    Unified,
    /// Control groups, version 1: `cpuacct.usage`, in nanoseconds.
    Accounting,
}

impl Books {
    /// The books that this machine keeps, and the group that all processes are in.
    fn here() -> (Self, PathBuf) {
        let root = Path::new("/sys/fs/cgroup");
        if root.join("cgroup.controllers").exists() {
            (Self::Unified, root.to_path_buf())
        } else {
            (Self::Accounting, root.join("cpuacct"))
        }
    }

    /// User and system time that a group used so far.
    fn used(self, folder: &Path) -> io::Result<Duration> {
        match self {
            Self::Accounting => {
                let text = fs::read_to_string(folder.join("cpuacct.usage"))?;
                text.trim().parse().map(Duration::from_nanos).map_err(io::Error::other)
            }
            Self::Unified => {
                let text = fs::read_to_string(folder.join("cpu.stat"))?;
                let value = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
                value
                    .and_then(|value| value.trim().parse().ok())
                    .map(Duration::from_micros)
                    .ok_or_else(|| io::Error::other("cpu.stat has no usage_usec"))
            }
        }
    }
}

/// A control group of the benchmark's own, removed when dropped. Its processes must have ended by then.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    books: Books,
}

impl Group {
    /// Makes a group, or says why this machine does not let us.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        let (books, parent) = Books::here();
        sweep(&parent);
        let folder = parent.join(format!("{PREFIX}{}-{name}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self { folder, books })
    }
}

/// Removes the groups of benchmarks that were interrupted. The kernel keeps a group that still has a process.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process leaves the group a moment after it was waited for; the kernel says EBUSY until then.
        for _ in 0..100 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// A command that joins `group` before it becomes `program`, so that nothing it does goes uncounted.
pub(crate) fn command_in(group: Option<&Group>, program: &Path) -> Command {
    let Some(group) = group else {
        return Command::new(program);
    };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
    command.arg(group.folder.join("cgroup.procs")).arg(program);
    command
}

/// Processor time used so far: the group's, else that of the living processes below and with `root`.
pub(crate) fn processor_time(group: Option<&Group>, root: u32) -> io::Result<Duration> {
    match group {
        Some(group) => group.books.used(&group.folder),
        None => {
            Ok(tree(root).into_iter().filter_map(ticks).map(|ticks| Duration::from_nanos(ticks * TICK)).sum())
        }
    }
}

/// Ticks of user and system time of a process and of the children it waited for.
fn ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat_ticks(&stat)
}

/// proc(5): fields 14 to 17, counted behind the command's closing parenthesis (the command may hold blanks).
fn stat_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().ok()).sum()
}

/// Processor time the whole machine spent, all processes and processors together, but for idling.
///
/// `/proc/stat` is sampled on most kernels and misses processes that run for less than a tick: it stands in
/// only where the machine keeps no better books.
pub(crate) fn machine_time() -> io::Result<Duration> {
    let (books, everything) = Books::here();
    books.used(&everything).or_else(|_| {
        let stat = fs::read_to_string("/proc/stat")?;
        busy_ticks(&stat)
            .map(|ticks| Duration::from_nanos(ticks * TICK))
            .ok_or_else(|| io::Error::other("/proc/stat has no cpu line"))
    })
}

/// user, nice, system, (idle, iowait,) irq, softirq, steal.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_ascii_whitespace()
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    Some(fields.get(..3)?.iter().sum::<u64>() + fields.get(5..8)?.iter().sum::<u64>())
}

/// A process and all processes below it, itself first.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(process) = found.get(next).copied() {
        next += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

/// Memory of a process tree, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Memory {
    /// `VmRSS` added up; pages that processes share count once for each.
    pub(crate) resident: u64,
    /// `Pss` added up: shared pages count once in all. Equal to `resident` but for libraries in a lone process.
    pub(crate) proportional: u64,
}

impl Memory {
    /// The larger of each figure.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            resident: self.resident.max(other.resident),
            proportional: self.proportional.max(other.proportional),
        }
    }
}

/// Memory of the processes below and with `root`, now.
pub(crate) fn memory(root: u32) -> Memory {
    let mut total = Memory::default();
    for process in tree(root) {
        total.resident += kibibytes(&format!("/proc/{process}/status"), "VmRSS:").unwrap_or(0);
        total.proportional += kibibytes(&format!("/proc/{process}/smaps_rollup"), "Pss:").unwrap_or(0);
    }
    total
}

/// The value of a `Name:  123 kB` line.
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_behind_a_command_name_with_blanks_and_parentheses() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 10 20 0 0 100 20 3 4 20 0 1 0 99";
        assert_eq!(stat_ticks(stat), Some(127));
        assert_eq!(stat_ticks("7 (short) S 1"), Some(0));
        assert_eq!(stat_ticks("nonsense"), None);
    }

    #[test]
    fn idle_and_waiting_time_is_not_busy() {
        assert_eq!(busy_ticks("cpu  1 2 4 1000 500 8 16 32 0 0\ncpu0 1"), Some(63));
        assert_eq!(busy_ticks("intr 5"), None);
    }

    #[test]
    fn the_tree_of_this_process_has_its_child_and_memory() {
        let mut child = Command::new("sleep").arg("30").spawn().expect("coreutils are there");
        let found = tree(std::process::id());
        assert!(found.contains(&child.id()));
        assert!(memory(child.id()).resident > 0);
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }
}
