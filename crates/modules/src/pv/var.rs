//! `$var`, `$vz` and `$vn`: what a script keeps from message to message, on each shard apart.
//!
//! Names get numbers when they are first read from a configuration, so that a read is an index. `$var` and `$vz` are
//! one; `$vn` is undefined where `$var` is 0.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cfg_vm::catalogue::Parsed;
use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::{Cx, PvArgs};

use super::State;

/// Most names that get numbers: names made at run time must not fill the memory.
const MOST_NAMES: usize = 16_384;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot(u32);

/// Names by number. They live as long as the process, as the values do across reloads.
#[derive(Default)]
struct Names {
    slots: HashMap<Str, Slot>,
    names: Vec<Str>,
}

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

impl Slot {
    /// The number of a name; a new one for a new name, until there are too many.
    pub(super) fn of(name: &[u8]) -> Result<Self, String> {
        let name = name.trim_ascii();
        if name.is_empty() {
            return Err("a variable needs a name".to_owned());
        }
        if let Some(slot) = Self::known(name) {
            return Ok(slot);
        }
        let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = names.slots.get(name) {
            return Ok(*slot);
        }
        if names.names.len() >= MOST_NAMES {
            return Err(format!("there are {MOST_NAMES} variables already"));
        }
        let slot = Self(names.names.len() as u32);
        names.names.push(Str::copy(name));
        names.slots.insert(Str::copy(name), slot);
        Ok(slot)
    }

    /// The number of a name that has one.
    pub(super) fn known(name: &[u8]) -> Option<Self> {
        NAMES.read().unwrap_or_else(PoisonError::into_inner).slots.get(name).copied()
    }

    /// The name.
    fn name(self) -> Str {
        let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
        names.names.get(self.0 as usize).cloned().unwrap_or_default()
    }
}

/// Reads a name at load.
pub(super) fn parse_name(text: &[u8]) -> Result<Parsed, String> {
    Slot::of(text).map(|slot| Arc::new(slot) as Parsed)
}

/// Values by slot; none where nothing was assigned yet.
#[derive(Default)]
pub(super) struct Vars(Vec<Option<Value>>);

/// `$vn`'s values.
#[derive(Default)]
pub(super) struct NullVars(Vec<Option<Value>>);

impl Vars {
    fn get(&self, slot: Slot) -> Option<&Value> {
        self.0.get(slot.0 as usize)?.as_ref()
    }
}

fn put(values: &mut Vec<Option<Value>>, slot: Slot, value: Value) {
    let at = slot.0 as usize;
    if values.len() <= at {
        values.resize(at + 1, None);
    }
    values[at] = Some(value);
}

/// A variable's value: as assigned, as `varset` has it, or 0.
pub(super) fn value(cx: &mut Cx<'_>, slot: Slot) -> Value {
    if let Some(value) = cx.local::<Vars>().get(slot) {
        return value.clone();
    }
    cx.state::<State>().preset.get(&slot).cloned().unwrap_or(Value::Int(0))
}

/// Assigns a variable; undefined makes it 0.
pub(super) fn assign(cx: &mut Cx<'_>, slot: Slot, value: Value) {
    let value = if value.is_null() { Value::Int(0) } else { value };
    put(&mut cx.local::<Vars>().0, slot, value);
}

/// Names and values of all variables that were assigned or preset.
pub(super) fn all(cx: &mut Cx<'_>) -> Vec<(Str, Value)> {
    let mut all = cx.state::<State>().preset.clone();
    let assigned = &cx.local::<Vars>().0;
    for (at, value) in assigned.iter().enumerate() {
        if let Some(value) = value {
            all.insert(Slot(at as u32), value.clone());
        }
    }
    all.into_iter().map(|(slot, value)| (slot.name(), value)).collect()
}

/// Whether a variable was ever named by a configuration or a script.
pub(super) fn find(name: &[u8]) -> Option<Slot> {
    Slot::known(name)
}

/// `$var(name)`, `$vz(name)`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    args.parsed::<Slot>().map_or(Value::Null, |slot| value(cx, *slot))
}

/// `$var(name) = …`
pub(super) fn write(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let slot = args.parsed::<Slot>().ok_or(WriteError::NotHere)?;
    assign(cx, *slot, value);
    Ok(())
}

/// `$vn(name)`
pub(super) fn read_null(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(slot) = args.parsed::<Slot>() else { return Value::Null };
    let values = &cx.local::<NullVars>().0;
    values.get(slot.0 as usize).cloned().flatten().unwrap_or_default()
}

/// `$vn(name) = …`
pub(super) fn write_null(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let slot = args.parsed::<Slot>().ok_or(WriteError::NotHere)?;
    put(&mut cx.local::<NullVars>().0, *slot, value);
    Ok(())
}

/// Reads `name=i:5` or `name=s:text`, as `varset` and `shvset` take it.
pub(super) fn parse_preset(text: &[u8]) -> Result<(Str, Value), String> {
    let wrong = "it is written name=i:5 or name=s:text";
    let equals = text.iter().position(|&byte| byte == b'=').ok_or(wrong)?;
    let name = Str::copy(text[..equals].trim_ascii());
    let value = match &text[equals + 1..] {
        [b'i', b':', digits @ ..] => {
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.trim().parse().ok());
            Value::Int(number.ok_or("a number follows `i:`")?)
        }
        [b's', b':', text @ ..] => Value::Str(Str::copy(text)),
        _ => return Err(wrong.to_owned()),
    };
    if name.is_empty() { Err(wrong.to_owned()) } else { Ok((name, value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let slot = Slot::of(b"kept").unwrap();
        assert_eq!(Slot::of(b" kept "), Ok(slot));
        assert_ne!(Slot::of(b"other"), Ok(slot));
        assert_eq!(slot.name().as_bytes(), b"kept");
        assert_eq!(Slot::known(b"never named by anybody"), None);
        assert!(Slot::of(b" ").is_err());
    }

    #[test]
    fn a_preset_has_a_type() {
        assert_eq!(parse_preset(b"x=i:5"), Ok(("x".into(), Value::Int(5))));
        assert_eq!(
            parse_preset(b"gw=s:sip:1.2.3.4;transport=tcp"),
            Ok(("gw".into(), Value::text("sip:1.2.3.4;transport=tcp")))
        );
        for wrong in ["x", "x=5", "x=i:y", "=i:5"] {
            assert!(parse_preset(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
