//! How the messages were shared out among Tandem's shards.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Names under which a shard may give the number of messages it handled, best first.
const NAMES: [&str; 3] = ["handled", "messages", "received"];

/// Asks a running server over its control socket; why not, if it does not say.
pub(crate) fn ask(tandem: &Path, process: u32) -> Result<Vec<u64>, String> {
    let process = process.to_string();
    let question = ["ctl", "--pid", &process, "--json", "core.shards"];
    let output = Command::new(tandem).args(question).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let value: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    counts(&value).ok_or_else(|| "the answer holds no list of shards with a count of messages".to_owned())
}

/// The first list in `value` whose every element has a count, wherever the answer wraps it.
fn counts(value: &Value) -> Option<Vec<u64>> {
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            elements.iter().map(count).collect::<Option<_>>().or_else(|| elements.iter().find_map(counts))
        }
        Value::Object(fields) => fields.values().find_map(counts),
        _ => None,
    }
}

/// A number, or an object with one under a known name.
fn count(element: &Value) -> Option<u64> {
    element.as_u64().or_else(|| NAMES.iter().find_map(|name| element.get(name)?.as_u64()))
}

/// The smallest shard's part of all messages, 0.0 to 1.0.
pub(crate) fn smallest_share(shards: &[u64]) -> Option<f64> {
    let total: u64 = shards.iter().sum();
    let smallest = *shards.iter().min()?;
    (total > 0).then(|| smallest as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Vec<u64>> {
        counts(&serde_json::from_str(text).expect("the test's own JSON is sound"))
    }

    #[test]
    fn counts_are_found_however_the_answer_is_wrapped() {
        assert_eq!(parsed(r#"[{"shard":0,"messages":5},{"shard":1,"messages":7}]"#), Some(vec![5, 7]));
        assert_eq!(parsed(r#"{"result":{"shards":[{"received":1}]}}"#), Some(vec![1]));
        assert_eq!(parsed("[3, 4]"), Some(vec![3, 4]));
    }

    #[test]
    fn an_answer_without_counts_is_no_counts() {
        assert_eq!(parsed(r#"{"shards":[{"id":"a"}]}"#), None);
        assert_eq!(parsed("[]"), None);
    }

    #[test]
    fn the_smallest_share_is_of_all_messages() {
        assert_eq!(smallest_share(&[30, 70]), Some(0.3));
        assert_eq!(smallest_share(&[0, 0]), None);
    }
}
