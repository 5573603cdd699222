//! A compiled configuration.

/// Number of a route in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// A pseudo-variable with its inner text, index and transformations, bound at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PvRef(pub u32);
