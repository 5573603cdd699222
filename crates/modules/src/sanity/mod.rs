//! Module `sanity`: is a message fit to be worked on? It replies to what is not.

mod checks;
mod fault;
mod sizes;

use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::{Args, Cx, Flow, Function, Module, Param, Setup, SetupError};

use fault::{Fault, Kept};
use sizes::Sizes;

/// The module's table.
pub const MODULE: Module = Module {
    name: "sanity",
    doc: "Checks messages for mistakes that break what comes later, and replies to requests that have one.",
    params: &[
        Param::int_in(
            "default_checks",
            1,
            MOST_CHECKS,
            "3047",
            "Checks of `sanity_check()` without arguments; a sum of bits.",
        ),
        Param::int_in(
            "uri_checks",
            1,
            MOST_URIS,
            "7",
            "URIs that are checked by default: 1 request URI, 2 From, 4 To, 8 Contact.",
        ),
        Param::int(
            "size_checks",
            "0",
            "Sizes that check 65536 looks at; a sum of bits in the order of the parameters \
             below, from 1.",
        ),
        Param::int("size_message", "16384", "Longest message in bytes."),
        Param::int("size_method", "32", "Longest method in bytes."),
        Param::int("size_ruri", "256", "Longest request URI in bytes."),
        Param::int("size_from_uri", "256", "Longest From URI in bytes."),
        Param::int("size_to_uri", "256", "Longest To URI in bytes."),
        Param::int("size_contact_uri", "256", "Longest Contact URI in bytes."),
        Param::int("size_route_uri", "256", "Longest Route URI in bytes."),
        Param::int("size_path_uri", "256", "Longest Path URI in bytes."),
        Param::int("size_pai_uri", "256", "Longest P-Asserted-Identity URI in bytes."),
        Param::int("size_header", "2048", "Longest header field in bytes."),
        Param::int("size_headers", "8192", "Longest header part in bytes."),
        Param::int("size_body", "8192", "Longest body in bytes."),
        Param::text("proxy_require", "", "Extensions that Proxy-Require may ask for, between commas."),
        Param::int_in("autodrop", 0, 1, "1", "Ends the script after a failed check."),
        Param::int_in("noreply", 0, 1, "0", "Leaves the reply to `sanity_reply()`."),
    ],
    functions: &[
        Function::new(
            "sanity_check",
            &[ArgKind::Int, ArgKind::Int],
            Routes::REQUEST.or(Routes::REPLY).or(Routes::EVENT),
            sanity_check,
            "Checks the message: which checks, and which URIs, as sums of bits.",
        )
        .requires(0),
        Function::new(
            "sanity_reply",
            &[],
            Routes::REQUEST.or(Routes::REPLY).or(Routes::EVENT),
            sanity_reply,
            "Sends the reply of a failed check that `noreply` held back.",
        ),
    ],
    start,
    ..Module::EMPTY
};

/// All bits of checks.
const MOST_CHECKS: i64 = 131_071;
/// All bits of URIs.
const MOST_URIS: i64 = 15;

/// The module under one configuration.
struct Sanity {
    checks: i64,
    uris: i64,
    sizes: Sizes,
    proxy_require: Vec<Vec<u8>>,
    autodrop: bool,
    noreply: bool,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if !setup.is_loaded("sl") {
        return Err(SetupError::new("sanity replies through sl; add `loadmodule \"sl.so\"`"));
    }
    let known = setup.text("proxy_require").unwrap_or_default().split(|&byte| byte == b',');
    Ok(Arc::new(Sanity {
        checks: setup.int("default_checks").unwrap_or(3047),
        uris: setup.int("uri_checks").unwrap_or(7),
        sizes: Sizes::new(setup),
        proxy_require: known
            .map(<[u8]>::trim_ascii)
            .filter(|tag| !tag.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
        autodrop: setup.int("autodrop") != Some(0),
        noreply: setup.int("noreply") == Some(1),
    }))
}

fn sanity_check(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let sanity = cx.state::<Sanity>();
    let checks = args.int(0).unwrap_or(sanity.checks);
    let uris = args.int(1).unwrap_or(sanity.uris);
    if !(1..=MOST_CHECKS).contains(&checks) || !(1..=MOST_URIS).contains(&uris) {
        tracing::error!(
            target: "sanity",
            "checks {checks} and URIs {uris}: give sums of bits from 1 to {MOST_CHECKS} and from 1 to {MOST_URIS}"
        );
        return Flow::FALSE;
    }
    match checks::run(&cx.context.message, sanity, checks, uris) {
        Ok(()) => Flow::TRUE,
        Err(fault) => failed(cx, sanity, fault),
    }
}

fn failed(cx: &mut Cx<'_>, sanity: &Sanity, fault: Fault) -> Flow {
    tracing::debug!(target: "sanity", "a check failed: {fault}");
    if sanity.noreply {
        cx.data::<Kept>().0 = Some(fault);
    } else {
        fault.reply(cx);
    }
    if sanity.autodrop { Flow::Done(0) } else { Flow::FALSE }
}

fn sanity_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let fault = cx.data::<Kept>().0.take().unwrap_or_else(|| Fault::reply_of(500, "Server Sanity Failure"));
    if cx.context.message.is_request() {
        fault.reply(cx);
    }
    Flow::TRUE
}
