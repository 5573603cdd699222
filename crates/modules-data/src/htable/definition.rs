//! How a table is defined: `name=>size=8;autoexpire=300;dbtable=t;…`.

use cfg_vm::Str;

/// Slots of a table: two to the power of this, if nothing else is said.
const DEFAULT_BITS: u32 = 3;
/// As many as Kamailio makes at most.
const MOST_BITS: u32 = 31;

/// A table as the parameter `htable` defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: Str,
    /// The table has two to the power of this many slots, as far as people see.
    pub(super) bits: u32,
    /// Seconds after which an item goes that nobody sets; 0 for never.
    pub(super) autoexpire: i64,
    /// An update begins the time anew.
    pub(super) updateexpire: bool,
    /// What is read where there is nothing.
    pub(super) initval: Option<i64>,
    /// Table of the database that it is filled from.
    pub(super) dbtable: Option<String>,
    /// It is written back when the server ends.
    pub(super) writes_back: bool,
    /// Columns of the database's table: the key, then the values that are put together.
    pub(super) columns: Vec<String>,
    /// What stands between them.
    pub(super) delimiter: Str,
    /// What stands for a column without value.
    pub(super) null: Str,
}

impl Definition {
    /// Reads a definition. The error is one line for people.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let (name, attributes) = text.split_once("=>").unwrap_or(("", ""));
        let name = name.trim();
        if name.is_empty() || attributes.trim().is_empty() {
            return Err(format!("\"{text}\" names no table: name=>size=8;autoexpire=300 does"));
        }
        let mut definition = Self {
            name: name.into(),
            bits: DEFAULT_BITS,
            autoexpire: 0,
            updateexpire: true,
            initval: None,
            dbtable: None,
            writes_back: false,
            columns: Vec::new(),
            delimiter: Str::from_static(b","),
            null: Str::from_static(b"*"),
        };
        for (attribute, value) in attributes_of(attributes)? {
            definition.set(attribute, value)?;
        }
        Ok(definition)
    }

    fn set(&mut self, attribute: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<i64>().map_err(|_| format!("{attribute}: \"{value}\" is not a number"));
        match attribute {
            "size" => self.bits = bits(number()?),
            "autoexpire" => self.autoexpire = number()?.max(0),
            "updateexpire" => self.updateexpire = number()? != 0,
            "initval" => self.initval = Some(number()?),
            "dbtable" => self.dbtable = Some(value.to_owned()).filter(|table| !table.is_empty()),
            "dbmode" => self.writes_back = number()? != 0,
            // There is no DMQ here yet; the table works, on this node alone.
            "dmqreplicate" => _ = number()?,
            "cols" => {
                self.columns = value.split(',').map(|column| column.trim().to_owned()).collect();
                if self.columns.len() < 2 || self.columns.iter().any(String::is_empty) {
                    return Err(format!("cols: \"{value}\" does not name the key's column and a value's"));
                }
            }
            "coldelim" => self.delimiter = value.into(),
            "colnull" => self.null = value.into(),
            _ => return Err(format!("a table has no attribute \"{attribute}\"")),
        }
        Ok(())
    }
}

/// As Kamailio: what is less than 2 counts as 3.
fn bits(size: i64) -> u32 {
    match size {
        ..2 => DEFAULT_BITS,
        _ => u32::try_from(size).unwrap_or(MOST_BITS).min(MOST_BITS),
    }
}

/// `a=1;b='x;y'`: each attribute and its value, quotes taken off.
fn attributes_of(mut text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches([' ', ';', '\t', '\r', '\n']);
        if text.is_empty() {
            return Ok(found);
        }
        let Some((name, rest)) = text.split_once('=') else {
            return Err(format!("\"{text}\" is no attribute=value"));
        };
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
        let (value, after) = match quote {
            Some(quote) => {
                rest[1..].split_once(quote).ok_or_else(|| format!("the quote of {rest} is open"))?
            }
            None => rest.split_once(';').unwrap_or((rest, "")),
        };
        found.push((name.trim(), if quote.is_some() { value } else { value.trim() }));
        text = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_its_attributes_in_any_order() {
        let table = Definition::parse(
            b"a=>size=4;autoexpire=7200;dbtable=t_a;cols='k, v1,v2';initval=1;updateexpire=0;",
        )
        .unwrap();
        assert_eq!((table.name.as_bytes(), table.bits, table.autoexpire), (&b"a"[..], 4, 7200));
        assert_eq!(
            (table.dbtable.as_deref(), table.initval, table.updateexpire),
            (Some("t_a"), Some(1), false)
        );
        assert_eq!(table.columns, ["k", "v1", "v2"]);
        assert_eq!(Definition::parse(b"plain=>autoexpire=1").unwrap().bits, 3);
        assert_eq!(Definition::parse(b"b=>size=1").unwrap().bits, 3);
        assert_eq!(Definition::parse(b"b=>coldelim=';';colnull=\"-\"").unwrap().delimiter.as_bytes(), b";");
    }

    #[test]
    fn what_is_no_definition_is_told() {
        for wrong in
            ["a", "a=>", "=>size=1", "a=>size", "a=>size=x", "a=>colour=red", "a=>cols='k'", "a=>cols='k,v"]
        {
            assert!(Definition::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
