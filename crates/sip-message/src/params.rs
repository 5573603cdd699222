//! Parameters after a semicolon, in URIs and in headers.

use std::borrow::Cow;

use crate::grammar::{find_outside, trim, unquote};

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value as written, quotes included; `None` when there is no `=`.
    pub value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// The value without quotes; empty when there is none.
    pub fn unquoted(&self) -> Cow<'a, [u8]> {
        unquote(self.value.unwrap_or_default())
    }

    fn new(text: &'a [u8]) -> Self {
        match memchr::memchr(b'=', text) {
            Some(equals) => Self { name: trim(&text[..equals]), value: Some(trim(&text[equals + 1..])) },
            None => Self { name: trim(text), value: None },
        }
    }
}

/// How a list of parameters is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In a URI: a quote has no meaning (RFC 3261 §19.1.1).
    Uri,
    /// In a header: a value may be a quoted string or a URI in brackets.
    Header,
}

/// A list of parameters: an iterator that reads as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
    form: Form,
}

impl<'a> Params<'a> {
    /// The parameters of a header; `raw` is what follows the first semicolon.
    pub fn of_header(raw: &'a [u8]) -> Self {
        Self { raw, form: Form::Header }
    }

    /// The parameters of a URI; `raw` is what follows the first semicolon.
    pub fn of_uri(raw: &'a [u8]) -> Self {
        Self { raw, form: Form::Uri }
    }

    /// What is still to be read, as written.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The first parameter of this name, whatever its case.
    pub fn find(self, name: &[u8]) -> Option<Param<'a>> {
        let mut params = self;
        Iterator::find(&mut params, |param| param.name.eq_ignore_ascii_case(name))
    }

    /// Whether a parameter of this name is there, with or without a value.
    pub fn has(self, name: &[u8]) -> bool {
        self.find(name).is_some()
    }

    /// The value of the first parameter of this name, as written.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.find(name)?.value
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        while !self.raw.is_empty() {
            let end = match self.form {
                Form::Uri => memchr::memchr(b';', self.raw),
                Form::Header => find_outside(self.raw, b';'),
            };
            let text = match end {
                Some(end) => {
                    let text = &self.raw[..end];
                    self.raw = &self.raw[end + 1..];
                    text
                }
                None => std::mem::take(&mut self.raw),
            };
            let param = Param::new(text);
            if !param.name.is_empty() || param.value.is_some() {
                return Some(param);
            }
        }
        None
    }
}
