//! What the lookups found, kept under names of the script's choice: `$dns(name=>key)` and its kin.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use transport::resolve::{Name, Naptr, Srv};

/// Results of one kind by their names. They stay until the same name is asked for again, as in a process of
/// Kamailio's.
pub(super) struct Found<T>(HashMap<Box<[u8]>, Vec<T>>);

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Names kept of one kind; the script makes them, so that they are bounded.
const MOST_NAMES: usize = 1024;

impl<T: Entry> Found<T> {
    /// Keeps results; whether there was room for another name.
    pub(super) fn keep(&mut self, name: &[u8], results: Vec<T>) -> bool {
        if self.0.len() >= MOST_NAMES && !self.0.contains_key(name) {
            return false;
        }
        self.0.insert(name.into(), results);
        true
    }

    /// Forgets what a name had.
    pub(super) fn forget(&mut self, name: &[u8]) {
        self.0.remove(name);
    }

    /// Whether a name was ever filled.
    #[cfg(test)]
    fn has(&self, name: &[u8]) -> bool {
        self.0.contains_key(name)
    }

    /// The value of `$dns(name=>key[index])`.
    pub(super) fn read(&self, wanted: &Wanted) -> Value {
        let results = match self.0.get(&*wanted.name) {
            Some(results) => results.as_slice(),
            None if T::COUNTED_ALWAYS => &[],
            None => return Value::Null,
        };
        if let Some(value) = T::of_all(results, wanted.key) {
            return value;
        }
        let count = results.len() as i64;
        let at = if wanted.index < 0 { count.saturating_add(wanted.index) } else { wanted.index };
        let entry = usize::try_from(at).ok().and_then(|at| results.get(at));
        entry.map_or(Value::Null, |entry| entry.read(wanted.key))
    }
}

/// One result.
pub(super) trait Entry {
    /// Keys that a script may ask for.
    const KEYS: &'static [&'static str];

    /// Whether a name that was never asked for counts 0; else it is undefined.
    const COUNTED_ALWAYS: bool = false;

    /// The value of a key of one result.
    fn read(&self, key: &str) -> Value;

    /// The value of a key that speaks of all.
    fn of_all(results: &[Self], key: &str) -> Option<Value>
    where
        Self: Sized,
    {
        (key == "count").then_some(Value::Int(results.len() as i64))
    }
}

/// What stands in the parentheses: `name=>key[index]`.
pub(super) struct Wanted {
    name: Box<[u8]>,
    key: &'static str,
    index: i64,
}

/// Reads the parentheses of a kind's variable.
pub(super) fn parse<T: Entry>(text: &[u8]) -> Result<Parsed, String> {
    let wanted = wanted(text, T::KEYS);
    wanted.map(|wanted| Arc::new(wanted) as Parsed).ok_or_else(|| {
        format!(
            "\"{}\" names no result; name=>key or name=>key[index] is expected, with a key of {}",
            text.escape_ascii(),
            T::KEYS.join(", ")
        )
    })
}

fn wanted(text: &[u8], keys: &[&'static str]) -> Option<Wanted> {
    let at = text.windows(2).position(|pair| pair == b"=>")?;
    let (name, rest) = (&text[..at], &text[at + 2..]);
    let (key, index) = match rest.strip_suffix(b"]") {
        Some(rest) => {
            let open = rest.iter().position(|&byte| byte == b'[')?;
            let digits = std::str::from_utf8(&rest[open + 1..]).ok()?;
            (&rest[..open], digits.trim().parse().ok()?)
        }
        None => (rest, 0),
    };
    let key = keys.iter().find(|known| known.as_bytes() == key)?;
    Some(Wanted { name: name.into(), key, index })
}

/// An address of `dns_query`.
impl Entry for IpAddr {
    const KEYS: &'static [&'static str] = &["addr", "type", "ipv4", "ipv6", "count"];

    fn read(&self, key: &str) -> Value {
        match key {
            "addr" => Str::from(self.to_string()).into(),
            "type" => Value::Int(if self.is_ipv4() { 4 } else { 6 }),
            _ => Value::Null,
        }
    }

    fn of_all(results: &[Self], key: &str) -> Option<Value> {
        Some(Value::Int(match key {
            "count" => results.len() as i64,
            "ipv4" => i64::from(results.iter().any(Self::is_ipv4)),
            "ipv6" => i64::from(results.iter().any(Self::is_ipv6)),
            _ => return None,
        }))
    }
}

impl Entry for Srv {
    const KEYS: &'static [&'static str] = &["port", "priority", "target", "weight", "count"];
    const COUNTED_ALWAYS: bool = true;

    fn read(&self, key: &str) -> Value {
        match key {
            "port" => Value::Int(self.port.into()),
            "priority" => Value::Int(self.priority.into()),
            "weight" => Value::Int(self.weight.into()),
            "target" => name(&self.host),
            _ => Value::Null,
        }
    }
}

impl Entry for Naptr {
    const KEYS: &'static [&'static str] =
        &["order", "pref", "flags", "services", "regex", "replace", "count"];
    const COUNTED_ALWAYS: bool = true;

    fn read(&self, key: &str) -> Value {
        match key {
            "order" => Value::Int(self.order.into()),
            "pref" => Value::Int(self.preference.into()),
            "flags" => Value::from(self.flags.as_bytes()),
            "services" => Value::from(self.services.as_bytes()),
            "regex" => Value::from(self.regexp.as_bytes()),
            "replace" => name(&self.replacement),
            _ => Value::Null,
        }
    }
}

/// A name of `ptr_query`.
impl Entry for Name {
    const KEYS: &'static [&'static str] = &["hostname"];

    fn read(&self, _: &str) -> Value {
        name(self)
    }

    fn of_all(_: &[Self], _: &str) -> Option<Value> {
        None
    }
}

fn name(name: &Name) -> Value {
    Value::from(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Entry>(found: &Found<T>, text: &str) -> Value {
        found.read(&wanted(text.as_bytes(), T::KEYS).unwrap())
    }

    #[test]
    fn results_are_read_by_key_and_index() {
        let mut found = Found::<IpAddr>::default();
        let addresses: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert!(found.keep(b"q", addresses));
        assert_eq!(read(&found, "q=>count"), Value::Int(2));
        assert_eq!(read(&found, "q=>addr"), Value::text("192.0.2.1"));
        assert_eq!(read(&found, "q=>addr[1]"), Value::text("2001:db8::1"));
        assert_eq!(read(&found, "q=>type[-1]"), Value::Int(6));
        assert_eq!(read(&found, "q=>addr[2]"), Value::Null);
        assert_eq!(read(&found, "q=>addr[-3]"), Value::Null);
        assert_eq!(read(&found, "q=>ipv4"), Value::Int(1));
        assert_eq!(read(&found, "other=>count"), Value::Null);
        found.forget(b"q");
        assert!(!found.has(b"q"));
    }

    #[test]
    fn no_results_are_counted_too() {
        let mut found = Found::<Srv>::default();
        found.keep(b"s", Vec::new());
        assert_eq!(read(&found, "s=>count"), Value::Int(0));
        assert_eq!(read(&found, "s=>port[0]"), Value::Null);
        assert_eq!(read(&found, "never=>count"), Value::Int(0));
    }

    #[test]
    fn unknown_keys_are_found_at_load() {
        for text in ["q", "q=>foo", "q=>addr[x]", "q=>addr[1", " q => count"] {
            assert!(parse::<IpAddr>(text.as_bytes()).is_err(), "{text}");
        }
    }
}
