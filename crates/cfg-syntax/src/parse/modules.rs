//! `loadmodule`, `modparam`.

use super::{Parse, Parser};
use crate::ast::{LoadModule, ModParam, ParamValue};
use crate::diagnostic::codes;
use crate::lex::token::{Punct, TokenKind};
use crate::source::Spanned;

impl Parser<'_> {
    /// `loadmodule "x.so"`, `loadmodule("x.so", "options")`, `loadmodulex "…"`.
    pub(super) fn load_module(&mut self) -> Parse<LoadModule> {
        const FORM: &str = "write loadmodule \"name.so\"";
        let keyword = self.bump();
        let evaluated = keyword.is_word("loadmodulex");
        let open = self.eat(Punct::ParenOpen);
        let path = self.string("a module's name in quotes", FORM)?;
        let mut options = None;
        if open.is_some() {
            if self.eat(Punct::Comma).is_some() {
                options = Some(self.string(
                    "the module's options in quotes",
                    "write loadmodule(\"name.so\", \"options\")",
                )?);
            }
            self.expect(Punct::ParenClose, "write loadmodule(\"name.so\", \"options\")")?;
        }
        Ok(LoadModule { path, options, evaluated, span: self.since(keyword.span) })
    }

    /// `modparam("module", "name", value)`
    pub(super) fn mod_param(&mut self) -> Parse<ModParam> {
        const FORM: &str = "write modparam(\"module\", \"parameter\", value)";
        let keyword = self.bump();
        let evaluated = keyword.is_word("modparamx");
        self.expect(Punct::ParenOpen, FORM)?;
        let module = self.string("a module's name in quotes", FORM)?;
        self.expect(Punct::Comma, FORM)?;
        let name = self.string("a parameter's name in quotes", FORM)?;
        self.expect(Punct::Comma, FORM)?;
        let value = self.mod_param_value()?;
        self.expect(Punct::ParenClose, FORM)?;
        Ok(ModParam { module, name, value, evaluated, span: self.since(keyword.span) })
    }

    fn mod_param_value(&mut self) -> Parse<ParamValue> {
        const VALUE: &str = "the parameter's value (a number or a string)";
        let sign = self.peek();
        if sign.is(Punct::Minus) {
            let TokenKind::Number { value, .. } = self.nth(1).kind else {
                self.bump();
                return Err(self.expected(
                    codes::EXPECTED_VALUE,
                    "a number after `-`",
                    "write a number or a string",
                ));
            };
            self.bump();
            self.bump();
            return Ok(ParamValue::Int(Spanned::new(value.wrapping_neg(), self.since(sign.span))));
        }
        self.plain_value(VALUE, "put text into double quotes")
    }
}
