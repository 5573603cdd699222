//! Module `rr`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "rr", ..Module::EMPTY };
