//! `$shv(name)`: variables that all shards share and that outlive a reload.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::{Cx, PvArgs};

use super::State;

const STRIPES: usize = 16;

/// The variables, behind several locks so that shards seldom meet.
pub(super) struct SharedVars {
    stripes: [Mutex<HashMap<Str, Value>>; STRIPES],
    hasher: RandomState,
}

impl Default for SharedVars {
    fn default() -> Self {
        Self { stripes: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl SharedVars {
    fn stripe(&self, name: &[u8]) -> MutexGuard<'_, HashMap<Str, Value>> {
        let stripe = self.hasher.hash_one(name) as usize % STRIPES;
        self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A variable's value; 0 where nothing was assigned.
    pub(super) fn get(&self, name: &[u8]) -> Value {
        self.find(name).unwrap_or(Value::Int(0))
    }

    fn find(&self, name: &[u8]) -> Option<Value> {
        self.stripe(name).get(name).cloned()
    }

    /// Assigns one; undefined makes it 0. Text is copied, so that no message's buffer is held.
    pub(super) fn set(&self, name: &[u8], value: Value) {
        let value = match value {
            Value::Null => Value::Int(0),
            Value::Str(text) => Value::Str(Str::copy(&text)),
            number => number,
        };
        self.stripe(name).insert(Str::copy(name), value);
    }

    /// Assigns one that has no value yet.
    pub(super) fn preset(&self, name: &[u8], value: Value) {
        self.stripe(name).entry(Str::copy(name)).or_insert(value);
    }

    /// Adds one and gives the new value; text counts as 0.
    fn increment(&self, name: &[u8]) -> Value {
        let mut stripe = self.stripe(name);
        let value = stripe.entry(Str::copy(name)).or_insert(Value::Int(0));
        let number = value.as_int().unwrap_or(0).wrapping_add(1);
        *value = Value::Int(number);
        Value::Int(number)
    }

    /// All of them, in the order of their names.
    fn all(&self) -> Vec<(Str, Value)> {
        let mut all = Vec::new();
        for stripe in &self.stripes {
            let stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(stripe.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        all.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        all
    }
}

/// `$shv(name)`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    cx.state::<State>().shared.get(args.name())
}

/// `$shv(name) = …`
pub(super) fn write(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    cx.state::<State>().shared.set(args.name(), value);
    Ok(())
}

/// `$shvinc(name)`
pub(super) fn increment(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    cx.state::<State>().shared.increment(args.name())
}

/// `pv.shvGet [name]`
pub(super) fn rpc_get(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    with_state(call, |shared| {
        if call.arguments.is_empty() {
            return Ok(shared.all().into_iter().map(|(name, value)| described(&name, value)).collect());
        }
        let name = call.text(0)?;
        let value = shared.find(name.as_bytes()).ok_or_else(|| RpcError::new(404, "Variable not found"))?;
        Ok(vec![described(name.as_bytes(), value)])
    })
}

/// `pv.shvSet name int|str value`
pub(super) fn rpc_set(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    let (name, kind) = (call.text(0)?, call.text(1)?);
    let value = match kind.as_str() {
        "int" => Value::Int(call.int(2)?),
        "str" | "string" => Value::Str(call.text(2)?.into()),
        _ => return Err(RpcError::new(400, "the type is int or str")),
    };
    with_state(call, |shared| {
        shared.set(name.as_bytes(), value);
        Ok(vec![RpcValue::from("Ok. Variable set to new value.")])
    })
}

fn with_state<T>(
    call: &RpcCall<'_>,
    run: impl FnOnce(&SharedVars) -> Result<T, RpcError>,
) -> Result<T, RpcError> {
    let running = call.server.running();
    let state = running.state::<State>().ok_or_else(|| RpcError::new(500, "module pv is not loaded"))?;
    run(&state.shared)
}

fn described(name: &[u8], value: Value) -> RpcValue {
    let (kind, value) = match value {
        Value::Int(number) => ("int", RpcValue::Int(number)),
        other => ("string", RpcValue::from(other.to_str().to_lossy().into_owned())),
    };
    RpcValue::Struct(vec![
        ("name".to_owned(), String::from_utf8_lossy(name).into_owned().into()),
        ("type".to_owned(), kind.into()),
        ("value".to_owned(), value),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unset_is_zero_and_a_preset_gives_way() {
        let shared = SharedVars::default();
        assert_eq!(shared.get(b"x"), Value::Int(0));
        shared.preset(b"x", Value::text("first"));
        shared.preset(b"x", Value::text("second"));
        assert_eq!(shared.get(b"x"), Value::text("first"));
        shared.set(b"x", Value::Null);
        assert_eq!(shared.get(b"x"), Value::Int(0));
    }

    #[test]
    fn counting_from_several_threads_loses_nothing() {
        let shared = SharedVars::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| drop(shared.increment(b"n"))));
            }
        });
        assert_eq!(shared.get(b"n"), Value::Int(4000));
        assert_eq!(shared.all(), [("n".into(), Value::Int(4000))]);
    }
}
