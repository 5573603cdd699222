//! Module `rr`: recording our place on a dialog's way, and routing by the recorded way (RFC 3261 §16.4, §16.6,
//! §16.12).

mod direction;
mod loose;
mod record;
mod route;

use std::sync::Arc;

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use cfg_vm::{Str, Value};
use engine::module::State;
use engine::{Cx, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use record::Record;

pub use direction::is_upstream;
pub use record::add_params;

/// The module's table.
pub const MODULE: Module = Module {
    name: "rr",
    doc: "Puts this server on the way of a dialog's later requests, and routes those that carry the way.",
    params: &[
        Param::int_in(
            "append_fromtag",
            0,
            1,
            "1",
            "Whether Record-Route carries the caller's tag, to tell directions.",
        ),
        Param::int_in(
            "enable_double_rr",
            0,
            2,
            "1",
            "Two Record-Routes where a request leaves by another socket than it came in (1), always (2), never (0).",
        ),
        Param::int_in("enable_full_lr", 0, 1, "0", "Writes `;lr=on` for peers that lose a bare `;lr`."),
        Param::int_in("add_username", 0, 1, "0", "Puts the request URI's user into Record-Route."),
        Param::int_in(
            "enable_socket_mismatch_warning",
            0,
            1,
            "1",
            "Warns when the second of two Routes of ours names no socket of ours.",
        ),
        Param::text(
            "custom_user_avp",
            "",
            "Variable whose value is the user in Record-Route, with `add_username`.",
        ),
        Param::int_in(
            "force_send_socket",
            0,
            1,
            "0",
            "Sends from the socket that a single Route of ours names, too.",
        ),
        Param::int_in("ignore_sips", 0, 1, "0", "Writes `sip:` also where the request URI is `sips:`."),
        Param::int_in(
            "sockname_mode",
            0,
            1,
            "0",
            "Puts the socket's name into Record-Route, and finds the socket by it.",
        ),
        Param::int_in(
            "loose_route_mode",
            0,
            1,
            "0",
            "What `loose_route()` does: 1 skips strict routing, as the function \
             `loose_route_mode`.",
        ),
    ],
    functions: &[
        Function::new(
            "loose_route",
            &[],
            Routes::REQUEST,
            loose::loose_route,
            "Routes by the Route headers: 1 done, -1 there are none or they are broken, -3 only our own in a request \
             outside a dialog.",
        ),
        Function::new(
            "loose_route_preloaded",
            &[],
            Routes::REQUEST,
            loose::loose_route_preloaded,
            "As `loose_route`, and true only for our own Route in a request outside a dialog.",
        ),
        Function::new(
            "loose_route_mode",
            &[ArgKind::Int],
            Routes::REQUEST,
            loose::loose_route_mode,
            "As `loose_route`; mode 1 leaves strict routing out.",
        ),
        Function::new(
            "record_route",
            &[ArgKind::Format],
            RECORDED,
            record::record_route,
            "Adds Record-Route for this server when the request leaves, with parameters if given.",
        )
        .requires(0),
        Function::new(
            "record_route_preset",
            &[ArgKind::Format, ArgKind::Format],
            RECORDED,
            record::record_route_preset,
            "Adds Record-Route with this address and port, and a second one if given.",
        )
        .requires(1),
        Function::new(
            "record_route_advertised_address",
            &[ArgKind::Format],
            RECORDED,
            record::record_route_advertised_address,
            "Adds Record-Route with this address, twice where the request leaves over another transport.",
        ),
        Function::new(
            "add_rr_param",
            &[ArgKind::Format],
            RECORDED,
            record::add_rr_param,
            "Adds parameters, each with its semicolon, to Record-Route.",
        ),
        Function::new(
            "remove_record_route",
            &[],
            Routes::REQUEST.or(Routes::FAILURE),
            record::remove_record_route,
            "Takes back what the other functions recorded.",
        ),
        Function::new(
            "check_route_param",
            &[ArgKind::ParsedFormat(direction::parse_regex)],
            Routes::REQUEST,
            direction::check_route_param,
            "Whether an expression matches the parameters of our Route that `loose_route` took off.",
        ),
        Function::new(
            "is_direction",
            &[ArgKind::Parsed(direction::parse_direction)],
            Routes::REQUEST,
            direction::is_direction,
            "Whether the request goes `downstream` (as the dialog's first one) or `upstream`.",
        ),
        Function::new(
            "rr_next_hop_route",
            &[],
            Routes::ANY,
            direction::rr_next_hop_route,
            "Whether the next hop was taken from a Route below ours.",
        ),
    ],
    pvs: &[
        Pv::new("route_uri", PvType::Str, route_uri, "The topmost Route's URI; empty when there is none."),
        Pv::new("fti", PvType::Str, direction::initial_from_tag, "From tag of the dialog's first request."),
        Pv::new(
            "tti",
            PvType::Str,
            direction::initial_to_tag,
            "To tag of the dialog's first request's answer.",
        ),
        Pv::new(
            "rdir",
            PvType::Any,
            direction::direction,
            "The direction: `id` 1 downstream, 2 upstream; `name` as a word.",
        )
        .inner(InnerRule::Required),
    ],
    start,
    ..Module::EMPTY
};

const RECORDED: Routes = Routes::REQUEST.or(Routes::BRANCH).or(Routes::FAILURE);

/// The module under one configuration.
struct Rr {
    append_fromtag: bool,
    double: Double,
    full_lr: bool,
    add_username: bool,
    mismatch_warning: bool,
    user: Option<BoundPv>,
    force_send_socket: bool,
    ignore_sips: bool,
    socket_names: bool,
    loose_only: bool,
}

/// When there are two Record-Routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Double {
    Never,
    WhereSocketsDiffer,
    Always,
}

/// What belongs to one message.
#[derive(Default)]
struct Routing {
    /// What is to be recorded when it leaves.
    record: Record,
    /// Parameters that were added.
    params: Vec<u8>,
    /// User of the Record-Route.
    user: Str,
    /// Parameters of our Route that was taken off, with their first semicolon.
    own_params: Option<Str>,
    /// The next hop stood below our Route.
    next_hop: bool,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let custom = setup.values("custom_user_avp").last();
    let user = match custom.and_then(|param| Some((param, param.value.as_text()?))) {
        Some((param, text)) => Some(setup.bind_pv(text).map_err(|why| SetupError::at(param, why))?),
        None => None,
    };
    let flag = |name, default| setup.int(name).unwrap_or(default) != 0;
    let state = Rr {
        append_fromtag: flag("append_fromtag", 1),
        double: match setup.int("enable_double_rr") {
            Some(0) => Double::Never,
            Some(2) => Double::Always,
            _ => Double::WhereSocketsDiffer,
        },
        full_lr: flag("enable_full_lr", 0),
        add_username: flag("add_username", 0),
        mismatch_warning: flag("enable_socket_mismatch_warning", 1),
        user,
        force_send_socket: flag("force_send_socket", 0),
        ignore_sips: flag("ignore_sips", 0),
        socket_names: flag("sockname_mode", 0),
        loose_only: flag("loose_route_mode", 0),
    };
    setup.hooks().before_send.push(record::write);
    Ok(Arc::new(state))
}

fn route_uri(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let message = &cx.context.message;
    let uri = message
        .route_values()
        .next()
        .and_then(|value| message.name_addr(value).ok())
        .map(|addr| addr.uri_text);
    Value::Str(uri.map_or(Str::EMPTY, |uri| cx.context.keep(uri)))
}
