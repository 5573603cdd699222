//! Every name that exists, declared: functions with their arguments' kinds, pseudo-variables,
//! transformations, module and core parameters, event routes.
//!
//! The caller fills it from its modules' tables and keeps the code behind an id to itself. Names that
//! Kamailio has and the caller has not yet are in [`crate::known`].

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use crate::value::Value;

/// What a `parse` function made of a constant argument at load, for the function to downcast.
pub type Parsed = Arc<dyn Any + Send + Sync>;

/// Parses a constant at load. The error is shown to the user: what is wrong and what is expected.
pub type ParseFn = fn(&[u8]) -> Result<Parsed, String>;

/// Checks a constant at load. The error is shown to the user: what is wrong and what is expected.
pub type CheckTextFn = fn(&[u8]) -> Result<(), String>;

/// Checks a parameter's value. The error is shown to the user.
pub type CheckFn = fn(&Value) -> Result<(), String>;

/// Where something may be called; a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes(pub u16);

impl Routes {
    /// `request_route` and the `route[X]` it calls.
    pub const REQUEST: Self = Self(1);
    /// `failure_route`.
    pub const FAILURE: Self = Self(2);
    /// `reply_route`: replies before a transaction sees them.
    pub const CORE_REPLY: Self = Self(4);
    /// `onreply_route[X]`: replies of a transaction.
    pub const TM_REPLY: Self = Self(8);
    /// `branch_route`.
    pub const BRANCH: Self = Self(16);
    /// `event_route[tm:local-request]`.
    pub const LOCAL: Self = Self(32);
    /// `onsend_route`.
    pub const ONSEND: Self = Self(64);
    /// Other event routes.
    pub const EVENT: Self = Self(128);
    /// `event_route[tm:branch-failure:X]`.
    pub const BRANCH_FAILURE: Self = Self(256);
    /// Both kinds of reply route.
    pub const REPLY: Self = Self(4 | 8);
    /// Everywhere.
    pub const ANY: Self = Self(0x1ff);

    /// The union.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Any of `other` in here?
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a function takes at one place, and in which form it gets it.
#[derive(Clone, Copy, Debug)]
pub enum ArgKind {
    /// Constant text or bare word as written; gives [`crate::ArgValue::Str`].
    Text,
    /// Text with pseudo-variables, evaluated at each call; gives `Str`.
    Format,
    /// The same, but evaluated by the function itself, and only if it needs the text; gives `Str` for a constant,
    /// else `Template`.
    Template,
    /// A number: constant, pseudo-variable, or text that evaluates to one; gives `Int`.
    Int,
    /// A flag's number or declared name; gives `Int`.
    Flag,
    /// A pseudo-variable that the function reads; gives `Pv`.
    PvRead,
    /// A pseudo-variable that the function fills: it must be writable; gives `Pv`.
    PvWrite,
    /// The name of a route of a kind; checked to exist; a constant gives `Route`, a pseudo-variable is
    /// looked up at each call. `"0"` or empty, where the function takes it for "none", gives `Str`.
    Route(cfg_syntax::ast::RouteKind),
    /// A constant parsed at load; gives `Parsed`.
    Parsed(ParseFn),
    /// Parsed at load if it holds no pseudo-variable, else evaluated and parsed at each call; gives `Parsed`.
    ParsedFormat(ParseFn),
    /// A constant parsed at load, or a pseudo-variable's value; gives `Parsed`, or else `Str`, `Int` or `Null`.
    ParsedOrValue(ParseFn),
    /// Any expression's value; gives `Str`, `Int` or `Null`.
    Value,
}

/// A function under one name; one name may have several, told apart by the number of arguments.
#[derive(Clone, Copy, Debug)]
pub struct FunctionDecl {
    /// Name in the script.
    pub name: &'static str,
    /// Kinds of all arguments.
    pub arguments: &'static [ArgKind],
    /// How many must be given; the rest may be left out from the end.
    pub required: usize,
    /// Further arguments of the last kind may follow.
    pub variadic: bool,
    /// Where it may be called.
    pub routes: Routes,
    /// Whether the call may end by waiting; told in the documentation.
    pub waits: bool,
}

/// What may stand in a pseudo-variable's parentheses.
#[derive(Clone, Copy, Debug)]
pub enum InnerRule {
    /// Nothing: `$ru`.
    None,
    /// Something must: `$var(x)`. Text goes to the host as it is.
    Required,
    /// `$TV(u)`, but also plain.
    Optional,
    /// Something must, parsed at load when constant (at each use otherwise).
    Parsed(ParseFn),
    /// Something must; checked at load when constant, and text to the host in any case: where what is made at each
    /// use is cheaper than keeping what a parser makes.
    Checked(CheckTextFn),
    /// Something must, and it is a name also where a pseudo-variable stands in it (`$cnt($avp(x))`): always
    /// parsed at load, as written.
    Raw(ParseFn),
}

/// The type that a pseudo-variable has when it is read, as far as it is known at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PvType {
    /// Always a number when defined.
    Int,
    /// Always text when defined.
    Str,
    /// Depends.
    Any,
}

/// A pseudo-variable.
#[derive(Clone, Copy, Debug)]
pub struct PvDecl {
    /// Name without `$`; aliases are declared each.
    pub name: &'static str,
    /// What stands in the parentheses.
    pub inner: InnerRule,
    /// Takes `[index]`.
    pub indexed: bool,
    /// May stand left of `=`.
    pub writable: bool,
    /// Its type.
    pub ty: PvType,
}

/// What a transformation gets besides its input.
#[derive(Debug)]
pub struct TransformArgs<'a> {
    /// Evaluated arguments.
    pub values: &'a [Value],
    /// What `parse` made of constant arguments.
    pub parsed: Option<&'a Parsed>,
}

/// A transformation, `{class.name,…}`.
#[derive(Clone, Copy, Debug)]
pub struct TransformDecl {
    /// `s.len`, `uri.host`.
    pub name: &'static str,
    /// Fewest arguments.
    pub required: usize,
    /// Most arguments.
    pub most: usize,
    /// Prepares the argument text (as written after the first comma) at load, for `re.subst`.
    pub parse: Option<ParseFn>,
    /// Does it. Undefined input is given too.
    pub run: fn(&Value, &TransformArgs<'_>) -> Value,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A number.
    Int,
    /// A number in a range, both ends included.
    IntIn(i64, i64),
    /// Text.
    Str,
    /// Either.
    Any,
}

/// A parameter of a module.
#[derive(Clone, Copy, Debug)]
pub struct ParamDecl {
    /// Name in `modparam`.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParamKind,
    /// May be given several times, each counting (`shvset`).
    pub repeatable: bool,
    /// The default, as shown in the documentation.
    pub default: &'static str,
    /// Checks a value beyond its type.
    pub check: Option<CheckFn>,
}

/// A module, declared. Ids of functions and pseudo-variables are given by [`Catalogue::add`] in table order.
#[derive(Clone, Copy, Debug)]
pub struct ModuleDecl<'a> {
    /// Name in `loadmodule`; `core` is loaded always.
    pub name: &'static str,
    /// Functions.
    pub functions: &'a [FunctionDecl],
    /// Pseudo-variables.
    pub pvs: &'a [PvDecl],
    /// Transformations.
    pub transforms: &'a [TransformDecl],
    /// Parameters.
    pub params: &'a [ParamDecl],
    /// Names of event routes, such as `tm:local-request`; a trailing `*` stands for any end.
    pub event_routes: &'a [&'static str],
}

/// Number of a function in its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionId(pub u32);
/// Number of a pseudo-variable in its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PvId(pub u32);
/// Number of a transformation in its catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransformId(pub u32);

/// A declaration and the module that has it.
#[derive(Clone, Copy, Debug)]
pub struct Owned<T> {
    /// Module's name.
    pub module: &'static str,
    /// The declaration.
    pub decl: T,
}

/// All declarations.
#[derive(Debug, Default)]
pub struct Catalogue {
    functions: Vec<Owned<FunctionDecl>>,
    pvs: Vec<Owned<PvDecl>>,
    transforms: Vec<Owned<TransformDecl>>,
    params: HashMap<(&'static str, &'static str), ParamDecl>,
    event_routes: Vec<Owned<&'static str>>,
    modules: Vec<&'static str>,
    functions_by_name: HashMap<&'static str, Vec<FunctionId>>,
    pvs_by_name: HashMap<&'static str, PvId>,
    transforms_by_name: HashMap<&'static str, TransformId>,
}

impl Catalogue {
    /// Adds a module's declarations.
    ///
    /// # Panics
    /// When two modules declare one pseudo-variable or transformation: our mistake, found by any test.
    pub fn add(&mut self, module: &ModuleDecl<'_>) {
        let name = module.name;
        self.modules.push(name);
        for decl in module.functions {
            let id = FunctionId(self.functions.len() as u32);
            self.functions.push(Owned { module: name, decl: *decl });
            self.functions_by_name.entry(decl.name).or_default().push(id);
        }
        for decl in module.pvs {
            let id = PvId(self.pvs.len() as u32);
            self.pvs.push(Owned { module: name, decl: *decl });
            assert!(self.pvs_by_name.insert(decl.name, id).is_none(), "${} is declared twice", decl.name);
        }
        for decl in module.transforms {
            let id = TransformId(self.transforms.len() as u32);
            self.transforms.push(Owned { module: name, decl: *decl });
            let before = self.transforms_by_name.insert(decl.name, id);
            assert!(before.is_none(), "{{{}}} is declared twice", decl.name);
        }
        for decl in module.params {
            self.params.insert((name, decl.name), *decl);
        }
        self.event_routes.extend(module.event_routes.iter().map(|decl| Owned { module: name, decl: *decl }));
    }

    /// Names of all modules, in the order in which they were added.
    pub fn modules(&self) -> &[&'static str] {
        &self.modules
    }

    /// A function by number.
    pub fn function(&self, id: FunctionId) -> &Owned<FunctionDecl> {
        &self.functions[id.0 as usize]
    }

    /// All functions of a name.
    pub fn functions_named(&self, name: &str) -> &[FunctionId] {
        self.functions_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All functions, in id order.
    pub fn functions(&self) -> &[Owned<FunctionDecl>] {
        &self.functions
    }

    /// A pseudo-variable by number.
    pub fn pv(&self, id: PvId) -> &Owned<PvDecl> {
        &self.pvs[id.0 as usize]
    }

    /// A pseudo-variable by name.
    pub fn pv_named(&self, name: &str) -> Option<PvId> {
        self.pvs_by_name.get(name).copied()
    }

    /// All pseudo-variables, in id order.
    pub fn pvs(&self) -> &[Owned<PvDecl>] {
        &self.pvs
    }

    /// A transformation by number.
    pub fn transform(&self, id: TransformId) -> &Owned<TransformDecl> {
        &self.transforms[id.0 as usize]
    }

    /// A transformation by name.
    pub fn transform_named(&self, name: &str) -> Option<TransformId> {
        self.transforms_by_name.get(name).copied()
    }

    /// All transformations, in id order.
    pub fn transforms(&self) -> &[Owned<TransformDecl>] {
        &self.transforms
    }

    /// A module's parameter.
    pub fn param(&self, module: &str, name: &str) -> Option<&ParamDecl> {
        self.params.iter().find(|((m, n), _)| *m == module && *n == name).map(|(_, decl)| decl)
    }

    /// A module's parameters.
    pub fn params_of<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a ParamDecl> {
        self.params.iter().filter(move |((m, _), _)| *m == module).map(|(_, decl)| decl)
    }

    /// All event routes.
    pub fn event_routes(&self) -> &[Owned<&'static str>] {
        &self.event_routes
    }
}
