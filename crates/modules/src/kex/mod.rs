//! Module `kex`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "kex", ..Module::EMPTY };
