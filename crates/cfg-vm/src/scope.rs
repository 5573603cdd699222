//! Which names a configuration can use, and what to say of those it cannot.

use std::collections::HashSet;

use cfg_syntax::{Diagnostic, Span};

use crate::catalogue::{Catalogue, FunctionId, PvId, TransformId};
use crate::known::Known;
use crate::suggest::nearest;

/// Pseudo-variables that the machine has itself.
pub(crate) const MACHINE_PVS: [&str; 4] = ["rc", "retcode", "?", "null"];

/// The declarations, and which modules are loaded.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) known: &'a Known,
    loaded: HashSet<&'a str>,
}

/// Why a name cannot be used.
enum Missing {
    /// These loadable modules have it.
    NotLoaded(Vec<String>),
    /// A loaded module of Kamailio has it, but ours has not.
    NotYet(String),
    /// Only modules of Kamailio that we do not have.
    NotYetNorLoaded(Vec<String>),
    Unknown,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        catalogue: &'a Catalogue,
        known: &'a Known,
        loaded: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let loaded = loaded.into_iter().chain(["core"]).collect();
        Self { catalogue, known, loaded }
    }

    pub(crate) fn is_loaded(&self, module: &str) -> bool {
        self.loaded.contains(module)
    }

    /// Usable functions of a name.
    pub(crate) fn functions(&self, name: &str) -> Vec<FunctionId> {
        let all = self.catalogue.functions_named(name).iter().copied();
        all.filter(|id| self.is_loaded(self.catalogue.function(*id).module)).collect()
    }

    pub(crate) fn pv(&self, name: &str) -> Option<PvId> {
        self.catalogue.pv_named(name).filter(|id| self.is_loaded(self.catalogue.pv(*id).module))
    }

    pub(crate) fn transform(&self, name: &str) -> Option<TransformId> {
        let id = self.catalogue.transform_named(name)?;
        self.is_loaded(self.catalogue.transform(id).module).then_some(id)
    }

    pub(crate) fn no_function(&self, name: &str, span: Span) -> Diagnostic {
        let ours = self.catalogue.functions_named(name).iter().map(|id| self.catalogue.function(*id).module);
        let missing = self.missing(ours, self.known.modules_with_function(name).map(|module| module.name));
        let loaded =
            self.catalogue.functions().iter().filter(|f| self.is_loaded(f.module)).map(|f| f.decl.name);
        let near = || nearest(name, loaded).or_else(|| nearest(name, self.all_functions())).map(Into::into);
        report("function", &format!("function `{name}`"), span, missing, near)
    }

    pub(crate) fn no_pv(&self, name: &str, span: Span) -> Diagnostic {
        let ours = self.catalogue.pv_named(name).map(|id| self.catalogue.pv(id).module);
        let missing = self.missing(ours, self.known.modules_with_pv(name).map(|module| module.name));
        let loaded =
            self.catalogue.pvs().iter().filter(|pv| self.is_loaded(pv.module)).map(|pv| pv.decl.name);
        let known = self.known.modules().iter().flat_map(|module| module.pvs.keys().copied());
        let near = || {
            let near = nearest(name, loaded.chain(MACHINE_PVS)).or_else(|| nearest(name, known));
            near.map(|name| format!("${name}"))
        };
        report("variable", &format!("pseudo-variable `${name}`"), span, missing, near)
    }

    pub(crate) fn no_transform(&self, name: &str, span: Span) -> Diagnostic {
        let ours = self.catalogue.transform_named(name).map(|id| self.catalogue.transform(id).module);
        let missing = self.missing(ours, self.known.modules_with_transform(name).map(|module| module.name));
        let all = self.catalogue.transforms().iter().map(|transform| transform.decl.name);
        let known = self.known.modules().iter().flat_map(|module| module.transforms.iter().copied());
        let near = || nearest(name, all).or_else(|| nearest(name, known)).map(Into::into);
        report("transformation", &format!("transformation `{{{name}}}`"), span, missing, near)
    }

    fn all_functions(&self) -> impl Iterator<Item = &'a str> {
        let known = self.known;
        let ours = self.catalogue.functions().iter().map(|function| function.decl.name);
        ours.chain(known.modules().iter().flat_map(|module| module.functions.keys().copied()))
    }

    fn missing(
        &self,
        ours: impl IntoIterator<Item = &'static str>,
        kamailios: impl Iterator<Item = &'static str>,
    ) -> Missing {
        let mut ours: Vec<String> = ours.into_iter().map(Into::into).collect();
        ours.dedup();
        if !ours.is_empty() {
            return Missing::NotLoaded(ours);
        }
        let theirs: Vec<&str> = kamailios.collect();
        match theirs.iter().find(|module| self.is_loaded(module)) {
            Some(module) => Missing::NotYet((*module).into()),
            None if theirs.is_empty() => Missing::Unknown,
            None => Missing::NotYetNorLoaded(theirs.into_iter().map(Into::into).collect()),
        }
    }
}

/// `unknown-X`: nobody knows it. `X-not-loaded`: a `loadmodule` is missing. `X-not-yet`: Kamailio has it.
fn report(
    what: &str,
    name: &str,
    span: Span,
    missing: Missing,
    near: impl FnOnce() -> Option<String>,
) -> Diagnostic {
    match missing {
        Missing::NotLoaded(modules) => {
            let lines: Vec<String> = modules.iter().map(|m| format!("`loadmodule \"{m}.so\"`")).collect();
            let message = format!("{name} is in module {}, which is not loaded", modules.join(" or "));
            Diagnostic::error(code(what, 1), span, message).help(format!("add {}", lines.join(" or ")))
        }
        Missing::NotYet(module) => {
            let message = format!("{name} of module {module} is not in Tandem yet");
            Diagnostic::error(code(what, 2), span, message)
        }
        Missing::NotYetNorLoaded(modules) => {
            let modules = modules.join(" or ");
            let message = format!("{name} is in Kamailio's module {modules}, which Tandem does not have yet");
            Diagnostic::error(code(what, 2), span, message).help("the module is not loaded here, either")
        }
        Missing::Unknown => {
            let diagnostic = Diagnostic::error(code(what, 0), span, format!("unknown {name}"));
            match near() {
                Some(near) if what == "function" => {
                    diagnostic.help(format!("did you mean `{near}`?")).fix(span, near)
                }
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            }
        }
    }
}

fn code(what: &str, case: usize) -> &'static str {
    let codes: [&'static str; 3] = match what {
        "function" => ["unknown-function", "function-not-loaded", "function-not-yet"],
        "variable" => ["unknown-variable", "variable-not-loaded", "variable-not-yet"],
        _ => ["unknown-transformation", "transformation-not-loaded", "transformation-not-yet"],
    };
    codes[case]
}
