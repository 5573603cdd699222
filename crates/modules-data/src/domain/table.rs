//! The tables, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use cfg_vm::Value;
use store::{Database, Error, Query};

use crate::source;

/// Tables and columns.
pub(super) struct Columns {
    pub(super) domain_table: String,
    pub(super) attributes_table: String,
    pub(super) did: String,
    pub(super) domain: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) value: String,
}

/// All domains by their names in lower case.
#[derive(Debug, Default)]
pub(super) struct Domains {
    by_name: HashMap<Vec<u8>, Arc<Known>>,
}

/// What is known of a domain.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Its identity, which several names may share.
    pub(super) did: Vec<u8>,
    /// Names and values, in the table's order.
    pub(super) attributes: Vec<(Vec<u8>, Value)>,
}

/// Type of an attribute that is a number.
const NUMBER: i64 = 0;

impl Domains {
    pub(super) async fn read(database: &Database, columns: &Columns) -> Result<Self, Error> {
        let names = Query {
            table: columns.domain_table.clone(),
            columns: vec![columns.domain.clone(), columns.did.clone()],
            ..Query::default()
        };
        let attributes = Query {
            table: columns.attributes_table.clone(),
            columns: [&columns.did, &columns.name, &columns.kind, &columns.value].map(String::clone).to_vec(),
            ..Query::default()
        };
        let (names, attributes) = (database.query(&names).await?, database.query(&attributes).await?);
        let names = names
            .iter()
            .filter_map(|row| Some((source::text_of(row.first()?)?, source::text_of(row.get(1)?))));
        let attributes = attributes.iter().filter_map(|row| {
            let did = source::text_of(row.first()?)?;
            let name = source::text_of(row.get(1)?)?;
            attribute(row.get(2)?.as_int()?, &source::text_of(row.get(3)?)?).map(|value| (did, name, value))
        });
        Ok(Self::new(names, attributes))
    }

    fn new(
        names: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
        attributes: impl Iterator<Item = (Vec<u8>, Vec<u8>, Value)>,
    ) -> Self {
        let mut of_did: HashMap<Vec<u8>, Vec<(Vec<u8>, Value)>> = HashMap::new();
        for (did, name, value) in attributes {
            of_did.entry(did).or_default().push((name, value));
        }
        let by_name = names.map(|(name, did)| {
            let did = did.unwrap_or_else(|| name.clone());
            let attributes = of_did.get(&did).cloned().unwrap_or_default();
            (name.to_ascii_lowercase(), Arc::new(Known { did, attributes }))
        });
        Self { by_name: by_name.collect() }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Known>> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.by_name.keys().map(Vec::as_slice)
    }

    /// Names and what is known, in the names' order.
    pub(super) fn sorted(&self) -> Vec<(&[u8], &Known)> {
        let mut all: Vec<_> = self.by_name.iter().map(|(name, known)| (&name[..], &**known)).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }
}

fn attribute(kind: i64, value: &[u8]) -> Option<Value> {
    if kind != NUMBER {
        return Some(Value::from(value));
    }
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.trim().parse().ok());
    if number.is_none() {
        tracing::error!(target: "domain", "an attribute's value `{}` is no number", value.escape_ascii());
    }
    number.map(Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_lead_to_what_their_identity_has() {
        let text = |text: &str| text.as_bytes().to_vec();
        let names = [
            (text("One.example"), None),
            (text("two"), Some(text("d2"))),
            (text("also-two"), Some(text("d2"))),
        ];
        let attributes = [
            (text("d2"), text("color"), Value::text("red")),
            (text("d2"), text("size"), Value::Int(7)),
            (text("One.example"), text("color"), Value::text("blue")),
        ];
        let domains = Domains::new(names.into_iter(), attributes.into_iter());
        let two = domains.get(b"TWO").expect("known");
        assert_eq!(two.did, b"d2");
        assert_eq!(two.attributes.len(), 2);
        assert_eq!(domains.get(b"also-two"), domains.get(b"two"));
        assert_eq!(domains.get(b"one.EXAMPLE").expect("known").did, b"One.example");
        assert!(domains.get(b"x.two").is_none());
        let sorted: Vec<_> = domains.sorted().into_iter().map(|(name, _)| name).collect();
        assert_eq!(sorted, [&b"also-two"[..], b"one.example", b"two"]);
    }

    #[test]
    fn an_attribute_has_its_type() {
        assert_eq!(attribute(0, b" 12"), Some(Value::Int(12)));
        assert_eq!(attribute(0, b"x"), None);
        assert_eq!(attribute(2, b"12"), Some(Value::text("12")));
    }
}
