//! Expressions of `#!ifexp` and `#!defexp`: numbers, strings, and names of defines.

use super::Defines;

/// Parentheses and signs inside each other.
const MAX_DEPTH: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
}

impl Value {
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
        }
    }

    /// As the text of a define: whole numbers without a point.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Number(number) => format!("{number}"),
            Self::Text(text) => text.clone(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().unwrap_or(0.0),
        }
    }
}

/// The value, or what is wrong in words.
pub(crate) fn evaluate(text: &str, defines: &Defines) -> Result<Value, String> {
    let mut evaluation = Evaluation { text, at: 0, defines, depth: 0 };
    let value = evaluation.binary(0)?;
    match evaluation.rest().trim_start() {
        "" => Ok(value),
        rest => Err(format!("`{rest}` is left over")),
    }
}

struct Evaluation<'a> {
    text: &'a str,
    at: usize,
    defines: &'a Defines,
    depth: usize,
}

/// Operators by how tightly they bind, loosest first; in a row the longer before its beginning.
const LEVELS: &[&[&str]] =
    &[&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

impl<'a> Evaluation<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, mark: &str) -> bool {
        self.skip_blanks();
        let taken = self.rest().starts_with(mark);
        if taken {
            self.at += mark.len();
        }
        taken
    }

    fn binary(&mut self, level: usize) -> Result<Value, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.binary(level + 1)?;
            left = apply(operator, &left, &right)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deeply".into());
        }
        let value = if self.take("-") {
            Value::Number(-self.unary()?.number())
        } else if self.take("!") {
            truth(!self.unary()?.is_true())
        } else if self.take("(") {
            let value = self.binary(0)?;
            if !self.take(")") {
                return Err("a `)` is missing".into());
            }
            value
        } else {
            self.operand()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self) -> Result<Value, String> {
        self.skip_blanks();
        let rest = self.rest();
        let first = rest.chars().next().ok_or("it ends where a value is expected")?;
        if first == '"' || first == '\'' {
            let end = rest[1..].find(first).ok_or("a string is not closed")?;
            self.at += end + 2;
            return Ok(Value::Text(rest[1..=end].to_owned()));
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(format!("`{first}` is no value"));
        }
        self.at += length;
        let word = &rest[..length];
        if first.is_ascii_digit() || first == '.' {
            return word.parse().map(Value::Number).map_err(|_| format!("`{word}` is no number"));
        }
        Ok(self.define(word))
    }

    /// 0 when it is not defined, 1 when it has no text, else its text as a number or string.
    fn define(&self, name: &str) -> Value {
        let Some(entry) = self.defines.get(name) else { return Value::Number(0.0) };
        let text = String::from_utf8_lossy(&entry.value);
        let text = text.trim();
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match (unquoted, text.parse()) {
            _ if text.is_empty() => Value::Number(1.0),
            (Some(text), _) => Value::Text(text.to_owned()),
            (None, Ok(number)) => Value::Number(number),
            (None, Err(_)) => Value::Text(text.to_owned()),
        }
    }
}

fn truth(holds: bool) -> Value {
    Value::Number(f64::from(u8::from(holds)))
}

fn apply(operator: &str, left: &Value, right: &Value) -> Result<Value, String> {
    let (a, b) = (left.number(), right.number());
    Ok(match (operator, left, right) {
        ("||", ..) => truth(left.is_true() || right.is_true()),
        ("&&", ..) => truth(left.is_true() && right.is_true()),
        ("==", Value::Text(a), Value::Text(b)) => truth(a == b),
        ("!=", Value::Text(a), Value::Text(b)) => truth(a != b),
        ("+", Value::Text(_), _) => Value::Text(left.to_text() + &right.to_text()),
        ("==", ..) => truth(a == b),
        ("!=", ..) => truth(a != b),
        ("<=", ..) => truth(a <= b),
        (">=", ..) => truth(a >= b),
        ("<", ..) => truth(a < b),
        (">", ..) => truth(a > b),
        ("+", ..) => Value::Number(a + b),
        ("-", ..) => Value::Number(a - b),
        ("*", ..) => Value::Number(a * b),
        ("/" | "%", ..) if b == 0.0 => return Err("division by zero".into()),
        ("/", ..) => Value::Number(a / b),
        _ => Value::Number(a % b),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &[(&str, &str)]) -> Defines {
        let mut defines = Defines::default();
        for (name, value) in names {
            defines.set(name, value.as_bytes(), None).unwrap();
        }
        defines
    }

    #[test]
    fn numbers_strings_and_names_are_values() {
        let defines = with(&[("VERSION", "5006003"), ("FLAG", ""), ("NAME", "\"a\"")]);
        let text = |expression: &str| evaluate(expression, &defines).map(|value| value.to_text());
        assert_eq!(text("1 + 2 * 3"), Ok("7".into()));
        assert_eq!(text("(1 + 2) * 3 - -1"), Ok("10".into()));
        assert_eq!(text("7 / 2"), Ok("3.5".into()));
        assert_eq!(text("VERSION >= 5006000 && FLAG"), Ok("1".into()));
        assert_eq!(text("MISSING || 0"), Ok("0".into()));
        assert_eq!(text("NAME + 'b' + 1"), Ok("ab1".into()));
        assert_eq!(text("NAME == \"a\""), Ok("1".into()));
    }

    #[test]
    fn what_cannot_be_evaluated_says_why() {
        let defines = Defines::default();
        let reason = |expression: &str| evaluate(expression, &defines).unwrap_err();
        assert_eq!(reason("1 / 0"), "division by zero");
        assert_eq!(reason("(1"), "a `)` is missing");
        assert_eq!(reason("1 2"), "`2` is left over");
        assert_eq!(reason(&"(".repeat(1000)), "it is nested too deeply");
        assert_eq!(reason(""), "it ends where a value is expected");
    }
}
