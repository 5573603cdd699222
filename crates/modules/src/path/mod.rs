//! Module `path`: the way back to a phone that registers through this server (RFC 3327), and following it.

mod line;
mod received;

use std::sync::Arc;

use cfg_vm::Str;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Function, Module, Param, Setup, SetupError};

/// The module's table.
pub const MODULE: Module = Module {
    name: "path",
    doc: "Adds Path headers to registrations, and sends requests that come back by them to where the registration \
          came from.",
    params: &[
        Param::int_in(
            "use_received",
            0,
            1,
            "0",
            "Whether a request that our Route led here goes on to the address in that Route's `received`.",
        ),
        Param::int_in(
            "received_format",
            0,
            1,
            "0",
            "How `received` is written and read: 0 as an escaped SIP URI, 1 as `ip~port~transport`.",
        ),
        Param::text("received_name", "received", "Name of that parameter."),
        Param::int_in(
            "enable_r2",
            0,
            1,
            "0",
            "Two Path headers, for the socket that a registration leaves by and the one it came in.",
        ),
        Param::int_in("sockname_mode", 0, 1, "0", "Whether a socket's name stands in the URI as `;sn=`."),
    ],
    functions: &[
        Function::new(
            "add_path",
            &[ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            line::add_path,
            "Adds a Path with the address that the request leaves by, a user and further parameters if given.",
        )
        .requires(0),
        Function::new(
            "add_path_received",
            &[ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            line::add_path_received,
            "The same, with the sender's address in a parameter.",
        )
        .requires(0),
        Function::new(
            "add_path_advertised_address",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            line::add_path_advertised,
            "Adds a Path with this address, a user and further parameters if given.",
        )
        .requires(1),
        Function::new(
            "add_path_received_advertised_address",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Format],
            Routes::REQUEST,
            line::add_path_received_advertised,
            "The same, with the sender's address in a parameter.",
        )
        .requires(1),
    ],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Path {
    received_name: Str,
    format: Format,
    double: bool,
    socket_names: bool,
}

/// How the sender's address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// As a SIP URI, escaped.
    Uri,
    /// As `nathelper` writes aliases.
    Alias,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let is_set = |name| setup.int(name) == Some(1);
    let state = Path {
        received_name: setup.text("received_name").map_or_else(|| Str::from("received"), Str::copy),
        format: if is_set("received_format") { Format::Alias } else { Format::Uri },
        double: is_set("enable_r2"),
        socket_names: is_set("sockname_mode"),
    };
    if is_set("use_received") {
        if !setup.is_loaded("rr") {
            let message = "use_received needs module rr, whose loose_route() reads the Route; load it";
            return Err(match setup.values("use_received").last() {
                Some(param) => SetupError::at(param, message),
                None => SetupError::new(message),
            });
        }
        setup.hooks().routed.push(received::follow);
    }
    setup.hooks().before_send.push(line::write);
    Ok(Arc::new(state))
}
