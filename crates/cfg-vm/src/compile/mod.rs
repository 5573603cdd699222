//! From the tree to bytecode, with names resolved and checked on the way.

mod argument;
pub(crate) mod call;
pub(crate) mod constant;
pub(crate) mod expression;
mod keyword;
mod statement;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cfg_syntax::ast::{self, RouteKind};
use cfg_syntax::{Diagnostic, SourceMap, Span};

use crate::bind::Binder;
use crate::catalogue::Routes;
use crate::op::Op;
use crate::program::{Program, RouteData, RouteId};
use crate::regex::RegexError;
use crate::scope::Scope;
use crate::settings::NamedFlag;

/// Compiles all routes of a configuration.
#[derive(Debug)]
pub(crate) struct Compiler<'a> {
    pub(crate) binder: Binder<'a>,
    program: Program,
    sources: &'a SourceMap,
    flags: &'a [NamedFlag],
    /// Where names stand in [`Program::names`].
    names: HashMap<String, u32>,
    /// The kind of the route that is being compiled.
    kind: RouteKind,
    route: RouteId,
    /// Innermost last: what a `break` leaves.
    breakable: Vec<Breakable>,
    pub(crate) links: Links,
}

/// Who refers to which route.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// `route(X)` in a route, with its place.
    pub(crate) calls: Vec<(RouteId, RouteId, Span)>,
    /// Functions called in a route: where they may be called, their name, their place.
    pub(crate) functions: Vec<(RouteId, Routes, &'static str, Span)>,
    /// Routes that a function's argument names.
    pub(crate) armed: HashSet<RouteId>,
    /// Some route is called by a name that is only known when it runs.
    pub(crate) dynamic: bool,
    /// Constant texts: any of them may be a route's name for a function or module.
    pub(crate) texts: HashSet<Vec<u8>>,
}

/// A `while` or `switch` that is being compiled.
#[derive(Debug, Default)]
struct Breakable {
    jumps: Vec<usize>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(scope: Scope<'a>, sources: &'a SourceMap, flags: &'a [NamedFlag]) -> Self {
        Self {
            binder: Binder::new(scope),
            program: Program { source: Arc::new(sources.clone()), ..Program::default() },
            sources,
            flags,
            names: HashMap::new(),
            kind: RouteKind::Request,
            route: RouteId(0),
            breakable: Vec::new(),
            links: Links::default(),
        }
    }

    /// Compiles the routes: first all names, so that order does not matter, then the bodies.
    pub(crate) fn routes(&mut self, config: &ast::Config) {
        let mut bodies: Vec<Vec<&ast::Route>> = Vec::new();
        for item in &config.items {
            let ast::Item::Route(route) = item else { continue };
            match self.declare(route) {
                Some(id) if id.0 as usize == bodies.len() => bodies.push(vec![route]),
                Some(id) => bodies[id.0 as usize].push(route),
                None => {}
            }
        }
        for (number, blocks) in bodies.iter().enumerate() {
            self.route(RouteId(number as u32), blocks);
        }
    }

    /// The program so far, and what was found wrong.
    pub(crate) fn finish(mut self) -> (Program, Vec<Diagnostic>, Links) {
        self.program.pool = self.binder.pool;
        (self.program, self.binder.diagnostics, self.links)
    }

    /// Gives a route its number. Unnamed ones of a kind are one route; a second one of a name is a mistake.
    fn declare(&mut self, route: &ast::Route) -> Option<RouteId> {
        let (kind, name) = identity(route);
        let next = RouteId(self.program.routes.len() as u32);
        let known = match name {
            Some(name) => *self.program.named.entry(kind).or_default().entry(name.into()).or_insert(next),
            None => *self.program.unnamed.entry(kind).or_insert(next),
        };
        if known != next {
            let Some(name) = name else { return Some(known) };
            let first = self.program.routes[known.0 as usize].head;
            self.tell(
                Diagnostic::error(
                    "duplicate-route",
                    route.head,
                    format!("there are two routes of the name `{}`", String::from_utf8_lossy(name)),
                )
                .also(first, "the first one")
                .help("rename one of them, or join their bodies"),
            );
            return None;
        }
        self.program.routes.push(RouteData {
            kind,
            name: name.unwrap_or_default().into(),
            head: route.head,
            entry: 0,
        });
        Some(next)
    }

    fn route(&mut self, id: RouteId, blocks: &[&ast::Route]) {
        let entry = self.here();
        let data = &mut self.program.routes[id.0 as usize];
        data.entry = entry;
        self.kind = data.kind;
        self.route = id;
        for block in blocks {
            self.block(&block.body);
        }
        let end = blocks.last().map_or(self.program.routes[id.0 as usize].head, |block| block.head);
        self.emit(Op::Leave, end);
    }

    /// Where the functions of the route that is being compiled may be allowed: as Kamailio has it, the block
    /// decides, and `route[X]` counts as part of `request_route` wherever it is called from.
    fn context(&self) -> Routes {
        context_of(self.kind)
    }

    fn tell(&mut self, diagnostic: Diagnostic) {
        self.binder.tell(diagnostic);
    }

    fn bad_regex(&mut self, error: &RegexError, span: Span) {
        self.tell(Diagnostic::error(
            "regex",
            span,
            format!("this regular expression does not work: {error}"),
        ));
    }

    fn emit(&mut self, op: Op, span: Span) -> usize {
        self.program.code.push(op);
        self.program.spans.push(span);
        self.program.code.len() - 1
    }

    fn here(&self) -> u32 {
        self.program.code.len() as u32
    }

    /// Gives jumps the place where the code now stands.
    fn land(&mut self, jumps: &[usize]) {
        let target = self.here();
        for jump in jumps {
            self.program.code[*jump].set_target(target);
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let index = self.program.names.len() as u32;
        self.program.names.push(name.into());
        self.names.insert(name.into(), index);
        index
    }
}

/// A route's kind and name; `route[0]` and the like are the unnamed one.
pub(crate) fn identity(route: &ast::Route) -> (RouteKind, Option<&[u8]>) {
    let name = route.name.as_ref().map(|name| name.node.as_bytes()).filter(|name| *name != b"0");
    let kind = match (route.kind, name) {
        (RouteKind::Named, None) => RouteKind::Request,
        (RouteKind::Request, Some(_)) => RouteKind::Named,
        (RouteKind::Reply, None) => RouteKind::CoreReply,
        (RouteKind::CoreReply, Some(_)) => RouteKind::Reply,
        (kind, _) => kind,
    };
    (kind, name)
}

/// The set of places that a block of a kind stands for.
pub(crate) fn context_of(kind: RouteKind) -> Routes {
    match kind {
        RouteKind::Request | RouteKind::Named => Routes::REQUEST,
        RouteKind::CoreReply => Routes::CORE_REPLY,
        RouteKind::Reply => Routes::TM_REPLY,
        RouteKind::Failure => Routes::FAILURE,
        RouteKind::Branch => Routes::BRANCH,
        RouteKind::OnSend => Routes::ONSEND,
        RouteKind::Event => Routes::REQUEST.or(Routes::EVENT).or(Routes::LOCAL).or(Routes::BRANCH_FAILURE),
    }
}
