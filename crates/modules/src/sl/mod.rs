//! Module `sl`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "sl", ..Module::EMPTY };
