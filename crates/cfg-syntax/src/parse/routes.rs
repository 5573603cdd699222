//! Route blocks and their heads.

use super::{Parse, Parser, Reported, closest};
use crate::ast::{Block, Item, Name, Route, RouteKind};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::{Span, Spanned};

/// The words that begin a route.
const HEADS: &[&str] = &[
    "request_route",
    "route",
    "reply_route",
    "onreply_route",
    "failure_route",
    "branch_route",
    "onsend_route",
    "event_route",
];

impl Parser<'_> {
    /// Whether a route begins here: its word, and `[` or `{`.
    pub(super) fn at_route_head(&self) -> bool {
        let next = self.nth(1);
        self.peek().word().is_some_and(|word| HEADS.contains(&word))
            && (next.is(Punct::BracketOpen) || next.is(Punct::BraceOpen))
    }

    pub(super) fn route_block(&mut self) -> Parse<Route> {
        let keyword = self.bump();
        let word = keyword.word().unwrap_or_default();
        let bracket = self.eat(Punct::BracketOpen);
        let name = match bracket {
            Some(open) => self.route_name(word, open),
            None => None,
        };
        let head = self.since(keyword.span);
        let kind = self.kind(word, name.as_ref(), bracket, head);
        self.route = Some(kind);
        let body = self.route_body();
        self.route = None;
        let unnamed = matches!(kind, RouteKind::Request | RouteKind::CoreReply | RouteKind::OnSend);
        let name = if unnamed { None } else { name };
        Ok(Route { kind, name, body: body?, head, span: self.since(keyword.span) })
    }

    fn route_body(&mut self) -> Parse<Block> {
        self.forget_braces();
        if self.is(Punct::BraceOpen) {
            return self.block();
        }
        let reported = self.expected(codes::EXPECTED_TOKEN, "`{`", "a route's statements stand in braces");
        self.go_to_body(reported)?;
        self.block()
    }

    /// After a mistake in a head: goes to the `{` on the same line.
    fn go_to_body(&mut self, reported: Reported) -> Parse<()> {
        while !self.is(Punct::BraceOpen) {
            self.bump();
            if self.at_end() || self.peek().on_new_line || self.is(Punct::BraceClose) {
                return Err(reported);
            }
        }
        Ok(())
    }

    /// Whether something that was meant to be a route's head begins here: `route A {`, `route(A) {`.
    pub(super) fn at_bad_head(&self) -> bool {
        self.peek().word().is_some_and(|word| HEADS.contains(&word))
            && (1..6)
                .map(|ahead| self.nth(ahead))
                .take_while(|token| !token.on_new_line)
                .any(|t| t.is(Punct::BraceOpen))
    }

    pub(super) fn bad_head(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        let head = self.bump().span;
        let reported = self.expected(codes::EXPECTED_TOKEN, "`[` or `{`", "write route[NAME] { … }");
        self.go_to_body(reported)?;
        let body = self.route_body()?;
        let span = self.since(head);
        items.push(Item::Route(Route { kind: RouteKind::Named, name: None, body, head, span }));
        Ok(())
    }

    /// What stands in the brackets, and `]`. After a mistake, goes on at the body.
    fn route_name(&mut self, word: &str, open: Span) -> Option<Name> {
        let name = if word == "event_route" { self.event_name() } else { self.plain_name() };
        if name.is_some() && self.eat(Punct::BracketClose).is_some() {
            return name;
        }
        if name.is_some() {
            let span = self.here();
            let message = format!("`]` is expected, but {} was found", self.peek().describe());
            let help = "a name is made of letters, digits and `_`; put any other into quotes";
            self.report(
                Diagnostic::error(codes::EXPECTED_TOKEN, span, message)
                    .also(open, "for this bracket")
                    .help(help),
            );
        }
        while !self.at_end() && !self.is(Punct::BraceOpen) && !self.is(Punct::BraceClose) {
            self.bump();
        }
        name
    }

    fn plain_name(&mut self) -> Option<Name> {
        let token = self.peek();
        let name = match &token.kind {
            TokenKind::Word(word) => {
                self.check_name(word, token.span, "put it into quotes: route[\"…\"]");
                word.clone()
            }
            TokenKind::Number { text, .. } => text.clone(),
            TokenKind::Str(string) => String::from_utf8_lossy(string).into_owned(),
            _ => {
                self.expected(codes::EXPECTED_NAME, "the route's name", "write route[NAME]");
                return None;
            }
        };
        self.bump();
        Some(Spanned::new(name, token.span))
    }

    /// `module:event`, with `-`, `.` and more colons, without blanks.
    fn event_name(&mut self) -> Option<Name> {
        const FORM: &str = "write event_route[module:event] without blanks";
        let first = self.peek();
        if let TokenKind::Str(string) = &first.kind {
            self.bump();
            return Some(Spanned::new(String::from_utf8_lossy(string).into_owned(), first.span));
        }
        let mut name = String::new();
        if first.word().is_some() {
            while !self.at_end() && !self.is(Punct::BracketClose) && (name.is_empty() || !self.peek().spaced)
            {
                let Some(text) = self.peek().text() else { break };
                let is_part = !matches!(self.peek().kind, TokenKind::Punct(_))
                    || [Punct::Colon, Punct::Minus, Punct::Dot].iter().any(|punct| self.is(*punct));
                if !is_part {
                    break;
                }
                name.push_str(text);
                self.bump();
            }
        }
        if name.is_empty() {
            self.expected(codes::EXPECTED_NAME, "an event's name", FORM);
            return None;
        }
        let span = self.since(first.span);
        let (module, event) = name.split_once(':').unwrap_or((&name, ""));
        if (module.is_empty() || event.is_empty()) && self.is(Punct::BracketClose) {
            let message = format!("`{name}` is no event's name");
            self.report(Diagnostic::error(codes::EXPECTED_NAME, span, message).help(FORM));
        }
        Some(Spanned::new(name, span))
    }

    fn kind(&mut self, word: &str, name: Option<&Name>, bracket: Option<Span>, head: Span) -> RouteKind {
        let zero = name.is_some_and(|name| name.node == "0");
        let named = name.is_some() && !zero;
        match word {
            "request_route" | "reply_route" => {
                if bracket.is_some() {
                    let other = if word == "request_route" { "route" } else { "onreply_route" };
                    let message = format!("`{word}` has no name");
                    self.report(
                        Diagnostic::error(codes::EXPECTED_TOKEN, head, message)
                            .help(format!("take the brackets away, or write {other}[NAME]")),
                    );
                }
                if word == "request_route" { RouteKind::Request } else { RouteKind::CoreReply }
            }
            "route" => {
                if named {
                    RouteKind::Named
                } else {
                    RouteKind::Request
                }
            }
            "onreply_route" => {
                if named {
                    RouteKind::Reply
                } else {
                    RouteKind::CoreReply
                }
            }
            "failure_route" => RouteKind::Failure,
            "branch_route" => RouteKind::Branch,
            "onsend_route" => RouteKind::OnSend,
            _ => {
                if bracket.is_none() {
                    self.report(
                        Diagnostic::error(
                            codes::EXPECTED_NAME,
                            head,
                            "an event_route needs the name of its event",
                        )
                        .help("write event_route[module:event]"),
                    );
                }
                RouteKind::Event
            }
        }
    }

    /// `word { … }` or `word[…] { … }` where `word` is no kind of route; its body is read all the same.
    pub(super) fn unknown_block(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        let token = self.bump();
        let word = token.word().unwrap_or_default();
        let mut report =
            Diagnostic::error(codes::UNKNOWN_ROUTE_KIND, token.span, format!("`{word}` is no kind of route"));
        report = match closest(word, HEADS) {
            Some(name) => report.help(format!("did you mean `{name}`?")).fix(token.span, name),
            None => report.help(format!("there are {}", HEADS.join(", "))),
        };
        let reported = self.report(report);
        let mut name = None;
        if let Some(open) = self.eat(Punct::BracketOpen) {
            name = self.route_name(word, open);
        }
        if !self.is(Punct::BraceOpen) {
            return Err(reported);
        }
        let head = self.since(token.span);
        let body = self.route_body()?;
        let span = self.since(token.span);
        items.push(Item::Route(Route { kind: RouteKind::Named, name, body, head, span }));
        Ok(())
    }
}
