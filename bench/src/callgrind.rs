//! Instructions and allocations that a server spends on a message, counted by callgrind.
//!
//! The server runs under valgrind twice, for `n` and for `2n` calls; the difference is what `n` calls
//! cost, start and end cancelled out. Only user space is counted: the kernel's part is the same for all.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::probe::Prober;
use crate::server::{Kind, Ports, Programs, Server};
use crate::sipp::{Load, Sipp, SippError};

/// Some servers are a hundred times slower under valgrind: so many calls a second leave them time to spare.
const RATE: u64 = 20;
/// Valgrind translates a server's code first.
const READY: Duration = Duration::from_secs(60);
const MESSAGES_A_CALL: u64 = 6;
/// Functions whose every call is an allocation: libc's, and Kamailio's managers of its own memory.
const ALLOCATORS: [&str; 12] = [
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "posix_memalign",
    "mi_malloc_aligned",
    "mi_zalloc_aligned",
    "mi_realloc_aligned",
    "qm_malloc",
    "qm_realloc",
    "tlsf_malloc",
    "tlsf_realloc",
];

/// What was counted: a whole run's, or a message's share.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// What may go wrong in counting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    #[error(transparent)]
    Sipp(#[from] SippError),
    #[error("the server cannot be run under valgrind: {0}; `make setup` installs it")]
    Start(io::Error),
    #[error("{0} passed no message under valgrind within {1:?}; its log is {2}")]
    Deaf(Kind, Duration, PathBuf),
    #[error("{0}: {1} of {2} calls failed under valgrind: the count would be wrong")]
    Failed(Kind, u64, u64),
    #[error("callgrind left no count in {0}; the server did not end when asked")]
    NoCount(PathBuf),
}

/// What a message costs, in the mean over a call's six.
pub(crate) fn count(
    folder: &Path,
    programs: &Programs,
    ports: Ports,
    kind: Kind,
    calls: u64,
) -> Result<Counted, CountError> {
    let short = total(&folder.join("short"), programs, ports, kind, calls)?;
    let long = total(&folder.join("long"), programs, ports, kind, 2 * calls)?;
    let share = |long: f64, short: f64| (long - short) / (calls * MESSAGES_A_CALL) as f64;
    Ok(Counted {
        instructions: share(long.instructions, short.instructions),
        allocations: share(long.allocations, short.allocations),
    })
}

/// The counts of all the server's processes from start to end, with so many calls between.
fn total(
    folder: &Path,
    programs: &Programs,
    ports: Ports,
    kind: Kind,
    calls: u64,
) -> Result<Counted, CountError> {
    fs::create_dir_all(folder).map_err(CountError::Start)?;
    let prober = Prober::new(ports.server(), ports.probe_caller(), ports.probe_answerer())
        .map_err(CountError::Start)?;
    let (program, own) = programs.command(kind, ports).map_err(CountError::Start)?;
    let mut options = vec!["--tool=callgrind".to_owned(), "--callgrind-out-file=count.%p".to_owned()];
    options.push(program.to_string_lossy().into_owned());
    options.extend(own);
    let mut server = Server::start(folder, &kind.to_string(), Path::new("valgrind"), &options)
        .map_err(CountError::Start)?;
    if !prober.passes_within(READY).map_err(CountError::Start)? || server.ended() {
        return Err(CountError::Deaf(kind, READY, server.log.clone()));
    }

    let answerer = Sipp::answerer(folder, ports.answerer(), None)?;
    let load = Load { calls, per_second: RATE };
    let counts = Sipp::caller(folder, "caller", ports.caller(0), ports.server(), load, None)?
        .finish(Duration::from_secs(calls / RATE) + READY)?;
    let answered = answerer.stop()?;
    let failed = calls.saturating_sub(counts.successful.min(answered.successful));
    if failed > 0 {
        return Err(CountError::Failed(kind, failed, calls));
    }
    server.stop(READY);
    let total = counted(folder).map_err(CountError::Start)?;
    if total.instructions > 0.0 { Ok(total) } else { Err(CountError::NoCount(folder.to_path_buf())) }
}

/// The sum of the counts that the processes left.
fn counted(folder: &Path) -> io::Result<Counted> {
    let mut sum = Counted::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|stem| stem == "count") {
            let profile = fs::read_to_string(path)?;
            sum.instructions += instructions(&profile).unwrap_or(0) as f64;
            sum.allocations += allocations(&profile) as f64;
        }
    }
    Ok(sum)
}

/// The `totals:` line of a callgrind file (`summary:` in one that is cut short).
fn instructions(profile: &str) -> Option<u64> {
    let line = |name: &str| profile.lines().find_map(|line| line.strip_prefix(name));
    line("totals:").or_else(|| line("summary:"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Calls of an allocator. A function is named the first time it stands as caller (`fn=(7) malloc`) or as callee
/// (`cfn=(7) malloc`), and is only a number from then on; `calls=COUNT` belongs to the callee before it.
fn allocations(profile: &str) -> u64 {
    let mut allocators = HashSet::new();
    let (mut callee, mut calls) = ("", 0);
    for line in profile.lines() {
        if let Some((function, is_callee)) = line
            .strip_prefix("cfn=")
            .map(|f| (f, true))
            .or_else(|| line.strip_prefix("fn=").map(|f| (f, false)))
        {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if ALLOCATORS.contains(&name) {
                allocators.insert(number);
            }
            if is_callee {
                callee = number;
            }
        } else if let Some(count) = line.strip_prefix("calls=")
            && allocators.contains(callee)
        {
            calls += count.split(' ').next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile_is_its_instruction_count() {
        assert_eq!(instructions("events: Ir\nfn=(1)\n1 2\ntotals: 123456\n"), Some(123_456));
        assert_eq!(instructions("summary: 99 1\n"), Some(99));
        assert_eq!(instructions("events: Ir\n"), None);
    }

    #[test]
    fn calls_of_an_allocator_count_wherever_it_was_named() {
        let profile = "fn=(1) main\n1 5\ncfn=(2) malloc\ncalls=3 0\n1 60\ncfn=(3) free\ncalls=9 0\n1 4\n\
                       fn=(4) realloc\n1 1\nfn=(1)\ncfn=(2)\ncalls=4 0\n1 80\ncfn=(4)\ncalls=5 +1\n";
        assert_eq!(allocations(profile), 12);
        assert_eq!(allocations("calls=7 0\n"), 0);
    }
}
