//! `dbg_pv_dump()`: the values of the variables that the configuration names, as JSON.

use std::collections::BTreeSet;

use cfg_vm::bound::BoundPv;
use cfg_vm::{Str, Value};
use engine::variables::{AvpName, XavpValue};
use engine::{Cx, Setup};

/// Undefined variables too.
const NULL: i64 = 1;
/// `$avp`.
const AVP: i64 = 2;
/// `$var`.
const VAR: i64 = 4;
/// `$xavp`.
const XAVP: i64 = 8;
/// The message's and the server's.
const OTHER: i64 = 16;
/// All of them.
pub(super) const ALL: i64 = NULL | AVP | VAR | XAVP | OTHER;

/// A variable that the configuration names.
pub(super) struct Named {
    text: String,
    kind: i64,
    pv: BoundPv,
}

/// Prefixes of names that are dumped by other means, or whose reading is not plain.
const LEFT_OUT: [&str; 9] =
    ["$avp(", "$xavp(", "$xavu(", "$xavi(", "$hdr", "$null", "$def(", "$defn(", "$env("];

/// The plain variables in the configuration's text, each once.
pub(super) fn named(setup: &Setup<'_>) -> Vec<Named> {
    let mut names = BTreeSet::new();
    for (_, file) in setup.program().source().files() {
        names.extend(names_in(&file.text));
    }
    let bind = |text: String| {
        let pv = setup.bind_pv(text.as_bytes()).ok()?;
        let kind = if text.starts_with("$var(") { VAR } else { OTHER };
        Some(Named { text, kind, pv })
    };
    names.into_iter().filter_map(bind).collect()
}

fn names_in(text: &[u8]) -> impl Iterator<Item = String> + '_ {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == b'$').map(|(at, _)| at);
    starts
        .filter_map(|at| name_at(&text[at..]))
        .filter(|name| !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)))
}

/// The variable that begins here, if its parentheses hold nothing but a name.
fn name_at(text: &[u8]) -> Option<String> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = 1 + text[1..].iter().take_while(|byte| is_letter(byte)).count();
    if length == 1 {
        return None;
    }
    let end = match text.get(length) {
        Some(b'(') => {
            let inner = text[length + 1..].iter().take_while(|byte| is_letter(byte)).count();
            let close = length + 1 + inner;
            if inner == 0 || text.get(close) != Some(&b')') {
                return None;
            }
            close + 1
        }
        _ => length,
    };
    String::from_utf8(text[..end].to_vec()).ok()
}

/// The variables of the kinds in a mask, as a JSON object.
pub(super) fn json(cx: &mut Cx<'_>, named: &[Named], mask: i64) -> String {
    let mut members = Vec::new();
    for variable in named.iter().filter(|variable| mask & variable.kind != 0) {
        let value = cx.read_bound(&variable.pv);
        if !value.is_null() || mask & NULL != 0 {
            members.push(format!("{}:{}", quoted(variable.text.as_bytes()), of_value(&value)));
        }
    }
    if mask & AVP != 0 {
        members.extend(avps(cx));
    }
    if mask & XAVP != 0 {
        members.extend(xavps(cx));
    }
    format!("{{{}}}", members.join(","))
}

fn avps(cx: &Cx<'_>) -> Vec<String> {
    let avps = &cx.context.variables.avps;
    let mut names: Vec<&AvpName> = Vec::new();
    for (name, _) in avps.iter() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let member = |name: &AvpName| {
        let values: Vec<_> = avps.all(name).map(of_value).collect();
        let shown = match name {
            AvpName::Text(text) => text.to_lossy().into_owned(),
            AvpName::Number(number) => format!("i:{number}"),
        };
        format!("{}:[{}]", quoted(format!("$avp({shown})").as_bytes()), values.join(","))
    };
    names.into_iter().map(member).collect()
}

fn xavps(cx: &Cx<'_>) -> Vec<String> {
    let mut groups: Vec<(&Str, Vec<String>)> = Vec::new();
    for field in cx.context.variables.xavps.iter() {
        let shown = of_xavp(&field.value);
        match groups.iter_mut().find(|(name, _)| **name == field.name) {
            Some((_, values)) => values.push(shown),
            None => groups.push((&field.name, vec![shown])),
        }
    }
    let member = |(name, values): (&Str, Vec<String>)| {
        let name = [b"$xavp(", &name[..], b")"].concat();
        format!("{}:[{}]", quoted(&name), values.join(","))
    };
    groups.into_iter().map(member).collect()
}

/// A list's fields as an object of arrays; one value is itself.
fn of_xavp(value: &XavpValue) -> String {
    let XavpValue::List(fields) = value else { return of_value(&value.read()) };
    let mut members: Vec<(&Str, Vec<String>)> = Vec::new();
    for field in fields.iter() {
        let shown = of_xavp(&field.value);
        match members.iter_mut().find(|(name, _)| **name == field.name) {
            Some((_, values)) => values.push(shown),
            None => members.push((&field.name, vec![shown])),
        }
    }
    let members: Vec<_> =
        members.iter().map(|(name, values)| format!("{}:[{}]", quoted(name), values.join(","))).collect();
    format!("{{{}}}", members.join(","))
}

fn of_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Str(text) => quoted(text),
    }
}

/// A JSON string (RFC 8259 §7).
fn quoted(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in String::from_utf8_lossy(text).chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_found_in_a_text() {
        let text = br#"$var(x) = $ci + "$si $(ru{s.len}) $avp(a) $var($var(y)) $hdr(X) cost 5$"; $rU"#;
        let names: Vec<_> = names_in(text).collect();
        assert_eq!(names, ["$var(x)", "$ci", "$si", "$var(y)", "$rU"]);
    }

    #[test]
    fn text_is_quoted_for_json() {
        assert_eq!(quoted(b"a\"b\\c\r\n\x01"), r#""a\"b\\c\r\n\u0001""#);
    }
}
