//! One configuration in force: its program, its modules' states and hooks.
//!
//! Routes are never reached but through the current one; a reload makes another beside it and swaps. A route
//! that has begun keeps its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cfg_syntax::Options;
use cfg_syntax::ast::RouteKind;
use cfg_syntax::parse;
use cfg_syntax::source::Loader;
use cfg_syntax::{Diagnostic, Severity, SourceMap, Span};
use cfg_vm::bound::{self, BoundPv, BoundTemplate};
use cfg_vm::catalogue::ModuleDecl;
use cfg_vm::known::Known;
use cfg_vm::machine::Limits;
use cfg_vm::program::{Program, RouteId};
use cfg_vm::settings::Settings;
use cfg_vm::{Catalogue, Str, check};

use transport::Proto;

use crate::cx::States;
use crate::module::{Module, NativeFn, PvRead, PvWrite};
use crate::setup::{Hooks, Setup};
use crate::statistics::Statistics;

/// The modules that a binary has, with the catalogue made from their tables. Made once.
pub struct Registry {
    /// The modules, `core` first.
    pub modules: Vec<&'static Module>,
    /// Their declarations.
    pub catalogue: Arc<Catalogue>,
    functions: Vec<NativeFn>,
    pvs: Vec<(PvRead, Option<PvWrite>)>,
}

impl Registry {
    /// Registers modules; `core` must be among them.
    pub fn new(modules: &[&'static Module]) -> Self {
        let mut catalogue = Catalogue::default();
        let mut functions = Vec::new();
        let mut pvs = Vec::new();
        for module in modules {
            let decls: Vec<_> = module.functions.iter().map(|f| f.decl).collect();
            let pv_decls: Vec<_> = module.pvs.iter().map(|p| p.decl).collect();
            let transforms: Vec<_> = module.transforms.iter().map(|t| t.decl).collect();
            let params: Vec<_> = module.params.iter().map(|p| p.decl).collect();
            let events: Vec<_> = module.event_routes.iter().map(|e| e.name).collect();
            catalogue.add(&ModuleDecl {
                name: module.name,
                functions: &decls,
                pvs: &pv_decls,
                transforms: &transforms,
                params: &params,
                event_routes: &events,
            });
            functions.extend(module.functions.iter().map(|f| f.run));
            pvs.extend(module.pvs.iter().map(|p| (p.read, p.write)));
        }
        Self { modules: modules.to_vec(), catalogue: Arc::new(catalogue), functions, pvs }
    }

    /// Reads and checks a configuration without starting anything.
    pub fn check(&self, loader: &dyn Loader, path: &Path, options: &Options<'_>) -> Checked {
        let parsed = parse(loader, path, options);
        let sources = Arc::new(parsed.sources);
        let outcome = check::load(check::Loadable {
            config: &parsed.config,
            sources: &sources,
            catalogue: &self.catalogue,
            known: Known::kamailio(),
        });
        let mut diagnostics = parsed.diagnostics;
        diagnostics.extend(outcome.diagnostics);
        let mut settings = outcome.settings;
        let is_loaded = |module: &&&Module| settings.modules.iter().any(|loaded| loaded == module.name);
        for module in self.modules.iter().filter(is_loaded) {
            diagnostics.extend((module.surprises)(&parsed.config, &settings));
        }
        settings.defines = parsed.defines.into_iter().map(|define| (define.name, define.value)).collect();
        Checked {
            path: path.to_owned(),
            sources,
            program: outcome.program.map(Arc::new),
            settings,
            diagnostics,
        }
    }

    /// Starts the modules of a checked configuration. `before` is what ran until now.
    ///
    /// # Errors
    /// Everything that is wrong, the check's own errors first.
    pub fn start(
        self: &Arc<Self>,
        checked: Checked,
        statistics: &Arc<Statistics>,
        before: Option<&Running>,
    ) -> Result<Running, Box<Checked>> {
        let Some(program) = checked.program.clone().filter(|_| !checked.has_errors()) else {
            return Err(Box::new(checked));
        };
        match self.start_modules(&program, &checked.settings, statistics, before) {
            Ok((states, hooks)) => Ok(Running::new(Arc::clone(self), program, checked, states, hooks)),
            Err(diagnostics) => {
                let mut checked = checked;
                checked.diagnostics.extend(diagnostics);
                Err(Box::new(checked))
            }
        }
    }

    /// Tries the modules of a checked configuration and adds what they refuse to its diagnostics. Nothing runs.
    pub fn try_modules(self: &Arc<Self>, checked: &mut Checked) {
        let Some(program) = checked.program.clone().filter(|_| !checked.has_errors()) else { return };
        let statistics = Arc::new(Statistics::new(1));
        if let Err(diagnostics) = self.start_modules(&program, &checked.settings, &statistics, None) {
            checked.diagnostics.extend(diagnostics);
        }
    }

    fn start_modules(
        self: &Arc<Self>,
        program: &Arc<Program>,
        settings: &Settings,
        statistics: &Arc<Statistics>,
        before: Option<&Running>,
    ) -> Result<(States, Hooks), Vec<Diagnostic>> {
        let mut hooks = Hooks::default();
        let mut states = States::default();
        let mut diagnostics = Vec::new();
        for (at, module) in self.modules.iter().enumerate() {
            if module.name != "core" && !settings.modules.iter().any(|loaded| loaded == module.name) {
                states.add(Arc::new(NotLoaded));
                continue;
            }
            let mut setup = Setup {
                module: module.name,
                registry: self,
                settings,
                program,
                before: before.and_then(|before| before.states.at(at)).cloned(),
                statistics,
                hooks: &mut hooks,
            };
            match (module.start)(&mut setup) {
                Ok(state) => states.add(state),
                Err(error) => {
                    let first = settings.params.iter().find(|param| param.module == module.name);
                    let span = error.span.or_else(|| first.map(|param| param.span));
                    let span = span.unwrap_or_else(|| Span::new(cfg_syntax::FileId(0), 0, 0));
                    let message = format!("module {}: {}", module.name, error.message);
                    diagnostics.push(Diagnostic::error("module-start", span, message));
                }
            }
        }
        if diagnostics.is_empty() { Ok((states, hooks)) } else { Err(diagnostics) }
    }
}

/// Stands where a module is not loaded, so that states keep their places.
struct NotLoaded;

/// A configuration, read and checked.
pub struct Checked {
    /// The file that was named.
    pub path: PathBuf,
    /// Its sources.
    pub sources: Arc<SourceMap>,
    /// The compiled routes, if there is no error.
    pub program: Option<Arc<Program>>,
    /// Parameters.
    pub settings: Settings,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// Whether it cannot run.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// One configuration in force.
pub struct Running {
    /// The binary's modules.
    pub registry: Arc<Registry>,
    /// The compiled routes.
    pub program: Arc<Program>,
    /// Core and module parameters.
    pub settings: Settings,
    /// The file that it was made of.
    pub path: PathBuf,
    /// `request_route`.
    pub request_route: Option<RouteId>,
    /// `reply_route`.
    pub reply_route: Option<RouteId>,
    /// `onsend_route`.
    pub onsend_route: Option<RouteId>,
    /// Step, loop and recursion limits.
    pub limits: Limits,
    /// The script's own variables that were changed meanwhile.
    pub tuned: crate::tuned::Tuned,
    pub(crate) core: CoreSettings,
    pub(crate) functions: Vec<NativeFn>,
    pub(crate) pvs: Vec<(PvRead, Option<PvWrite>)>,
    pub(crate) hooks: Hooks,
    states: States,
}

/// Core parameters that the message path asks for, looked up once.
#[derive(Debug)]
pub(crate) struct CoreSettings {
    pub(crate) force_rport: bool,
    pub(crate) reply_to_via: bool,
    pub(crate) server_signature: bool,
    pub(crate) server_header: Vec<u8>,
    pub(crate) onsend_route_reply: bool,
    pub(crate) advertised_address: Option<Str>,
    pub(crate) advertised_port: Option<u16>,
    /// Longer datagrams than this go over another transport; 0 for none.
    pub(crate) udp_mtu: usize,
    /// Which.
    pub(crate) udp_mtu_try_proto: Option<Proto>,
    pub(crate) log_prefix: Option<BoundTemplate>,
}

impl Running {
    fn new(
        registry: Arc<Registry>,
        program: Arc<Program>,
        checked: Checked,
        states: States,
        hooks: Hooks,
    ) -> Self {
        let settings = checked.settings;
        let limits = Limits {
            loops: settings.core.int("max_while_loops").max(0) as u32,
            recursion: settings.core.int("max_recursive_level").max(1) as u32,
            ..Limits::default()
        };
        let header = settings
            .core
            .text("server_header")
            .map_or_else(|| crate::identity::SERVER_HEADER.to_vec(), <[u8]>::to_vec);
        let mut running = Self {
            request_route: program.unnamed(RouteKind::Request),
            reply_route: program.unnamed(RouteKind::CoreReply),
            onsend_route: program.unnamed(RouteKind::OnSend),
            limits,
            tuned: crate::tuned::Tuned::default(),
            core: CoreSettings {
                force_rport: settings.core.int("force_rport") != 0,
                reply_to_via: settings.core.int("reply_to_via") != 0,
                server_signature: settings.core.int("server_signature") != 0,
                server_header: header,
                advertised_address: settings.core.text("advertised_address").map(Str::copy),
                advertised_port: settings
                    .core
                    .find("advertised_port")
                    .map(|_| settings.core.int("advertised_port") as u16),
                onsend_route_reply: settings.core.int("onsend_route_reply") != 0,
                udp_mtu: usize::try_from(settings.core.int("udp_mtu")).unwrap_or(0),
                udp_mtu_try_proto: settings.core.text("udp_mtu_try_proto").and_then(Proto::from_bytes),
                log_prefix: None,
            },
            functions: registry.functions.clone(),
            pvs: registry.pvs.clone(),
            registry,
            program,
            path: checked.path,
            settings,
            hooks,
            states,
        };
        let prefix = running.settings.core.text("log_prefix").map(<[u8]>::to_vec);
        running.core.log_prefix = prefix.and_then(|text| running.bind_template(&text).ok());
        running
    }

    /// The Server header line of what is answered here, if it is to have one.
    pub fn server_line(&self) -> Option<&[u8]> {
        self.core.server_signature.then_some(&self.core.server_header)
    }

    /// A module's state by its type.
    pub fn state<T: 'static + Send + Sync>(&self) -> Option<&T> {
        self.states.of()
    }

    /// What modules have put among their [`Hooks::watchers`] of a type, in the modules' order.
    pub fn watchers<T: 'static>(&self) -> impl Iterator<Item = &T> {
        self.hooks.watchers.iter().filter_map(|watcher| watcher.downcast_ref())
    }

    /// Whether a module is loaded.
    pub fn is_loaded(&self, module: &str) -> bool {
        module == "core" || self.settings.modules.iter().any(|m| m == module)
    }

    /// Binds a text with pseudo-variables that is only known now.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn bind_template(&self, text: &[u8]) -> Result<BoundTemplate, String> {
        bound::bind_template(&self.registry.catalogue, &self.settings.modules, text)
    }

    /// Binds a pseudo-variable that is only known now.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn bind_pv(&self, text: &[u8]) -> Result<BoundPv, String> {
        bound::bind_pv(&self.registry.catalogue, &self.settings.modules, text)
    }
}
