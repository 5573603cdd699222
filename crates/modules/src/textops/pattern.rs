//! The regular expressions of arguments: POSIX extended, in either case, with line ends respected.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::regex::{Flags, Regex};
use engine::Args;

/// How nearly all of this module's expressions are taken (`REG_EXTENDED|REG_ICASE|REG_NEWLINE`).
pub(crate) const BY_LINE: Flags = Flags { ignore_case: true, newline: true };
/// How an expression over a whole body is taken: `^` is its start, and `.` matches line ends.
const AT_ONCE: Flags = Flags { ignore_case: true, newline: false };

/// For a function's table.
pub(crate) fn by_line(text: &[u8]) -> Result<Parsed, String> {
    compile(text, BY_LINE)
}

/// For the table of a function that looks at a body at once.
pub(crate) fn at_once(text: &[u8]) -> Result<Parsed, String> {
    compile(text, AT_ONCE)
}

/// The expression that an argument holds: compiled at load, or now (and kept). One that is none is logged.
pub(super) fn of(args: &Args<'_>, at: usize) -> Option<Regex> {
    if let Some(regex) = args.parsed::<Regex>(at) {
        return Some(regex.clone());
    }
    let text = args.text(at);
    match Regex::cached(text, BY_LINE) {
        Ok(regex) => Some(regex),
        Err(error) => {
            tracing::error!(target: "textops", "\"{}\": {}", text.escape_ascii(), error.0);
            None
        }
    }
}

fn compile(text: &[u8], flags: Flags) -> Result<Parsed, String> {
    match Regex::posix(text, flags) {
        Ok(regex) => Ok(Arc::new(regex)),
        Err(error) => Err(format!("\"{}\": {}", text.escape_ascii(), error.0)),
    }
}
