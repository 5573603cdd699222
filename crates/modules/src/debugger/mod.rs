//! Module `debugger`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "debugger", ..Module::EMPTY };
