//! What the caller knows before the file is read: predefined names and the command line.

/// Whether a module will load, asked at each `loadmodule`; a yes defines `MOD_<name>`.
pub trait Modules {
    /// `name` is the module's without directory and `.so`.
    fn loads(&self, name: &str) -> bool;
}

/// Every module loads.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyModule;

impl Modules for AnyModule {
    fn loads(&self, _name: &str) -> bool {
        true
    }
}

/// A definition from outside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predefined {
    /// Name.
    pub name: String,
    /// Text that replaces the name; empty for a bare flag.
    pub value: Vec<u8>,
}

/// An option that changes what the file's text means; kept in the order of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// `-A NAME` or `-A NAME=VALUE`.
    Define(Vec<u8>),
    /// `--subst /re/repl/flags`.
    Subst(Vec<u8>),
    /// `--substdef /NAME/value/flags`.
    SubstDef(Vec<u8>),
    /// `--substdefs /NAME/value/flags`: the definition is a string.
    SubstDefs(Vec<u8>),
}

/// How to read a configuration.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Names that exist before the first line (`KAMAILIO_5_6`, `TANDEM`, …).
    pub predefined: &'a [Predefined],
    /// `-A`, `--subst`, `--substdef`, `--substdefs`.
    pub command_line: &'a [CommandLine],
    /// Which modules load.
    pub modules: &'a dyn Modules,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { predefined: &[], command_line: &[], modules: &AnyModule }
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("predefined", &self.predefined)
            .field("command_line", &self.command_line)
            .finish_non_exhaustive()
    }
}
