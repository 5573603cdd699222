//! `loadmodule` and `modparam`.

use cfg_syntax::ast::{Item, LoadModule, ModParam, ParamValue};
use cfg_syntax::{Diagnostic, Span};

use super::Loadable;
use super::core::span_of;
use crate::catalogue::{ParamDecl, ParamKind};
use crate::known::KnownType;
use crate::regex::{Flags, Regex};
use crate::settings::{IgnoredParam, ModuleParam, Settings};
use crate::suggest::nearest;
use crate::value::Value;

/// Reads them in order: a `modparam` sees the modules that were loaded above it.
pub(super) fn read(loadable: Loadable<'_>, settings: &mut Settings, diagnostics: &mut Vec<Diagnostic>) {
    let mut reader = Reader { loadable, settings, diagnostics };
    for item in &loadable.config.items {
        match item {
            Item::LoadModule(load) => reader.load(load),
            Item::ModParam(param) => reader.param(param),
            _ => {}
        }
    }
}

/// The name in `/usr/lib/…/tm.so`.
fn module_name(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let file = path.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".so").unwrap_or(file).to_owned()
}

struct Reader<'a> {
    loadable: Loadable<'a>,
    settings: &'a mut Settings,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn load(&mut self, load: &LoadModule) {
        if load.evaluated {
            let message = "a module's name that is evaluated is not in Tandem yet";
            self.diagnostics.push(Diagnostic::error("module-not-yet", load.span, message));
            return;
        }
        let name = module_name(&load.path.node);
        let span = load.path.span;
        if self.settings.modules.contains(&name) || self.settings.absent.contains(&name) {
            let message = format!("module {name} is loaded already");
            self.diagnostics.push(
                Diagnostic::error("duplicate-module", span, message).help("remove one of the two lines"),
            );
        } else if self.loadable.catalogue.modules().contains(&name.as_str()) {
            self.settings.modules.push(name);
        } else if self.loadable.known.module(&name).is_some() {
            let message = format!("module {name} is not in Tandem yet; it is passed over");
            self.diagnostics.push(
                Diagnostic::warning("module-not-yet", span, message)
                    .help("what uses it is marked as an error at its place"),
            );
            self.settings.absent.push(name);
        } else {
            let modules = self.loadable.catalogue.modules().iter().copied();
            let known = self.loadable.known.modules().iter().map(|module| module.name);
            let near = nearest(&name, modules.chain(known));
            let diagnostic = Diagnostic::error("unknown-module", span, format!("unknown module `{name}`"));
            self.diagnostics.push(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
        }
    }

    fn param(&mut self, param: &ModParam) {
        let pattern = [b"^(", param.module.node.as_slice(), b")$"].concat();
        let regex = match Regex::posix(&pattern, Flags { ignore_case: true, newline: false }) {
            Ok(regex) => regex,
            Err(error) => {
                let message = format!("this list of modules does not work: {error}");
                self.diagnostics.push(Diagnostic::error("regex", param.module.span, message));
                return;
            }
        };
        let matching = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| regex.is_match(name.as_bytes())).cloned().collect()
        };
        let (ours, absent) = (matching(&self.settings.modules), matching(&self.settings.absent));
        if ours.is_empty() && absent.is_empty() && !regex.is_match(b"core") {
            self.no_module(param, &regex);
        }
        for module in ours {
            self.ours(&module, param);
        }
        for module in absent {
            self.absent(&module, param);
        }
    }

    fn no_module(&mut self, param: &ModParam, regex: &Regex) {
        let shown = String::from_utf8_lossy(&param.module.node);
        let later = self.loadable.config.items.iter().find_map(|item| match item {
            Item::LoadModule(load) if regex.is_match(module_name(&load.path.node).as_bytes()) => {
                Some(load.span)
            }
            _ => None,
        });
        let exists = self.loadable.known.module(&shown).is_some()
            || self.loadable.catalogue.modules().contains(&&*shown);
        let loaded = self.settings.modules.iter().chain(&self.settings.absent).map(String::as_str);
        let near = nearest(&shown, loaded).map(str::to_owned);
        let span = param.module.span;
        self.diagnostics.push(match (later, exists, near) {
            (Some(load), ..) => {
                let message = format!("module {shown} is not loaded before its parameter is set");
                Diagnostic::error("modparam-order", span, message)
                    .also(load, "it is loaded here")
                    .help("move the modparam below the loadmodule")
            }
            (None, true, _) => {
                Diagnostic::error("module-not-loaded", span, format!("module {shown} is not loaded"))
                    .help(format!("add `loadmodule \"{shown}.so\"` above, or remove this line"))
            }
            (None, false, Some(near)) => {
                Diagnostic::error("module-not-loaded", span, format!("no loaded module matches `{shown}`"))
                    .help(format!("did you mean `{near}`?"))
            }
            (None, false, None) => {
                Diagnostic::error("module-not-loaded", span, format!("no loaded module matches `{shown}`"))
            }
        });
    }

    fn ours(&mut self, module: &str, param: &ModParam) {
        let name = String::from_utf8_lossy(&param.name.node);
        let Some(decl) = self.loadable.catalogue.param(module, &name).copied() else {
            return self.no_param(module, &name, param);
        };
        // The catalogue's spelling lives as long as the program.
        let module = self.loadable.catalogue.modules().iter().find(|known| **known == module);
        let Some(module) = module.copied() else { return };
        if let Some(value) = self.value(module, &decl, param) {
            self.settings.params.push(ModuleParam {
                module,
                name: decl.name,
                value,
                evaluated: param.evaluated,
                span: param.span,
            });
        }
    }

    fn value(&mut self, module: &str, decl: &ParamDecl, param: &ModParam) -> Option<Value> {
        let span = span_of(&param.value);
        let value = match &param.value {
            ParamValue::Int(number) => Value::Int(number.node),
            ParamValue::Str(text) | ParamValue::Word(text) => Value::Str(text.node.as_slice().into()),
        };
        // What modparamx evaluates can become either.
        if param.evaluated {
            return Some(value);
        }
        match (decl.kind, &value) {
            (ParamKind::Str, Value::Int(_)) => return self.misfit(module, decl.name, "text in quotes", span),
            (ParamKind::Int | ParamKind::IntIn(..), Value::Str(_)) => {
                return self.misfit(module, decl.name, "a number, without quotes", span);
            }
            (ParamKind::IntIn(least, most), Value::Int(number)) if !(least..=most).contains(number) => {
                let message = format!("`{}` of {module} is out of range: {least} to {most}", decl.name);
                self.diagnostics.push(Diagnostic::warning("parameter-range", span, message));
            }
            _ => {}
        }
        match decl.check.map_or(Ok(()), |check| check(&value)) {
            Ok(()) => Some(value),
            Err(why) => {
                let message = format!("`{}` of {module}: {why}", decl.name);
                self.diagnostics.push(Diagnostic::error("parameter-value", span, message));
                None
            }
        }
    }

    fn misfit(&mut self, module: &str, name: &str, wanted: &str, span: Span) -> Option<Value> {
        let message = format!("`{name}` of {module} takes {wanted}");
        self.diagnostics.push(Diagnostic::error("parameter-type", span, message));
        None
    }

    fn absent(&mut self, module: &str, param: &ModParam) {
        let name = String::from_utf8_lossy(&param.name.node);
        let Some(known) = self.loadable.known.module(module) else { return };
        let Some(decl) = known.params.get(&*name) else {
            return self.no_param(module, &name, param);
        };
        let fits = matches!(
            (decl.ty, &param.value),
            (KnownType::Int, ParamValue::Int(_)) | (KnownType::Str, ParamValue::Str(_) | ParamValue::Word(_))
        );
        if !fits && !param.evaluated {
            let wanted =
                if decl.ty == KnownType::Int { "a number, without quotes" } else { "text in quotes" };
            self.misfit(module, &name, wanted, span_of(&param.value));
        }
        self.settings.ignored.push(IgnoredParam {
            module: module.into(),
            name: name.into(),
            span: param.span,
        });
    }

    fn no_param(&mut self, module: &str, name: &str, param: &ModParam) {
        let span = param.name.span;
        let known = self.loadable.known.module(module);
        if known.is_some_and(|known| known.params.contains_key(name)) {
            let message = format!("parameter `{name}` of {module} is not in Tandem yet; it is passed over");
            self.diagnostics.push(Diagnostic::warning("parameter-not-yet", span, message));
            self.settings.ignored.push(IgnoredParam {
                module: module.into(),
                name: name.into(),
                span: param.span,
            });
            return;
        }
        let ours: Vec<&str> = self.loadable.catalogue.params_of(module).map(|decl| decl.name).collect();
        let theirs = known.map(|known| known.params.keys().copied().collect::<Vec<_>>()).unwrap_or_default();
        let near = nearest(name, ours.into_iter().chain(theirs));
        let diagnostic = Diagnostic::error(
            "unknown-parameter",
            span,
            format!("module {module} has no parameter `{name}`"),
        );
        self.diagnostics.push(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        });
    }
}
