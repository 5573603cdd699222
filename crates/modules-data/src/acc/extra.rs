//! Further fields, as `log_extra` and its kin define them: `name=$pv;name=$pv`.

use cfg_vm::Value;
use cfg_vm::bound::BoundPv;
use engine::{Cx, Setup, SetupError};

/// A field of one's own.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pv: BoundPv,
}

impl Field {
    /// Its value on the message in hand.
    pub(super) fn read(&self, cx: &mut Cx<'_>) -> Value {
        cx.read_bound(&self.pv)
    }
}

/// Legs of a call that are looked for at most.
const MOST_LEGS: usize = 32;

/// Fields that have a value for each leg of the call: AVPs with several values, the newest first.
#[derive(Debug, Default)]
pub(super) struct Legs(Vec<Leg>);

#[derive(Debug)]
struct Leg {
    name: String,
    /// The variable with each index.
    pvs: Vec<BoundPv>,
}

impl Legs {
    /// The fields of `multi_leg_info`.
    pub(super) fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let Some(given) = setup.values("multi_leg_info").last() else { return Ok(Self::default()) };
        let told = |why: String| SetupError::at(given, format!("multi_leg_info: {why}"));
        let text = given.value.to_str();
        let text = text.to_lossy();
        let legs = definitions(&text).map(|definition| {
            let (name, pv) = definition.map_err(told)?;
            let pvs = (0..MOST_LEGS)
                .map(|index| setup.bind_pv(indexed(pv, index).as_bytes()))
                .collect::<Result<_, _>>()
                .map_err(|why| told(format!("{pv}: {why}")))?;
            Ok(Leg { name: name.to_owned(), pvs })
        });
        Ok(Self(legs.collect::<Result<_, _>>()?))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|leg| &*leg.name)
    }

    /// The values of each leg, up to the first that has none at all.
    pub(super) fn read(&self, cx: &mut Cx<'_>) -> Vec<Vec<Value>> {
        let mut legs = Vec::new();
        for index in 0..MOST_LEGS {
            let values: Vec<_> = self.0.iter().map(|leg| cx.read_bound(&leg.pvs[index])).collect();
            if values.iter().all(Value::is_null) {
                break;
            }
            legs.push(values);
        }
        legs
    }
}

/// `$avp(x)` or `$(avp(x))` with an index.
fn indexed(pv: &str, index: usize) -> String {
    let name = pv.trim_start_matches('$');
    let bare = name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).unwrap_or(name);
    format!("$({bare}[{index}])")
}

/// The fields of a parameter.
pub(super) fn fields(setup: &Setup<'_>, param: &str) -> Result<Vec<Field>, SetupError> {
    let Some(given) = setup.values(param).last() else { return Ok(Vec::new()) };
    let told = |why: String| SetupError::at(given, format!("{param}: {why}"));
    let text = given.value.to_str();
    let text = text.to_lossy();
    definitions(&text)
        .map(|definition| {
            let (name, pv) = definition.map_err(told)?;
            let pv = setup.bind_pv(pv.as_bytes()).map_err(|why| told(format!("{pv}: {why}")))?;
            Ok(Field { name: name.to_owned(), pv })
        })
        .collect()
}

/// Names and variables of a definition.
fn definitions(text: &str) -> impl Iterator<Item = Result<(&str, &str), String>> {
    split(text).into_iter().map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (name, pv) = part.split_once('=').ok_or_else(|| format!("\"{part}\" is no name=$variable"))?;
        let (name, pv) = (name.trim(), pv.trim());
        match name.is_empty() || !pv.starts_with('$') {
            true => Err(format!("\"{part}\" is no name=$variable")),
            false => Ok((name, pv)),
        }
    })
}

/// Splits at the semicolons that stand in no parentheses or braces: `$(ru{param.value,x,;})` keeps its own.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0i32, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            ';' if depth <= 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        definitions(text).map(|part| part.map(|(name, pv)| (name.to_owned(), pv.to_owned()))).collect()
    }

    #[test]
    fn fields_are_names_and_variables() {
        let fields = read("src_user=$fU; dst = $(ru{param.value,a,;}) ;x=$hdr(X);").unwrap();
        let names: Vec<_> = fields.iter().map(|(name, pv)| (&**name, &**pv)).collect();
        assert_eq!(names, [("src_user", "$fU"), ("dst", "$(ru{param.value,a,;})"), ("x", "$hdr(X)")]);
        assert!(read("a").is_err());
        assert!(read("a=text").is_err());
        assert!(read("=$ru").is_err());
    }
}
