//! What stands at top level.

use super::recovery::STATEMENT_WORDS;
use super::{Parse, Parser, Reported, closest};
use crate::ast::{Config, CoreParam, CustomVar, FlagName, Item, Name, ParamValue, Text};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, TokenKind};
use crate::source::Spanned;

/// Words that begin an item without `=`.
const ITEM_WORDS: &[&str] = &[
    "loadmodule",
    "loadmodulex",
    "loadpath",
    "mpath",
    "modparam",
    "modparamx",
    "cfgengine",
    "flags",
    "avpflags",
];

impl Parser<'_> {
    pub(super) fn config(&mut self) -> Config {
        let mut items = Vec::new();
        if self.at_end() && self.diagnostics.is_empty() {
            let span = self.peek().span;
            self.report(
                Diagnostic::error(codes::EMPTY_CONFIGURATION, span, "the configuration has nothing in it")
                    .help("a configuration has one parameter or route at least"),
            );
        }
        while !self.at_end() {
            let start = self.at;
            if self.item(&mut items).is_err() {
                self.skip_item();
            }
            if self.at == start {
                self.bump();
            }
        }
        Config { items }
    }

    /// Whether an item surely begins at this token.
    pub(super) fn begins_item(&self) -> bool {
        let Some(word) = self.peek().word() else { return false };
        self.at_route_head()
            || ITEM_WORDS.contains(&word)
            || self.nth(1).is(Punct::Assign)
            || (self.nth(1).is(Punct::Dot) && self.nth(3).is(Punct::Assign))
    }

    /// Whether a module statement or flag declaration begins here.
    pub(super) fn at_item_word(&self) -> bool {
        let next = self.nth(1);
        self.peek().word().is_some_and(|word| ITEM_WORDS.contains(&word))
            && (next.is(Punct::ParenOpen) || matches!(next.kind, TokenKind::Str(_) | TokenKind::Word(_)))
    }

    fn item(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        if self.eat(Punct::Semicolon).is_some() {
            return Ok(());
        }
        if self.at_route_head() {
            items.push(Item::Route(self.route_block()?));
            return Ok(());
        }
        let Some(word) = self.peek().word() else { return self.no_item(items) };
        let next = self.nth(1);
        let assigned = next.is(Punct::Assign);
        match word {
            "loadmodule" | "loadmodulex" => items.push(Item::LoadModule(self.load_module()?)),
            "modparam" | "modparamx" => items.push(Item::ModParam(self.mod_param()?)),
            "loadpath" | "mpath" => items.push(Item::LoadPath(self.quoted_item("a path in quotes")?)),
            "cfgengine" => items.push(Item::CfgEngine(self.quoted_item("a language in quotes")?)),
            "listen" if assigned => self.listen(items)?,
            "alias" | "domain" if assigned => {
                let aliases = self.aliases()?;
                items.push(Item::Alias(aliases));
            }
            "socket" if assigned || next.is(Punct::BraceOpen) => self.socket(items)?,
            "coreparam" if next.is(Punct::BracketOpen) => {
                items.push(Item::CoreParam(self.bracketed_param()?))
            }
            "flags" | "avpflags" if !assigned => items.push(Item::Flags(self.flags()?)),
            _ if assigned => items.push(Item::CoreParam(self.core_param()?)),
            _ if next.is(Punct::Dot) || (next.is(Punct::BracketOpen) && self.nth(4).is(Punct::Dot)) => {
                items.push(self.custom_var()?);
            }
            _ => return self.no_item(items),
        }
        self.eat(Punct::Semicolon);
        Ok(())
    }

    /// `loadpath "…"`, `loadpath="…"`.
    fn quoted_item(&mut self, what: &str) -> Parse<Text> {
        self.bump();
        self.eat(Punct::Assign);
        self.string(what, "put it into double quotes")
    }

    fn core_param(&mut self) -> Parse<CoreParam> {
        let token = self.bump();
        let name = Spanned::new(token.word().unwrap_or_default().to_owned(), token.span);
        self.bump();
        Ok(CoreParam { name, value: self.param_value()? })
    }

    /// `coreparam[name]=value`
    fn bracketed_param(&mut self) -> Parse<CoreParam> {
        self.bump();
        self.bump();
        let Some(name) = self.word() else {
            return Err(self.expected(
                codes::EXPECTED_NAME,
                "the name of a core parameter",
                "write coreparam[name]=value",
            ));
        };
        self.expect(Punct::BracketClose, "write coreparam[name]=value")?;
        self.expect(Punct::Assign, "write coreparam[name]=value")?;
        Ok(CoreParam { name, value: self.param_value()? })
    }

    /// `group.name = value desc "…"`, `group[1].name = value`; `kemi.x = …` is a core parameter.
    fn custom_var(&mut self) -> Parse<Item> {
        const FORM: &str = "write group.name = value";
        let token = self.bump();
        let group = Spanned::new(token.word().unwrap_or_default().to_owned(), token.span);
        let index = if self.eat(Punct::BracketOpen).is_some() {
            let index = self.number();
            self.expect(Punct::BracketClose, FORM)?;
            index
        } else {
            None
        };
        self.expect(Punct::Dot, FORM)?;
        let Some(name) = self.word() else {
            return Err(self.expected(codes::EXPECTED_NAME, "the variable's name", FORM));
        };
        self.expect(Punct::Assign, FORM)?;
        if group.node == "kemi" && index.is_none() {
            let name = Name::new(format!("kemi.{}", name.node), group.span.to(name.span));
            return Ok(Item::CoreParam(CoreParam { name, value: self.param_value()? }));
        }
        self.check_name(&group.node, group.span, "choose another name");
        self.check_name(&name.node, name.span, "choose another name");
        let value = self.plain_value("the variable's value (a number or a string)", FORM)?;
        let description = match self.peek().word() {
            Some("desc" | "descr" | "description") => {
                self.bump();
                Some(self.string("a description in quotes", "put it into double quotes")?)
            }
            _ => None,
        };
        Ok(Item::CustomVar(CustomVar { group, index, name, value, description }))
    }

    /// A number, boolean or string.
    pub(super) fn plain_value(&mut self, what: &str, help: &str) -> Parse<ParamValue> {
        let token = self.peek();
        if let Some(value) = self.boolean() {
            self.bump();
            return Ok(ParamValue::Int(Spanned::new(value, token.span)));
        }
        match &token.kind {
            TokenKind::Number { value, .. } => {
                self.bump();
                Ok(ParamValue::Int(Spanned::new(*value, token.span)))
            }
            TokenKind::Str(string) => {
                self.bump();
                Ok(ParamValue::Str(Spanned::new(string.clone(), token.span)))
            }
            TokenKind::Mixed(text) => Err(self.bad_number(text, token.span)),
            _ => Err(self.expected(codes::EXPECTED_VALUE, what, help)),
        }
    }

    /// The value of a core parameter: also a negative number, a word or an address.
    fn param_value(&mut self) -> Parse<ParamValue> {
        let token = self.peek();
        if token.is(Punct::Minus)
            && let TokenKind::Number { value, .. } = self.nth(1).kind
        {
            self.bump();
            self.bump();
            return Ok(ParamValue::Int(Spanned::new(value.wrapping_neg(), self.since(token.span))));
        }
        let is_address = matches!(token.kind, TokenKind::Number { .. }) && self.nth(1).is(Punct::Dot);
        let is_word = token.word().is_some() && self.boolean().is_none() && !self.nth(1).is(Punct::Assign);
        if is_address || is_word || token.is(Punct::BracketOpen) || token.is(Punct::Colon) {
            return self.host().map(ParamValue::Word);
        }
        self.plain_value("the parameter's value", "write name=value with a number, a word or a string")
    }

    /// `flags a, b:2`
    fn flags(&mut self) -> Parse<Vec<FlagName>> {
        const FORM: &str = "write flags name:number, name:number;";
        let avp = self.bump().is_word("avpflags");
        let mut names = Vec::new();
        loop {
            let token = self.peek();
            let name = match &token.kind {
                TokenKind::Word(word) => {
                    self.check_name(word, token.span, "put it into quotes");
                    word.clone()
                }
                TokenKind::Str(string) => String::from_utf8_lossy(string).into_owned(),
                _ => return Err(self.expected(codes::EXPECTED_NAME, "the name of a flag", FORM)),
            };
            self.bump();
            let mut number = None;
            if self.eat(Punct::Colon).is_some() {
                number = self.number();
                if number.is_none() {
                    return Err(self.expected(codes::EXPECTED_VALUE, "the flag's number", FORM));
                }
            }
            names.push(FlagName { name: Spanned::new(name, token.span), number, avp });
            if self.eat(Punct::Comma).is_none() {
                let next = self.peek();
                if next.word().is_some() && !next.on_new_line {
                    return Err(self.expected(codes::EXPECTED_TOKEN, "`,`", FORM));
                }
                return Ok(names);
            }
        }
    }

    /// Something that is no item: says what it looks like.
    fn no_item(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        let token = self.peek();
        if token.is(Punct::BraceClose) {
            self.stray_brace();
            return Ok(());
        }
        if self.at_bad_head() {
            return self.bad_head(items);
        }
        let next = self.nth(1);
        let word = token.word();
        let is_call = word.is_some() && next.is(Punct::ParenOpen);
        if is_call
            || word.is_some_and(|word| STATEMENT_WORDS.contains(&word))
            || matches!(token.kind, TokenKind::Pv(_))
        {
            self.orphaned_statements();
            return Ok(());
        }
        if next.is(Punct::BraceOpen) || next.is(Punct::BracketOpen) {
            return self.unknown_block(items);
        }
        if matches!(token.kind, TokenKind::Stray(_)) {
            return Err(self.stray(token));
        }
        let message = format!("{} begins no parameter, module statement or route", token.describe());
        let mut report = Diagnostic::error(codes::EXPECTED_ITEM, token.span, message);
        report = match word.and_then(|word| closest(word, ITEM_WORDS)) {
            Some(name) => report.help(format!("did you mean `{name}`?")).fix(token.span, name),
            None if word.is_some() => report.help("a parameter is written name=value"),
            None => report.help("name=value, loadmodule, modparam and routes can stand here"),
        };
        Err(self.report(report))
    }

    fn stray_brace(&mut self) -> Reported {
        let span = self.bump().span;
        self.report(
            Diagnostic::error(codes::STRAY_BRACE, span, "this `}` closes nothing")
                .help("take it out, or look above for a block that was closed too early"),
        )
    }

    /// Statements at top level: told once, then read as if they stood in a route.
    fn orphaned_statements(&mut self) {
        let token = self.peek();
        let mut report = Diagnostic::error(
            codes::STATEMENT_AT_TOP_LEVEL,
            token.span,
            "a statement stands outside of any route",
        )
        .help("move it into a route; if one was meant to go on here, look for a `}` too many above");
        if self.at > 0 && self.tokens[self.at - 1].is(Punct::BraceClose) {
            report = report.also(self.previous(), "the route above ends here");
        }
        self.report(report);
        while !self.at_end() && !self.at_route_head() {
            if self.eat(Punct::BraceClose).is_some() || (self.peek().on_new_line && self.begins_item()) {
                return;
            }
            let start = self.at;
            _ = self.statement();
            if self.at == start {
                self.bump();
            }
        }
    }
}
