//! Operations of the bytecode.

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Ends the program's code.
    End,
}
