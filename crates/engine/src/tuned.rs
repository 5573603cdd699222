//! The script's own variables (`group.name = value` in the configuration) that were changed while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use cfg_vm::Value;

/// Changes to variables by group and name; a reload begins again with what its file says.
#[derive(Default)]
pub struct Tuned {
    /// Set with the first change, so that nobody takes the lock for nothing.
    any: AtomicBool,
    values: RwLock<BTreeMap<(String, String), Value>>,
}

impl Tuned {
    /// What a variable was changed to, if it was.
    pub fn get(&self, group: &str, name: &str) -> Option<Value> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        values.get(&(group.to_owned(), name.to_owned())).cloned()
    }

    /// Changes a variable.
    pub fn set(&self, group: &str, name: &str, value: Value) {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        values.insert((group.to_owned(), name.to_owned()), value);
        self.any.store(true, Ordering::Release);
    }

    /// Gives a group's variables the values of the file again.
    pub fn reset(&self, group: &str) {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        values.retain(|(known, _), _| known != group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_holds_until_its_group_is_reset() {
        let tuned = Tuned::default();
        assert_eq!(tuned.get("pstn", "gw"), None);
        tuned.set("pstn", "gw", Value::Int(7));
        tuned.set("other", "x", Value::Int(1));
        assert_eq!(tuned.get("pstn", "gw"), Some(Value::Int(7)));
        tuned.reset("pstn");
        assert_eq!(tuned.get("pstn", "gw"), None);
        assert_eq!(tuned.get("other", "x"), Some(Value::Int(1)));
    }
}
