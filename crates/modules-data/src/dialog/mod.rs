//! Module `dialog`: follows calls from their INVITE to their BYE, counts them, and ends them.
//!
//! [`state`] is the machine as a table, [`call`] a dialog, [`table`] where they are; [`track`] hears of messages, [`timer`] of
//! time. The module hears of transactions from `tm` and of in-dialog requests from `rr`.

mod ask;
mod backing;
mod call;
mod current;
mod dialogs;
mod events;
mod functions;
mod params;
mod requests;
mod rows;
mod rpc;
mod state;
mod table;
mod timer;
mod track;
mod variables;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::{EventRoute, Rpc, State};
use engine::setup::Clock;
use engine::{Function, Pv, Setup, SetupError};

use backing::{Backing, Changed};
use dialogs::{Counters, Dialogs};
use events::Events;
use params::Params;
use table::Table;

/// The module's table.
pub const MODULE: engine::Module = engine::Module {
    name: "dialog",
    doc: "Follows calls from their INVITE to their BYE: counts them, keeps variables and profiles with them, ends them.",
    params: params::PARAMS,
    functions: FUNCTIONS,
    pvs: PVS,
    event_routes: &[
        EventRoute { name: "dialog:start", doc: "A call has been answered; on its INVITE." },
        EventRoute {
            name: "dialog:end",
            doc: "A call that was answered is over: on the BYE, or on a made-up message.",
        },
        EventRoute {
            name: "dialog:failed",
            doc: "A call was not answered; on its INVITE, or on a made-up message.",
        },
    ],
    rpc: RPC,
    start,
    ..engine::Module::EMPTY
};

const ANY: Routes = Routes::ANY;
const F: ArgKind = ArgKind::Format;
const INT: ArgKind = ArgKind::Int;
const WHOM: ArgKind = ArgKind::ParsedFormat(functions::parse_whom);
const PROPERTY: ArgKind = ArgKind::ParsedFormat(functions::parse_property);
const FILLED: ArgKind = ArgKind::PvWrite;
const LATER: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::REPLY).or(Routes::BRANCH);

const FUNCTIONS: &[Function] = &[
    Function::new(
        "dlg_manage",
        &[],
        Routes::REQUEST,
        functions::manage,
        "Begins a dialog for an INVITE without a To tag; finds the dialog of other requests.",
    ),
    Function::new("is_known_dlg", &[], ANY, functions::is_known, "Whether the message belongs to a dialog here."),
    Function::new("dlg_get", &[F, F, F], ANY, functions::get, "Takes the dialog of a Call-ID, From tag and To tag in hand."),
    Function::new("dlg_bye", &[WHOM], ANY, functions::bye, "Sends BYE to the `caller`, the `callee` or `all`."),
    Function::new(
        "dlg_req_within",
        &[WHOM, F, F, F, F],
        ANY,
        functions::request_within,
        "Sends a request within the dialog: side and method, with header lines, with a content type and body, or with \
         all three.",
    )
    .requires(2),
    Function::new("set_dlg_profile", &[F, F], ANY, functions::set_profile, "Puts the dialog into a profile.").requires(1),
    Function::new("unset_dlg_profile", &[F, F], LATER, functions::unset_profile, "Takes it out of one.").requires(1),
    Function::new("is_in_profile", &[F, F], ANY, functions::is_in_profile, "Whether it is in one.").requires(1),
    Function::new(
        "get_profile_size",
        &[F, FILLED],
        ANY,
        functions::profile_size,
        "How many dialogs are in a profile.",
    ),
    Function::new(
        "get_profile_size",
        &[F, F, FILLED],
        ANY,
        functions::profile_size,
        "How many dialogs are in a profile with this value.",
    ),
    Function::new("dlg_setflag", &[INT], ANY, functions::set_flag, "Sets a flag of the dialog, 0 to 31."),
    Function::new("dlg_resetflag", &[INT], ANY, functions::reset_flag, "Takes a flag of the dialog back."),
    Function::new("dlg_isflagset", &[INT], ANY, functions::is_flag_set, "Whether a flag of the dialog is set."),
    Function::new(
        "dlg_set_timeout",
        &[INT, INT, INT],
        ANY,
        functions::set_timeout,
        "Gives the dialog, or the one of an entry and id, another lifetime from now, in seconds.",
    )
    .requires(1),
    Function::new(
        "dlg_set_timeout_by_profile",
        &[F, INT],
        ANY,
        functions::set_timeout_by_profile,
        "Gives all dialogs in a profile another lifetime from now, in seconds.",
    ),
    Function::new(
        "dlg_set_timeout_by_profile",
        &[F, F, INT],
        ANY,
        functions::set_timeout_by_profile,
        "Gives all dialogs in a profile with this value another lifetime from now, in seconds.",
    ),
    Function::new(
        "dlg_set_property",
        &[PROPERTY],
        ANY,
        functions::set_property,
        "Sets a property: `ka-src` and `ka-dst` ask the parties whether they are there, `timeout-noreset` keeps the time.",
    ),
    Function::new("dlg_reset_property", &[PROPERTY], ANY, functions::reset_property, "Takes a property back."),
    Function::new(
        "dlg_set_ruri",
        &[],
        ANY,
        functions::set_ruri,
        "Sets the request URI to the Contact that the dialog knows of the request's receiver.",
    ),
    Function::new(
        "dlg_get_var",
        &[F, F, F, F, FILLED],
        ANY,
        functions::get_var,
        "Reads a variable of the dialog of a Call-ID, From tag and To tag.",
    ),
    Function::new(
        "dlg_set_var",
        &[F, F, F, F, F],
        ANY,
        functions::set_var,
        "Sets a variable of the dialog of a Call-ID, From tag and To tag.",
    ),
];

const PVS: &[Pv] = &[
    Pv::new("DLG_count", PvType::Int, variables::count, "How many dialogs are answered and not over."),
    Pv::new(
        "DLG_status",
        PvType::Int,
        variables::status,
        "State of the dialog that the request is within: 3, 4 or 5.",
    ),
    Pv::new("DLG_lifetime", PvType::Int, variables::lifetime, "Seconds since that dialog was answered."),
    Pv::new("dlg", PvType::Any, variables::attribute, "What is known of the message's dialog.")
        .inner(InnerRule::Checked(variables::check_attribute)),
    Pv::new("dlg_ctx", PvType::Any, variables::wish, "What the dialog that begins next is to be like.")
        .inner(InnerRule::Checked(variables::check_wish))
        .writable(variables::set_wish),
    Pv::new("dlg_var", PvType::Str, variables::variable, "A variable that lives as long as the dialog.")
        .inner(InnerRule::Required)
        .writable(variables::set_variable),
];

const RPC: &[Rpc] = &[
    Rpc { name: "dlg.list", doc: "All dialogs.", run: rpc::list },
    Rpc { name: "dlg.list_ctx", doc: "All dialogs, with what other modules add.", run: rpc::list },
    Rpc { name: "dlg.dlg_list", doc: "The dialogs of a Call-ID, and From tag.", run: rpc::of_call },
    Rpc { name: "dlg.dlg_list_ctx", doc: "The same, with what other modules add.", run: rpc::of_call },
    Rpc {
        name: "dlg.list_match",
        doc: "Dialogs by key (ruri, furi, turi, callid), operator (eq, re, sw) and value, so many at most.",
        run: rpc::matching,
    },
    Rpc { name: "dlg.list_match_ctx", doc: "The same, with what other modules add.", run: rpc::matching },
    Rpc { name: "dlg.briefing", doc: "All dialogs in short, with the fields ftcFTISEs.", run: rpc::briefing },
    Rpc { name: "dlg.stats_active", doc: "How many dialogs are in which state.", run: rpc::active },
    Rpc { name: "dlg.is_alive", doc: "Whether a call is going on.", run: rpc::is_alive },
    Rpc {
        name: "dlg.terminate_dlg",
        doc: "Ends the dialog of a Call-ID, From tag and To tag.",
        run: rpc::terminate,
    },
    Rpc { name: "dlg.end_dlg", doc: "Ends the dialog of an entry and id.", run: rpc::end_by_ident },
    Rpc { name: "dlg.set_state", doc: "Forces a dialog's state.", run: rpc::set_state },
    Rpc { name: "dlg.profile_get_size", doc: "How many dialogs are in a profile.", run: rpc::profile_size },
    Rpc { name: "dlg.profile_list", doc: "The dialogs in a profile.", run: rpc::profile_list },
];

/// The module under one configuration.
pub(crate) struct Module {
    params: Params,
    events: Events,
    shared: Arc<Dialogs>,
    backing: Option<Backing>,
    /// The texts of our sockets, by number.
    sockets: OnceLock<Vec<String>>,
}

impl Module {
    fn sockets(&self) -> &[String] {
        self.sockets.get().map(Vec::as_slice).unwrap_or_default()
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    for (needed, why) in [("tm", "hears of transactions"), ("rr", "names its dialogs in Record-Route")] {
        if !setup.is_loaded(needed) {
            return Err(SetupError::new(format!("dialog {why}: load {needed} before it")));
        }
    }
    let params = Params::of(setup)?;
    let before = setup.before::<Module>().map(|before| Arc::clone(&before.shared));
    let shared = before.unwrap_or_else(|| {
        Arc::new(Dialogs { table: table(setup), counters: Counters::of(setup), changed: Changed::default() })
    });
    let state = Module {
        params,
        events: Events::of(setup),
        shared,
        backing: Backing::of(setup)?,
        sockets: OnceLock::new(),
    };
    let hooks = setup.hooks();
    hooks.watchers.push(Box::new(track::WATCHER));
    hooks.routed.push(track::routed);
    hooks.after_script.push(track::after_script);
    hooks.begun.push(backing::begun);
    hooks.ended.push(backing::ended);
    hooks.clocks.push(Clock { next: timer::next, run: timer::run });
    Ok(Arc::new(state))
}

/// An empty table. Numbers begin at a random place, so that dialogs from before a restart are not taken for others.
fn table(setup: &Setup<'_>) -> Table {
    let int = |name, default| setup.int(name).unwrap_or(default);
    let first = match int("h_id_start", 0) {
        0 => (RandomState::new().hash_one("first") & 0x3fff) as u32,
        first => u32::try_from(first).unwrap_or(1),
    };
    let step = u32::try_from(int("h_id_step", 1)).unwrap_or(1);
    Table::new(usize::try_from(int("hash_size", 4096)).unwrap_or(4096), first, step)
}
