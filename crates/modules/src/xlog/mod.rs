//! Module `xlog`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "xlog", ..Module::EMPTY };
