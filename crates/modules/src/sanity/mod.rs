//! Module `sanity`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "sanity", ..Module::EMPTY };
