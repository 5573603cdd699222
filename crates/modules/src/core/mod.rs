//! Module `core`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "core", ..Module::EMPTY };
