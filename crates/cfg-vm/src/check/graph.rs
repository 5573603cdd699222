//! Which route is reached from where: routes that nobody calls, functions that do not belong where they end up.

use std::collections::{HashMap, HashSet};

use cfg_syntax::Diagnostic;
use cfg_syntax::ast::RouteKind;

use crate::catalogue::Catalogue;
use crate::compile::{Links, call::head_of, call::places, context_of};
use crate::known::Known;
use crate::program::{Program, RouteId};
use crate::settings::Settings;
use crate::value::Value;

pub(super) fn check(
    program: &Program,
    links: &Links,
    settings: &Settings,
    catalogue: &Catalogue,
    known: &Known,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let graph = Graph::new(program, links, settings);
    graph.never_called(diagnostics);
    graph.misused(diagnostics);
    events(program, settings, catalogue, known, diagnostics);
    if program.unnamed(RouteKind::Request).is_none()
        && settings.engine.is_none()
        && program.routes().next().is_some()
    {
        let (_, first) = program.routes().next().expect("there is a first route");
        let message = "there is no `request_route`: requests are dropped";
        diagnostics.push(Diagnostic::warning("no-request-route", first.head, message));
    }
}

struct Graph<'a> {
    program: &'a Program,
    links: &'a Links,
    settings: &'a Settings,
    /// From each route, those that it calls by name.
    calls: HashMap<RouteId, Vec<RouteId>>,
}

impl<'a> Graph<'a> {
    fn new(program: &'a Program, links: &'a Links, settings: &'a Settings) -> Self {
        let mut calls: HashMap<_, Vec<_>> = HashMap::new();
        for (from, to, _) in &links.calls {
            calls.entry(*from).or_default().push(*to);
        }
        Self { program, links, settings, calls }
    }

    fn reached(&self, from: impl IntoIterator<Item = RouteId>) -> HashSet<RouteId> {
        let mut reached: HashSet<RouteId> = HashSet::new();
        let mut open: Vec<RouteId> = from.into_iter().collect();
        while let Some(route) = open.pop() {
            if reached.insert(route) {
                open.extend(self.calls.get(&route).into_iter().flatten());
            }
        }
        reached
    }

    fn never_called(&self, diagnostics: &mut Vec<Diagnostic>) {
        let roots = self.program.routes().filter(|(id, info)| match info.kind {
            RouteKind::Request | RouteKind::CoreReply | RouteKind::OnSend | RouteKind::Event => true,
            _ => info.name.is_empty() || self.links.armed.contains(id) || self.is_named_somewhere(info.name),
        });
        let reached = self.reached(roots.map(|(id, _)| id));
        if self.links.dynamic {
            return;
        }
        for (id, info) in self.program.routes() {
            if !reached.contains(&id) {
                let shown = String::from_utf8_lossy(info.name);
                let what = if info.kind == RouteKind::Named { "called" } else { "armed" };
                let message = format!("`{}[{shown}]` is never {what}", head_of(info.kind));
                diagnostics.push(Diagnostic::warning("unused-route", info.head, message));
            }
        }
    }

    /// Some text holds the name as a word: a function's argument or a module's parameter may call it.
    fn is_named_somewhere(&self, name: &[u8]) -> bool {
        let params = self.settings.params.iter().filter_map(|param| match &param.value {
            Value::Str(text) => Some(text.as_bytes()),
            _ => None,
        });
        let ignored = self.settings.ignored.iter().map(|param| self.program.source().text(param.span));
        let texts = self.links.texts.iter().map(Vec::as_slice);
        texts.chain(params).chain(ignored).any(|text| holds_word(text, name))
    }

    /// Kamailio looks at the block only; what a called route does in the wrong place, it does there.
    fn misused(&self, diagnostics: &mut Vec<Diagnostic>) {
        for kind in
            [RouteKind::Failure, RouteKind::CoreReply, RouteKind::Reply, RouteKind::Branch, RouteKind::OnSend]
        {
            let roots: Vec<_> = self.program.routes().filter(|(_, info)| info.kind == kind).collect();
            for (root, info) in roots {
                let reached = self.reached([root]);
                for (route, routes, name, span) in &self.links.functions {
                    if *route == root || !reached.contains(route) || routes.intersects(context_of(kind)) {
                        continue;
                    }
                    let message =
                        format!("`{name}` is not made for {}, from where this is called", head_of(kind));
                    let found = Diagnostic::warning("misused-when-called", *span, message)
                        .also(info.head, "called from here")
                        .help(format!("it is made for {}", places(*routes)));
                    if !diagnostics
                        .iter()
                        .any(|told| told.code == found.code && told.primary == found.primary)
                    {
                        diagnostics.push(found);
                    }
                }
            }
        }
    }
}

/// Event routes that nobody raises.
fn events(
    program: &Program,
    settings: &Settings,
    catalogue: &Catalogue,
    known: &Known,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let loaded: Vec<&str> = settings.modules.iter().map(String::as_str).chain(["core"]).collect();
    for (_, info) in program.routes().filter(|(_, info)| info.kind == RouteKind::Event) {
        let shown = String::from_utf8_lossy(info.name);
        let raised =
            catalogue.event_routes().iter().any(|e| loaded.contains(&e.module) && matches(e.decl, &shown));
        if raised {
            continue;
        }
        let ours = catalogue.event_routes().iter().find(|event| matches(event.decl, &shown));
        let theirs = known
            .modules()
            .iter()
            .find(|module| module.event_routes.iter().any(|event| matches(event, &shown)));
        let message = match (ours, theirs) {
            (Some(event), _) => {
                format!("`{shown}` is raised by module {}, which is not loaded", event.module)
            }
            (None, Some(module)) => {
                format!(
                    "`{shown}` is raised by Kamailio's module {}, and by nothing in Tandem yet",
                    module.name
                )
            }
            (None, None) => format!("nothing raises the event `{shown}`"),
        };
        diagnostics.push(Diagnostic::warning("unknown-event", info.head, message));
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

fn holds_word(text: &[u8], word: &[u8]) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-');
    (0..(text.len() + 1).saturating_sub(word.len())).any(|start| {
        text[start..].starts_with(word)
            && !is_part(start.checked_sub(1).and_then(|before| text.get(before)))
            && !is_part(text.get(start + word.len()))
    })
}
