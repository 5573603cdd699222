//! From values to text, in Kamailio's two layouts.

use std::fmt::Write as _;

use crate::Value;

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A member a line, indented with tabs (`pretty_format` 1).
    Pretty,
    /// All in one line.
    Plain,
}

/// Writes a value.
pub fn write(value: &Value, layout: Layout) -> String {
    let mut out = String::new();
    put(&mut out, value, 0, layout);
    out
}

fn put(out: &mut String, value: &Value, depth: usize, layout: Layout) {
    match value {
        Value::Null => out.push_str("null"),
        // A String takes everything.
        Value::Int(number) => drop(write!(out, "{number}")),
        Value::Double(number) if number.is_finite() => drop(write!(out, "{number:.6}")),
        Value::Double(_) => out.push_str("null"),
        Value::Str(text) => string(out, text),
        Value::List(values) => {
            array(out, values.iter(), layout, |out, one| put(out, one, depth + 1, layout));
        }
        Value::Struct(members) => object(out, members.iter(), depth, layout),
        Value::Named(members) => {
            array(out, members.iter(), layout, |out, one| {
                object(out, std::iter::once(one), depth + 1, layout);
            });
        }
    }
}

fn array<T>(out: &mut String, values: impl Iterator<Item = T>, layout: Layout, put: impl Fn(&mut String, T)) {
    out.push('[');
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push_str(if layout == Layout::Pretty { ", " } else { "," });
        }
        put(out, value);
    }
    out.push(']');
}

fn object<'v>(
    out: &mut String,
    members: impl Iterator<Item = &'v (String, Value)>,
    depth: usize,
    layout: Layout,
) {
    let pretty = layout == Layout::Pretty;
    out.push('{');
    if pretty {
        out.push('\n');
    }
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            out.push_str(if pretty { ",\n" } else { "," });
        }
        if pretty {
            indent(out, depth + 1);
        }
        string(out, name);
        out.push_str(if pretty { ":\t" } else { ":" });
        put(out, value, depth + 1, layout);
    }
    if pretty {
        if !out.ends_with("{\n") {
            out.push('\n');
        }
        indent(out, depth);
    }
    out.push('}');
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n('\t', depth));
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            // A String takes everything.
            control if control < ' ' => drop(write!(out, "\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}
