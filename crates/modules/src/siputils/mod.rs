//! Module `siputils`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "siputils", ..Module::EMPTY };
