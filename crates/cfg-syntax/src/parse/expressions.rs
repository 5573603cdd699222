//! Expressions: precedence climbing over the operators, and operands.

use super::{MAX_OPERATORS, Parse, Parser, Reported};
use crate::ast::{BinaryOp, Expr, ExprKind, Pv, UnaryOp};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, Token, TokenKind};
use crate::source::Spanned;
use crate::template::{Place, parse_pv};

/// How tightly the comparisons for equality bind; what stands right of a keyword binds tighter.
const EQUALITY: usize = 6;

/// The operator that a token is, and how tightly it binds.
fn binary_operator(token: &Token) -> Option<(BinaryOp, usize)> {
    let operator = match &token.kind {
        TokenKind::Punct(punct) => match punct {
            Punct::OrOr => (BinaryOp::Or, 0),
            Punct::AndAnd => (BinaryOp::And, 1),
            Punct::Or => (BinaryOp::BitOr, 2),
            Punct::And => (BinaryOp::BitAnd, 3),
            Punct::Xor => (BinaryOp::BitXor, 4),
            Punct::ShiftLeft => (BinaryOp::ShiftLeft, 5),
            Punct::ShiftRight => (BinaryOp::ShiftRight, 5),
            Punct::Eq => (BinaryOp::Eq, EQUALITY),
            Punct::Ne => (BinaryOp::Ne, EQUALITY),
            Punct::Match => (BinaryOp::Match, EQUALITY),
            Punct::Lt => (BinaryOp::Lt, 7),
            Punct::Gt => (BinaryOp::Gt, 7),
            Punct::Le => (BinaryOp::Le, 7),
            Punct::Ge => (BinaryOp::Ge, 7),
            Punct::Plus => (BinaryOp::Add, 8),
            Punct::Minus => (BinaryOp::Sub, 8),
            Punct::Star => (BinaryOp::Mul, 9),
            Punct::Slash => (BinaryOp::Div, 9),
            _ => return None,
        },
        TokenKind::Word(word) => match word.as_str() {
            "or" => (BinaryOp::Or, 0),
            "and" => (BinaryOp::And, 1),
            "eq" => (BinaryOp::StrEq, EQUALITY),
            "ne" => (BinaryOp::StrNe, EQUALITY),
            "ieq" => (BinaryOp::IntEq, EQUALITY),
            "ine" => (BinaryOp::IntNe, EQUALITY),
            "mod" => (BinaryOp::Mod, 9),
            _ => return None,
        },
        _ => return None,
    };
    Some(operator)
}

/// Operators of other languages: their marks, how they are written, what to write instead.
const FOREIGN: &[(&[Punct], &str, &str)] = &[
    (&[Punct::Not, Punct::Tilde], "!~", "write `!(a =~ b)`"),
    (&[Punct::Ne, Punct::Tilde], "!=~", "write `!(a =~ b)`"),
    (&[Punct::Colon, Punct::Assign], ":=", "write `=`"),
    (&[Punct::Plus, Punct::Assign], "+=", "write `$x = $x + …`"),
    (&[Punct::Minus, Punct::Assign], "-=", "write `$x = $x - …`"),
    (&[Punct::Star, Punct::Assign], "*=", "write `$x = $x * …`"),
    (&[Punct::Slash, Punct::Assign], "/=", "write `$x = $x / …`"),
    (&[Punct::Or, Punct::Assign], "|=", "write `$x = $x | …`"),
    (&[Punct::And, Punct::Assign], "&=", "write `$x = $x & …`"),
    (&[Punct::Plus, Punct::Plus, Punct::Semicolon], "++", "write `$x = $x + 1`"),
    (&[Punct::Plus, Punct::Plus, Punct::ParenClose], "++", "write `$x = $x + 1`"),
    (&[Punct::Minus, Punct::Minus, Punct::Semicolon], "--", "write `$x = $x - 1`"),
    (&[Punct::Minus, Punct::Minus, Punct::ParenClose], "--", "write `$x = $x - 1`"),
    (&[Punct::Eq, Punct::Assign], "===", "write `==`"),
    (&[Punct::Ne, Punct::Assign], "!==", "write `!=`"),
    (&[Punct::Lt, Punct::Gt], "<>", "write `!=`"),
    (&[Punct::Star, Punct::Star], "**", "multiply with `*`"),
    (&[Punct::Question], "?:", "use if and else"),
    (&[Punct::Percent], "%", "write `mod`"),
    (&[Punct::Dot], ".", "join strings with `+`"),
];

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.binary(0)
    }

    /// What stands right of `method ==` and the like.
    pub(super) fn comparand(&mut self) -> Parse<Expr> {
        self.binary(EQUALITY + 1)
    }

    fn binary(&mut self, loosest: usize) -> Parse<Expr> {
        let mut left = self.deeper(Self::unary)?;
        loop {
            if let Some(reported) = self.foreign_operator() {
                return Err(reported);
            }
            let token = self.peek();
            let Some((op, level)) = binary_operator(token) else { return Ok(left) };
            if level < loosest {
                return Ok(left);
            }
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                let message = format!("an expression of more than {MAX_OPERATORS} operators");
                let help = "use a regular expression, or several statements";
                return Err(self.report(Diagnostic::error(codes::TOO_DEEP, token.span, message).help(help)));
            }
            self.bump();
            let right = self.binary(level + 1)?;
            let span = left.span.to(right.span);
            let op = Spanned::new(op, token.span);
            left = Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span };
        }
    }

    /// An operator that the language does not have.
    pub(super) fn foreign_operator(&mut self) -> Option<Reported> {
        let matches = |marks: &[Punct]| {
            marks.iter().enumerate().all(|(at, punct)| {
                let token = self.nth(at);
                token.is(*punct) && (at == 0 || !token.spaced || *punct == Punct::Semicolon)
            })
        };
        let (marks, text, help) = FOREIGN.iter().find(|(marks, ..)| matches(marks))?;
        let length = text.chars().filter(|c| *c != ':' || marks.len() > 1).count().clamp(1, marks.len());
        let span = self.peek().span.to(self.nth(length - 1).span);
        Some(
            self.report(
                Diagnostic::error(codes::NOT_AN_OPERATOR, span, format!("there is no operator `{text}`"))
                    .help(*help),
            ),
        )
    }

    fn unary(&mut self) -> Parse<Expr> {
        let token = self.peek();
        let op = match &token.kind {
            TokenKind::Punct(Punct::Not) => UnaryOp::Not,
            TokenKind::Punct(Punct::Minus) => UnaryOp::Minus,
            TokenKind::Punct(Punct::Tilde) => UnaryOp::BitNot,
            TokenKind::Word(word) if word == "not" => UnaryOp::Not,
            TokenKind::Word(word) if word == "defined" => UnaryOp::Defined,
            TokenKind::Punct(Punct::ParenOpen) => return self.parentheses(),
            _ => return self.operand(),
        };
        self.bump();
        let operand = self.deeper(Self::unary)?;
        Ok(unary_expr(op, token, operand))
    }

    /// `(int)x`, `(str)x`, `(expression)`, `($x = value)`.
    fn parentheses(&mut self) -> Parse<Expr> {
        let open = self.peek();
        let cast = match self.nth(1).word() {
            Some("int") => Some(UnaryOp::ToInt),
            Some("str") => Some(UnaryOp::ToStr),
            _ => None,
        };
        self.bump();
        if let Some(op) = cast
            && self.nth(1).is(Punct::ParenClose)
        {
            self.bump();
            self.bump();
            let operand = self.deeper(Self::unary)?;
            return Ok(unary_expr(op, open, operand));
        }
        let mut inside = self.deeper(Self::expression)?;
        if self.is(Punct::Assign) {
            inside = self.assigned(inside)?;
        }
        self.close_parenthesis(open)?;
        inside.span = self.since(open.span);
        Ok(inside)
    }

    /// `)`; where a block begins instead, it is only missing.
    fn close_parenthesis(&mut self, open: &Token) -> Parse<()> {
        if self.eat(Punct::ParenClose).is_some() {
            return Ok(());
        }
        let span = self.here();
        let message = format!("`)` is expected, but {} was found", self.peek().describe());
        let mut report = Diagnostic::error(codes::UNCLOSED_PARENTHESIS, span, message)
            .also(open.span, "to close this one");
        report = match &self.peek().kind {
            TokenKind::Word(_) | TokenKind::Str(_) | TokenKind::Number { .. } | TokenKind::Pv(_) => {
                report.help("put an operator between the two, or close the parenthesis")
            }
            _ => report.help("close the parenthesis"),
        };
        let only_missing = self.is(Punct::BraceOpen) || self.is(Punct::Semicolon);
        let reported = self.report(report);
        if only_missing { Ok(()) } else { Err(reported) }
    }

    /// `$x = value` inside parentheses.
    fn assigned(&mut self, target: Expr) -> Parse<Expr> {
        let at = self.bump().span;
        let ExprKind::Pv(pv) = &target.kind else {
            return Err(self.report(
                Diagnostic::error(codes::NOT_ASSIGNABLE, target.span, "only a variable can be assigned to")
                    .also(at, "by this `=`")
                    .help("write `==` to compare"),
            ));
        };
        self.check_target(pv)?;
        let value = self.deeper(Self::expression)?;
        let span = target.span.to(value.span);
        Ok(Expr { kind: ExprKind::Assign { target: Box::new(target), value: Box::new(value) }, span })
    }

    fn operand(&mut self) -> Parse<Expr> {
        let token = self.peek();
        let kind = match &token.kind {
            TokenKind::Number { .. } if self.nth(1).is(Punct::Dot) && !self.nth(1).spaced => {
                return Err(self.unquoted());
            }
            TokenKind::Number { value, .. } => ExprKind::Int(*value),
            TokenKind::Str(string) => ExprKind::Str(string.clone()),
            TokenKind::Select(text) => ExprKind::Select(text.clone()),
            TokenKind::Pv(_) => {
                let pv = self.variable()?;
                return Ok(Expr { span: pv.span, kind: ExprKind::Pv(pv) });
            }
            TokenKind::Punct(Punct::Percent) if self.at_percent_attribute() => {
                let pv = self.variable()?;
                return Ok(Expr { span: pv.span, kind: ExprKind::Pv(pv) });
            }
            TokenKind::Word(word) => return self.word_operand(word),
            _ => return Err(self.no_operand()),
        };
        self.bump();
        Ok(Expr { kind, span: token.span })
    }

    fn no_operand(&mut self) -> Reported {
        let help = match &self.peek().kind {
            TokenKind::Punct(Punct::Plus) => "there is no sign `+`; take it away",
            TokenKind::Punct(Punct::ParenClose)
                if self.at > 0 && self.tokens[self.at - 1].is(Punct::ParenOpen) =>
            {
                "put a condition between the parentheses"
            }
            _ => "a value is a number, a string in quotes, a $variable or a function",
        };
        self.expected(codes::EXPECTED_EXPRESSION, "a value", help)
    }

    /// Words, by what they mean as operands.
    fn word_operand(&mut self, word: &str) -> Parse<Expr> {
        let token = self.peek();
        if let Some(value) = self.boolean() {
            self.bump();
            return Ok(Expr { kind: ExprKind::Int(value), span: token.span });
        }
        let length_of = match word {
            "strlen" => Some(UnaryOp::StrLen),
            "strempty" => Some(UnaryOp::StrEmpty),
            _ => None,
        };
        if let Some(op) = length_of {
            self.bump();
            if !self.is(Punct::ParenOpen) {
                let help = format!("write {word}(…)");
                return Err(self.expected(codes::EXPECTED_TOKEN, "`(`", &help));
            }
            let open = self.bump();
            let operand = self.deeper(Self::expression)?;
            self.close_parenthesis(open)?;
            let span = self.since(token.span);
            return Ok(Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, span });
        }
        if let Some(comparison) = self.keyword_comparison()? {
            return Ok(comparison);
        }
        if self.nth(1).is(Punct::ParenOpen) || super::calls::stands_alone(word) {
            return self.call_operand();
        }
        Err(self.unquoted())
    }

    fn call_operand(&mut self) -> Parse<Expr> {
        if self.in_call {
            let token = self.peek();
            let message =
                format!("{} is called inside the parentheses of another function", token.describe());
            return Err(self.report(
                Diagnostic::error(codes::NESTED_CALL, token.span, message)
                    .help("call it before, and pass its result in a variable"),
            ));
        }
        let call = self.call()?;
        Ok(Expr { span: call.span, kind: ExprKind::Call(call) })
    }

    /// A bare word or address where a value is expected.
    pub(super) fn unquoted(&mut self) -> Reported {
        let start = self.bump();
        let mut end = start.span;
        while !self.peek().spaced
            && (self.is(Punct::Dot)
                || self.is(Punct::Minus)
                || self.peek().word().is_some()
                || matches!(self.peek().kind, TokenKind::Number { .. } | TokenKind::Mixed(_)))
        {
            end = self.bump().span;
        }
        let span = start.span.to(end);
        let text = String::from_utf8_lossy(self.sources.text(span)).into_owned();
        let quoted = format!("\"{text}\"");
        self.report(
            Diagnostic::error(codes::UNQUOTED_WORD, span, format!("`{text}` is no value"))
                .help(format!("put text into quotes: {quoted}"))
                .fix(span, quoted),
        )
    }

    /// `$…` as a token, or `%class.name`.
    pub(super) fn variable(&mut self) -> Parse<Pv> {
        let token = self.bump();
        if let TokenKind::Pv(text) = &token.kind {
            let place = Place::in_string(self.sources, token.span);
            return parse_pv(text, &place).map_err(|diagnostic| self.report(*diagnostic));
        }
        let mut name = String::new();
        while let Some(text) = self.peek().text()
            && (self.peek().word().is_some() || self.is(Punct::Dot))
            && !self.peek().spaced
        {
            name.push_str(text);
            self.bump();
        }
        let span = self.since(token.span);
        Ok(Pv { name: Spanned::new(name, span), inner: None, index: None, transformations: Vec::new(), span })
    }

    /// SER's `%class.name`.
    pub(super) fn at_percent_attribute(&self) -> bool {
        self.is(Punct::Percent)
            && self.nth(1).word().is_some()
            && !self.nth(1).spaced
            && self.nth(2).is(Punct::Dot)
            && self.nth(3).word().is_some()
    }
}

fn unary_expr(op: UnaryOp, at: &Token, operand: Expr) -> Expr {
    let span = at.span.to(operand.span);
    Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, span }
}
