//! `-f`: results put into a text of the user's, as often as they last.

use control::Value;

use crate::ctl;

/// Puts each result in the place of the next `%v`; the text is begun again while results are left. Of structures each
/// brace and each member is one.
pub(super) fn formatted(format: &str, results: &[Value]) -> String {
    let mut pieces = Vec::new();
    results.iter().for_each(|value| take_apart(None, value, &mut pieces));
    let mut pieces = pieces.into_iter().peekable();
    let mut out = String::new();
    if pieces.peek().is_none() {
        return out;
    }
    loop {
        let before = pieces.len();
        fill(format, &mut pieces, &mut out);
        if pieces.peek().is_none() || pieces.len() == before {
            return out;
        }
    }
}

fn take_apart(name: Option<&str>, value: &Value, pieces: &mut Vec<String>) {
    let named = |text: &str| name.map_or_else(|| text.to_owned(), |name| format!("{name}: {text}"));
    match value {
        Value::Struct(members) | Value::Named(members) => {
            pieces.push(named("{"));
            members.iter().for_each(|(name, value)| take_apart(Some(name), value, pieces));
            pieces.push("}".to_owned());
        }
        Value::List(values) => {
            pieces.push(named("{"));
            values.iter().for_each(|value| take_apart(None, value, pieces));
            pieces.push("}".to_owned());
        }
        other => pieces.push(named(&ctl::scalar(other))),
    }
}

/// Once through the text.
fn fill(format: &str, pieces: &mut impl Iterator<Item = String>, out: &mut String) {
    let mut rest = format.chars().peekable();
    while let Some(character) = rest.next() {
        let next = rest.peek().copied();
        let meant = match (character, next) {
            ('%', Some('v')) => {
                out.push_str(&pieces.next().unwrap_or_default());
                rest.next();
                continue;
            }
            ('%', Some('%')) => Some('%'),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('\\')) => Some('\\'),
            _ => None,
        };
        if meant.is_some() {
            rest.next();
        }
        out.push(meant.unwrap_or(character));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Kamailio's kamcmd 5.6.3.
    #[test]
    fn results_fill_the_text_as_in_kamcmd() {
        let processes = [Value::Int(1), "main".into(), Value::Int(2), "timer".into()];
        assert_eq!(formatted("p: %v d: %v\\n", &processes), "p: 1 d: main\np: 2 d: timer\n");
        assert_eq!(formatted("x%vy", &[Value::Int(5)]), "x5y");
        assert_eq!(formatted("%v\\t%v\\a|%%|\\x", &["/".into()]), "/\t\\a|%|\\x");
        let uptime =
            Value::Struct(vec![("now".to_owned(), "x".into()), ("uptime".to_owned(), Value::Int(2))]);
        assert_eq!(formatted("%v-%v %%v\\n", &[uptime]), "{-now: x %v\nuptime: 2-} %v\n");
        assert_eq!(formatted("%v\\n", &[]), "");
    }

    #[test]
    fn a_text_without_places_is_printed_once() {
        assert_eq!(formatted("done\\n", &["a".into(), "b".into()]), "done\n");
    }
}
