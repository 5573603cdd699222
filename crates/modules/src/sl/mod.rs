//! Module `sl`: replies without a transaction.

mod counts;
mod redirect;
mod send;
mod tag;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use cfg_vm::program::RouteId;
use engine::module::{EventRoute, Rpc, State};
use engine::{Cx, Function, Module, Param, Pv, PvArgs, Setup, SetupError};

use counts::Counts;
pub(crate) use redirect::write_contact;
pub use send::answer;
pub(crate) use send::{is_own_ack, send};
use tag::Tag;

/// The module's table.
pub const MODULE: Module = Module {
    name: "sl",
    doc: "Replies to requests, and forwards replies, without a transaction.",
    params: &[
        Param::int_in("default_code", 100, 699, "500", "Code of `send_reply_error`."),
        Param::text("default_reason", "Internal Server Error", "Reason of `send_reply_error`."),
        Param::int_in(
            "bind_tm",
            0,
            1,
            "1",
            "Whether `send_reply` uses the request's transaction where there is one.",
        ),
        Param::int_in(
            "rich_redirect",
            0,
            3,
            "0",
            "What Contacts of 3xx replies also carry: 1 the branch's flags, 2 its path, 3 both.",
        ),
        Param::text(
            "event_callback_fl_ack",
            "",
            "Function of an embedded script instead of sl:filtered-ack.",
        )
        .ignored(),
        Param::text(
            "event_callback_lres_sent",
            "",
            "Function of an embedded script instead of sl:local-response.",
        )
        .ignored(),
    ],
    functions: &[
        Function::new("sl_send_reply", REPLY, REQUEST, send::send_reply, "Replies without a transaction."),
        Function::new("sl_reply", REPLY, REQUEST, send::send_reply, "Replies without a transaction."),
        Function::new(
            "send_reply",
            REPLY,
            REQUEST.or(Routes::REPLY).or(Routes::FAILURE),
            send::send_reply_in_transaction,
            "Replies within the request's transaction if there is one, else without.",
        ),
        Function::new(
            "send_reply_mode",
            &[ArgKind::Int, ArgKind::Format, ArgKind::Int],
            REQUEST.or(Routes::REPLY).or(Routes::FAILURE),
            send::send_reply_mode,
            "As `send_reply`; mode 1 opens no connection for the reply, 2 closes the connection after it.",
        ),
        Function::new(
            "send_reply_error",
            &[],
            REQUEST.or(Routes::REPLY).or(Routes::FAILURE),
            send::send_default_error,
            "Replies with `default_code` and `default_reason`.",
        ),
        Function::new(
            "sl_reply_error",
            &[],
            REQUEST,
            send::reply_error,
            "Replies with what went wrong last, such as a destination that could not be resolved.",
        ),
        Function::new(
            "sl_forward_reply",
            REPLY,
            Routes::REPLY,
            send::forward_reply,
            "Forwards the reply now, with another code of its class if one is given.",
        )
        .requires(0)
        .waits(),
    ],
    pvs: &[Pv::new(
        "ltt",
        PvType::Str,
        local_tag,
        "The To tag of local replies: `s` stateless, `t` a transaction's.",
    )
    .inner(InnerRule::Required)],
    event_routes: &[
        EventRoute { name: "sl:local-response", doc: "A stateless reply was sent; it runs on the reply." },
        EventRoute { name: "sl:filtered-ack", doc: "An ACK to a stateless reply was swallowed." },
    ],
    rpc: &[Rpc { name: "sl.stats", doc: "Counts of stateless replies by code.", run: counts::stats }],
    start,
    ..Module::EMPTY
};

const REPLY: &[ArgKind] = &[ArgKind::Int, ArgKind::Format];
const REQUEST: Routes = Routes::REQUEST.or(Routes::EVENT);

/// The module under one configuration.
pub(crate) struct Sl {
    /// `bind_tm`.
    uses_transactions: bool,
    tag: Arc<Tag>,
    counts: Counts,
    local_response: Option<RouteId>,
    filtered_ack: Option<RouteId>,
    rich_redirect: i64,
    default_code: u16,
    default_reason: Vec<u8>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let tag = setup.before::<Sl>().map_or_else(|| Arc::new(Tag::new()), |before| Arc::clone(&before.tag));
    let code = setup.int("default_code").and_then(|code| u16::try_from(code).ok());
    let state = Sl {
        uses_transactions: setup.int("bind_tm") != Some(0),
        tag,
        counts: Counts::new(setup.statistics()),
        local_response: setup.route(RouteKind::Event, "sl:local-response"),
        filtered_ack: setup.route(RouteKind::Event, "sl:filtered-ack"),
        rich_redirect: setup.int("rich_redirect").unwrap_or_default(),
        default_code: code.unwrap_or(500),
        default_reason: setup.text("default_reason").unwrap_or(b"Internal Server Error").to_vec(),
    };
    setup.hooks().before_script.push(send::filter_ack);
    Ok(Arc::new(state))
}

/// `$ltt(s)`; without transactions, `$ltt(t)` is nothing.
fn local_tag(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match args.name() {
        b"s" | b"x" if cx.context.message.is_request() => {
            cx.state::<Sl>().tag.of(&cx.context.message)[..].into()
        }
        _ => Value::Null,
    }
}
