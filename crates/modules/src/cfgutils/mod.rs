//! Module `cfgutils`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "cfgutils", ..Module::EMPTY };
