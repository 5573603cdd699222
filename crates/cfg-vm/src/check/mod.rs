//! From a tree to a program and settings, with every mistake found on the way.
//!
//! An error is what keeps Kamailio from starting, and nothing else; what runs but surprises is a warning.

mod core;
mod flags;
mod graph;
mod modules;
mod surprise;
mod types;
pub mod walk;

use cfg_syntax::ast::{Config, Item};
use cfg_syntax::{Diagnostic, Severity, SourceMap};

use crate::catalogue::Catalogue;
use crate::compile::Compiler;
use crate::known::Known;
use crate::program::Program;
use crate::scope::Scope;
use crate::settings::Settings;

/// A configuration and what it may use.
#[derive(Clone, Copy, Debug)]
pub struct Loadable<'a> {
    /// The tree.
    pub config: &'a Config,
    /// Its files.
    pub sources: &'a SourceMap,
    /// All modules that there are; the configuration's `loadmodule`s choose among them.
    pub catalogue: &'a Catalogue,
    /// What Kamailio has.
    pub known: &'a Known,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The routes; none if any diagnostic is an error.
    pub program: Option<Program>,
    /// Everything else, as far as it could be understood.
    pub settings: Settings,
    /// All mistakes and warnings, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves names, checks and compiles.
pub fn load(loadable: Loadable<'_>) -> Outcome {
    let Loadable { config, sources, catalogue, known } = loadable;
    let mut settings = Settings::default();
    let mut diagnostics = Vec::new();
    modules::read(loadable, &mut settings, &mut diagnostics);
    core::read(config, &mut settings, &mut diagnostics);
    settings.flags = flags::read(config, &mut diagnostics);

    let loaded = settings.modules.iter().chain(&settings.absent).map(String::as_str);
    let scope = Scope::new(catalogue, known, loaded);
    let mut compiler = Compiler::new(scope.clone(), sources, &settings.flags);
    compiler.routes(config);
    let (program, found, links) = compiler.finish();
    diagnostics.extend(found);

    for item in &config.items {
        if let Item::Route(route) = item {
            types::check(route, &mut diagnostics);
            surprise::check(route, &scope, &mut diagnostics);
        }
    }
    graph::check(&program, &links, &settings, catalogue, known, &mut diagnostics);

    diagnostics.sort_by_key(|found| (found.primary.span.file, found.primary.span.start));
    diagnostics.dedup();
    let is_sound = diagnostics.iter().all(|found| found.severity != Severity::Error);
    Outcome { program: is_sound.then_some(program), settings, diagnostics }
}
