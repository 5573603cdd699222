//! Calls: which function is meant, whether it may stand here, and what it gets.

use cfg_syntax::ast::{Argument, ArgumentKind, Call, RouteKind};
use cfg_syntax::{Diagnostic, Span};

use super::Compiler;
use super::expression::Codes;
use crate::catalogue::{ArgKind, FunctionDecl, FunctionId, Routes};
use crate::op::Op;
use crate::program::CallSite;
use crate::suggest::nearest;

impl Compiler<'_> {
    /// Compiles a call; its code is then in the register.
    pub(super) fn call(&mut self, call: &Call) {
        let arguments = given(call);
        if call.name.node == "route" {
            return self.call_route(call, arguments);
        }
        let name = call.name.node.as_str();
        let functions = self.binder.scope.functions(name);
        if functions.is_empty() {
            let diagnostic = self.binder.scope.no_function(name, call.name.span);
            self.tell(diagnostic);
            return self.unresolved_arguments(arguments);
        }
        let Some((id, decl)) = self.overload(&functions, arguments.len()) else {
            self.wrong_count(&functions, call, arguments.len());
            return self.unresolved_arguments(arguments);
        };
        if decl.routes.intersects(self.context()) {
            self.links.functions.push((self.route, decl.routes, decl.name, call.name.span));
        } else {
            let diagnostic = misused(decl.name, decl.routes, self.kind, call.name.span);
            self.tell(diagnostic);
        }
        let plans: Vec<_> = arguments
            .iter()
            .enumerate()
            .map(|(number, argument)| {
                let kind = decl.arguments.get(number).or_else(|| decl.arguments.last()).copied();
                self.argument(decl.name, number + 1, kind.unwrap_or(ArgKind::Value), argument)
            })
            .collect();
        let Some(plans) = plans.into_iter().collect::<Option<Vec<_>>>() else { return };
        self.program.calls.push(CallSite { function: id, arguments: plans.into() });
        let site = self.program.calls.len() as u32 - 1;
        self.emit(Op::Call(site), call.span);
    }

    fn overload(&self, functions: &[FunctionId], count: usize) -> Option<(FunctionId, FunctionDecl)> {
        let takes =
            |decl: &FunctionDecl| count >= decl.required && (decl.variadic || count <= decl.arguments.len());
        let decls = functions.iter().map(|id| (*id, self.binder.scope.catalogue.function(*id).decl));
        decls.into_iter().find(|(_, decl)| takes(decl))
    }

    fn wrong_count(&mut self, functions: &[FunctionId], call: &Call, count: usize) {
        let mut counts: Vec<usize> = Vec::new();
        let mut more = false;
        for id in functions {
            let decl = &self.binder.scope.catalogue.function(*id).decl;
            counts.extend(decl.required..=decl.arguments.len());
            more |= decl.variadic;
        }
        counts.sort_unstable();
        counts.dedup();
        let mut wanted = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        if more {
            wanted.push_str(" or more");
        }
        let plural = if wanted == "1" { "" } else { "s" };
        let name = &call.name.node;
        let message = format!("`{name}` takes {wanted} argument{plural}, not {count}");
        let span = if count == 0 { call.span } else { extra(call, counts.last().copied(), more) };
        self.tell(Diagnostic::error("argument-count", span, message));
    }

    /// The arguments of a call that cannot be resolved: mistakes in them are mistakes all the same.
    fn unresolved_arguments(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            match &argument.kind {
                ArgumentKind::Pv(pv) => {
                    self.binder.pv(pv);
                }
                ArgumentKind::Expr(expr) => self.any(expr, Codes::Truth),
                ArgumentKind::Str(text) | ArgumentKind::Word(text) => {
                    self.links.texts.insert(text.clone());
                }
                ArgumentKind::Int(_) | ArgumentKind::Empty => {}
            }
        }
    }

    fn call_route(&mut self, call: &Call, arguments: &[Argument]) {
        let [argument] = arguments else {
            let message = format!("`route` takes 1 argument, not {}", arguments.len());
            return self.tell(Diagnostic::error("argument-count", call.span, message));
        };
        match &argument.kind {
            ArgumentKind::Str(name) | ArgumentKind::Word(name) => self.static_route(call, argument, name),
            ArgumentKind::Int(number) => self.static_route(call, argument, number.to_string().as_bytes()),
            ArgumentKind::Pv(pv) => {
                if let Some(pv_ref) = self.binder.pv(pv) {
                    self.emit(Op::Read(pv_ref), argument.span);
                }
                self.dynamic_route(call.span);
            }
            ArgumentKind::Expr(expr) => {
                self.any(expr, Codes::Truth);
                self.dynamic_route(call.span);
            }
            ArgumentKind::Empty => {
                self.tell(Diagnostic::error("argument-type", argument.span, "`route` needs a route's name"));
            }
        }
    }

    fn dynamic_route(&mut self, span: Span) {
        self.links.dynamic = true;
        self.emit(Op::EnterNamed, span);
    }

    fn static_route(&mut self, call: &Call, argument: &Argument, name: &[u8]) {
        let found = match name {
            b"0" => self.program.unnamed(RouteKind::Request),
            _ => self.program.route(RouteKind::Named, name),
        };
        match found {
            Some(route) => {
                self.links.calls.push((self.route, route, call.span));
                self.emit(Op::Enter(route), call.span);
            }
            None => {
                let diagnostic = self.no_route(RouteKind::Named, name, argument.span);
                self.tell(diagnostic);
            }
        }
    }

    /// An error about a route that is not there.
    pub(super) fn no_route(&mut self, kind: RouteKind, name: &[u8], span: Span) -> Diagnostic {
        let shown = String::from_utf8_lossy(name);
        let head = head_of(kind);
        let diagnostic = Diagnostic::error("undefined-route", span, format!("there is no `{head}[{shown}]`"));
        if shown.contains('$') {
            return diagnostic
                .help("a name in quotes is taken as it stands; write route($var(x)) for one in a variable");
        }
        let names: Vec<String> = self
            .program
            .routes()
            .filter(|(_, info)| info.kind == kind && !info.name.is_empty())
            .map(|(_, info)| String::from_utf8_lossy(info.name).into_owned())
            .collect();
        let other = self.program.routes().find(|(_, info)| info.name == name && info.kind != kind);
        match (nearest(&shown, names.iter().map(String::as_str)), other) {
            (Some(near), _) => {
                // It is meant, so it is not one that nobody calls.
                self.links.armed.extend(self.program.route(kind, near.as_bytes()));
                diagnostic.help(format!("did you mean `{near}`?"))
            }
            (None, Some((_, info))) => {
                diagnostic.also(info.head, format!("a `{}` of that name is there", head_of(info.kind)))
            }
            (None, None) => diagnostic.help(format!("write `{head}[{shown}] {{ … }}`")),
        }
    }
}

/// The keyword of a kind of route.
pub(crate) fn head_of(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Request => "request_route",
        RouteKind::Named => "route",
        RouteKind::CoreReply => "reply_route",
        RouteKind::Reply => "onreply_route",
        RouteKind::Failure => "failure_route",
        RouteKind::Branch => "branch_route",
        RouteKind::OnSend => "onsend_route",
        RouteKind::Event => "event_route",
    }
}

/// The names of a set of places.
pub(crate) fn places(routes: Routes) -> String {
    const NAMES: [(Routes, &str); 9] = [
        (Routes::REQUEST, "request_route"),
        (Routes::FAILURE, "failure_route"),
        (Routes::CORE_REPLY, "reply_route"),
        (Routes::TM_REPLY, "onreply_route"),
        (Routes::BRANCH, "branch_route"),
        (Routes::LOCAL, "event_route[tm:local-request]"),
        (Routes::ONSEND, "onsend_route"),
        (Routes::EVENT, "event_route"),
        (Routes::BRANCH_FAILURE, "event_route[tm:branch-failure]"),
    ];
    let names: Vec<&str> =
        NAMES.iter().filter(|(place, _)| routes.intersects(*place)).map(|(_, name)| *name).collect();
    names.join(", ")
}

fn misused(name: &str, routes: Routes, kind: RouteKind, span: Span) -> Diagnostic {
    Diagnostic::error("misused-function", span, format!("`{name}` cannot be used in {}", head_of(kind)))
        .help(format!("it may stand in {}", places(routes)))
}

/// The arguments; `f()` has none.
fn given(call: &Call) -> &[Argument] {
    match call.arguments.as_slice() {
        [Argument { kind: ArgumentKind::Empty, .. }] => &[],
        arguments => arguments,
    }
}

/// The first argument too many, or the whole call.
fn extra(call: &Call, most: Option<usize>, more: bool) -> Span {
    let first = most.filter(|_| !more).and_then(|most| call.arguments.get(most));
    first.map_or(call.span, |argument| argument.span)
}
