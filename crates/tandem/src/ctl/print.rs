//! Results for people: as kamcmd prints them, or as a table.

use std::fmt::Write as _;

use control::Value;

/// A value a line, structures in braces.
pub(crate) fn plain(results: &[Value]) -> String {
    let mut out = String::new();
    results.iter().for_each(|value| print(&mut out, None, value, 0));
    out
}

fn print(out: &mut String, name: Option<&str>, value: &Value, depth: usize) {
    out.extend(std::iter::repeat_n('\t', depth));
    if let Some(name) = name {
        out.push_str(name);
        out.push_str(": ");
    }
    match value {
        Value::List(values) => {
            out.push_str("{\n");
            values.iter().for_each(|value| print(out, None, value, depth + 1));
        }
        Value::Struct(members) | Value::Named(members) => {
            out.push_str("{\n");
            members.iter().for_each(|(name, value)| print(out, Some(name), value, depth + 1));
        }
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
            return;
        }
    }
    out.extend(std::iter::repeat_n('\t', depth));
    out.push_str("}\n");
}

/// A value without parts.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => format!("{number:.6}"),
        Value::Null | Value::List(_) | Value::Struct(_) | Value::Named(_) => String::new(),
    }
}

/// Structures with the same simple members, in columns; nothing where the results are no such.
pub(crate) fn table(results: &[Value]) -> Option<String> {
    let rows: Vec<&[(String, Value)]> = results.iter().map(row).collect::<Option<_>>()?;
    let names: Vec<&str> = rows.first()?.iter().map(|(name, _)| name.as_str()).collect();
    let same = |row: &&[(String, Value)]| row.iter().map(|(name, _)| name.as_str()).eq(names.iter().copied());
    if rows.len() < 2 || !rows.iter().all(same) {
        return None;
    }
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|(_, value)| scalar(value)).collect()).collect();
    let width = |column: usize| {
        let longest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        longest.max(names[column].chars().count())
    };
    let widths: Vec<_> = (0..names.len()).map(width).collect();
    let is_number = |column: usize| rows.iter().all(|row| matches!(row[column].1, Value::Int(_)));
    let right: Vec<_> = (0..names.len()).map(is_number).collect();
    let mut out = String::new();
    let heads = names.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&heads).chain(&cells) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // A String takes everything.
            let _ = if right[column] {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:width$}  ")
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Some(out)
}

/// The members of a structure of simple values.
fn row(value: &Value) -> Option<&[(String, Value)]> {
    let Value::Struct(members) = value else { return None };
    let simple = |value: &Value| !matches!(value, Value::List(_) | Value::Struct(_) | Value::Named(_));
    members.iter().all(|(_, value)| simple(value)).then_some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(members: &[(&str, Value)]) -> Value {
        Value::Struct(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    /// Recorded from Kamailio's kamcmd 5.6.3.
    #[test]
    fn structures_are_printed_as_kamcmd_does() {
        let slot = structure(&[("name", "k".into()), ("type", "str".into())]);
        let dump = structure(&[("entry", Value::Int(102)), ("slot", Value::List(vec![slot]))]);
        assert_eq!(
            plain(&[dump]),
            "{\n\tentry: 102\n\tslot: {\n\t\t{\n\t\t\tname: k\n\t\t\ttype: str\n\t\t}\n\t}\n}\n"
        );
        assert_eq!(plain(&["a".into(), Value::Int(1)]), "a\n1\n");
        assert_eq!(plain(&[]), "");
    }

    #[test]
    fn structures_of_one_kind_make_a_table() {
        let row = |name: &str, count: i64| structure(&[("name", name.into()), ("count", Value::Int(count))]);
        assert_eq!(
            table(&[row("a", 1), row("longer", 200)]).unwrap(),
            "name    count\na           1\nlonger    200\n"
        );
        assert_eq!(table(&[row("a", 1)]), None, "one structure is read better one below the other");
        assert_eq!(table(&[row("a", 1), structure(&[("other", Value::Int(1))])]), None);
        assert_eq!(table(&["a".into(), "b".into()]), None);
    }
}
