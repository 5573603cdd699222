//! Module `corex`: branches, sockets, flags and Vias by functions that take variables; raw sending; files.

mod branch;
mod cfg;
mod file;
mod flag;
mod rpc;
mod send;
mod socket;
mod via;

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::{EventRoute, Rpc, State, Transform};
use engine::{Function, Module, Param, Pv, Setup, SetupError};

/// The module's table.
pub const MODULE: Module = Module {
    name: "corex",
    doc: "Branches, sockets, flags and Vias by functions that take variables; sending raw texts; files.",
    params: &[
        Param::text(
            "alias_subdomains",
            "",
            "`[proto:]domain[:port]` that counts as this server with everything below it.",
        )
        .repeatable(),
        Param::text("evcb_reply_out", "", "Function of a KEMI script for replies that leave.").ignored(),
    ],
    functions: FUNCTIONS,
    pvs: &[
        Pv::new("cfg", PvType::Any, cfg::place, "File (`name`), `line` or `route` of the statement that runs.")
            .inner(InnerRule::Parsed(cfg::parse)),
        Pv::new(
            "lsock",
            PvType::Str,
            socket::described,
            "A listening socket found by name (`n/NAME/…`) or address (`l/udp:1.2.3.4:5060/…`): its `listen` value, `advertise` or `name`.",
        )
        .inner(InnerRule::Required),
    ],
    transforms: &[
        Transform { decl: socket::TRANSFORMS[0], doc: "Host of a socket's address." },
        Transform { decl: socket::TRANSFORMS[1], doc: "Port of a socket's address." },
        Transform { decl: socket::TRANSFORMS[2], doc: "Protocol of a socket's address." },
        Transform { decl: socket::TRANSFORMS[3], doc: "SIP URI of a socket's address." },
    ],
    event_routes: &[EventRoute {
        name: "corex:reply-out",
        doc: "For each reply that a transaction sends; stateless replies do not run it, as in Kamailio.",
    }],
    rpc: &[
        Rpc { name: "corex.debug", doc: "Tells the log level, or sets it.", run: rpc::debug },
        Rpc { name: "shm.info", doc: "Describes the memory.", run: rpc::memory_info },
        Rpc { name: "shm.stats", doc: "Tells the memory in use.", run: rpc::memory },
        Rpc { name: "corex.list_sockets", doc: "Lists the sockets that are listened on.", run: rpc::list_sockets },
        Rpc { name: "corex.list_aliases", doc: "Lists the names that count as this server.", run: rpc::list_aliases },
    ],
    start,
    ..Module::EMPTY
};

const FORMAT: ArgKind = ArgKind::Format;
const INT: ArgKind = ArgKind::Int;
const ANY: Routes = Routes::ANY;
/// Request and failure routes.
const RF: Routes = Routes::REQUEST.or(Routes::FAILURE);

const FUNCTIONS: &[Function] = &[
    Function::new(
        "append_branch",
        &[FORMAT, FORMAT],
        RF,
        branch::append_branch,
        "Adds a branch: the request URI, or one of its own, with a q value if one is given.",
    )
    .requires(0),
    Function::new(
        "send_udp",
        &[FORMAT],
        RF,
        send::send_udp,
        "Sends the message as it was received over UDP, to a host or where it would go.",
    )
    .requires(0)
    .waits(),
    Function::new(
        "send_tcp",
        &[FORMAT],
        RF,
        send::send_tcp,
        "Sends the message as it was received over TCP, to a host or where it would go.",
    )
    .requires(0)
    .waits(),
    Function::new("send_data", &[FORMAT, FORMAT], ANY, send::send_data, "Sends a text to a SIP URI.").waits(),
    Function::new(
        "sendx",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        send::sendx,
        "Sends a text to a SIP URI from a socket of choice.",
    )
    .waits(),
    Function::new(
        "forward_reply",
        &[],
        Routes::CORE_REPLY,
        send::forward_reply,
        "Forwards the reply now; `drop` keeps it from being forwarded again.",
    )
    .waits(),
    Function::new(
        "is_incoming",
        &[],
        ANY,
        flag::is_incoming,
        "Whether `event_route[network:msg]` runs on data that came in; false elsewhere.",
    ),
    Function::new(
        "is_faked_msg",
        &[],
        ANY,
        flag::is_faked_msg,
        "Whether the message was made up for an event or timer.",
    ),
    Function::new("msg_iflag_set", &[FORMAT], ANY, flag::msg_iflag_set, "Sets an inner mark of the message."),
    Function::new(
        "msg_iflag_reset",
        &[FORMAT],
        ANY,
        flag::msg_iflag_reset,
        "Clears an inner mark of the message.",
    ),
    Function::new(
        "msg_iflag_is_set",
        &[FORMAT],
        ANY,
        flag::msg_iflag_is_set,
        "Whether an inner mark of the message is set.",
    ),
    Function::new("setxflag", &[INT], ANY, flag::setxflag, "Sets one of 64 further flags of the message."),
    Function::new(
        "resetxflag",
        &[INT],
        ANY,
        flag::resetxflag,
        "Clears one of 64 further flags of the message.",
    ),
    Function::new(
        "isxflagset",
        &[INT],
        ANY,
        flag::isxflagset,
        "Whether one of 64 further flags of the message is set.",
    ),
    Function::new(
        "file_read",
        &[FORMAT, ArgKind::PvWrite],
        ANY,
        file::file_read,
        "Puts the content of a file into a variable.",
    )
    .waits(),
    Function::new(
        "file_write",
        &[FORMAT, FORMAT],
        ANY,
        file::file_write,
        "Makes a text the content of a file.",
    )
    .waits(),
    Function::new(
        "set_send_socket",
        &[FORMAT],
        ANY,
        socket::set_send_socket,
        "Sets the socket that the message leaves through, by address.",
    ),
    Function::new(
        "set_send_socket_name",
        &[FORMAT],
        ANY,
        socket::set_send_socket_name,
        "Sets the socket that the message leaves through, by name.",
    ),
    Function::new(
        "set_recv_socket",
        &[FORMAT],
        ANY,
        socket::set_recv_socket,
        "Sets the socket that counts as the one that took the message, by address.",
    ),
    Function::new(
        "set_recv_socket_name",
        &[FORMAT],
        ANY,
        socket::set_recv_socket_name,
        "Sets the socket that counts as the one that took the message, by name.",
    ),
    Function::new(
        "set_source_address",
        &[FORMAT],
        ANY,
        socket::set_source_address,
        "Sets the address that counts as the sender's.",
    ),
    Function::new(
        "is_socket_name",
        &[FORMAT],
        ANY,
        socket::is_socket_name,
        "Whether a listening socket has a name.",
    ),
    Function::new(
        "via_add_srvid",
        &[INT],
        ANY,
        via::via_add_srvid,
        "Adds `srvid` with the core's server_id to the Via that this server adds (1), or does not (0).",
    ),
    Function::new(
        "via_add_xavp_params",
        &[INT],
        ANY,
        via::via_add_xavp_params,
        "Asks transactions to add the fields of the core's xavp_via_params to their Vias (1), or not (0).",
    ),
    Function::new(
        "via_use_xavp_fields",
        &[INT],
        ANY,
        via::via_use_xavp_fields,
        "Asks transactions to take address and port of their Vias from the core's xavp_via_fields (1), or not (0).",
    ),
];

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let mut domains = Vec::new();
    for param in setup.values("alias_subdomains") {
        let text = param.value.as_text().unwrap_or_default();
        domains.push(socket::parse_domain(text).map_err(|why| SetupError::at(param, why))?);
    }
    setup.hooks().own_domains.append(&mut domains);
    Ok(Arc::new(()))
}
