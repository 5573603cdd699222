//! Module `corex`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "corex", ..Module::EMPTY };
