//! Module `pv`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "pv", ..Module::EMPTY };
