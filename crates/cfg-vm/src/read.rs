//! Reading and writing bound pseudo-variables, evaluating templates.

use crate::catalogue::TransformArgs;
use crate::host::{Host, Index, Inner, Step, WriteError};
use crate::number::parse_int;
use crate::program::{
    InnerNode, Pool, Program, PvIndexNode, PvNode, PvRef, PvSource, TemplatePart, TemplateRef, TransformArg,
};
use crate::value::{Str, Value};

/// Most arguments of one transformation that are evaluated without allocating.
const MOST_ARGUMENTS: usize = 6;

/// Reads a pseudo-variable of a program.
pub fn read<H: Host>(host: &mut H, program: &Program, pv: PvRef) -> Value {
    Reader::new(host, &program.pool, &mut Vec::new(), false).read(pv)
}

/// Writes a pseudo-variable of a program; [`Value::Null`] deletes.
///
/// # Errors
/// [`WriteError`] says whether the value does not fit or nothing can be written here.
pub fn write<H: Host>(host: &mut H, program: &Program, pv: PvRef, value: Value) -> Result<(), WriteError> {
    Reader::new(host, &program.pool, &mut Vec::new(), false).write(pv, value)
}

/// The text of a template of a program. With `trace`, [`Host::step`] is told what is read.
pub fn evaluate<H: Host>(host: &mut H, program: &Program, template: TemplateRef, trace: bool) -> Str {
    Reader::new(host, &program.pool, &mut Vec::new(), trace).text(template)
}

/// Evaluates over one pool. The scratch buffer is a stack of unfinished texts.
pub(crate) struct Reader<'a, H> {
    host: &'a mut H,
    pool: &'a Pool,
    scratch: &'a mut Vec<u8>,
    trace: bool,
}

impl<'a, H: Host> Reader<'a, H> {
    pub(crate) fn new(host: &'a mut H, pool: &'a Pool, scratch: &'a mut Vec<u8>, trace: bool) -> Self {
        Self { host, pool, scratch, trace }
    }

    /// The value, transformations applied.
    pub(crate) fn read(&mut self, pv: PvRef) -> Value {
        let pool = self.pool;
        let node = &pool.pvs[pv.0 as usize];
        let mut value = self.plain(node);
        for transform in &node.transforms {
            value = self.transform(transform, &value);
        }
        if self.trace {
            self.host.step(Step::Read { span: node.span, value: &value });
        }
        value
    }

    /// Writes; transformations were refused at load.
    pub(crate) fn write(&mut self, pv: PvRef, value: Value) -> Result<(), WriteError> {
        let node = &self.pool.pvs[pv.0 as usize];
        let PvSource::Catalogue(id) = node.source else {
            return Err(WriteError::Unfit("it is read-only".into()));
        };
        if self.trace {
            self.host.step(Step::Wrote { span: node.span, value: &value });
        }
        let index = self.index(node.index);
        self.with_inner(&node.inner, |host, inner| host.write(id, inner, index, value))
            .unwrap_or_else(|why| Err(WriteError::Unfit(why)))
    }

    /// A template's text. A lone pseudo-variable's text is not copied.
    pub(crate) fn text(&mut self, template: TemplateRef) -> Str {
        let pool = self.pool;
        match &*pool.templates[template.0 as usize].parts {
            [] => Str::EMPTY,
            [TemplatePart::Text(text)] => text.clone(),
            [TemplatePart::Pv(pv)] => self.printed(*pv),
            parts => {
                let start = self.scratch.len();
                for part in parts {
                    match part {
                        TemplatePart::Text(text) => self.scratch.extend_from_slice(text),
                        TemplatePart::Pv(pv) => {
                            let text = self.printed(*pv);
                            self.scratch.extend_from_slice(&text);
                        }
                    }
                }
                let text = Str::copy(&self.scratch[start..]);
                self.scratch.truncate(start);
                text
            }
        }
    }

    /// As formats print it: what is undefined shows as `<null>`, and as nothing behind a transformation.
    fn printed(&mut self, pv: PvRef) -> Str {
        match self.read(pv) {
            Value::Null if !self.pool.pvs[pv.0 as usize].transforms.is_empty() => Str::EMPTY,
            Value::Null => Str::from_static(b"<null>"),
            value => value.to_str(),
        }
    }

    fn plain(&mut self, node: &PvNode) -> Value {
        let id = match node.source {
            PvSource::Catalogue(id) => id,
            PvSource::ReturnCode => return Value::Int(self.host.return_code()),
            PvSource::Null => return Value::Null,
        };
        // The rule, without the detour.
        match (&node.inner, node.index) {
            (InnerNode::None, PvIndexNode::None) => return self.host.read(id, Inner::None, Index::None),
            (InnerNode::Text(text), PvIndexNode::None) => {
                return self.host.read(id, Inner::Text(text), Index::None);
            }
            (InnerNode::Parsed(parsed), PvIndexNode::None) => {
                return self.host.read(id, Inner::Parsed(parsed), Index::None);
            }
            _ => {}
        }
        let index = self.index(node.index);
        self.with_inner(&node.inner, |host, inner| host.read(id, inner, index)).unwrap_or(Value::Null)
    }

    /// Makes the inner text; fails when text made at run time does not parse.
    fn with_inner<T>(
        &mut self,
        inner: &InnerNode,
        f: impl FnOnce(&mut H, Inner<'_>) -> T,
    ) -> Result<T, String> {
        Ok(match inner {
            InnerNode::None => f(self.host, Inner::None),
            InnerNode::Text(text) => f(self.host, Inner::Text(text)),
            InnerNode::Parsed(parsed) => f(self.host, Inner::Parsed(parsed)),
            InnerNode::Template(template, None) => {
                let text = self.text(*template);
                f(self.host, Inner::Text(&text))
            }
            InnerNode::Template(template, Some(parse)) => {
                let parsed = parse(&self.text(*template))?;
                f(self.host, Inner::Parsed(&parsed))
            }
        })
    }

    fn index(&mut self, index: PvIndexNode) -> Index {
        match index {
            PvIndexNode::None => Index::None,
            PvIndexNode::At(number) => Index::At(number),
            PvIndexNode::All => Index::All,
            PvIndexNode::Pv(pv) => Index::At(match self.read(pv) {
                Value::Int(number) => number,
                Value::Str(text) => parse_int(&text).unwrap_or(0),
                Value::Null => 0,
            }),
        }
    }

    fn transform(&mut self, transform: &crate::program::TransformNode, input: &Value) -> Value {
        let mut values = [const { Value::Null }; MOST_ARGUMENTS];
        if let Some(slots) = values.get_mut(..transform.arguments.len()) {
            for (slot, argument) in slots.iter_mut().zip(&transform.arguments) {
                *slot = self.argument(argument);
            }
            return (transform.run)(
                input,
                &TransformArgs { values: slots, parsed: transform.parsed.as_ref() },
            );
        }
        let values: Vec<Value> = transform.arguments.iter().map(|argument| self.argument(argument)).collect();
        (transform.run)(input, &TransformArgs { values: &values, parsed: transform.parsed.as_ref() })
    }

    fn argument(&mut self, argument: &TransformArg) -> Value {
        match argument {
            TransformArg::Constant(value) => value.clone(),
            TransformArg::Pv(pv) => self.read(*pv),
        }
    }
}
