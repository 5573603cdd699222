//! From a next hop to an ordered list of targets: RFC 3263, by Kamailio's parameters.
//!
//! What to choose and in which order is decided by [`selection`], which does no input or output: it says which records
//! it misses. [`Resolver`] fetches those, keeps them, and answers at once ([`Resolver::cached`]) when it has them all.

mod cache;
mod hosts;
mod options;
mod record;
mod resolver;
pub mod selection;
mod system;
mod upstream;

pub use options::{Families, ResolveOptions, ResolverFiles};
pub use record::{Absence, Answer, Name, Naptr, Question, RecordKind, RecordSet, Srv};
pub use resolver::{ResolveCounts, Resolver};
pub use selection::{NextHop, ResolveError, Target, Targets};

#[cfg(test)]
mod tests;
