//! Extended AVPs: named values in a list, where a value may be a list of named values again.

use cfg_vm::{Str, Value};

/// Whether names that differ only in the case of letters are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `$xavp`, `$xavu`.
    Exact,
    /// `$xavi`.
    Ignored,
}

impl Case {
    fn same(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Exact => a == b,
            Self::Ignored => a.eq_ignore_ascii_case(b),
        }
    }
}

/// A value of an extended AVP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XavpValue {
    /// Number.
    Int(i64),
    /// Text.
    Str(Str),
    /// Fields.
    List(XavpList),
}

impl XavpValue {
    /// A script's value; none for [`Value::Null`].
    pub fn of(value: Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Int(number) => Some(Self::Int(number)),
            Value::Str(text) => Some(Self::Str(text)),
        }
    }

    /// What a script reads; a list as `<<xavp:…>>`, as Kamailio shows it.
    pub fn read(&self) -> Value {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Str(text) => Value::Str(text.clone()),
            Self::List(list) if list.is_empty() => Value::text("<<xavp:(nil)>>"),
            Self::List(list) => Value::Str(format!("<<xavp:{:p}>>", list.fields.as_ptr()).into()),
        }
    }
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xavp {
    /// Its name.
    pub name: Str,
    /// Its value.
    pub value: XavpValue,
}

/// Named values; several may have one name, and are counted from the newest (0) on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XavpList {
    /// The newest last.
    fields: Vec<Xavp>,
}

impl XavpList {
    /// Forgets them all, keeping room.
    pub fn clear(&mut self) {
        self.fields.clear();
    }

    /// Holds nothing.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All of them, the newest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Xavp> {
        self.fields.iter().rev()
    }

    /// How many have a name.
    pub fn count(&self, name: &[u8], case: Case) -> usize {
        self.fields.iter().filter(|field| case.same(&field.name, name)).count()
    }

    /// The `nth` of a name; a negative number counts from the oldest (-1).
    pub fn get(&self, name: &[u8], nth: i64, case: Case) -> Option<&XavpValue> {
        self.position(name, nth, case).map(|at| &self.fields[at].value)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, name: &[u8], nth: i64, case: Case) -> Option<&mut XavpValue> {
        self.position(name, nth, case).map(|at| &mut self.fields[at].value)
    }

    /// Adds a value, the newest from then on.
    pub fn push(&mut self, name: Str, value: XavpValue) {
        self.fields.push(Xavp { name, value });
    }

    /// Puts a value in the place of the newest of its name, or adds it.
    pub fn set(&mut self, name: &Str, value: XavpValue, case: Case) {
        match self.get_mut(name, 0, case) {
            Some(known) => *known = value,
            None => self.push(name.clone(), value),
        }
    }

    /// Takes the `nth` of a name away; whether it was there.
    pub fn remove(&mut self, name: &[u8], nth: i64, case: Case) -> bool {
        let found = self.position(name, nth, case);
        found.is_some_and(|at| {
            self.fields.remove(at);
            true
        })
    }

    /// Takes all of a name away; how many there were.
    pub fn remove_all(&mut self, name: &[u8], case: Case) -> usize {
        let before = self.fields.len();
        self.fields.retain(|field| !case.same(&field.name, name));
        before - self.fields.len()
    }

    fn position(&self, name: &[u8], nth: i64, case: Case) -> Option<usize> {
        let mut places = self.fields.iter().enumerate().filter(|(_, field)| case.same(&field.name, name));
        let place = match usize::try_from(nth) {
            Ok(from_newest) => places.rev().nth(from_newest),
            Err(_) => places.nth(usize::try_from(-(nth + 1)).ok()?),
        };
        place.map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: &[(&str, i64)]) -> XavpList {
        let mut list = XavpList::default();
        for (name, number) in fields {
            list.push(Str::from(*name), XavpValue::Int(*number));
        }
        list
    }

    fn number(list: &XavpList, name: &str, nth: i64) -> Option<i64> {
        list.get(name.as_bytes(), nth, Case::Exact).and_then(|value| value.read().as_int())
    }

    #[test]
    fn values_of_a_name_are_counted_from_the_newest() {
        let list = list(&[("a", 1), ("b", 9), ("a", 2), ("a", 3)]);
        assert_eq!([0, 1, 2, 3].map(|nth| number(&list, "a", nth)), [Some(3), Some(2), Some(1), None]);
        assert_eq!([-1, -3, -4].map(|nth| number(&list, "a", nth)), [Some(1), Some(3), None]);
        assert_eq!(list.get(b"a", i64::MIN, Case::Exact), None);
        assert_eq!(list.count(b"a", Case::Exact), 3);
    }

    #[test]
    fn setting_changes_the_newest_in_its_place() {
        let mut list = list(&[("a", 1), ("b", 2)]);
        list.set(&Str::from("a"), XavpValue::Int(5), Case::Exact);
        list.set(&Str::from("c"), XavpValue::Int(6), Case::Exact);
        let names: Vec<_> = list.iter().map(|field| field.name.to_lossy().into_owned()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert_eq!(number(&list, "a", 0), Some(5));
    }

    #[test]
    fn names_in_any_case_are_one_only_where_case_is_ignored() {
        let mut list = list(&[("Head", 1), ("head", 2)]);
        assert_eq!(list.count(b"HEAD", Case::Ignored), 2);
        assert_eq!(list.count(b"HEAD", Case::Exact), 0);
        assert!(list.remove(b"HEAD", 1, Case::Ignored));
        assert_eq!(list.remove_all(b"HEAD", Case::Ignored), 1);
        assert!(list.is_empty());
    }

    #[test]
    fn a_list_shows_that_it_is_one() {
        let text = |value: XavpValue| value.read().to_str().to_lossy().into_owned();
        assert_eq!(text(XavpValue::List(XavpList::default())), "<<xavp:(nil)>>");
        assert!(text(XavpValue::List(list(&[("a", 1)]))).starts_with("<<xavp:0x"));
    }
}
