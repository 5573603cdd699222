//! What the stock configuration and the seed use of the compared modules, and which cases meet it.
//!
//! `coverage/catalogue.txt` names what there is, `coverage/required.txt` what is asked for. The latter is made
//! from Debian's `kamailio.cfg` and the seed's text by `differential required FILE…`, and checked against the
//! installed stock configuration at each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::case::{Case, root};
use crate::error::{Error, Result};

/// Debian's stock configuration.
pub const STOCK: &str = "/etc/kamailio/kamailio.cfg";

/// A name that a configuration can use: `function sl send_reply`, `variable pv ru`, `transformation pv s.len`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `function`, `variable` or `transformation`.
    pub kind: String,
    /// The module that brings it, or `core`.
    pub module: String,
    /// Without `$` and parentheses.
    pub name: String,
}

/// Every name of the compared modules.
#[derive(Debug)]
pub struct Catalogue {
    functions: BTreeMap<String, Name>,
    variables: BTreeMap<String, Name>,
    transformations: BTreeMap<String, Name>,
}

impl Catalogue {
    /// Reads `coverage/catalogue.txt`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Case`] when it cannot be read.
    pub fn load() -> Result<Self> {
        let mut catalogue =
            Self { functions: BTreeMap::new(), variables: BTreeMap::new(), transformations: BTreeMap::new() };
        for name in names(&root().join("coverage/catalogue.txt"))? {
            let table = match name.kind.as_str() {
                "function" => &mut catalogue.functions,
                "variable" => &mut catalogue.variables,
                _ => &mut catalogue.transformations,
            };
            table.entry(name.name.clone()).or_insert(name);
        }
        Ok(catalogue)
    }

    /// The names of the catalogue that `configuration` uses, in code and in strings, but not in comments.
    #[must_use]
    pub fn used(&self, configuration: &str) -> BTreeSet<Name> {
        let mut used = BTreeSet::new();
        let text = without_comments(configuration);
        for (at, _) in text.match_indices('$') {
            used.extend(self.variable(text[at + 1..].trim_start_matches('(')));
        }
        for (at, _) in text.match_indices('{') {
            let name: String = text[at + 1..].chars().take_while(|c| is_word(*c) || *c == '.').collect();
            used.extend(self.transformations.get(&name));
        }
        let code = without_strings(&text);
        for (at, _) in code.match_indices('(') {
            let before = code[..at].trim_end();
            let start = before.rfind(|c| !is_word(c) && c != '$').map_or(0, |end| end + 1);
            used.extend(self.functions.get(&before[start..]));
        }
        used.into_iter().cloned().collect()
    }

    /// The variable whose name `text` begins with: `ruri.user` before `ruri`.
    fn variable(&self, text: &str) -> Option<&Name> {
        let dotted: String = text.chars().take_while(|c| is_word(*c) || *c == '.').collect();
        let plain = dotted.split('.').next().unwrap_or_default();
        self.variables.get(&dotted).or_else(|| self.variables.get(plain))
    }
}

/// What is asked for, and which cases meet it.
#[derive(Debug)]
pub struct Coverage {
    rows: Vec<(Name, Vec<String>)>,
    stale: Vec<String>,
}

impl Coverage {
    /// Looks for every required name in the configurations of `cases`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Case`] when a list cannot be read.
    pub fn of(cases: &[Case]) -> Result<Self> {
        let catalogue = Catalogue::load()?;
        let required = names(&root().join("coverage/required.txt"))?;
        let used: Vec<(&str, BTreeSet<Name>)> =
            cases.iter().map(|case| (case.name.as_str(), catalogue.used(&case.configuration))).collect();
        let rows = required.iter().map(|name| {
            let met = used.iter().filter(|(_, used)| used.contains(name)).map(|(case, _)| (*case).to_owned());
            (name.clone(), met.collect())
        });
        let stock = fs::read_to_string(STOCK).unwrap_or_default();
        let unlisted = catalogue.used(&stock).into_iter().filter(|name| !required.contains(name));
        let stale = unlisted.map(|name| format!("{} {}", name.module, name.name)).collect();
        Ok(Self { rows: rows.collect(), stale })
    }

    /// The table: a line for each required name, then the counts.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (Name { kind, module, name }, met) in &self.rows {
            let where_met = match met.as_slice() {
                [] => "NOT MET".to_owned(),
                [only] => only.clone(),
                [first, others @ ..] => format!("{first} and {} more", others.len()),
            };
            let _ = writeln!(text, "{module:<10} {kind:<14} {name:<28} {where_met}");
        }
        let met = self.rows.iter().filter(|(_, met)| !met.is_empty()).count();
        let _ = writeln!(text, "coverage: {met} of {} required names are met", self.rows.len());
        for name in &self.stale {
            let _ = writeln!(text, "the stock configuration uses `{name}`, which required.txt does not list");
        }
        text
    }

    /// Required names that no case meets, and names that `required.txt` should list.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let unmet = self.rows.iter().filter(|(_, met)| met.is_empty()).map(|(name, _)| name.name.as_str());
        unmet.chain(self.stale.iter().map(String::as_str))
    }
}

/// The text of `required.txt` for the configurations in `paths`.
///
/// # Errors
/// [`Error::File`] when one cannot be read.
pub fn required_by(paths: &[String]) -> Result<String> {
    let catalogue = Catalogue::load()?;
    let mut required = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(Error::file(Path::new(path)))?;
        required.extend(catalogue.used(&text));
    }
    let lines = required.iter().map(|Name { kind, module, name }| format!("{kind} {module} {name}\n"));
    Ok(lines.collect())
}

fn names(path: &Path) -> Result<Vec<Name>> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split(' ').collect::<Vec<_>>().as_slice() {
            [kind, module, name] => {
                Ok(Name { kind: (*kind).to_owned(), module: (*module).to_owned(), name: (*name).to_owned() })
            }
            _ => Err(Error::Case(path.to_path_buf(), format!("`{line}`: write kind, module, name"))),
        })
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The configuration without `#`, `//` and `/* */` comments; directives (`#!`) stay.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        let skipped = match quote {
            None if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            None if rest.starts_with("//") || (c == '#' && !rest.starts_with("#!")) => {
                rest.find('\n').unwrap_or(rest.len())
            }
            Some('"') if c == '\\' => {
                out.push(c);
                let escaped = rest.chars().nth(1);
                out.extend(escaped);
                1 + escaped.map_or(0, char::len_utf8)
            }
            _ => {
                quote = match quote {
                    None if c == '"' || c == '\'' => Some(c),
                    Some(open) if open == c => None,
                    other => other,
                };
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[skipped..];
    }
    out
}

/// `text` with strings emptied: what stands in them is no function call.
fn without_strings(text: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    text.chars()
        .map(|c| match quote {
            Some(_) if escaped => {
                escaped = false;
                ' '
            }
            Some('"') if c == '\\' => {
                escaped = true;
                ' '
            }
            Some(open) if open == c => {
                quote = None;
                ' '
            }
            Some(_) => ' ',
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                ' '
            }
            None => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Catalogue;

    #[test]
    fn names_are_found_in_code_and_variables_in_strings_too() {
        let catalogue = Catalogue::load().unwrap();
        let text = "# loose_route()\nif (is_method(\"record_route\")) { xlog(\"$(rU{s.len}) $ruri.user\"); }";
        let used: Vec<String> = catalogue.used(text).into_iter().map(|name| name.name).collect();
        assert_eq!(used, ["is_method", "xlog", "s.len", "rU", "ruri.user"]);
    }
}
