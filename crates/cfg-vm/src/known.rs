//! What Kamailio has: every module's names, and the core parameters with their defaults.
//!
//! It tells "not there yet" from "nobody knows this". The data is made by `data/generate.py`.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::catalogue::Routes;

static MODULES: &str = include_str!("../data/modules.txt");
static CORE: &str = include_str!("../data/core.txt");

/// Names that Kamailio has.
#[derive(Debug, Default)]
pub struct Known {
    modules: Vec<KnownModule>,
    by_name: HashMap<&'static str, usize>,
    functions: HashMap<&'static str, Vec<usize>>,
    pvs: HashMap<&'static str, Vec<usize>>,
    transforms: HashMap<&'static str, Vec<usize>>,
}

/// A module of Kamailio.
#[derive(Debug)]
pub struct KnownModule {
    /// Its name.
    pub name: &'static str,
    /// Its functions.
    pub functions: HashMap<&'static str, KnownFunction>,
    /// Its parameters.
    pub params: HashMap<&'static str, KnownParam>,
    /// Its pseudo-variables, and whether something stands in parentheses.
    pub pvs: HashMap<&'static str, bool>,
    /// Its transformations.
    pub transforms: Vec<&'static str>,
    /// Its event routes; a trailing `*` stands for any end.
    pub event_routes: Vec<&'static str>,
}

/// A function of Kamailio.
#[derive(Clone, Copy, Debug)]
pub struct KnownFunction {
    /// Numbers of arguments, as `1,2` or `0+`.
    arities: &'static str,
    /// Where it may be called.
    pub routes: Routes,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownType {
    /// A number.
    Int,
    /// Text.
    Str,
}

/// A parameter of a module of Kamailio.
#[derive(Clone, Copy, Debug)]
pub struct KnownParam {
    /// Its type.
    pub ty: KnownType,
    /// Its default, where it is a number.
    pub default: Option<&'static str>,
}

/// What a core parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreType {
    /// A number of 0 or more.
    Natural,
    /// A number.
    Int,
    /// `yes` or `no`, or a number.
    Bool,
    /// Text.
    Str,
    /// A word, an address, a number or text: its reader decides.
    Any,
}

/// A core parameter.
#[derive(Clone, Copy, Debug)]
pub struct CoreDecl {
    /// Its first name.
    pub name: &'static str,
    /// What it takes.
    pub ty: CoreType,
    /// Its default.
    pub default: Option<&'static str>,
}

impl Known {
    /// All of Kamailio's names; read at the first call.
    pub fn kamailio() -> &'static Self {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(|| Self::parse(MODULES))
    }

    /// A module.
    pub fn module(&self, name: &str) -> Option<&KnownModule> {
        self.by_name.get(name).map(|index| &self.modules[*index])
    }

    /// All modules.
    pub fn modules(&self) -> &[KnownModule] {
        &self.modules
    }

    /// Modules that have a function.
    pub fn modules_with_function<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a KnownModule> {
        self.having(&self.functions, name)
    }

    /// Modules that have a pseudo-variable.
    pub fn modules_with_pv<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a KnownModule> {
        self.having(&self.pvs, name)
    }

    /// Modules that have a transformation.
    pub fn modules_with_transform<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a KnownModule> {
        self.having(&self.transforms, name)
    }

    fn having<'a>(
        &'a self,
        index: &HashMap<&'static str, Vec<usize>>,
        name: &str,
    ) -> impl Iterator<Item = &'a KnownModule> {
        let found = index.get(name).cloned().unwrap_or_default();
        found.into_iter().map(|module| &self.modules[module])
    }

    fn parse(text: &'static str) -> Self {
        let mut known = Self::default();
        for line in text.lines() {
            known.line(line);
        }
        known
    }

    fn line(&mut self, line: &'static str) {
        let mut words = line.split(' ');
        let (Some(kind), Some(name)) = (words.next(), words.next()) else { return };
        if kind == "m" {
            self.by_name.insert(name, self.modules.len());
            self.modules.push(KnownModule::new(name));
            return;
        }
        let index = self.modules.len() - 1;
        let Some(module) = self.modules.last_mut() else { return };
        match kind {
            "f" => {
                let arities = words.next().unwrap_or("0+");
                let routes = routes(words.next().unwrap_or("any"));
                module.functions.insert(name, KnownFunction { arities, routes });
                self.functions.entry(name).or_default().push(index);
            }
            "p" => {
                let ty = if words.next() == Some("int") { KnownType::Int } else { KnownType::Str };
                module.params.insert(name, KnownParam { ty, default: words.next() });
            }
            "v" => {
                let plain = name.trim_end_matches("()");
                module.pvs.insert(plain, plain != name);
                self.pvs.entry(plain).or_default().push(index);
            }
            "t" => {
                module.transforms.push(name);
                self.transforms.entry(name).or_default().push(index);
            }
            "e" => module.event_routes.push(name),
            _ => {}
        }
    }
}

impl KnownModule {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            functions: HashMap::new(),
            params: HashMap::new(),
            pvs: HashMap::new(),
            transforms: Vec::new(),
            event_routes: Vec::new(),
        }
    }
}

impl KnownFunction {
    /// Can it be called with so many arguments?
    pub fn takes(&self, count: usize) -> bool {
        self.arities.split(',').any(|arity| match arity.strip_suffix('+') {
            Some(least) => least.parse::<usize>().is_ok_and(|least| count >= least),
            None => arity.parse() == Ok(count),
        })
    }

    /// The numbers of arguments, for people: `1 or 2`.
    pub fn arities(&self) -> String {
        self.arities.replace(',', " or ").replace('+', " or more")
    }
}

fn routes(letters: &str) -> Routes {
    if letters == "any" {
        return Routes::ANY;
    }
    letters.chars().fold(Routes(0), |routes, letter| {
        routes.or(match letter {
            'R' => Routes::REQUEST,
            'F' => Routes::FAILURE,
            'O' => Routes::REPLY,
            'o' => Routes::CORE_REPLY,
            't' => Routes::TM_REPLY,
            'B' => Routes::BRANCH,
            'L' => Routes::LOCAL,
            'S' => Routes::ONSEND,
            'b' => Routes::BRANCH_FAILURE,
            _ => Routes::EVENT,
        })
    })
}

/// A core parameter by any of its names.
pub fn core_param(name: &str) -> Option<&'static CoreDecl> {
    core_table().get(name)
}

/// All names of core parameters, aliases as well.
pub fn core_param_names() -> impl Iterator<Item = &'static str> {
    core_table().keys().copied()
}

/// Kamailio's default of a core parameter, as text.
pub(crate) fn core_default(name: &str) -> Option<&'static str> {
    core_param(name)?.default
}

fn core_table() -> &'static HashMap<&'static str, CoreDecl> {
    static TABLE: OnceLock<HashMap<&'static str, CoreDecl>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        for line in CORE.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let Some(names) = words.next() else { continue };
            let ty = match words.next() {
                Some("n") => CoreType::Natural,
                Some("b") => CoreType::Bool,
                Some("s") => CoreType::Str,
                Some("w") => CoreType::Any,
                _ => CoreType::Int,
            };
            let default = words.next();
            let Some(name) = names.split('|').next() else { continue };
            for alias in names.split('|') {
                table.insert(alias, CoreDecl { name, ty, default });
            }
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_modules_and_their_names_are_known() {
        let known = Known::kamailio();
        assert!(known.modules().len() >= 257, "{}", known.modules().len());
        let names: std::collections::HashSet<_> =
            known.modules().iter().flat_map(|module| module.functions.keys()).collect();
        assert!(names.len() > 1200, "{}", names.len());
        assert!(known.modules().iter().map(|module| module.params.len()).sum::<usize>() > 2300);
    }

    #[test]
    fn functions_have_arities_and_routes() {
        let function = Known::kamailio().module("textops").expect("listed").functions["append_hf"];
        assert!(function.takes(1) && function.takes(2) && !function.takes(3));
        let maxfwd =
            Known::kamailio().module("maxfwd").expect("listed").functions["mf_process_maxfwd_header"];
        assert_eq!(maxfwd.routes, Routes::REQUEST);
    }

    #[test]
    fn core_parameters_have_defaults_under_all_their_names() {
        assert_eq!(core_default("children"), Some("8"));
        assert_eq!(core_param("mem_log").map(|decl| decl.name), Some("memlog"));
        assert!(core_param("nosuch").is_none());
    }
}
