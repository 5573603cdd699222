//! Which configuration is meant, and what the command line says about it; kept for reloads.

use std::path::PathBuf;

use cfg_syntax::{AnyModule, CommandLine, Options, Predefined};
use engine::Module;
use engine::running::{Checked, Registry};

use crate::loader::FileLoader;

/// A configuration file with the command line's definitions.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file.
    pub path: PathBuf,
    /// `-A` and its kin, in order.
    pub command_line: Vec<CommandLine>,
    /// Lines that the command line adds after the file's own.
    pub appended: String,
}

impl Source {
    /// A file by itself.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), command_line: Vec::new(), appended: String::new() }
    }

    /// Reads and checks it.
    pub(crate) fn check(&self, registry: &Registry) -> Checked {
        let predefined = predefined();
        registry.check(&self.loader(), &self.path, &self.options(&predefined))
    }

    fn loader(&self) -> FileLoader<'_> {
        FileLoader { main: &self.path, appended: &self.appended }
    }

    /// How it is read.
    fn options<'a>(&'a self, predefined: &'a [Predefined]) -> Options<'a> {
        Options { predefined, command_line: &self.command_line, modules: &AnyModule }
    }

    /// The preprocessed text, as `kamailio --cfg-print` prints it.
    ///
    /// # Errors
    /// What keeps it from being preprocessed, for people.
    pub(crate) fn print(&self) -> Result<Vec<u8>, String> {
        let predefined = predefined();
        cfg_syntax::print::print(&self.loader(), &self.path, &self.options(&predefined))
            .map_err(|error| error.to_string())
    }
}

/// The names that exist before the first line: Kamailio's of 5.6.3, and ours.
pub(crate) fn predefined() -> Vec<Predefined> {
    let name = |name: &str, value: &str| Predefined { name: name.to_owned(), value: value.into() };
    vec![name("KAMAILIO_5", ""), name("KAMAILIO_5_6", ""), name("KAMAILIO_5_6_3", ""), name("TANDEM", "")]
}

/// All modules of this binary.
pub(crate) fn registry() -> Registry {
    Registry::new(&all_modules())
}

/// Their tables, `core` first.
pub(crate) fn all_modules() -> Vec<&'static Module> {
    [modules::ALL, modules_data::ALL, modules_net::ALL].concat()
}
