//! The workspace held against ARCHITECTURE.md; see `tests/`.
