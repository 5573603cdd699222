//! Module `ipops`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "ipops", ..Module::EMPTY };
