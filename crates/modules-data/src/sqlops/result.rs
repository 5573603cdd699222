//! Results of queries, and `$dbr`.

use std::collections::HashMap;
use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use engine::{Args, Cx, Flow, PvArgs};
use store::Outcome;

/// A route's results by name. They last until they are freed or overwritten, as in a process of Kamailio's.
#[derive(Default)]
pub(super) struct Results(HashMap<Str, Outcome>);

impl Results {
    /// Keeps a result. False when there are `most` others.
    pub(super) fn keep(&mut self, name: Str, outcome: Outcome, most: usize) -> bool {
        if self.0.len() >= most && !self.0.contains_key(&name) {
            return false;
        }
        self.0.insert(name, outcome);
        true
    }

    pub(super) fn forget(&mut self, name: &[u8]) {
        self.0.remove(name);
    }
}

/// `sql_result_free(result)`.
pub(super) fn free(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.local::<Results>().forget(args.text(0));
    Flow::TRUE
}

/// What `$dbr` asks of a result.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    result: Str,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Rows,
    Columns,
    /// Row, column.
    Value(usize, usize),
    ColumnName(usize),
}

/// Reads what stands in `$dbr(…)`.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    match question(text) {
        Some(question) => Ok(Arc::new(question)),
        None => Err(format!(
            "\"{}\" asks nothing of a result: result=>rows, =>cols, =>[row,column] and =>colname[n] do",
            text.escape_ascii()
        )),
    }
}

fn question(text: &[u8]) -> Option<Question> {
    let text = std::str::from_utf8(text).ok()?;
    let (result, what) = text.split_once("=>")?;
    let (result, what) = (result.trim(), what.trim());
    let what = match what {
        "rows" => What::Rows,
        "cols" => What::Columns,
        _ => {
            if let Some(number) = what.strip_prefix("colname") {
                What::ColumnName(number.trim().strip_prefix('[')?.strip_suffix(']')?.trim().parse().ok()?)
            } else {
                let (row, column) = what.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
                What::Value(row.trim().parse().ok()?, column.trim().parse().ok()?)
            }
        }
    };
    (!result.is_empty()).then(|| Question { result: Str::copy(result.as_bytes()), what })
}

/// `$dbr(result=>…)`.
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(asked) = args.parsed::<Question>() else { return Value::Null };
    let none = Outcome::default();
    let result = cx.local::<Results>().0.get(&asked.result).unwrap_or(&none);
    match asked.what {
        What::Rows => Value::Int(result.rows.len() as i64),
        // As in Kamailio, which forgets the columns of a result without rows.
        What::Columns if result.rows.is_empty() => Value::Int(0),
        What::Columns => Value::Int(result.columns.len() as i64),
        What::Value(row, column) => {
            result.rows.get(row).and_then(|row| row.get(column)).map_or(Value::Null, shown)
        }
        What::ColumnName(number) if !result.rows.is_empty() => {
            result.columns.get(number).map_or(Value::Null, |name| Value::from(name.as_bytes()))
        }
        What::ColumnName(_) => Value::Null,
    }
}

/// What the script sees of a value: times are numbers, and numbers with a fraction are nothing, as in Kamailio, whose
/// results hold numbers and texts only. (Decimal columns of MySQL and PostgreSQL come as text.)
pub(super) fn shown(value: &store::Value) -> Value {
    match value {
        store::Value::Null | store::Value::Double(_) => Value::Null,
        store::Value::Int(number) | store::Value::Time(number) => Value::Int(*number),
        store::Value::Text(bytes) | store::Value::Blob(bytes) => Value::from(bytes.as_slice()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_with_any_spaces() {
        let asked = |text: &str| question(text.as_bytes()).map(|question| question.what);
        assert_eq!(asked("ra=>rows"), Some(What::Rows));
        assert_eq!(asked(" ra => cols "), Some(What::Columns));
        assert_eq!(asked("ra=>[ 1, 20 ]"), Some(What::Value(1, 20)));
        assert_eq!(asked("ra=>colname[3]"), Some(What::ColumnName(3)));
    }

    #[test]
    fn what_asks_nothing_is_told() {
        for text in
            ["", "ra", "=>rows", "ra=>row", "ra=>[1]", "ra=>[a,b]", "ra=>colname", "ra=>[1,2", "ra=>[-1,0]"]
        {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
