//! End-to-end tests of the binary: a real process, real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

mod command_line;
mod data;
mod dialogs;
mod faults;
mod media;
mod pings;
mod presence;
mod registrar;
mod reload;
mod rig;
mod robustness;
mod sqlops;
mod tls;
mod trace;
mod transactions;
mod waiting;
