//! Module `maxfwd`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "maxfwd", ..Module::EMPTY };
