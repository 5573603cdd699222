//! Module `textops`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "textops", ..Module::EMPTY };
