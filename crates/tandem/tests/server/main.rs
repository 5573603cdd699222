//! End-to-end tests of the binary: a real process, real sockets on loopback.

mod command_line;
mod reload;
mod robustness;
mod rig;
mod trace;
mod waiting;
