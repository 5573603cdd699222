//! From a pseudo-variable or text in the tree to one that the machine can read.

use cfg_syntax::ast;
use cfg_syntax::{Diagnostic, Span};

use crate::catalogue::{InnerRule, ParseFn};
use crate::program::{
    InnerNode, Pool, PvIndexNode, PvNode, PvRef, PvSource, Template, TemplatePart, TemplateRef, TransformArg,
    TransformNode,
};
use crate::scope::Scope;
use crate::value::{Str, Value};

/// Fills a pool; what cannot be bound is told and left out.
#[derive(Debug)]
pub(crate) struct Binder<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) pool: Pool,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self { scope, pool: Pool::default(), diagnostics: Vec::new() }
    }

    pub(crate) fn tell(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Binds a pseudo-variable; none after a diagnostic.
    pub(crate) fn pv(&mut self, pv: &ast::Pv) -> Option<PvRef> {
        let name = pv.name.node.as_str();
        let machine = match name {
            "rc" | "retcode" | "?" => Some(PvSource::ReturnCode),
            "null" => Some(PvSource::Null),
            _ => None,
        };
        let (source, rule, indexed, writable) = match machine {
            Some(source) => (source, InnerRule::None, false, false),
            None => match self.scope.pv(name) {
                Some(id) => {
                    let decl = self.scope.catalogue.pv(id).decl;
                    (PvSource::Catalogue(id), decl.inner, decl.indexed, decl.writable)
                }
                None => {
                    let diagnostic = self.scope.no_pv(name, pv.span);
                    self.tell(diagnostic);
                    self.transformations(pv);
                    return None;
                }
            },
        };
        let inner = self.inner(pv, rule);
        let index = self.index(pv, indexed);
        let transforms = self.transformations(pv);
        let node =
            PvNode { source, inner: inner?, index: index?, transforms: transforms?, writable, span: pv.span };
        self.pool.pvs.push(node);
        Some(PvRef(self.pool.pvs.len() as u32 - 1))
    }

    /// Binds a text; what cannot be bound in it is left out after a diagnostic.
    pub(crate) fn template(&mut self, template: &ast::Template) -> TemplateRef {
        let parts = template
            .parts
            .iter()
            .filter_map(|part| match part {
                ast::TemplatePart::Text(text) => Some(TemplatePart::Text(text.as_slice().into())),
                ast::TemplatePart::Pv(pv) => self.pv(pv).map(TemplatePart::Pv),
            })
            .collect();
        self.pool.templates.push(Template { parts });
        TemplateRef(self.pool.templates.len() as u32 - 1)
    }

    fn inner(&mut self, pv: &ast::Pv, rule: InnerRule) -> Option<InnerNode> {
        let name = &pv.name.node;
        match (rule, &pv.inner) {
            (InnerRule::None | InnerRule::Optional, None) => Some(InnerNode::None),
            (InnerRule::None, Some(inner)) => {
                let message = format!("`${name}` takes nothing in parentheses");
                self.tell(
                    Diagnostic::error("variable-inner", inner.span, message)
                        .help(format!("write `$({name})` to end the name before a parenthesis of the text")),
                );
                None
            }
            (
                InnerRule::Required | InnerRule::Parsed(_) | InnerRule::Checked(_) | InnerRule::Raw(_),
                None,
            ) => {
                let message = format!("`${name}` needs a name in parentheses");
                self.tell(
                    Diagnostic::error("variable-inner", pv.span, message).help(format!("write `${name}(…)`")),
                );
                None
            }
            (InnerRule::Required | InnerRule::Optional, Some(inner)) => self.inner_text(inner, None),
            (InnerRule::Parsed(parse), Some(inner)) => self.inner_text(inner, Some(parse)),
            (InnerRule::Checked(check), Some(inner)) => {
                if let Some(text) = constant(inner)
                    && let Err(why) = check(&text)
                {
                    self.tell(Diagnostic::error("variable-inner", inner.span, why));
                    return None;
                }
                self.inner_text(inner, None)
            }
            (InnerRule::Raw(parse), Some(inner)) => match parse(&written(inner)) {
                Ok(parsed) => Some(InnerNode::Parsed(parsed)),
                Err(why) => {
                    self.tell(Diagnostic::error("variable-inner", inner.span, why));
                    None
                }
            },
        }
    }

    fn inner_text(&mut self, inner: &ast::Template, parse: Option<ParseFn>) -> Option<InnerNode> {
        let Some(text) = constant(inner) else {
            return Some(InnerNode::Template(self.template(inner), parse));
        };
        let Some(parse) = parse else { return Some(InnerNode::Text(text)) };
        match parse(&text) {
            Ok(parsed) => Some(InnerNode::Parsed(parsed)),
            Err(why) => {
                self.tell(Diagnostic::error("variable-inner", inner.span, why));
                None
            }
        }
    }

    fn index(&mut self, pv: &ast::Pv, allowed: bool) -> Option<PvIndexNode> {
        let Some(index) = &pv.index else { return Some(PvIndexNode::None) };
        if !allowed {
            let span = match index {
                ast::PvIndex::At(number) => number.span,
                ast::PvIndex::All(span) => *span,
                ast::PvIndex::Pv(pv) => pv.span,
            };
            self.tell(Diagnostic::error(
                "variable-index",
                span,
                format!("`${}` takes no index in brackets", pv.name.node),
            ));
            return None;
        }
        Some(match index {
            ast::PvIndex::At(number) => PvIndexNode::At(number.node),
            ast::PvIndex::All(_) => PvIndexNode::All,
            ast::PvIndex::Pv(pv) => PvIndexNode::Pv(self.pv(pv)?),
        })
    }

    fn transformations(&mut self, pv: &ast::Pv) -> Option<Box<[TransformNode]>> {
        let bound: Vec<_> =
            pv.transformations.iter().map(|transform| self.transformation(transform)).collect();
        bound.into_iter().collect()
    }

    fn transformation(&mut self, transform: &ast::Transformation) -> Option<TransformNode> {
        let name = transform.name.node.as_str();
        let Some(id) = self.scope.transform(name) else {
            let diagnostic = self.scope.no_transform(name, transform.name.span);
            self.tell(diagnostic);
            return None;
        };
        let decl = self.scope.catalogue.transform(id).decl;
        if let Some(parse) = decl.parse {
            let parsed = self.parsed_argument(transform, parse)?;
            return Some(TransformNode { run: decl.run, arguments: Box::new([]), parsed: Some(parsed) });
        }
        let count = transform.arguments.len();
        if count < decl.required || count > decl.most {
            let wanted = if decl.required == decl.most {
                decl.most.to_string()
            } else {
                format!("{} to {}", decl.required, decl.most)
            };
            self.tell(Diagnostic::error(
                "transformation-arguments",
                transform.span,
                format!("`{{{name}}}` takes {wanted} parameters, not {count}"),
            ));
            return None;
        }
        let arguments: Vec<_> =
            transform.arguments.iter().map(|argument| self.transform_arg(argument)).collect();
        let arguments = arguments.into_iter().collect::<Option<_>>()?;
        Some(TransformNode { run: decl.run, arguments, parsed: None })
    }

    fn transform_arg(&mut self, argument: &ast::TransformationArg) -> Option<TransformArg> {
        Some(match argument {
            ast::TransformationArg::Text(text) => {
                TransformArg::Constant(Value::Str(text.node.as_slice().into()))
            }
            ast::TransformationArg::Pv(pv) => TransformArg::Pv(self.pv(pv)?),
        })
    }

    /// The text after the first comma, as one.
    fn parsed_argument(
        &mut self,
        transform: &ast::Transformation,
        parse: ParseFn,
    ) -> Option<crate::catalogue::Parsed> {
        let mut text = Vec::new();
        let mut span: Option<Span> = None;
        for (number, argument) in transform.arguments.iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            if let ast::TransformationArg::Text(part) = argument {
                text.extend_from_slice(&part.node);
                span = Some(span.map_or(part.span, |span| span.to(part.span)));
            }
        }
        match parse(&text) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                self.tell(Diagnostic::error("transformation-arguments", span.unwrap_or(transform.span), why));
                None
            }
        }
    }
}

/// The text, if nothing in it is to be read at run time.
pub(crate) fn constant(template: &ast::Template) -> Option<Str> {
    match &*template.parts {
        [] => Some(Str::EMPTY),
        [ast::TemplatePart::Text(text)] => Some(text.as_slice().into()),
        parts => {
            let mut whole = Vec::new();
            for part in parts {
                let ast::TemplatePart::Text(text) = part else { return None };
                whole.extend_from_slice(text);
            }
            Some(whole.into())
        }
    }
}

/// A template as text again.
fn written(template: &ast::Template) -> Vec<u8> {
    let mut text = Vec::new();
    for part in &template.parts {
        match part {
            ast::TemplatePart::Text(part) => text.extend_from_slice(part),
            ast::TemplatePart::Pv(pv) => write_pv(pv, &mut text),
        }
    }
    text
}

fn write_pv(pv: &ast::Pv, text: &mut Vec<u8>) {
    let name = |text: &mut Vec<u8>| {
        text.extend_from_slice(pv.name.node.as_bytes());
        if let Some(inner) = &pv.inner {
            text.push(b'(');
            text.extend(written(inner));
            text.push(b')');
        }
    };
    if pv.index.is_none() && pv.transformations.is_empty() {
        text.push(b'$');
        return name(text);
    }
    text.extend_from_slice(b"$(");
    name(text);
    match &pv.index {
        None => {}
        Some(ast::PvIndex::At(number)) => text.extend(format!("[{}]", number.node).into_bytes()),
        Some(ast::PvIndex::All(_)) => text.extend_from_slice(b"[*]"),
        Some(ast::PvIndex::Pv(index)) => {
            text.push(b'[');
            write_pv(index, text);
            text.push(b']');
        }
    }
    for transform in &pv.transformations {
        text.push(b'{');
        text.extend_from_slice(transform.name.node.as_bytes());
        for argument in &transform.arguments {
            text.push(b',');
            match argument {
                ast::TransformationArg::Text(part) => text.extend_from_slice(&part.node),
                ast::TransformationArg::Pv(pv) => write_pv(pv, text),
            }
        }
        text.push(b'}');
    }
    text.push(b')');
}
