//! The arguments of a call, as the function's table asked for them.

use cfg_vm::program::{PvRef, RouteId};
use cfg_vm::{ArgValue, Str, Value};

/// Arguments of one call.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a>(pub &'a [ArgValue]);

impl<'a> Args<'a> {
    /// How many were given.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Text of `Text` and `Format` arguments; empty when left out.
    pub fn text(&self, at: usize) -> &'a [u8] {
        if let Some(ArgValue::Str(text)) = self.0.get(at) { text.as_bytes() } else { b"" }
    }

    /// The same, to keep.
    pub fn str(&self, at: usize) -> Str {
        if let Some(ArgValue::Str(text)) = self.0.get(at) { text.clone() } else { Str::EMPTY }
    }

    /// Number of an `Int` or `Flag` argument, if it was given and is one.
    pub fn int(&self, at: usize) -> Option<i64> {
        if let Some(ArgValue::Int(number)) = self.0.get(at) { Some(*number) } else { None }
    }

    /// Value of a `Value` argument.
    pub fn value(&self, at: usize) -> Value {
        match self.0.get(at) {
            Some(ArgValue::Str(text)) => Value::Str(text.clone()),
            Some(ArgValue::Int(number)) => Value::Int(*number),
            _ => Value::Null,
        }
    }

    /// Variable of a `PvRead` or `PvWrite` argument.
    pub fn pv(&self, at: usize) -> Option<PvRef> {
        if let Some(ArgValue::Pv(pv)) = self.0.get(at) { Some(*pv) } else { None }
    }

    /// Route of a `Route` argument.
    pub fn route(&self, at: usize) -> Option<RouteId> {
        if let Some(ArgValue::Route(route)) = self.0.get(at) { Some(*route) } else { None }
    }

    /// What the table's parser made of a `Parsed` argument.
    pub fn parsed<T: 'static>(&self, at: usize) -> Option<&'a T> {
        if let Some(ArgValue::Parsed(parsed)) = self.0.get(at) { parsed.downcast_ref() } else { None }
    }
}
