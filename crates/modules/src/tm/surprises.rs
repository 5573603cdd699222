//! What people expect of failure routes and do not get: each is told by the check where it is met, with the parameter of
//! Tandem's own that does it.

use std::net::IpAddr;

use cfg_syntax::ast::{
    ArgumentKind, Call, Config, Expr, ExprKind, Item, Route, RouteKind, Statement, StatementKind,
};
use cfg_syntax::{Diagnostic, Span};
use cfg_vm::check::walk::{self, Visitor};
use cfg_vm::settings::Settings;

/// The surprises of a configuration that loads `tm`.
pub(super) fn find(config: &Config, settings: &Settings) -> Vec<Diagnostic> {
    let is_on = |name: &str| {
        let given = settings.params.iter().rfind(|param| param.module == "tm" && param.name == name);
        given.and_then(|param| param.value.as_int()).is_some_and(|value| value != 0)
    };
    let routes: Vec<(&Route, Seen)> = config
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Route(route) => Some((route, Seen::of(route))),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    if !is_on("unresolved_as_failure") {
        unresolved(&routes, &mut found);
    }
    if !is_on("auto_next_contacts") {
        no_next_contact(&routes, &mut found);
    }
    found
}

/// A destination's name is written out, and a failure route is there to try another: a name that cannot be resolved does
/// not get there.
fn unresolved(routes: &[(&Route, Seen)], found: &mut Vec<Diagnostic>) {
    let armed = routes.iter().find_map(|(_, seen)| seen.call("t_on_failure"));
    let tries_again =
        routes.iter().any(|(route, seen)| route.kind == RouteKind::Failure && seen.calls.iter().any(relays));
    let Some(armed) = armed.filter(|_| tries_again) else { return };
    let before = routes.iter().filter(|(route, _)| route.kind != RouteKind::Failure);
    for name in before.flat_map(|(_, seen)| &seen.names) {
        let message =
            "if this name cannot be resolved, the failure route does not run: the caller gets a 478";
        found.push(
            Diagnostic::warning("unresolved-is-no-failure", *name, message)
                .also(armed.span, "it is set here")
                .help(help("it runs with", "unresolved_as_failure")),
        );
    }
}

/// Contacts are loaded, and a failure route relays without having fetched the next of them.
fn no_next_contact(routes: &[(&Route, Seen)], found: &mut Vec<Diagnostic>) {
    let Some(loaded) = routes.iter().find_map(|(_, seen)| seen.call("t_load_contacts")) else { return };
    for (_, seen) in routes.iter().filter(|(route, _)| route.kind == RouteKind::Failure) {
        let Some(relay) = seen.calls.iter().find(|call| call.name == "t_relay" && call.arguments == 0) else {
            continue;
        };
        if seen.has_target {
            continue;
        }
        let message = "this relays to nobody new: the first failure is passed on to the caller";
        let instead = help("call `t_next_contacts()` before; it is done for you with", "auto_next_contacts");
        found.push(
            Diagnostic::warning("no-next-contact", relay.span, message)
                .also(loaded.span, "the contacts are loaded here")
                .help(instead),
        );
    }
}

fn help(what: &str, parameter: &str) -> String {
    format!("{what} modparam(\"tm\", \"{parameter}\", 1), which only Tandem has: put it below #!ifdef TANDEM")
}

/// A call, as far as it matters here.
struct Called {
    name: String,
    arguments: usize,
    span: Span,
}

fn relays(call: &Called) -> bool {
    call.name.starts_with("t_relay") || call.name == "route"
}

/// What was seen in a route.
#[derive(Default)]
struct Seen {
    calls: Vec<Called>,
    /// Places where a destination is written out as a domain name.
    names: Vec<Span>,
    /// A new target may have been set.
    has_target: bool,
}

impl Seen {
    fn of(route: &Route) -> Self {
        let mut seen = Self::default();
        walk::block(&mut seen, &route.body);
        seen
    }

    fn call(&self, name: &str) -> Option<&Called> {
        self.calls.iter().find(|call| call.name == name)
    }

    fn called(&mut self, call: &Call) {
        let name = call.name.node.as_str();
        self.calls.push(Called { name: name.to_owned(), arguments: call.arguments.len(), span: call.span });
        // A route that is called may do anything.
        self.has_target |= SETS_TARGET.contains(&name) || name == "route";
        if let Some(argument) = call.arguments.first()
            && SETS_HOST.contains(&name)
            && let ArgumentKind::Str(text) | ArgumentKind::Word(text) = &argument.kind
            && is_domain(text)
        {
            self.names.push(argument.span);
        }
    }

    fn assigned(&mut self, target: &Expr, value: &Expr) {
        let ExprKind::Pv(pv) = &target.kind else { return };
        if !DESTINATIONS.contains(&pv.name.node.as_str()) {
            return;
        }
        self.has_target = true;
        if let ExprKind::Str(text) = &value.kind
            && is_domain(host_of(text))
        {
            self.names.push(value.span);
        }
    }
}

impl Visitor for Seen {
    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Call(call) => self.called(call),
                StatementKind::Assign { target, value } => self.assigned(target, value),
                _ => {}
            }
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Call(call) => self.called(call),
            ExprKind::Assign { target, value } => self.assigned(target, value),
            _ => {}
        }
    }
}

/// The host of a URI, or the text itself if it is none.
fn host_of(uri: &[u8]) -> &[u8] {
    let rest = uri.strip_prefix(b"sip:").or_else(|| uri.strip_prefix(b"sips:")).unwrap_or(uri);
    let rest = rest.iter().position(|byte| *byte == b'@').map_or(rest, |at| &rest[at + 1..]);
    let end = rest.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(rest.len());
    &rest[..end]
}

/// Whether `host[:port]` is a name that must be looked up.
fn is_domain(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let host = text.split_once(':').map_or(text, |(host, _)| host);
    let is_name =
        |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    !host.is_empty() && is_name(host) && host != "localhost" && host.parse::<IpAddr>().is_err()
}

/// Functions whose first argument is a destination's host.
const SETS_HOST: [&str; 9] = [
    "rewritehost",
    "sethost",
    "seth",
    "rewritehostport",
    "sethostport",
    "sethp",
    "t_relay",
    "t_relay_to_udp",
    "t_relay_to_tcp",
];

/// Functions after which `t_relay()` has somewhere to go.
const SETS_TARGET: [&str; 20] = [
    "t_next_contacts",
    "t_next_contact_flow",
    "t_load_contacts",
    "append_branch",
    "next_branches",
    "rewritehost",
    "sethost",
    "seth",
    "rewritehostport",
    "sethostport",
    "sethp",
    "rewriteuri",
    "seturi",
    "rewriteuser",
    "setuser",
    "setu",
    "ds_next_dst",
    "ds_next_domain",
    "next_gw",
    "lookup_branches",
];

/// Pseudo-variables that say where a request goes.
const DESTINATIONS: [&str; 4] = ["ru", "rd", "du", "nh"];

#[cfg(test)]
mod tests {
    use super::{host_of, is_domain};

    #[test]
    fn names_are_told_from_addresses() {
        for (text, expected) in [
            ("nonexistentdomain.com", true),
            ("pbx:5060", true),
            ("192.168.3.118", false),
            ("192.168.3.118:5070", false),
            ("[2001:db8::1]:5060", false),
            ("$avp(host)", false),
            ("localhost", false),
            ("", false),
        ] {
            assert_eq!(is_domain(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(host_of(b"sips:alice@home.example;transport=tcp"), b"home.example");
        assert_eq!(host_of(b"sip:10.0.0.1"), b"10.0.0.1");
    }
}
