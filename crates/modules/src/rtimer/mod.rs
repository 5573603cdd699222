//! Module `rtimer`.

use engine::Module;

/// The module's table.
pub const MODULE: Module = Module { name: "rtimer", ..Module::EMPTY };
