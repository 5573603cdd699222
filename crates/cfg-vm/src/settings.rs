//! What a configuration sets apart from its routes.

use cfg_syntax::Span;
use cfg_syntax::ast::{Alias, CustomVar, Listen, ParamValue, Text};

use crate::value::Value;

/// Everything at top level that is not a route, checked.
#[derive(Debug, Default)]
pub struct Settings {
    /// Core parameters.
    pub core: CoreParams,
    /// `listen`, in order.
    pub listens: Vec<Listen>,
    /// `alias` and `domain`.
    pub aliases: Vec<Alias>,
    /// Loaded modules in order, without path and `.so`.
    pub modules: Vec<String>,
    /// Loaded modules that Kamailio has and the catalogue has not.
    pub absent: Vec<String>,
    /// `modparam`s of modules that the catalogue has, in order, one for each module that a list names.
    pub params: Vec<ModuleParam>,
    /// `modparam`s of modules that Kamailio has and the catalogue has not; nothing reads them.
    pub ignored: Vec<IgnoredParam>,
    /// Flags declared by name.
    pub flags: Vec<NamedFlag>,
    /// `group.name = value`.
    pub custom: Vec<CustomVar>,
    /// `cfgengine`.
    pub engine: Option<Text>,
    /// What `#!define` and its kin left at the end of the file, for `$def(NAME)`: names and texts.
    pub defines: Vec<(String, Vec<u8>)>,
}

/// A module parameter as given.
#[derive(Clone, Debug)]
pub struct ModuleParam {
    /// The module.
    pub module: &'static str,
    /// The parameter.
    pub name: &'static str,
    /// Its value; of the declared type.
    pub value: Value,
    /// `modparamx`: the text is to be evaluated when modules start.
    pub evaluated: bool,
    /// The whole statement.
    pub span: Span,
}

/// A parameter of a module that is not there yet.
#[derive(Clone, Debug)]
pub struct IgnoredParam {
    /// The module.
    pub module: String,
    /// The parameter.
    pub name: String,
    /// The whole statement.
    pub span: Span,
}

/// `flags NAME:number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFlag {
    /// The name.
    pub name: String,
    /// Its number, given or assigned.
    pub number: u8,
    /// Declared with `avpflags`.
    pub avp: bool,
}

/// Core parameters as given, with Kamailio's defaults for the rest.
#[derive(Debug, Default)]
pub struct CoreParams {
    given: Vec<CoreParam>,
}

/// A core parameter as given.
#[derive(Clone, Debug)]
pub struct CoreParam {
    /// Its canonical name: aliases (`mem_log`) are resolved.
    pub name: &'static str,
    /// The value.
    pub value: ParamValue,
    /// The value's place.
    pub span: Span,
}

impl CoreParams {
    /// Adds one; a later one of the same name wins.
    pub(crate) fn push(&mut self, param: CoreParam) {
        self.given.push(param);
    }

    /// A number: as given, or Kamailio's default; 0 where it has none. An unknown name is 0, too.
    pub fn int(&self, name: &str) -> i64 {
        match self.find(name).map(|param| &param.value) {
            Some(ParamValue::Int(number)) => number.node,
            _ => crate::known::core_default(name).and_then(|text| text.parse().ok()).unwrap_or(0),
        }
    }

    /// A text, if given; bare words as well.
    pub fn text(&self, name: &str) -> Option<&[u8]> {
        match &self.find(name)?.value {
            ParamValue::Str(text) | ParamValue::Word(text) => Some(&text.node),
            ParamValue::Int(_) => None,
        }
    }

    /// Whether and how it was given.
    pub fn find(&self, name: &str) -> Option<&CoreParam> {
        self.given.iter().rev().find(|param| param.name == name)
    }

    /// All as given, in order.
    pub fn iter(&self) -> impl Iterator<Item = &CoreParam> {
        self.given.iter()
    }
}
