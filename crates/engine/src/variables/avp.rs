//! AVPs: a stack of values for each name, the newest on top.

use cfg_vm::{Str, Value};

/// An AVP's name: text, or a number (`$avp(i:5)`). `$avp(5)` is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AvpName {
    /// `$avp(name)`, `$avp(s:name)`.
    Text(Str),
    /// `$avp(i:5)`.
    Number(i64),
}

impl AvpName {
    /// Reads a name as scripts write it: `name`, `s:name` or `i:5`.
    ///
    /// # Errors
    /// One line for people: there is no name, or no number after `i:`.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = text.trim_ascii();
        if let Some(number) = text.strip_prefix(b"i:") {
            let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
            return number.map(Self::Number).ok_or_else(|| "a number follows `i:`".to_owned());
        }
        match text.strip_prefix(b"s:").unwrap_or(text) {
            [] => Err("an AVP needs a name".to_owned()),
            name => Ok(Self::Text(Str::copy(name))),
        }
    }
}

/// A message's AVPs.
#[derive(Clone, Debug, Default)]
pub struct Avps {
    /// The newest last.
    values: Vec<(AvpName, Value)>,
}

impl Avps {
    /// Forgets them all, keeping room.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// The values of a name, the newest first. None of them is [`Value::Null`].
    pub fn all<'a>(&'a self, name: &'a AvpName) -> impl Iterator<Item = &'a Value> + 'a {
        self.values.iter().rev().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }

    /// Every name with its value, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &(AvpName, Value)> {
        self.values.iter().rev()
    }

    /// Puts a value on top of its name's stack; [`Value::Null`] is not kept.
    pub fn push(&mut self, name: AvpName, value: Value) {
        if !value.is_null() {
            self.values.push((name, value));
        }
    }

    /// Takes the newest value of a name away; whether there was one.
    pub fn remove_newest(&mut self, name: &AvpName) -> bool {
        let found = self.values.iter().rposition(|(known, _)| known == name);
        found.is_some_and(|at| {
            self.values.remove(at);
            true
        })
    }

    /// Takes all values of a name away; how many there were.
    pub fn remove_all(&mut self, name: &AvpName) -> usize {
        let before = self.values.len();
        self.values.retain(|(known, _)| known != name);
        before - self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AvpName {
        AvpName::parse(text.as_bytes()).unwrap()
    }

    fn numbers(avps: &Avps, text: &str) -> Vec<i64> {
        avps.all(&name(text)).map(|value| value.as_int().unwrap()).collect()
    }

    #[test]
    fn a_name_with_a_type_is_another_than_the_same_digits_as_text() {
        assert_eq!(name("i:5"), AvpName::Number(5));
        assert_eq!(name("5"), name("s:5"));
        assert_ne!(name("5"), name("i:5"));
        assert!(AvpName::parse(b"i:x").is_err());
        assert!(AvpName::parse(b"s:").is_err());
    }

    #[test]
    fn the_newest_value_is_on_top() {
        let mut avps = Avps::default();
        for number in 1..=3 {
            avps.push(name("x"), Value::Int(number));
            avps.push(name("y"), Value::Int(-number));
        }
        assert_eq!(numbers(&avps, "x"), [3, 2, 1]);
        assert!(avps.remove_newest(&name("x")));
        assert_eq!(numbers(&avps, "x"), [2, 1]);
        assert_eq!(avps.remove_all(&name("x")), 2);
        assert_eq!(numbers(&avps, "x"), []);
        assert!(!avps.remove_newest(&name("x")));
        assert_eq!(numbers(&avps, "y"), [-3, -2, -1]);
    }
}
