//! Function calls and their arguments.

use super::{Parse, Parser};
use crate::ast::{Argument, ArgumentKind, Call, Expr, ExprKind, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::{Span, Spanned};

/// Functions whose parentheses may be left out.
const WITHOUT_PARENTHESES: &[&str] = &[
    "force_rport",
    "add_rport",
    "add_local_rport",
    "force_tcp_alias",
    "add_tcp_alias",
    "revert_uri",
    "set_forward_close",
    "set_forward_no_connect",
    "set_reply_close",
    "set_reply_no_connect",
];

/// Functions that take bare words or addresses.
const WITH_WORDS: &[&str] = &[
    "route",
    "forward",
    "forward_udp",
    "forward_tcp",
    "forward_tls",
    "forward_sctp",
    "send",
    "send_tcp",
    "force_send_socket",
    "setflag",
    "resetflag",
    "isflagset",
    "setavpflag",
    "resetavpflag",
    "isavpflagset",
    "udp_mtu_try_proto",
    "set_advertised_address",
];

/// Whether a function may be called without parentheses.
pub(super) fn stands_alone(name: &str) -> bool {
    WITHOUT_PARENTHESES.contains(&name)
}

impl Parser<'_> {
    /// At the function's name.
    pub(super) fn call(&mut self) -> Parse<Call> {
        let token = self.bump();
        let name = Spanned::new(token.word().unwrap_or_default().to_owned(), token.span);
        if !self.is(Punct::ParenOpen) {
            if stands_alone(&name.node) {
                return Ok(Call { name, arguments: Vec::new(), span: token.span });
            }
            if self.is(Punct::Assign) || (self.is(Punct::Dot) && !self.peek().spaced) {
                return Ok(Call { name, arguments: Vec::new(), span: token.span });
            }
            let help = format!("write {}(…); a word that is no function goes into quotes", name.node);
            return Err(self.expected(codes::EXPECTED_TOKEN, "`(`", &help));
        }
        let open = self.bump().span;
        let outer = std::mem::replace(&mut self.in_call, true);
        let arguments = self.arguments(&name.node, open);
        self.in_call = outer;
        let call = Call { arguments: arguments?, span: self.since(token.span), name };
        if call.name.node == "route" {
            self.check_route_call(&call)?;
        }
        Ok(call)
    }

    fn check_route_call(&mut self, call: &Call) -> Parse<()> {
        if let [Argument { kind, .. }] = call.arguments.as_slice()
            && !matches!(kind, ArgumentKind::Empty)
        {
            return Ok(());
        }
        Err(self.report(
            Diagnostic::error(
                codes::EXPECTED_NAME,
                call.span,
                "route() takes one argument, the route's name",
            )
            .help("write route(NAME)"),
        ))
    }

    /// Behind `(`; takes `)`.
    fn arguments(&mut self, function: &str, open: Span) -> Parse<Vec<Argument>> {
        let mut arguments = Vec::new();
        if self.eat(Punct::ParenClose).is_some() {
            return Ok(arguments);
        }
        loop {
            if self.is(Punct::Comma) {
                arguments.push(Argument { kind: ArgumentKind::Empty, span: self.gap() });
            } else {
                arguments.push(self.argument(function)?);
            }
            if self.eat(Punct::ParenClose).is_some() {
                return Ok(arguments);
            }
            if self.eat(Punct::Comma).is_none() {
                return Err(self.unclosed_call(open));
            }
            if self.is(Punct::ParenClose) {
                let what = "an argument after `,`";
                return Err(self.expected(codes::EXPECTED_EXPRESSION, what, "take the comma away"));
            }
        }
    }

    fn unclosed_call(&mut self, open: Span) -> super::Reported {
        if let TokenKind::Stray(_) = self.peek().kind {
            return self.stray(self.peek());
        }
        let next = self.peek();
        let (span, message) =
            (self.here(), format!("`,` or `)` is expected, but {} was found", next.describe()));
        let help = match next.kind {
            TokenKind::Punct(Punct::Assign) => "write `==` to compare",
            TokenKind::Str(_) | TokenKind::Pv(_) | TokenKind::Number { .. } | TokenKind::Word(_)
                if !next.on_new_line =>
            {
                "separate arguments with `,`, and join strings with `+`"
            }
            _ => "close the call with `)`",
        };
        self.report(
            Diagnostic::error(codes::UNCLOSED_PARENTHESIS, span, message)
                .also(open, "of this call")
                .help(help),
        )
    }

    fn argument(&mut self, function: &str) -> Parse<Argument> {
        let start = self.peek();
        if WITH_WORDS.contains(&function)
            && let Some(word) = self.word_argument(function)
        {
            return Ok(word);
        }
        let value = self.expression()?;
        let span = self.since(start.span);
        Ok(Argument { kind: argument_kind(value), span })
    }

    /// A bare word or address, up to the comma or parenthesis; `None` if it is no such thing.
    fn word_argument(&mut self, function: &str) -> Option<Argument> {
        let start = self.peek();
        let next = self.nth(1);
        let ends = |at: usize| self.nth(at).is(Punct::Comma) || self.nth(at).is(Punct::ParenClose);
        let begins = match &start.kind {
            TokenKind::Word(_) if function == "route" => ends(1),
            TokenKind::Word(word) => {
                !next.is(Punct::ParenOpen)
                    && !matches!(word.as_str(), "not" | "defined" | "strlen" | "strempty")
            }
            TokenKind::Number { .. } => next.is(Punct::Dot) || next.is(Punct::Colon),
            TokenKind::Mixed(_) | TokenKind::Punct(Punct::BracketOpen | Punct::Colon) => true,
            _ => false,
        };
        if !begins {
            return None;
        }
        let mut length = 0;
        let mut text = Vec::new();
        while !ends(length) {
            let token = self.nth(length);
            match &token.kind {
                TokenKind::Str(string) => text.extend_from_slice(string),
                TokenKind::Word(word) | TokenKind::Mixed(word) | TokenKind::Number { text: word, .. } => {
                    text.extend_from_slice(word.as_bytes());
                }
                TokenKind::Punct(
                    punct @ (Punct::Dot
                    | Punct::Colon
                    | Punct::Minus
                    | Punct::Star
                    | Punct::BracketOpen
                    | Punct::BracketClose),
                ) => text.extend_from_slice(punct.text().as_bytes()),
                _ => return None,
            }
            length += 1;
        }
        for _ in 0..length {
            self.bump();
        }
        if function == "route"
            && let Some(name) = start.word()
        {
            self.check_name(name, start.span, "put it into quotes: route(\"…\")");
        }
        Some(Argument { kind: ArgumentKind::Word(text), span: self.since(start.span) })
    }
}

/// Plain values as such, anything else as an expression.
fn argument_kind(value: Expr) -> ArgumentKind {
    match value.kind {
        ExprKind::Str(text) => ArgumentKind::Str(text),
        ExprKind::Int(number) => ArgumentKind::Int(number),
        ExprKind::Pv(pv) => ArgumentKind::Pv(pv),
        ExprKind::Unary { op: UnaryOp::Minus, operand } if matches!(operand.kind, ExprKind::Int(_)) => {
            let ExprKind::Int(number) = operand.kind else { return ArgumentKind::Empty };
            ArgumentKind::Int(number.wrapping_neg())
        }
        _ => ArgumentKind::Expr(Box::new(value)),
    }
}
