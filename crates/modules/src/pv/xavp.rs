//! `$xavp(root[i]=>field[j])`, `$xavu(…)`, `$xavi(…)`.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::host::WriteError;
use cfg_vm::{Str, Value};
use engine::variables::{Case, Variables, XavpList, XavpValue};
use engine::{Cx, PvArgs};

/// Which of a name's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nth {
    /// No brackets.
    Newest,
    /// `[n]`
    At(i64),
    /// `[*]`
    All,
}

impl Nth {
    fn number(self) -> i64 {
        if let Self::At(nth) = self { nth } else { 0 }
    }
}

/// A name with its brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: Str,
    pub(super) nth: Nth,
}

/// What stands in the parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) root: Key,
    pub(super) field: Option<Key>,
}

impl Key {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = text.trim_ascii();
        let (name, nth) = match text.iter().position(|&byte| byte == b'[') {
            None => (text, Nth::Newest),
            Some(open) => {
                let inner =
                    text[open + 1..].strip_suffix(b"]").ok_or("the bracket is not closed")?.trim_ascii();
                (text[..open].trim_ascii(), Self::index(inner)?)
            }
        };
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "an extended AVP is written root=>field, each with a name and perhaps [index]".to_owned()
            );
        }
        Ok(Self { name: Str::copy(name), nth })
    }

    fn index(text: &[u8]) -> Result<Nth, String> {
        if text == b"*" {
            return Ok(Nth::All);
        }
        let number = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok());
        number.map(Nth::At).ok_or_else(|| "an index is a number or *".to_owned())
    }
}

impl Path {
    /// Reads it at load.
    pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
        Self::of(text).map(|path| Arc::new(path) as Parsed)
    }

    /// Reads it.
    pub(super) fn of(text: &[u8]) -> Result<Self, String> {
        let arrow = text.windows(2).position(|pair| pair == b"=>");
        match arrow {
            None => Ok(Self { root: Key::parse(text)?, field: None }),
            Some(at) => {
                Ok(Self { root: Key::parse(&text[..at])?, field: Some(Key::parse(&text[at + 2..])?) })
            }
        }
    }
}

/// The value that a path names.
pub(super) fn find<'a>(list: &'a XavpList, path: &Path, case: Case) -> Option<&'a XavpValue> {
    let root = list.get(&path.root.name, path.root.nth.number(), case)?;
    match (&path.field, root) {
        (None, root) => Some(root),
        (Some(field), XavpValue::List(fields)) => fields.get(&field.name, field.nth.number(), case),
        (Some(_), _) => None,
    }
}

/// How many values have the name that a path ends with.
pub(super) fn count(list: &XavpList, path: &Path, case: Case) -> usize {
    match &path.field {
        None => list.count(&path.root.name, case),
        Some(field) => match list.get(&path.root.name, path.root.nth.number(), case) {
            Some(XavpValue::List(fields)) => fields.count(&field.name, case),
            _ => 0,
        },
    }
}

/// Writes by a path, where several values may have one name.
///
/// Without brackets a value is added: a root of its own for `root=>field`. With them it replaces one that is there;
/// a field without brackets under a root with them is added to that root.
fn write_stacked(list: &mut XavpList, path: &Path, value: Value, case: Case) -> Result<(), WriteError> {
    let root = &path.root;
    match (&path.field, XavpValue::of(value)) {
        (None, None) => remove(list, root, case),
        (None, Some(value)) => match root.nth {
            Nth::Newest => list.push(root.name.clone(), value),
            Nth::All => {
                list.remove_all(&root.name, case);
                list.push(root.name.clone(), value);
            }
            Nth::At(nth) => {
                let known = list.get_mut(&root.name, nth, case);
                *known.ok_or_else(|| WriteError::Unfit("there is no such extended AVP".to_owned()))? = value;
            }
        },
        (Some(field), value) => {
            let known = list.get_mut(&root.name, root.nth.number(), case);
            match (known, value) {
                (Some(XavpValue::List(fields)), None) => remove(fields, field, case),
                (Some(XavpValue::List(fields)), Some(value)) if root.nth != Nth::Newest => {
                    write_field(fields, field, value, case);
                }
                (Some(_), Some(_)) if root.nth != Nth::Newest => {
                    return Err(WriteError::Unfit(
                        "the root is a plain value, so it has no fields".to_owned(),
                    ));
                }
                (_, Some(value)) if root.nth == Nth::Newest => {
                    let mut fields = XavpList::default();
                    fields.push(field.name.clone(), value);
                    list.push(root.name.clone(), XavpValue::List(fields));
                }
                // Nothing to delete, or no such root to add to.
                _ => {}
            }
        }
    }
    Ok(())
}

fn write_field(fields: &mut XavpList, field: &Key, value: XavpValue, case: Case) {
    match field.nth {
        Nth::Newest => fields.push(field.name.clone(), value),
        Nth::At(nth) => {
            if let Some(known) = fields.get_mut(&field.name, nth, case) {
                *known = value;
            }
        }
        Nth::All => {
            fields.remove_all(&field.name, case);
            fields.push(field.name.clone(), value);
        }
    }
}

fn remove(list: &mut XavpList, key: &Key, case: Case) {
    match key.nth {
        Nth::All => {
            list.remove_all(&key.name, case);
        }
        nth => {
            list.remove(&key.name, nth.number(), case);
        }
    }
}

/// Writes by a path where each name has one value.
fn write_unique(list: &mut XavpList, path: &Path, value: Value) {
    let root = &path.root.name;
    match (&path.field, XavpValue::of(value)) {
        (None, None) => {
            list.remove_all(root, Case::Exact);
        }
        (None, Some(value)) => list.set(root, value, Case::Exact),
        (Some(field), value) => set_field(list, root, &field.name, value, Case::Exact),
    }
}

/// Sets a field of the newest root of a name, or takes it away; the root is made if it is missing, and made anew if it
/// is a plain value.
pub(super) fn set_field(list: &mut XavpList, root: &Str, field: &Str, value: Option<XavpValue>, case: Case) {
    match (list.get_mut(root, 0, case), value) {
        (Some(XavpValue::List(fields)), Some(value)) => fields.set(field, value, case),
        (Some(XavpValue::List(fields)), None) => {
            fields.remove(field, 0, case);
        }
        (_, Some(value)) => {
            let mut fields = XavpList::default();
            fields.push(field.clone(), value);
            list.set(root, XavpValue::List(fields), case);
        }
        (_, None) => {}
    }
}

/// Which of a message's lists.
type Lists = fn(&mut Variables) -> &mut XavpList;

fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>, list: Lists, case: Case) -> Value {
    let Some(path) = args.parsed::<Path>() else { return Value::Null };
    find(list(&mut cx.context.variables), path, case).map_or(Value::Null, XavpValue::read)
}

/// `$xavp(…)`
pub(super) fn read_xavp(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    read(cx, args, |variables| &mut variables.xavps, Case::Exact)
}

/// `$xavu(…)`
pub(super) fn read_xavu(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    read(cx, args, |variables| &mut variables.xavus, Case::Exact)
}

/// `$xavi(…)`
pub(super) fn read_xavi(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    read(cx, args, |variables| &mut variables.xavis, Case::Ignored)
}

/// `$xavp(…) = …`
pub(super) fn write_xavp(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(path) = args.parsed::<Path>() else { return Err(WriteError::NotHere) };
    write_stacked(&mut cx.context.variables.xavps, path, value, Case::Exact)
}

/// `$xavi(…) = …`
pub(super) fn write_xavi(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(path) = args.parsed::<Path>() else { return Err(WriteError::NotHere) };
    write_stacked(&mut cx.context.variables.xavis, path, value, Case::Ignored)
}

/// `$xavu(…) = …`
pub(super) fn write_xavu(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(path) = args.parsed::<Path>() else { return Err(WriteError::NotHere) };
    write_unique(&mut cx.context.variables.xavus, path, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(list: &mut XavpList, path: &str, value: impl Into<Value>) -> bool {
        write_stacked(list, &Path::of(path.as_bytes()).unwrap(), value.into(), Case::Exact).is_ok()
    }

    fn read(list: &XavpList, path: &str) -> Option<i64> {
        find(list, &Path::of(path.as_bytes()).unwrap(), Case::Exact)?.read().as_int()
    }

    #[test]
    fn a_path_has_a_root_and_perhaps_a_field() {
        let path = Path::of(b"r[1]=>f[*]").unwrap();
        assert_eq!(path.root, Key { name: "r".into(), nth: Nth::At(1) });
        assert_eq!(path.field, Some(Key { name: "f".into(), nth: Nth::All }));
        assert_eq!(Path::of(b"r[-1]").unwrap().root.nth, Nth::At(-1));
        for wrong in ["", "=>f", "r=>", "r[x]", "r[1", "a b"] {
            assert!(Path::of(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    /// Seen in Debian's Kamailio 5.6.3.
    #[test]
    fn a_root_without_brackets_is_pushed() {
        let mut list = XavpList::default();
        write(&mut list, "r=>b", Value::Int(1));
        write(&mut list, "r=>c", Value::Int(2));
        assert_eq!(read(&list, "r=>b"), None);
        assert_eq!(read(&list, "r=>c"), Some(2));
        assert_eq!(read(&list, "r[1]=>b"), Some(1));
        write(&mut list, "r[0]=>d", Value::Int(3));
        write(&mut list, "r[0]=>d", Value::Int(4));
        assert_eq!((read(&list, "r=>d"), read(&list, "r[0]=>d[1]")), (Some(4), Some(3)));
        write(&mut list, "r[0]=>d[0]", Value::Int(5));
        write(&mut list, "r[0]=>d[9]", Value::Int(6));
        write(&mut list, "r[0]=>new[0]", Value::Int(7));
        assert_eq!(
            (read(&list, "r=>d"), read(&list, "r=>d[1]"), read(&list, "r=>new")),
            (Some(5), Some(3), None)
        );
        assert!(write(&mut list, "none[0]=>x", Value::Int(1)));
        assert_eq!(read(&list, "none=>x"), None);
        write(&mut list, "r=>zz", Value::Null);
        assert_eq!(list.count(b"r", Case::Exact), 2);
        write(&mut list, "r", Value::Null);
        assert_eq!(read(&list, "r=>b"), Some(1));
    }

    #[test]
    fn plain_values_are_replaced_only_where_they_are() {
        let mut list = XavpList::default();
        write(&mut list, "p", Value::Int(1));
        write(&mut list, "p", Value::Int(2));
        write(&mut list, "p[0]", Value::Int(3));
        write(&mut list, "p[1]", Value::Int(4));
        assert_eq!((read(&list, "p"), read(&list, "p[1]")), (Some(3), Some(4)));
        assert!(!write(&mut list, "p[4]", Value::Int(9)));
        assert!(!write(&mut list, "p[0]=>k", Value::Int(9)));
        write(&mut list, "p[1]", Value::Null);
        assert_eq!((read(&list, "p"), read(&list, "p[1]")), (Some(3), None));
        write(&mut list, "p", Value::Int(5));
        write(&mut list, "p[*]", Value::Null);
        assert_eq!(read(&list, "p"), None);
    }

    #[test]
    fn a_unique_name_has_one_value() {
        let mut list = XavpList::default();
        let mut set = |path: &str, value| write_unique(&mut list, &Path::of(path.as_bytes()).unwrap(), value);
        set("u", Value::Int(1));
        set("u=>k", Value::Int(2));
        set("u=>k", Value::Int(3));
        set("u=>l", Value::Int(4));
        set("u=>l", Value::Null);
        assert_eq!((read(&list, "u=>k"), read(&list, "u=>l")), (Some(3), None));
        assert_eq!(list.count(b"u", Case::Exact), 1);
    }
}
