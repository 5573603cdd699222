//! Module `nathelper`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "nathelper", ..Module::EMPTY };
