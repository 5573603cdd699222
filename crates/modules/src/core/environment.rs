//! `$env`, `$def` and `$iuid`: what a script reads that is no part of a message.

use std::sync::atomic::{AtomicU64, Ordering};

use cfg_vm::{Str, Value};
use engine::{Cx, PvArgs};

/// Counts the identifiers that this server has made.
static MADE: AtomicU64 = AtomicU64::new(0);

pub(super) fn variable(_: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    environment(args.name())
}

/// The variable's value as a number, where it is one.
pub(super) fn variable_number(_: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    number_of(environment(args.name()))
}

/// A name that the process cannot have (`=` or NUL in it) is unset as any other.
fn environment(name: &[u8]) -> Value {
    let name = String::from_utf8_lossy(name);
    if name.is_empty() || name.contains(['=', '\0']) {
        return Value::Null;
    }
    std::env::var_os(&*name).map(|value| Str::from(value.into_encoded_bytes())).into()
}

fn number_of(value: Value) -> Value {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse().ok().map(Value::Int);
    value.as_text().and_then(number).unwrap_or(value)
}

/// An identifier that this server makes once only.
pub(super) fn unique(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let started = cx.server().started.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let count = MADE.fetch_add(1, Ordering::Relaxed);
    Value::Str(format!("{started:x}-{:x}-{count:x}", std::process::id()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_undefined() {
        assert_eq!(environment(b"NOT_SET_ANYWHERE_AT_ALL"), Value::Null);
        assert_eq!(environment(b"A=B"), Value::Null);
        assert_eq!(environment(b""), Value::Null);
        assert!(environment(b"PATH").as_text().is_some());
    }

    #[test]
    fn a_number_is_read_as_one() {
        assert_eq!(number_of(Value::text("42")), Value::Int(42));
        assert_eq!(number_of(Value::text("/root")), Value::text("/root"));
        assert_eq!(number_of(Value::Null), Value::Null);
    }
}
