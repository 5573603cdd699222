//! Threads, where Kamailio has processes, and the memory that they share.

use std::path::Path;

use engine::rpc::{RpcCall, RpcError, RpcValue};

use super::{Answer, many, one};

/// A thread of this process.
struct Thread {
    id: i64,
    name: String,
}

/// The threads, oldest first, as the system tells them.
fn threads() -> Result<Vec<Thread>, RpcError> {
    let unreadable = |error: std::io::Error| RpcError::new(500, format!("/proc/self/task: {error}"));
    let mut threads = Vec::new();
    for entry in std::fs::read_dir("/proc/self/task").map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        // One that has ended meanwhile is left out.
        if let (Some(id), Ok(name)) = (id, std::fs::read_to_string(path.join("comm"))) {
            threads.push(Thread { id, name: name.trim_end().to_owned() });
        }
    }
    threads.sort_by_key(|thread| thread.id);
    Ok(threads)
}

pub(super) fn list(_: &RpcCall<'_>) -> Answer {
    many(threads()?.into_iter().flat_map(|thread| [RpcValue::Int(thread.id), thread.name.into()]))
}

pub(super) fn list_named(_: &RpcCall<'_>) -> Answer {
    let row = |(index, thread): (usize, Thread)| {
        RpcValue::structure([
            ("IDX", RpcValue::count(index)),
            ("PID", thread.id.into()),
            ("DSC", thread.name.into()),
        ])
    };
    many(threads()?.into_iter().enumerate().map(row))
}

pub(super) fn list_all(_: &RpcCall<'_>) -> Answer {
    let row = |(index, thread): (usize, Thread)| {
        RpcValue::structure([
            ("index", RpcValue::count(index)),
            ("pid", thread.id.into()),
            ("status", 1.into()),
            ("rank", RpcValue::count(index)),
            ("description", thread.name.into()),
        ])
    };
    many(threads()?.into_iter().enumerate().map(row))
}

/// Memory of the process and the machine, in bytes.
pub(crate) struct Memory {
    /// What the machine could still give.
    pub free: i64,
    /// What the process has now.
    pub used: i64,
    /// The most that it ever had.
    pub peak: i64,
}

/// What the system tells of memory; 0 where it tells nothing.
pub(crate) fn memory_now() -> Memory {
    Memory {
        free: kilobytes("/proc/meminfo", "MemAvailable:"),
        used: kilobytes("/proc/self/status", "VmRSS:"),
        peak: kilobytes("/proc/self/status", "VmHWM:"),
    }
}

fn kilobytes(file: impl AsRef<Path>, name: &str) -> i64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
    number.map_or(0, |kilobytes: i64| kilobytes * 1024)
}

pub(super) fn memory(call: &RpcCall<'_>) -> Answer {
    let unit = if call.arguments.is_empty() { "b".to_owned() } else { call.text(0)? };
    let shift = match unit.as_str() {
        "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(RpcError::new(500, "bad param (use b|k|m|g)")),
    };
    let memory = memory_now();
    one(RpcValue::structure([
        ("total", ((memory.used + memory.free) >> shift).into()),
        ("free", (memory.free >> shift).into()),
        ("used", (memory.used >> shift).into()),
        ("real_used", (memory.used >> shift).into()),
        ("max_used", (memory.peak >> shift).into()),
        ("fragments", 0.into()),
    ]))
}
