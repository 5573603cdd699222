//! A compiled configuration.

use std::collections::HashMap;
use std::sync::Arc;

use cfg_syntax::ast::{Keyword, RouteKind};
use cfg_syntax::{SourceMap, Span};

use crate::catalogue::{ArgKind, FunctionId, ParseFn, Parsed, PvId, TransformArgs};
use crate::host::{AddressPattern, ArgValue};
use crate::op::Op;
use crate::regex::Regex;
use crate::value::{Str, Value};

/// Number of a route in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// A pseudo-variable with its inner text, index and transformations, bound at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PvRef(pub u32);

/// Text with pseudo-variables, bound at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateRef(pub u32);

/// Routes as bytecode, with everything that they refer to. Immutable and shared.
#[derive(Debug, Default)]
pub struct Program {
    pub(crate) code: Vec<Op>,
    /// For each operation, the place that it came from.
    pub(crate) spans: Vec<Span>,
    pub(crate) routes: Vec<RouteData>,
    pub(crate) named: HashMap<RouteKind, HashMap<Box<[u8]>, RouteId>>,
    pub(crate) unnamed: HashMap<RouteKind, RouteId>,
    pub(crate) pool: Pool,
    pub(crate) constants: Vec<Value>,
    pub(crate) calls: Vec<CallSite>,
    pub(crate) switches: Vec<Switch>,
    pub(crate) patterns: Vec<Regex>,
    pub(crate) addresses: Vec<(Keyword, AddressPattern)>,
    pub(crate) names: Vec<Box<str>>,
    pub(crate) source: Arc<SourceMap>,
}

/// What is known of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInfo<'a> {
    /// Its kind.
    pub kind: RouteKind,
    /// Its name; empty for an unnamed one.
    pub name: &'a [u8],
    /// Its head, `route[NAME]`; of the first block if several were joined.
    pub head: Span,
}

/// What is known of a bound pseudo-variable.
#[derive(Clone, Copy, Debug)]
pub struct PvInfo {
    /// Its number in the catalogue; none for `$null` and the return code.
    pub id: Option<PvId>,
    /// It may be written.
    pub writable: bool,
    /// Neither index nor transformation stands on it.
    pub plain: bool,
    /// Where it stands.
    pub span: Span,
}

impl Program {
    /// A named route of a kind.
    pub fn route(&self, kind: RouteKind, name: &[u8]) -> Option<RouteId> {
        self.named.get(&kind)?.get(name).copied()
    }

    /// The route of a kind that has no name, such as `request_route`.
    pub fn unnamed(&self, kind: RouteKind) -> Option<RouteId> {
        self.unnamed.get(&kind).copied()
    }

    /// Kind, name and place of a route.
    ///
    /// # Panics
    /// When the number is another program's.
    pub fn info(&self, route: RouteId) -> RouteInfo<'_> {
        let data = &self.routes[route.0 as usize];
        RouteInfo { kind: data.kind, name: &data.name, head: data.head }
    }

    /// All routes, in the order in which they first appear.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, RouteInfo<'_>)> {
        (0..self.routes.len() as u32).map(|number| (RouteId(number), self.info(RouteId(number))))
    }

    /// The texts that calls of a function give for one of its arguments, where they are constants: which tables it is used
    /// with, for instance.
    pub fn constant_texts(&self, function: FunctionId, at: usize) -> impl Iterator<Item = &Str> {
        let calls = self.calls.iter().filter(move |call| call.function == function);
        calls.filter_map(move |call| {
            let value = match &call.arguments {
                ArgPlans::Constant(values) => values.get(at),
                ArgPlans::Made(plans) => match plans.get(at) {
                    Some(ArgPlan::Constant(value)) => Some(value),
                    _ => None,
                },
            };
            if let Some(ArgValue::Str(text)) = value { Some(text) } else { None }
        })
    }

    /// Whether any route asks for this pseudo-variable.
    pub fn uses_pv(&self, id: PvId) -> bool {
        self.pool.pvs.iter().any(|node| matches!(node.source, PvSource::Catalogue(used) if used == id))
    }

    /// What a bound pseudo-variable is.
    ///
    /// # Panics
    /// When the number is another program's.
    pub fn pv(&self, pv: PvRef) -> PvInfo {
        self.pool.info(pv)
    }

    /// The bytecode as text, one operation a line, for finding mistakes in it.
    pub fn listing(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for (at, (op, span)) in self.code.iter().zip(&self.spans).enumerate() {
            for route in self.routes.iter().filter(|route| route.entry as usize == at) {
                let name = String::from_utf8_lossy(&route.name);
                // Writing to a string does not fail.
                let _ = writeln!(text, "{:?} {name}", route.kind);
            }
            let place = self.source.position(*span);
            let _ = writeln!(text, "{at:5}  {:4}:{:<3} {op:?}", place.line, place.column);
        }
        text
    }

    /// The files that it was made of, for showing places.
    pub fn source(&self) -> &Arc<SourceMap> {
        &self.source
    }
}

/// A route's code.
#[derive(Debug)]
pub(crate) struct RouteData {
    pub(crate) kind: RouteKind,
    pub(crate) name: Box<[u8]>,
    pub(crate) head: Span,
    /// Its first operation.
    pub(crate) entry: u32,
}

/// Bound pseudo-variables and templates: a program's, or those of a string that came up at run time.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) pvs: Vec<PvNode>,
    pub(crate) templates: Vec<Template>,
}

impl Pool {
    pub(crate) fn info(&self, pv: PvRef) -> PvInfo {
        let node = &self.pvs[pv.0 as usize];
        let id = if let PvSource::Catalogue(id) = node.source { Some(id) } else { None };
        let plain = node.transforms.is_empty() && matches!(node.index, PvIndexNode::None);
        PvInfo { id, writable: node.writable && node.transforms.is_empty(), plain, span: node.span }
    }
}

#[derive(Debug)]
pub(crate) struct PvNode {
    pub(crate) source: PvSource,
    pub(crate) inner: InnerNode,
    pub(crate) index: PvIndexNode,
    pub(crate) transforms: Box<[TransformNode]>,
    pub(crate) writable: bool,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PvSource {
    Catalogue(PvId),
    /// `$rc`, `$retcode`, `$?`
    ReturnCode,
    /// `$null`
    Null,
}

#[derive(Debug)]
pub(crate) enum InnerNode {
    None,
    Text(Str),
    Parsed(Parsed),
    /// Evaluated at each use, then parsed if the declaration has a parser.
    Template(TemplateRef, Option<ParseFn>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum PvIndexNode {
    None,
    At(i64),
    All,
    Pv(PvRef),
}

#[derive(Debug)]
pub(crate) struct TransformNode {
    pub(crate) run: fn(&Value, &TransformArgs<'_>) -> Value,
    pub(crate) arguments: Box<[TransformArg]>,
    pub(crate) parsed: Option<Parsed>,
}

#[derive(Clone, Debug)]
pub(crate) enum TransformArg {
    Constant(Value),
    Pv(PvRef),
}

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) parts: Box<[TemplatePart]>,
}

#[derive(Clone, Debug)]
pub(crate) enum TemplatePart {
    Text(Str),
    Pv(PvRef),
}

/// A call in a route.
#[derive(Debug)]
pub(crate) struct CallSite {
    pub(crate) function: FunctionId,
    pub(crate) arguments: ArgPlans,
}

/// A call's arguments.
#[derive(Debug)]
pub(crate) enum ArgPlans {
    /// All known at load: handed over as they are.
    Constant(Box<[ArgValue]>),
    Made(Box<[ArgPlan]>),
}

impl From<Vec<ArgPlan>> for ArgPlans {
    fn from(plans: Vec<ArgPlan>) -> Self {
        let constants: Option<Box<[ArgValue]>> = plans
            .iter()
            .map(|plan| if let ArgPlan::Constant(value) = plan { Some(value.clone()) } else { None })
            .collect();
        constants.map_or_else(|| Self::Made(plans.into()), Self::Constant)
    }
}

/// How an argument comes to be.
#[derive(Debug)]
pub(crate) enum ArgPlan {
    /// Known at load.
    Constant(ArgValue),
    /// The text of a template.
    Format(TemplateRef),
    /// A pseudo-variable's value, turned into what the kind asks for.
    Value(PvRef, ArgKind),
    /// A template's text, turned into what the kind asks for.
    Text(TemplateRef, ArgKind),
    /// The value that an expression left on the stack; these come in order.
    Stack(ArgKind),
}

/// A `switch`: where to go on for which value.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) cases: Box<[(CaseTest, u32)]>,
    /// Where `default` stands, or the end.
    pub(crate) otherwise: u32,
}

#[derive(Debug)]
pub(crate) enum CaseTest {
    Int(i64),
    Str(Str),
    Regex(Regex),
}
