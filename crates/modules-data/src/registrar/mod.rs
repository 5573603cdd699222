//! Module `registrar`: REGISTER requests, and lookups of where users can be reached (RFC 3261 §10, RFC 3327, RFC 5626,
//! RFC 5627). What is known of users is `usrloc`'s.

mod answer;
mod aor;
mod binding;
mod lookup;
mod methods;
mod params;
mod profile;
mod refusal;
mod registered;
mod registration;
mod save;

use std::sync::Arc;

use cfg_syntax::ast::RouteKind;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::{EventRoute, State};
use engine::statistics::Counter;
use engine::{Function, Module, Pv, Setup, SetupError};

use crate::usrloc::Usrloc;
use params::{PARAMS, Params};

/// The module's table.
pub const MODULE: Module = Module {
    name: "registrar",
    doc: "Does REGISTER requests, and finds where users can be reached.",
    params: PARAMS,
    functions: &[
        Function::new(
            "save",
            &[ArgKind::Text, ArgKind::Int, ArgKind::Format],
            REQUEST.or(Routes::FAILURE).or(Routes::REPLY),
            save::save,
            "Does the REGISTER and answers it: 1 inserted, 2 updated, 3 removed, 4 listed; -1 refused, -2 too many \
             contacts. Flags: 1 memory only, 2 no answer, 4 one contact alone, 8 no random expiry, 16 with 2: the \
             answer's headers go into the script's own.",
        )
        .requires(1)
        .waits(),
        Function::new(
            "lookup",
            TABLE_AND_URI,
            REQUEST.or(Routes::FAILURE),
            lookup::lookup,
            "Makes the contacts of a user the destinations: 1 found, -1 none, -2 none for this method, -3 no URI.",
        )
        .requires(1)
        .waits(),
        Function::new(
            "lookup_to_dset",
            TABLE_AND_URI,
            REQUEST.or(Routes::FAILURE),
            lookup::lookup_to_dset,
            "As `lookup`, but all contacts become further branches.",
        )
        .requires(1)
        .waits(),
        Function::new(
            "lookup_branches",
            &[ArgKind::Text],
            REQUEST.or(Routes::FAILURE),
            lookup::lookup_branches,
            "`lookup` of the request URI, and of each branch that is nothing but a URI.",
        )
        .waits(),
        Function::new(
            "registered",
            &[ArgKind::Text, ArgKind::Format, ArgKind::Int, ArgKind::Int],
            Routes::ANY,
            registered::registered,
            "Whether a user has a contact; it may have to be the one of `xavp_cfg` by Call-ID (1), received (2), URI (4).",
        )
        .requires(1)
        .waits(),
        Function::new(
            "unregister",
            &[ArgKind::Text, ArgKind::Format, ArgKind::Format],
            Routes::ANY,
            registered::unregister,
            "Takes all contacts of a user away, or the one with a ruid: 1 done, -1 no URI, -2 failed, -3 not there.",
        )
        .requires(2)
        .waits(),
        Function::new(
            "reg_fetch_contacts",
            &[ArgKind::Text, ArgKind::Format, ArgKind::Text],
            REQUEST.or(Routes::FAILURE),
            profile::fetch,
            "Fetches the contacts of a user for `$ulc(profile=>attribute)`.",
        )
        .waits(),
        Function::new(
            "reg_free_contacts",
            &[ArgKind::Text],
            REQUEST.or(Routes::FAILURE),
            profile::free,
            "Forgets fetched contacts.",
        ),
        Function::new(
            "reg_send_reply",
            &[],
            REQUEST.or(Routes::FAILURE),
            save::send_reply,
            "Sends the answer that `save` with flag 2 left out.",
        ),
        Function::new(
            "add_sock_hdr",
            &[ArgKind::Format],
            REQUEST,
            registered::add_socket_header,
            "Adds a header that names the socket that the request came through.",
        ),
    ],
    pvs: &[Pv::new("ulc", PvType::Any, profile::read, "An attribute of fetched contacts, or of the one that expired (`exp`).")
        .inner(InnerRule::Parsed(profile::parse_name))
        .indexed()],
    event_routes: &[EventRoute {
        name: "usrloc:contact-expired",
        doc: "A contact's time is over; `$ulc(exp=>…)` tells which.",
    }],
    start,
    ..Module::EMPTY
};

const REQUEST: Routes = Routes::REQUEST.or(Routes::EVENT);
const TABLE_AND_URI: &[ArgKind] = &[ArgKind::Text, ArgKind::Format];

/// The module under one configuration.
pub(crate) struct Registrar {
    params: Params,
    accepted: Counter,
    rejected: Counter,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    for needed in ["usrloc", "sl"] {
        if !setup.is_loaded(needed) {
            return Err(SetupError::new(format!(
                "it needs module {needed}: loadmodule \"{needed}.so\" before it"
            )));
        }
    }
    let use_domain = setup
        .settings()
        .params
        .iter()
        .rev()
        .find(|param| param.module == "usrloc" && param.name == "use_domain")
        .and_then(|param| param.value.as_int())
        .is_some_and(|value| value != 0);
    let params = Params::of(setup, use_domain)?;
    let statistics = Arc::clone(setup.statistics());
    let counter = |name: &str| statistics.counter("registrar", name);
    let shown = [
        ("max_expires", params.max_expires),
        ("max_contacts", params.max_contacts),
        ("default_expire", params.default_expires),
        ("default_expires_range", params.default_expires_range),
        ("expires_range", params.expires_range),
    ];
    for (name, value) in shown {
        let counter = counter(name);
        counter.reset();
        counter.add_many(0, u64::try_from(value).unwrap_or_default());
    }
    let state = Registrar { params, accepted: counter("accepted_regs"), rejected: counter("rejected_regs") };
    setup.hooks().begun.push(|_, running| {
        let Some(usrloc) = running.state::<Usrloc>() else { return };
        let watchers = &usrloc.shared.watchers;
        if running.program.route(RouteKind::Event, b"usrloc:contact-expired").is_some() {
            watchers.set("registrar", Arc::new(profile::contact_expired));
        } else {
            watchers.remove("registrar");
        }
    });
    Ok(Arc::new(state))
}
