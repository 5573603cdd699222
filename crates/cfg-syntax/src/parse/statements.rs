//! Blocks and statements.

use super::{Parse, Parser, Reported};
use crate::ast::{Block, Expr, ExprKind, Pv, Statement, StatementKind};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::Span;

/// `else if` in a row; whoever walks the tree recurses this deep.
const MAX_ARMS: usize = 500;

impl Parser<'_> {
    /// `{ … }`, at the brace.
    pub(super) fn block(&mut self) -> Parse<Block> {
        let open = self.bump().span;
        let mut statements = Vec::new();
        loop {
            if let Some(close) = self.eat(Punct::BraceClose) {
                self.brace_pair(open, close);
                if statements.is_empty() {
                    self.empty_block(open.to(close));
                }
                return Ok(Block { statements, span: open.to(close) });
            }
            if self.at_end() || (self.at_route_head() && self.peek().on_new_line) {
                self.unclosed_brace(open);
                return Ok(Block { statements, span: self.since(open) });
            }
            let start = self.at;
            match self.statement() {
                Ok(statement) => statements.push(statement),
                // It was reported; the block is not empty.
                Err(Reported) => {
                    let kind = StatementKind::Expr(Box::new(error_expr(self.tokens[start].span)));
                    statements.push(Statement { kind, span: self.tokens[start].span });
                }
            }
            if self.at == start && !self.is(Punct::BraceClose) {
                self.bump();
            }
        }
    }

    fn empty_block(&mut self, span: Span) {
        self.report(
            Diagnostic::error(codes::EMPTY_BLOCK, span, "this block has no statement")
                .help("put `;` into it, or a statement"),
        );
    }

    /// One statement with its `;`. After an error the rest of it has been passed over.
    pub(super) fn statement(&mut self) -> Parse<Statement> {
        let start = self.peek().span;
        self.operators = 0;
        match self.deeper(Self::statement_kind) {
            Ok(kind) => Ok(Statement { kind, span: self.since(start) }),
            Err(reported) => {
                self.skip_statement();
                Err(reported)
            }
        }
    }

    fn statement_kind(&mut self) -> Parse<StatementKind> {
        let token = self.peek();
        match &token.kind {
            TokenKind::Punct(Punct::Semicolon) => {
                self.bump();
                Ok(StatementKind::Empty)
            }
            TokenKind::Punct(Punct::BraceOpen) => self.bare_block(),
            TokenKind::Pv(_) => self.assignment(),
            TokenKind::Punct(Punct::Percent) if self.at_percent_attribute() => self.assignment(),
            TokenKind::Word(word) => match word.as_str() {
                "if" => self.if_statement(),
                "while" => self.while_statement(),
                "switch" => self.switch_statement(),
                "return" | "exit" | "drop" => self.leave(word),
                "break" => {
                    self.bump();
                    self.semicolon()?;
                    Ok(StatementKind::Break)
                }
                "else" => Err(self.stray_else()),
                "case" | "default" => Err(self.stray_label(word)),
                "for" | "foreach" | "do" | "until" | "continue" => Err(self.foreign_statement(word)),
                _ if self.at_item_word() => Err(self.item_in_route(word)),
                _ => self.call_statement(),
            },
            _ => Err(self.no_statement()),
        }
    }

    /// Braces that belong to no `if`, `while` or `case`: Kamailio does not take them.
    fn bare_block(&mut self) -> Parse<StatementKind> {
        let open = self.peek().span;
        if self.given_up_at != Some(self.at) {
            self.report(
                Diagnostic::error(codes::EXPECTED_STATEMENT, open, "a block cannot stand by itself")
                    .help("take the braces away; only routes, if, else, while and switch have them"),
            );
        }
        self.block().map(StatementKind::Block)
    }

    fn no_statement(&mut self) -> Reported {
        let token = self.peek();
        if matches!(token.kind, TokenKind::Stray(_)) {
            return self.stray(token);
        }
        let message = format!("{} begins no statement", token.describe());
        let help = match token.kind {
            TokenKind::Select(_) => "selects can be read only",
            TokenKind::Str(_) | TokenKind::Number { .. } => {
                "a value by itself does nothing; assign it to a variable"
            }
            _ => {
                "a statement is `function(…);`, `$variable = value;`, if, while, switch, return, exit or drop"
            }
        };
        self.report(Diagnostic::error(codes::EXPECTED_STATEMENT, token.span, message).help(help))
    }

    fn stray_else(&mut self) -> Reported {
        let span = self.bump().span;
        let after_semicolon = self.at > 1 && self.tokens[self.at - 2].is(Punct::Semicolon);
        let help = if after_semicolon {
            "take the `;` before it away: it ends the `if`"
        } else {
            "an `else` follows the block or statement of an `if`"
        };
        let reported = self.report(
            Diagnostic::error(codes::EXPECTED_STATEMENT, span, "this `else` belongs to no `if`").help(help),
        );
        if self.is(Punct::BraceOpen) {
            _ = self.block();
        } else {
            _ = self.statement();
        }
        reported
    }

    fn stray_label(&mut self, word: &str) -> Reported {
        let span = self.bump().span;
        self.report(
            Diagnostic::error(
                codes::EXPECTED_STATEMENT,
                span,
                format!("`{word}` stands outside of a switch"),
            )
            .help("labels stand directly in the braces of a switch"),
        )
    }

    fn call_statement(&mut self) -> Parse<StatementKind> {
        let call = self.call()?;
        if self.is(Punct::Assign) || (self.is(Punct::Dot) && !self.peek().spaced) {
            let message = format!("`{}` is no variable", call.name.node);
            return Err(self.report(
                Diagnostic::error(codes::NOT_ASSIGNABLE, call.span, message)
                    .help("variables begin with `$`; core parameters are set outside of routes"),
            ));
        }
        self.semicolon()?;
        Ok(StatementKind::Call(call))
    }

    /// `$x = expr;`
    fn assignment(&mut self) -> Parse<StatementKind> {
        let target = self.variable()?;
        if !self.is(Punct::Assign) {
            return Err(self.no_assignment(&target));
        }
        self.bump();
        self.check_target(&target)?;
        let value = self.expression()?;
        self.semicolon()?;
        let span = target.span;
        let target = Box::new(Expr { kind: ExprKind::Pv(target), span });
        Ok(StatementKind::Assign { target, value: Box::new(value) })
    }

    /// Transformed values cannot be written to.
    pub(super) fn check_target(&mut self, target: &Pv) -> Parse<()> {
        let Some(first) = target.transformations.first() else { return Ok(()) };
        Err(self.report(
            Diagnostic::error(codes::NOT_ASSIGNABLE, first.span, "a transformed value cannot be assigned to")
                .help("assign to the variable itself, and transform what is assigned"),
        ))
    }

    /// Something else than `=` follows the variable that begins a statement.
    fn no_assignment(&mut self, target: &Pv) -> Reported {
        if let Some(reported) = self.foreign_operator() {
            return reported;
        }
        let next = self.peek();
        let name = String::from_utf8_lossy(self.sources.text(target.span)).into_owned();
        let (message, help) = match &next.kind {
            TokenKind::Punct(Punct::Match) => (
                "`=~` compares, it does not assign".to_owned(),
                format!("for the complement write `{name} = ~…`"),
            ),
            TokenKind::Punct(Punct::Eq) => {
                ("`==` compares, it does not assign".to_owned(), format!("write `{name} = …;`"))
            }
            _ => (
                format!("`=` is expected, but {} was found", next.describe()),
                format!("write `{name} = …;`"),
            ),
        };
        let span = self.here();
        self.report(Diagnostic::error(codes::EXPECTED_TOKEN, span, message).help(help))
    }

    /// `return`, `exit`, `drop`, with a value or without.
    fn leave(&mut self, word: &str) -> Parse<StatementKind> {
        self.bump();
        let value = if self.is(Punct::Semicolon) || self.is(Punct::BraceClose) || self.peek().on_new_line {
            None
        } else if self.is(Punct::ParenOpen) && self.nth(1).is(Punct::ParenClose) {
            self.bump();
            self.bump();
            None
        } else {
            Some(Box::new(self.expression()?))
        };
        self.semicolon()?;
        Ok(match word {
            "return" => StatementKind::Return(value),
            "exit" => StatementKind::Exit(value),
            _ => StatementKind::Drop(value),
        })
    }

    /// The `;` of a statement. Where a line or block ends instead, it is only missing.
    fn semicolon(&mut self) -> Parse<()> {
        if self.eat(Punct::Semicolon).is_some() {
            return Ok(());
        }
        if let Some(reported) = self.foreign_operator() {
            return Err(reported);
        }
        let next = self.peek();
        if next.on_new_line || next.is(Punct::BraceClose) || self.at_end() || self.begins_statement(false) {
            let gap = self.gap();
            self.report(
                Diagnostic::error(
                    codes::MISSING_SEMICOLON,
                    gap,
                    "a `;` is missing at the end of this statement",
                )
                .help("put `;` here")
                .fix(gap, ";"),
            );
            return Ok(());
        }
        let closing = next.is(Punct::ParenClose);
        let help = if closing { "there is one `)` too many" } else { "end the statement with `;`" };
        Err(self.expected(codes::MISSING_SEMICOLON, "`;`", help))
    }

    /// `if … else if … else …`
    fn if_statement(&mut self) -> Parse<StatementKind> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        loop {
            if arms.len() >= MAX_ARMS {
                let span = self.peek().span;
                let message = format!("more than {MAX_ARMS} `else if` in a row");
                return Err(
                    self.report(Diagnostic::error(codes::TOO_DEEP, span, message).help("use a switch"))
                );
            }
            let start = self.bump().span;
            let condition = Box::new(self.condition("if"));
            let then = self.body("if");
            arms.push((start, condition, then));
            if self.foreign_else_if() {
                continue;
            }
            if !self.is_word("else") {
                break;
            }
            self.bump();
            if !self.is_word("if") {
                otherwise = Some(self.body("else"));
                break;
            }
        }
        let end = self.previous();
        let (_, condition, then) = arms.remove(0);
        for (start, condition, then) in arms.into_iter().rev() {
            let span = start.to(end);
            let kind = StatementKind::If { condition, then, otherwise: otherwise.take() };
            otherwise = Some(Block { statements: vec![Statement { kind, span }], span });
        }
        Ok(StatementKind::If { condition, then, otherwise })
    }

    /// Reports `elseif` and the like, which then stands for `else if`.
    fn foreign_else_if(&mut self) -> bool {
        let token = self.peek();
        let Some(word @ ("elseif" | "elsif" | "elif")) = token.word() else { return false };
        self.report(
            Diagnostic::error(codes::EXPECTED_STATEMENT, token.span, format!("there is no `{word}`"))
                .help("write `else if`")
                .fix(token.span, "else if"),
        );
        true
    }

    /// A statement that other languages have.
    fn foreign_statement(&mut self, word: &str) -> Reported {
        let span = self.peek().span;
        let help = if word == "continue" {
            "put the rest of the loop into an `if`"
        } else {
            "use `while (…) { … }`"
        };
        self.report(
            Diagnostic::error(codes::EXPECTED_STATEMENT, span, format!("there is no `{word}`")).help(help),
        )
    }

    fn item_in_route(&mut self, word: &str) -> Reported {
        let span = self.peek().span;
        self.report(
            Diagnostic::error(codes::ITEM_IN_ROUTE, span, format!("`{word}` cannot stand in a route"))
                .help("move it to the top level of the file"),
        )
    }

    fn while_statement(&mut self) -> Parse<StatementKind> {
        self.bump();
        let condition = Box::new(self.condition("while"));
        let body = self.body("while");
        Ok(StatementKind::While { condition, body })
    }

    /// What stands between the keyword and the block. After an error, goes on at the block.
    pub(super) fn condition(&mut self, keyword: &str) -> Expr {
        let start = self.peek().span;
        self.operators = 0;
        let reported = self.diagnostics.len();
        match self.expression() {
            Ok(condition) => {
                if self.is(Punct::ParenClose) && self.diagnostics.len() == reported {
                    let span = self.bump().span;
                    self.report(
                        Diagnostic::error(codes::UNCLOSED_PARENTHESIS, span, "this `)` closes nothing")
                            .help(format!("the condition of this `{keyword}` has ended before it")),
                    );
                    self.skip_condition();
                } else if self.is(Punct::Assign) {
                    let span = self.peek().span;
                    self.report(
                        Diagnostic::error(
                            codes::EXPECTED_TOKEN,
                            span,
                            "`=` assigns here only inside parentheses",
                        )
                        .help("write `==` to compare"),
                    );
                    self.skip_condition();
                }
                condition
            }
            Err(Reported) => {
                self.skip_condition();
                error_expr(start)
            }
        }
    }

    /// A block or a single statement.
    fn body(&mut self, keyword: &str) -> Block {
        let start = self.peek().span;
        if self.is(Punct::BraceOpen) {
            return match self.deeper(Self::block) {
                Ok(block) => block,
                Err(Reported) => {
                    self.skip_braces();
                    Block { statements: Vec::new(), span: start }
                }
            };
        }
        if self.is(Punct::BraceClose) || self.at_end() || self.is_word("else") {
            let what = format!("a block or statement for this `{keyword}`");
            self.expected(codes::EXPECTED_STATEMENT, &what, "write `{ … }`");
            return Block { statements: Vec::new(), span: start };
        }
        let statements = self.statement().map_or_else(|_| Vec::new(), |statement| vec![statement]);
        Block { statements, span: self.since(start) }
    }

    /// Passes over `{ … }`.
    fn skip_braces(&mut self) {
        let mut depth = 0usize;
        while !self.at_end() {
            match &self.bump().kind {
                TokenKind::Punct(Punct::BraceOpen) => depth += 1,
                TokenKind::Punct(Punct::BraceClose) if depth <= 1 => return,
                TokenKind::Punct(Punct::BraceClose) => depth -= 1,
                _ => {}
            }
        }
    }
}

/// What stands for an expression that could not be read.
pub(super) fn error_expr(span: Span) -> Expr {
    Expr { kind: ExprKind::Error, span }
}
