//! The names that `#!define` and its kin set.

use std::collections::HashMap;
use std::rc::Rc;

use crate::source::Span;

/// As many as Kamailio keeps.
pub(crate) const MAX_DEFINES: usize = 512;

/// A defined name as it stands at the end of the configuration, for `$def(NAME)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Define {
    /// Its name.
    pub name: String,
    /// The text, as written: a string keeps its quotes.
    pub value: Vec<u8>,
    /// Where it was defined; `None` for what was predefined or stood on the command line.
    pub span: Option<Span>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Rc<[u8]>,
    pub(crate) span: Option<Span>,
    order: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Defines {
    entries: HashMap<String, Entry>,
    added: usize,
}

/// The table is full.
#[derive(Debug)]
pub(crate) struct Full;

impl Defines {
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Sets or replaces.
    pub(crate) fn set(&mut self, name: &str, value: &[u8], span: Option<Span>) -> Result<(), Full> {
        if self.entries.len() >= MAX_DEFINES && !self.contains(name) {
            return Err(Full);
        }
        self.added += 1;
        let entry = Entry { value: value.into(), span, order: self.added };
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.entries.remove(name).is_some()
    }

    /// In the order of definition.
    pub(crate) fn into_list(self) -> Vec<Define> {
        let mut entries: Vec<(String, Entry)> = self.entries.into_iter().collect();
        entries.sort_by_key(|(_, entry)| entry.order);
        let define =
            |(name, entry): (String, Entry)| Define { name, value: entry.value.to_vec(), span: entry.span };
        entries.into_iter().map(define).collect()
    }
}
