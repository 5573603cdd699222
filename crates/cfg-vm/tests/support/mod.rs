//! A small world for scripts: variables, a message that never changes, functions that write down what they
//! were given, and one that waits.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cfg_syntax::ast::{Keyword, RouteKind};
use cfg_syntax::source::Loader;
use cfg_syntax::{Diagnostic, Options, SourceMap, Span};
use cfg_vm::catalogue::{
    ArgKind, Catalogue, FunctionDecl, FunctionId, InnerRule, ModuleDecl, ParamDecl, ParamKind, Parsed,
    PvDecl, PvId, PvType, Routes,
};
use cfg_vm::host::{AddressPattern, Notice, Step, WriteError};
use cfg_vm::known::Known;
use cfg_vm::{
    ArgValue, Call, Ended, Execution, Host, Index, Inner, Limits, Loadable, Outcome, Program, RouteId, Str,
    Value,
};

/// One file in memory.
pub(crate) struct Memory<'a>(pub(crate) &'a [u8]);

impl Loader for Memory<'_> {
    fn load(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("test.cfg") { Ok(self.0.to_vec()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}

const fn function(
    name: &'static str,
    arguments: &'static [ArgKind],
    required: usize,
    routes: Routes,
) -> FunctionDecl {
    FunctionDecl { name, arguments, required, variadic: false, routes, waits: false }
}

fn even(text: &[u8]) -> Result<Parsed, String> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()) {
        Some(number) if number % 2 == 0 => Ok(Arc::new(number)),
        _ => Err("an even number is expected".into()),
    }
}

const FUNCTIONS: &[FunctionDecl] = &[
    function("log", &[ArgKind::Format], 1, Routes::ANY),
    function("code", &[ArgKind::Int], 1, Routes::ANY),
    function("is_method", &[ArgKind::Text], 1, Routes::ANY),
    function("fill", &[ArgKind::PvWrite, ArgKind::Format], 2, Routes::ANY),
    function("peek", &[ArgKind::PvRead], 1, Routes::ANY),
    function("value", &[ArgKind::Value], 1, Routes::ANY),
    function("mark", &[ArgKind::Flag], 1, Routes::ANY),
    function("arm", &[ArgKind::Route(RouteKind::Failure)], 1, Routes::ANY),
    function("even", &[ArgKind::ParsedFormat(even)], 1, Routes::ANY),
    function("even_constant", &[ArgKind::Parsed(even)], 1, Routes::ANY),
    function("run", &[ArgKind::Route(RouteKind::Named)], 1, Routes::ANY),
    function("only_request", &[], 0, Routes::REQUEST),
    function("one_or_two", &[ArgKind::Text, ArgKind::Text], 1, Routes::ANY),
    FunctionDecl {
        name: "any_number",
        arguments: &[ArgKind::Value],
        required: 0,
        variadic: true,
        routes: Routes::ANY,
        waits: false,
    },
    FunctionDecl {
        name: "wait",
        arguments: &[],
        required: 0,
        variadic: false,
        routes: Routes::ANY,
        waits: true,
    },
];

const fn pv(name: &'static str, inner: InnerRule, writable: bool, ty: PvType) -> PvDecl {
    PvDecl { name, inner, indexed: matches!(inner, InnerRule::Required), writable, ty }
}

const PVS: &[PvDecl] = &[
    pv("var", InnerRule::Required, true, PvType::Any),
    pv("avp", InnerRule::Required, true, PvType::Any),
    pv("hdr", InnerRule::Required, false, PvType::Str),
    pv("ru", InnerRule::None, true, PvType::Str),
    pv("rU", InnerRule::None, true, PvType::Str),
    pv("rm", InnerRule::None, false, PvType::Str),
    pv("rp", InnerRule::None, true, PvType::Int),
    pv("sp", InnerRule::None, false, PvType::Int),
    pv("si", InnerRule::None, false, PvType::Str),
    pv("even", InnerRule::Parsed(even), false, PvType::Int),
];

/// The modules of this world: `pv`, `test`, and `other`, which configurations need not load.
pub(crate) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    let none = ModuleDecl {
        name: "core",
        functions: &[],
        pvs: &[],
        transforms: &[],
        params: &[],
        event_routes: &[],
    };
    catalogue.add(&none);
    catalogue.add(&ModuleDecl { name: "pv", pvs: PVS, transforms: cfg_vm::transform::PURE, ..none });
    catalogue.add(&ModuleDecl {
        name: "test",
        functions: FUNCTIONS,
        params: &[
            ParamDecl {
                name: "number",
                kind: ParamKind::IntIn(0, 100),
                repeatable: false,
                default: "5",
                check: None,
            },
            ParamDecl { name: "text", kind: ParamKind::Str, repeatable: true, default: "", check: None },
        ],
        event_routes: &["test:event"],
        ..none
    });
    catalogue.add(&ModuleDecl {
        name: "other",
        functions: &[function("elsewhere", &[], 0, Routes::ANY)],
        pvs: &[pv("other", InnerRule::None, false, PvType::Any)],
        transforms: cfg_vm::transform::RE,
        ..none
    });
    catalogue
}

/// What every script of a test begins with.
pub(crate) const HEAD: &str = "loadmodule \"pv.so\"\nloadmodule \"test.so\"\n";

/// Everything that reading and loading a text tells.
pub(crate) struct Loaded {
    pub(crate) outcome: Outcome,
    pub(crate) sources: SourceMap,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads and loads a text as it is.
pub(crate) fn load_text(text: &[u8], catalogue: &Catalogue) -> Loaded {
    let parsed = cfg_syntax::parse(&Memory(text), Path::new("test.cfg"), &Options::default());
    let outcome = cfg_vm::load(Loadable {
        config: &parsed.config,
        sources: &parsed.sources,
        catalogue,
        known: Known::kamailio(),
    });
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(outcome.diagnostics.iter().cloned());
    diagnostics.sort_by_key(|found| (found.primary.span.file, found.primary.span.start));
    Loaded { outcome, sources: parsed.sources, diagnostics }
}

/// The program of a text with [`HEAD`] before it.
pub(crate) fn program(text: &str) -> Arc<Program> {
    let loaded = load_text(format!("{HEAD}{text}").as_bytes(), &catalogue());
    match loaded.outcome.program {
        Some(program) => Arc::new(program),
        None => panic!("{text}\n{:#?}", loaded.diagnostics),
    }
}

/// Runs `request_route` of a text; what `log` was given comes back.
pub(crate) fn run(text: &str) -> World {
    let program = program(text);
    let mut world = World::default();
    world.ended = Some(world.start(&program));
    world
}

/// The host.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) vars: HashMap<Str, Value>,
    /// Newest last.
    pub(crate) avps: HashMap<Str, Vec<Value>>,
    pub(crate) log: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) steps: Vec<String>,
    pub(crate) trace: bool,
    pub(crate) ended: Option<Ended>,
    pub(crate) limits: Limits,
    pub(crate) rc: i64,
    /// Keeps `log` from writing anything down, for measurements.
    pub(crate) quiet: bool,
    ids: Ids,
}

impl World {
    /// Runs a program's `request_route` from its beginning.
    pub(crate) fn start(&mut self, program: &Arc<Program>) -> Ended {
        let route = program.unnamed(RouteKind::Request).expect("a request_route");
        let mut execution = Execution::new();
        execution.start(program, route, self.limits, self.trace);
        execution.run(self)
    }
}

/// Names of the catalogue by number.
struct Ids {
    functions: Vec<&'static str>,
    pvs: Vec<&'static str>,
}

impl Default for Ids {
    fn default() -> Self {
        let catalogue = catalogue();
        Self {
            functions: catalogue.functions().iter().map(|function| function.decl.name).collect(),
            pvs: catalogue.pvs().iter().map(|pv| pv.decl.name).collect(),
        }
    }
}

impl Host for World {
    fn read(&mut self, pv: PvId, inner: Inner<'_>, index: Index) -> Value {
        match (self.ids.pvs[pv.0 as usize], inner) {
            ("var", Inner::Text(name)) => self.vars.get(name).cloned().unwrap_or(Value::Int(0)),
            ("avp", Inner::Text(name)) => {
                let Some(stack) = self.avps.get(name) else { return Value::Null };
                match index {
                    Index::None => stack.last().cloned().unwrap_or_default(),
                    Index::At(at) => stack
                        .iter()
                        .rev()
                        .nth(usize::try_from(at).unwrap_or(usize::MAX))
                        .cloned()
                        .unwrap_or_default(),
                    Index::All => {
                        let all: Vec<String> =
                            stack.iter().rev().map(|v| v.to_str().to_lossy().into_owned()).collect();
                        Value::Str(all.join(", ").into())
                    }
                }
            }
            ("ru", _) => Value::text("sip:alice@example.com"),
            ("rU", _) => Value::text("alice"),
            ("rm", _) => Value::text("OPTIONS"),
            ("rp", _) => Value::Int(5060),
            ("sp", _) => Value::Int(5080),
            ("si", _) => Value::text("127.0.0.1"),
            ("even", Inner::Parsed(parsed)) => parsed.downcast_ref::<i64>().copied().into(),
            _ => Value::Null,
        }
    }

    fn write(&mut self, pv: PvId, inner: Inner<'_>, index: Index, value: Value) -> Result<(), WriteError> {
        match (self.ids.pvs[pv.0 as usize], inner) {
            ("var", Inner::Text(name)) => {
                let value = if value.is_null() { Value::Int(0) } else { value };
                match self.vars.get_mut(name) {
                    Some(kept) => *kept = value,
                    None => {
                        self.vars.insert(name.clone(), value);
                    }
                }
                Ok(())
            }
            ("avp", Inner::Text(name)) => {
                let stack = self.avps.entry(name.clone()).or_default();
                if index == Index::All {
                    stack.clear();
                }
                if value.is_null() {
                    stack.pop();
                } else {
                    stack.push(value);
                }
                Ok(())
            }
            ("rp", _) if value.as_int().is_none() => Err(WriteError::Unfit("a port is a number".into())),
            _ => Ok(()),
        }
    }

    fn call(&mut self, function: FunctionId, arguments: &[ArgValue]) -> Call {
        match (self.ids.functions[function.0 as usize], arguments) {
            ("log", [ArgValue::Str(text)]) => {
                if !self.quiet {
                    self.log.push(text.to_lossy().into_owned());
                }
                Call::Done(1)
            }
            ("code", [ArgValue::Int(code)]) => Call::Done(*code),
            ("is_method", [ArgValue::Str(method)]) => {
                Call::Done(if **method == *b"OPTIONS" { 1 } else { -1 })
            }
            ("mark", [ArgValue::Int(flag)]) => {
                self.log.push(format!("flag {flag}"));
                Call::Done(1)
            }
            ("run", [ArgValue::Route(route)]) => Call::Route(*route),
            ("wait", []) => Call::Wait,
            (name, arguments) => {
                self.log.push(format!("{name} {arguments:?}"));
                Call::Done(1)
            }
        }
    }

    fn keyword(&mut self, keyword: Keyword) -> Value {
        match keyword {
            Keyword::Method => Value::text("OPTIONS"),
            Keyword::Uri => Value::text("sip:t3@127.0.0.1:25990"),
            Keyword::FromUri => Value::text("sip:a@b"),
            Keyword::SrcIp => Value::text("127.0.0.1"),
            Keyword::SrcPort => Value::Int(5080),
            Keyword::Proto => Value::text("udp"),
            Keyword::Af => Value::text("inet"),
            Keyword::MsgLen => Value::Int(300),
            _ => Value::Null,
        }
    }

    fn is_myself(&mut self, keyword: Keyword) -> bool {
        keyword == Keyword::Uri
    }

    fn address_matches(&mut self, _: Keyword, pattern: &AddressPattern) -> bool {
        match pattern {
            AddressPattern::Net { address, prefix } => address.is_loopback() && *prefix >= 8,
            AddressPattern::Name(name) => **name == *"localhost",
        }
    }

    fn select(&mut self, path: &str) -> Value {
        Value::Str(path.into())
    }

    fn at(&mut self, _: RouteId, _: Span) {}

    fn return_code(&self) -> i64 {
        self.rc
    }

    fn set_return_code(&mut self, code: i64) {
        self.rc = code;
    }

    fn notice(&mut self, _: Span, notice: Notice<'_>) {
        self.notices.push(format!("{notice:?}"));
    }

    fn step(&mut self, step: Step<'_>) {
        self.steps.push(match step {
            Step::Statement { what, .. } => format!("statement {what}"),
            Step::Read { value, .. } => format!("read {value:?}"),
            Step::Wrote { value, .. } => format!("wrote {value:?}"),
            Step::Returned { code } => format!("returned {code}"),
            Step::Enter(route) => format!("enter {}", route.0),
            Step::Leave(route) => format!("leave {}", route.0),
            other => format!("{other:?}"),
        });
    }
}
