//! What stands in a call's parentheses, made into what the function's table asks for.

use cfg_syntax::ast::{Argument, ArgumentKind, RouteKind, Template, TemplatePart};
use cfg_syntax::{Diagnostic, Span};

use super::Compiler;
use super::constant::value_of;
use super::expression::Codes;
use crate::bind::constant;
use crate::catalogue::{ArgKind, ParseFn};
use crate::host::ArgValue;
use crate::number::parse_int;
use crate::program::{ArgPlan, TemplatePart as BoundPart};
use crate::suggest::nearest;
use crate::value::{Str, Value};

/// Highest number of a flag.
const MOST_FLAG: i64 = 31;

impl Compiler<'_> {
    /// The plan for one argument; none after a diagnostic.
    pub(super) fn argument(
        &mut self,
        function: &str,
        number: usize,
        kind: ArgKind,
        argument: &Argument,
    ) -> Option<ArgPlan> {
        let place = Place { function, number, span: argument.span };
        if let ArgumentKind::Str(text) | ArgumentKind::Word(text) = &argument.kind {
            self.links.texts.insert(text.clone());
        }
        match kind {
            ArgKind::Text => self.constant_text(&place, argument).map(|text| fixed(ArgValue::Str(text))),
            ArgKind::Parsed(parse) => {
                let text = self.constant_text(&place, argument)?;
                self.parsed(&place, parse, &text)
            }
            ArgKind::Format
            | ArgKind::Template
            | ArgKind::ParsedFormat(_)
            | ArgKind::ParsedOrValue(_)
            | ArgKind::Int => self.evaluated(&place, kind, argument),
            ArgKind::Flag => self.flag(&place, argument),
            ArgKind::PvRead => self.variable(&place, argument, false),
            ArgKind::PvWrite => self.variable(&place, argument, true),
            ArgKind::Route(route) => self.route_name(&place, route, argument),
            ArgKind::Value => self.value(argument),
        }
    }

    /// Text that is known now.
    fn constant_text(&mut self, place: &Place<'_>, argument: &Argument) -> Option<Str> {
        match &argument.kind {
            ArgumentKind::Str(text) | ArgumentKind::Word(text) => Some(text.as_slice().into()),
            ArgumentKind::Int(number) => Some(Str::decimal(*number)),
            ArgumentKind::Empty => Some(Str::EMPTY),
            ArgumentKind::Expr(expr) if value_of(expr).is_some() => {
                value_of(expr).map(|value| value.to_str())
            }
            ArgumentKind::Pv(_) | ArgumentKind::Expr(_) => {
                self.tell(place.error("argument-constant", "must be a constant"));
                None
            }
        }
    }

    fn parsed(&mut self, place: &Place<'_>, parse: ParseFn, text: &[u8]) -> Option<ArgPlan> {
        match parse(text) {
            Ok(parsed) => Some(fixed(ArgValue::Parsed(parsed))),
            Err(why) => {
                self.tell(place.error("argument-value", &format!("does not fit: {why}")));
                None
            }
        }
    }

    /// Text with pseudo-variables, and what is made of such.
    fn evaluated(&mut self, place: &Place<'_>, kind: ArgKind, argument: &Argument) -> Option<ArgPlan> {
        let template = match &argument.kind {
            ArgumentKind::Str(text) => self.text_template(text, argument.span),
            ArgumentKind::Word(text) => plain(text, argument.span),
            ArgumentKind::Int(number) => match kind {
                ArgKind::Int => return Some(fixed(ArgValue::Int(*number))),
                _ => plain(number.to_string().as_bytes(), argument.span),
            },
            ArgumentKind::Empty => plain(b"", argument.span),
            ArgumentKind::Pv(pv) => return self.binder.pv(pv).map(|pv| ArgPlan::Value(pv, kind)),
            ArgumentKind::Expr(expr) => match value_of(expr) {
                Some(Value::Int(number)) if matches!(kind, ArgKind::Int) => {
                    return Some(fixed(ArgValue::Int(number)));
                }
                Some(value) => self.text_template(&value.to_str(), argument.span),
                None => {
                    self.any(expr, Codes::Raw);
                    return Some(ArgPlan::Stack(kind));
                }
            },
        };
        match (constant(&template), kind) {
            (Some(text), ArgKind::Int) => match parse_int(&text).filter(|_| !text.is_empty()) {
                Some(number) => Some(fixed(ArgValue::Int(number))),
                None => {
                    let message = format!("must be a number, not \"{}\"", text.to_lossy());
                    self.tell(place.error("argument-type", &message));
                    None
                }
            },
            (Some(text), ArgKind::ParsedFormat(parse) | ArgKind::ParsedOrValue(parse)) => {
                self.parsed(place, parse, &text)
            }
            (Some(text), _) => Some(fixed(ArgValue::Str(text))),
            (None, _) => {
                let bound = self.binder.template(&template);
                // One pseudo-variable alone is its value: a number stays one.
                let parts = &self.binder.pool.templates[bound.0 as usize].parts;
                Some(match (kind, &**parts) {
                    (ArgKind::Format, _) => ArgPlan::Format(bound),
                    (ArgKind::Template, _) => fixed(ArgValue::Template(bound)),
                    (_, [BoundPart::Pv(pv)]) => ArgPlan::Value(*pv, kind),
                    _ => ArgPlan::Text(bound, kind),
                })
            }
        }
    }

    fn flag(&mut self, place: &Place<'_>, argument: &Argument) -> Option<ArgPlan> {
        let number = match &argument.kind {
            ArgumentKind::Int(number) => *number,
            ArgumentKind::Word(name) | ArgumentKind::Str(name) => match parse_int(name)
                .filter(|_| !name.is_empty())
            {
                Some(number) => number,
                None if name.first() == Some(&b'$') => return self.evaluated(place, ArgKind::Flag, argument),
                None => self.named_flag(name, place.span)?,
            },
            ArgumentKind::Pv(_) | ArgumentKind::Expr(_) | ArgumentKind::Empty => {
                return self.evaluated(place, ArgKind::Flag, argument);
            }
        };
        if !(0..=MOST_FLAG).contains(&number) {
            let message = format!("flags are numbered from 0 to {MOST_FLAG}, not {number}");
            self.tell(Diagnostic::error("flag-range", place.span, message));
            return None;
        }
        Some(fixed(ArgValue::Int(number)))
    }

    fn named_flag(&mut self, name: &[u8], span: Span) -> Option<i64> {
        let shown = String::from_utf8_lossy(name);
        if let Some(flag) = self.flags.iter().find(|flag| flag.name == shown) {
            return Some(flag.number.into());
        }
        let near = nearest(&shown, self.flags.iter().map(|flag| flag.name.as_str())).map(str::to_owned);
        let diagnostic =
            Diagnostic::error("undeclared-flag", span, format!("the flag `{shown}` is not declared"));
        self.tell(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("declare it at the top: `flags {shown};`")),
        });
        None
    }

    /// One pseudo-variable, bare or alone in quotes.
    fn variable(&mut self, place: &Place<'_>, argument: &Argument, written: bool) -> Option<ArgPlan> {
        let template;
        let pv = match &argument.kind {
            ArgumentKind::Pv(pv) => Some(pv),
            ArgumentKind::Str(text) => {
                template = self.text_template(text, argument.span);
                match template.parts.as_slice() {
                    [TemplatePart::Pv(pv)] => Some(&**pv),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(pv) = pv else {
            self.tell(place.error("argument-type", "must be one pseudo-variable, such as \"$var(x)\""));
            return None;
        };
        let bound = self.binder.pv(pv)?;
        if written && !self.binder.pool.info(bound).writable {
            let message = format!("is filled by the function, but `${}` is read-only", pv.name.node);
            self.tell(place.error("read-only", &message));
            return None;
        }
        Some(fixed(ArgValue::Pv(bound)))
    }

    fn route_name(&mut self, place: &Place<'_>, kind: RouteKind, argument: &Argument) -> Option<ArgPlan> {
        let name = match &argument.kind {
            ArgumentKind::Pv(pv) => {
                self.links.dynamic = true;
                return self.binder.pv(pv).map(|pv| ArgPlan::Value(pv, ArgKind::Route(kind)));
            }
            _ => self.constant_text(place, argument)?,
        };
        if let Some(route) = self.program.route(kind, &name) {
            self.links.armed.insert(route);
            return Some(fixed(ArgValue::Route(route)));
        }
        if !name.is_empty() && *name != *b"0" {
            // Kamailio starts and says so: a warning.
            let mut diagnostic = self.no_route(kind, &name, argument.span);
            diagnostic.severity = cfg_syntax::Severity::Warning;
            self.tell(diagnostic);
        }
        Some(fixed(ArgValue::Str(name)))
    }

    fn value(&mut self, argument: &Argument) -> Option<ArgPlan> {
        Some(match &argument.kind {
            ArgumentKind::Str(text) | ArgumentKind::Word(text) => {
                fixed(ArgValue::Str(text.as_slice().into()))
            }
            ArgumentKind::Int(number) => fixed(ArgValue::Int(*number)),
            ArgumentKind::Empty => fixed(ArgValue::Str(Str::EMPTY)),
            ArgumentKind::Pv(pv) => ArgPlan::Value(self.binder.pv(pv)?, ArgKind::Value),
            ArgumentKind::Expr(expr) => {
                self.any(expr, Codes::Raw);
                ArgPlan::Stack(ArgKind::Value)
            }
        })
    }

    /// A string argument's pseudo-variables.
    fn text_template(&mut self, text: &[u8], span: Span) -> Template {
        let place = cfg_syntax::Place::in_string(self.sources, span);
        let (template, diagnostics) = cfg_syntax::parse_template(text, &place);
        for diagnostic in diagnostics {
            self.tell(diagnostic);
        }
        template
    }
}

/// Which argument of which function.
struct Place<'a> {
    function: &'a str,
    number: usize,
    span: Span,
}

impl Place<'_> {
    fn error(&self, code: &'static str, what: &str) -> Diagnostic {
        Diagnostic::error(code, self.span, format!("argument {} of `{}` {what}", self.number, self.function))
    }
}

fn fixed(value: ArgValue) -> ArgPlan {
    ArgPlan::Constant(value)
}

fn plain(text: &[u8], span: Span) -> Template {
    Template { parts: vec![TemplatePart::Text(text.to_vec())], span }
}
