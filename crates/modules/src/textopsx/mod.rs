//! Module `textopsx`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "textopsx", ..Module::EMPTY };
