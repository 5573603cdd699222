//! Operands without `$`: `method`, `uri`, `src_ip` and the like, and `myself`. Each is one side of a comparison.

use super::{Parse, Parser, Reported};
use crate::ast::{BinaryOp, Expr, ExprKind, Keyword, RouteKind};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, Token, TokenKind};
use crate::source::Spanned;

/// What a keyword is compared with.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// Text, or a bare method name.
    Method,
    /// Text.
    Text,
    /// Text or `myself`.
    Uri,
    /// An address, network or host, quoted or bare, or `myself`.
    Address,
    /// A number.
    Number,
    /// `UDP`, `TCP`, …
    Protocol,
    /// `INET`, `INET6`, …
    Family,
}

/// The words; `msg:len` is told apart by its colon.
const KEYWORDS: &[(&str, Keyword, Takes)] = &[
    ("method", Keyword::Method, Takes::Method),
    ("uri", Keyword::Uri, Takes::Uri),
    ("status", Keyword::Status, Takes::Text),
    ("from_uri", Keyword::FromUri, Takes::Uri),
    ("to_uri", Keyword::ToUri, Takes::Uri),
    ("src_ip", Keyword::SrcIp, Takes::Address),
    ("src_port", Keyword::SrcPort, Takes::Number),
    ("dst_ip", Keyword::DstIp, Takes::Address),
    ("dst_port", Keyword::DstPort, Takes::Number),
    ("proto", Keyword::Proto, Takes::Protocol),
    ("af", Keyword::Af, Takes::Family),
    ("snd_ip", Keyword::SndIp, Takes::Address),
    ("to_ip", Keyword::ToIp, Takes::Address),
    ("snd_port", Keyword::SndPort, Takes::Number),
    ("to_port", Keyword::ToPort, Takes::Number),
    ("snd_proto", Keyword::SndProto, Takes::Protocol),
    ("to_proto", Keyword::SndProto, Takes::Protocol),
    ("snd_af", Keyword::SndAf, Takes::Family),
    ("to_af", Keyword::SndAf, Takes::Family),
];

const PROTOCOLS: &[&str] = &["udp", "tcp", "tls", "sctp", "ws", "wss"];
const FAMILIES: &[&str] = &["inet", "inet6", "ipv4", "ipv6"];

impl Takes {
    fn operators(self) -> (&'static [BinaryOp], &'static str) {
        const TEXT: &[BinaryOp] =
            &[BinaryOp::Eq, BinaryOp::Ne, BinaryOp::StrEq, BinaryOp::StrNe, BinaryOp::Match];
        const NUMBER: &[BinaryOp] =
            &[BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt, BinaryOp::Gt, BinaryOp::Le, BinaryOp::Ge];
        const EQUALITY: &[BinaryOp] = &[BinaryOp::Eq, BinaryOp::Ne];
        match self {
            Self::Method | Self::Text | Self::Uri | Self::Address => (TEXT, "==, != and =~"),
            Self::Number => (NUMBER, "==, !=, <, >, <= and >="),
            Self::Protocol | Self::Family => (EQUALITY, "== and !="),
        }
    }
}

fn keyword(word: &str) -> Option<(Keyword, Takes)> {
    KEYWORDS.iter().find(|(name, ..)| *name == word).map(|(_, keyword, takes)| (*keyword, *takes))
}

impl Parser<'_> {
    /// A whole comparison, if a keyword or `myself` begins it.
    pub(super) fn keyword_comparison(&mut self) -> Parse<Option<Expr>> {
        let token = self.peek();
        let Some(word) = token.word() else { return Ok(None) };
        let is_length = word == "msg"
            && self.nth(1).is(Punct::Colon)
            && self.nth(2).is_word("len")
            && !(self.nth(1).spaced || self.nth(2).spaced);
        let known = if is_length { Some((Keyword::MsgLen, Takes::Number)) } else { keyword(word) };
        if word == "myself" {
            return self.myself_comparison().map(Some);
        }
        let Some((keyword, takes)) = known else { return Ok(None) };
        if self.nth(1).is(Punct::ParenOpen) {
            return Ok(None);
        }
        self.bump();
        if is_length {
            self.bump();
            self.bump();
        }
        if word.starts_with("snd_") && self.route != Some(RouteKind::OnSend) {
            let message = format!("`{word}` can be read in an onsend_route only");
            self.report(
                Diagnostic::error(codes::BAD_COMPARISON, token.span, message)
                    .help("move the comparison into an onsend_route"),
            );
        }
        let left = Expr { kind: ExprKind::Keyword(keyword), span: self.since(token.span) };
        let name = if is_length { "msg:len" } else { word };
        let op = self.comparison_operator(name, takes)?;
        let right = self.compared(name, takes)?;
        Ok(Some(binary(left, op, right)))
    }

    fn comparison_operator(&mut self, name: &str, takes: Takes) -> Parse<Spanned<BinaryOp>> {
        let token = self.peek();
        let (allowed, list) = takes.operators();
        if let Some(op) = comparison(token)
            && allowed.contains(&op)
        {
            self.bump();
            return Ok(Spanned::new(op, token.span));
        }
        if let Some(reported) = self.foreign_operator() {
            return Err(reported);
        }
        let message =
            format!("`{name}` can only be compared, with {list}, but {} was found", token.describe());
        let help = match name {
            "method" => "elsewhere use $rm",
            "uri" => "elsewhere use $ru; `uri:host` and `uri:port` are arguments of forward()",
            "src_ip" => "elsewhere use $si",
            "src_port" => "elsewhere use $sp",
            "status" => "elsewhere use $rs",
            _ => "elsewhere use a $variable",
        };
        let span = self.here();
        Err(self.report(Diagnostic::error(codes::BAD_COMPARISON, span, message).help(help)))
    }

    /// The right side.
    fn compared(&mut self, name: &str, takes: Takes) -> Parse<Expr> {
        let token = self.peek();
        if token.is_word("myself") && matches!(takes, Takes::Uri | Takes::Address) {
            self.bump();
            return Ok(Expr { kind: ExprKind::Myself, span: token.span });
        }
        if let Some(word) = token.word()
            && !self.nth(1).is(Punct::ParenOpen)
            && self.boolean().is_none()
        {
            let lower = word.to_ascii_lowercase();
            let fits = match takes {
                Takes::Method => !matches!(word, "not" | "defined" | "myself") && keyword(word).is_none(),
                Takes::Protocol => PROTOCOLS.contains(&lower.as_str()),
                Takes::Family => FAMILIES.contains(&lower.as_str()),
                _ => false,
            };
            if fits {
                return self.compared_word(takes);
            }
            match takes {
                Takes::Protocol => return Err(self.no_such_word(name, "UDP, TCP, TLS, SCTP, WS or WSS")),
                Takes::Family => return Err(self.no_such_word(name, "INET or INET6")),
                Takes::Number if word == "max_len" => return Err(self.no_such_word(name, "a number")),
                _ => {}
            }
        }
        if takes == Takes::Address
            && let Some(network) = self.network()?
        {
            return Ok(network);
        }
        self.comparand()
    }

    fn compared_word(&mut self, takes: Takes) -> Parse<Expr> {
        let token = self.bump();
        let word = token.word().unwrap_or_default();
        if takes == Takes::Method && self.is(Punct::Or) {
            let span = self.peek().span;
            return Err(self.report(
                Diagnostic::error(codes::BAD_COMPARISON, span, "`method ==` takes one method")
                    .help("write is_method(\"A|B\"), or method =~ \"^(A|B)$\""),
            ));
        }
        Ok(Expr { kind: ExprKind::Word(word.as_bytes().to_vec()), span: token.span })
    }

    fn no_such_word(&mut self, name: &str, list: &str) -> Reported {
        let token = self.peek();
        let message = format!("`{name}` cannot be compared with {}", token.describe());
        self.report(
            Diagnostic::error(codes::BAD_COMPARISON, token.span, message).help(format!("write {list}")),
        )
    }

    /// A bare address, network or host name; `None` for anything else.
    fn network(&mut self) -> Parse<Option<Expr>> {
        let token = self.peek();
        let is_call = self.nth(1).is(Punct::ParenOpen);
        let is_host = match &token.kind {
            TokenKind::Number { .. } => {
                self.nth(1).is(Punct::Dot) || (self.nth(1).is(Punct::Colon) && !self.nth(1).spaced)
            }
            TokenKind::Mixed(_) | TokenKind::Punct(Punct::BracketOpen | Punct::Colon) => true,
            TokenKind::Word(word) => {
                !is_call && !matches!(word.as_str(), "not" | "defined" | "strlen" | "strempty")
            }
            _ => false,
        };
        if !is_host {
            if let TokenKind::Number { .. } = token.kind {
                return Err(self.no_such_word("an address", "an address, a network, a host name or a string"));
            }
            return Ok(None);
        }
        let host = self.host()?;
        let mut text = host.node;
        if self.is(Punct::Slash) && matches!(self.nth(1).kind, TokenKind::Number { .. }) {
            self.bump();
            let mask = if self.nth(1).is(Punct::Dot) {
                self.host()?.node
            } else {
                let token = self.bump();
                token.text().unwrap_or_default().as_bytes().to_vec()
            };
            text.push(b'/');
            text.extend_from_slice(&mask);
        }
        Ok(Some(Expr { kind: ExprKind::Word(text), span: self.since(token.span) }))
    }

    /// `myself == uri`
    fn myself_comparison(&mut self) -> Parse<Expr> {
        let token = self.bump();
        let op_token = self.peek();
        let before = self.tokens.get(self.at.wrapping_sub(2));
        let op = comparison(op_token).filter(|op| matches!(op, BinaryOp::Eq | BinaryOp::Ne));
        let other = self.nth(1);
        let keyword =
            other.word().and_then(keyword).filter(|(_, takes)| matches!(takes, Takes::Uri | Takes::Address));
        if let (Some(op), Some((keyword, _))) = (op, keyword) {
            self.bump();
            self.bump();
            let left = Expr { kind: ExprKind::Myself, span: token.span };
            let right = Expr { kind: ExprKind::Keyword(keyword), span: other.span };
            return Ok(binary(left, Spanned::new(op, op_token.span), right));
        }
        let compared = before.is_some_and(|token| comparison(token).is_some());
        let message = if compared || op.is_some() {
            "`myself` compares only with uri, from_uri, to_uri, src_ip and dst_ip"
        } else {
            "`myself` is no condition by itself"
        };
        Err(self.report(
            Diagnostic::error(codes::MISPLACED_MYSELF, token.span, message)
                .help("write `uri == myself`; for a variable use is_myself(\"$rd\")"),
        ))
    }
}

fn comparison(token: &Token) -> Option<BinaryOp> {
    match &token.kind {
        TokenKind::Punct(Punct::Eq) => Some(BinaryOp::Eq),
        TokenKind::Punct(Punct::Ne) => Some(BinaryOp::Ne),
        TokenKind::Punct(Punct::Match) => Some(BinaryOp::Match),
        TokenKind::Punct(Punct::Lt) => Some(BinaryOp::Lt),
        TokenKind::Punct(Punct::Gt) => Some(BinaryOp::Gt),
        TokenKind::Punct(Punct::Le) => Some(BinaryOp::Le),
        TokenKind::Punct(Punct::Ge) => Some(BinaryOp::Ge),
        TokenKind::Word(word) => match word.as_str() {
            "eq" => Some(BinaryOp::StrEq),
            "ne" => Some(BinaryOp::StrNe),
            _ => None,
        },
        _ => None,
    }
}

fn binary(left: Expr, op: Spanned<BinaryOp>, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span }
}
