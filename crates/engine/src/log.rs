//! Log lines of scripts, at Kamailio's nine levels, through `tracing`.
//!
//! A line of a script is an event of target `script` with the fields `severity` (Kamailio's number), `prefix` and
//! `text`; the application's log layer decides how it looks.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};

use cfg_syntax::{SourceMap, Span};
use cfg_vm::host::Notice;

/// The level of `debug=`: lines above it are not written. Changed at run time by `cfg.set_now_int core debug`.
static THRESHOLD: AtomicI64 = AtomicI64::new(0);

/// Sets the level.
pub fn set_threshold(level: i64) {
    THRESHOLD.store(level, Ordering::Relaxed);
}

thread_local! {
    /// A level for this thread alone (`setdebug()` of module `kex`).
    static OWN_THRESHOLD: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Gives this thread a level of its own, or takes it back.
pub fn set_own_threshold(level: Option<i64>) {
    OWN_THRESHOLD.set(level);
}

/// The level.
pub fn threshold() -> i64 {
    OWN_THRESHOLD.get().unwrap_or_else(|| THRESHOLD.load(Ordering::Relaxed))
}

/// Whether lines of a level are written: then only is a format worth evaluating.
pub fn enabled(level: i64) -> bool {
    level <= threshold()
}

/// Levels and syslog facilities of single modules (`debugger`).
#[derive(Default)]
struct OfModules {
    levels: Vec<(String, i64)>,
    facilities: Vec<(String, &'static str)>,
}

static OF_MODULES: RwLock<OfModules> = RwLock::new(OfModules { levels: Vec::new(), facilities: Vec::new() });
/// Whether there are any, so that the lock is not taken for nothing.
static ANY_OF_MODULES: AtomicBool = AtomicBool::new(false);

/// Forgets the levels and facilities of single modules.
pub fn clear_modules() {
    *OF_MODULES.write().unwrap_or_else(PoisonError::into_inner) = OfModules::default();
    ANY_OF_MODULES.store(false, Ordering::Release);
}

/// Gives a module (or `core`) a level of its own.
pub fn set_level_of(module: &str, level: i64) {
    let mut modules = OF_MODULES.write().unwrap_or_else(PoisonError::into_inner);
    modules.levels.retain(|(known, _)| known != module);
    modules.levels.push((module.to_owned(), level));
    ANY_OF_MODULES.store(true, Ordering::Release);
}

/// Gives a module (or `core`) a syslog facility of its own, by its name.
pub fn set_facility_of(module: &str, facility: &'static str) {
    let mut modules = OF_MODULES.write().unwrap_or_else(PoisonError::into_inner);
    modules.facilities.retain(|(known, _)| known != module);
    modules.facilities.push((module.to_owned(), facility));
    ANY_OF_MODULES.store(true, Ordering::Release);
}

/// The level up to which a module's own lines are written.
pub fn level_of(module: &str) -> i64 {
    if !ANY_OF_MODULES.load(Ordering::Acquire) {
        return threshold();
    }
    let modules = OF_MODULES.read().unwrap_or_else(PoisonError::into_inner);
    modules.levels.iter().find(|(known, _)| known == module).map_or_else(threshold, |(_, level)| *level)
}

/// The syslog facility of a module's own lines, if it has one.
pub fn facility_of(module: &str) -> Option<&'static str> {
    if !ANY_OF_MODULES.load(Ordering::Acquire) {
        return None;
    }
    let modules = OF_MODULES.read().unwrap_or_else(PoisonError::into_inner);
    modules.facilities.iter().find(|(known, _)| known == module).map(|(_, facility)| *facility)
}

thread_local! {
    /// What `log_prefix` came to for the message that this thread works on.
    static PREFIX: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Sets what stands before each line of this thread (`log_prefix`); empty for nothing.
pub(crate) fn set_prefix(prefix: &[u8]) {
    PREFIX.with_borrow_mut(|kept| {
        kept.clear();
        kept.push_str(&String::from_utf8_lossy(prefix));
    });
}

/// Shows what stands before each line of this thread.
pub fn with_prefix<T>(show: impl FnOnce(&str) -> T) -> T {
    PREFIX.with_borrow(|prefix| show(prefix))
}

/// Kamailio's name of a level: `ERROR` for -1.
pub fn level_name(level: i64) -> &'static str {
    match level {
        ..=-5 => "ALERT",
        -4 => "BUG",
        -3 => "CRITICAL",
        -2 => "CRITICAL",
        -1 => "ERROR",
        0 => "WARNING",
        1 => "NOTICE",
        2 => "INFO",
        3.. => "DEBUG",
    }
}

/// Writes a line of a script. `facility` is a syslog facility by name, where the script names one.
pub fn script(level: i64, facility: Option<&str>, prefix: &[u8], text: &[u8]) {
    if !enabled(level) {
        return;
    }
    let (prefix, text) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(text));
    let (prefix, text) = (&*prefix, &*text);
    // tracing's levels are constants, so each has its own call.
    match level {
        ..=-1 => tracing::error!(target: "script", severity = level, facility, prefix, text),
        0 => tracing::warn!(target: "script", severity = level, facility, prefix, text),
        1 | 2 => tracing::info!(target: "script", severity = level, facility, prefix, text),
        3.. => tracing::debug!(target: "script", severity = level, facility, prefix, text),
    }
}

/// Tells what the machine has to tell of a running script, with its place.
pub(crate) fn notice(sources: &SourceMap, span: Span, notice: &Notice<'_>) {
    let place = Place { sources, span };
    match notice {
        Notice::NotANumber(text) => {
            tracing::warn!(target: "core", "{place}: automatic string to int conversion for \"{}\" failed", text.escape_ascii());
        }
        Notice::DivisionByZero => tracing::error!(target: "core", "{place}: rv div by 0"),
        Notice::LoopLimit(limit) => {
            tracing::error!(target: "core", "{place}: runaway while: more then {limit} loops");
        }
        Notice::StepLimit(limit) => {
            tracing::error!(target: "core", "{place}: the script was cut after {limit} statements");
        }
        Notice::Recursion(limit) => {
            tracing::error!(target: "core", "{place}: too many recursive routing table lookups ({limit})");
        }
        Notice::NoRoute(name) => {
            tracing::error!(target: "core", "{place}: route \"{}\" not found", name.escape_ascii());
        }
        Notice::Write(error) => tracing::error!(target: "core", "{place}: assignment failed: {error:?}"),
        Notice::Regex(error) => tracing::error!(target: "core", "{place}: {error}"),
        other => tracing::warn!(target: "core", "{place}: {other:?}"),
    }
}

struct Place<'a> {
    sources: &'a SourceMap,
    span: Span,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let position = self.sources.position(self.span);
        write!(
            f,
            "{}:{}:{}",
            self.sources.file(self.span.file).path.display(),
            position.line,
            position.column
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_may_have_a_level_and_a_facility_of_its_own() {
        set_level_of("a-module", 3);
        set_level_of("a-module", 2);
        set_facility_of("a-module", "LOG_LOCAL1");
        assert_eq!(level_of("a-module"), 2);
        assert_eq!(level_of("another"), threshold());
        assert_eq!(facility_of("a-module"), Some("LOG_LOCAL1"));
        assert_eq!(facility_of("another"), None);
        clear_modules();
        assert_eq!(level_of("a-module"), threshold());
    }
}
