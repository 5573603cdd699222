//! Module `presence`: what presentities publish (RFC 3903), and who watches them (RFC 6665, RFC 3856).
//!
//! Memory is what is asked; with a database every change is written before it is acknowledged, and read at the next start. The
//! documents of the event packages are `presence_xml`'s.

mod keeper;
mod notify;
mod package;
mod publication;
mod rows;
mod subscription;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{SystemTime, UNIX_EPOCH};

use cfg_vm::Str;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::{Rpc, State};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::{Args, Cx, Flow, Function, Module, Param, Setup, SetupError};
use sip_message::Message;
use store::Database;

use crate::source;

use package::Package;
use table::Table;

/// The module's table.
pub const MODULE: Module = Module {
    name: "presence",
    doc: "A presence server: takes publications, and tells watchers.",
    params: &[
        Param::text("db_url", "", "The database; without one everything stays in memory."),
        Param::text("presentity_table", "presentity", "The table of publications."),
        Param::text("active_watchers_table", "active_watchers", "The table of subscriptions."),
        Param::text("watchers_table", "watchers", "The table of who may watch."),
        Param::int_in("clean_period", 1, 86_400, "100", "Seconds between two rounds of expiry."),
        Param::int("db_update_period", "100", "Changes are written at once.").ignored(),
        Param::int_in("max_expires", 1, 31_536_000, "3600", "The longest time that is granted, in seconds."),
        Param::int_in("min_expires", 0, 31_536_000, "0", "The shortest; less is refused with 423."),
        Param::int(
            "expires_offset",
            "0",
            "Seconds by which the answer to a PUBLISH tells less than was granted.",
        ),
        Param::text(
            "server_address",
            "",
            "Our Contact URI; without it, the socket that the request came to.",
        ),
        Param::int_in(
            "subs_htable_size",
            2,
            14,
            "9",
            "The memory table has 2 to the power of this many stripes.",
        ),
        Param::int("pres_htable_size", "9", "The same table is used.").ignored(),
        Param::int_in(
            "subs_db_mode",
            0,
            3,
            "2",
            "0 keeps all in memory; with the others changes are written at once.",
        ),
        Param::int_in(
            "publ_cache",
            0,
            2,
            "1",
            "2 keeps publications in memory; with the others they are written, too.",
        )
        .ignored(),
        Param::int_in("timeout_rm_subs", 0, 1, "1", "Whether a watcher that does not answer is forgotten."),
        Param::int("send_fast_notify", "1", "NOTIFY is always sent at once.").ignored(),
        Param::int("notifier_processes", "1", "No processes are needed.").ignored(),
        Param::int("notifier_poll_rate", "10", "Nothing is polled.").ignored(),
        Param::int("fetch_rows", "500", "Rows are read at the start.").ignored(),
        Param::int("timer_mode", "1", "Expiry never runs on a shard.").ignored(),
    ],
    functions: &[
        Function::new(
            "handle_publish",
            &[ArgKind::Format],
            Routes::REQUEST,
            publication::handle,
            "Takes a PUBLISH, answers it and tells the watchers. Needs a transaction (`t_newtran()`).",
        )
        .requires(0)
        .waits(),
        Function::new(
            "handle_subscribe",
            &[ArgKind::Format],
            Routes::REQUEST,
            subscription::handle,
            "Takes a SUBSCRIBE, answers it and sends NOTIFY. Needs a transaction (`t_newtran()`).",
        )
        .requires(0)
        .waits(),
        Function::new(
            "pres_has_subscribers",
            &[ArgKind::Format, ArgKind::Format],
            Routes::ANY,
            has_subscribers,
            "Whether somebody watches this URI's event package.",
        ),
    ],
    rpc: &[Rpc { name: "presence.cleanup", doc: "Takes away what has expired.", run: cleanup }],
    start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Presence {
    database: Option<Database>,
    tables: Tables,
    max_expires: i64,
    min_expires: i64,
    expires_offset: i64,
    server_address: Option<Str>,
    /// A watcher that does not answer is forgotten.
    forgets_silent: bool,
    clean_period: u64,
    shared: Arc<Shared>,
}

/// Names of the tables.
struct Tables {
    presentity: String,
    active: String,
    watchers: String,
}

/// What outlives a reload.
struct Shared {
    table: Table,
    /// Counts publications.
    publications: AtomicU64,
    /// When this was made: part of entity tags, so that none comes twice.
    made: u64,
    is_kept: AtomicBool,
}

impl Shared {
    /// A new entity tag, in Kamailio's form.
    fn etag(&self, number: u64, refreshed: u64) -> String {
        format!("a.{}.{}.{number}.{refreshed}", self.made, std::process::id())
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    for needed in ["sl", "tm"] {
        if !setup.is_loaded(needed) {
            return Err(SetupError::new(format!("presence needs loadmodule \"{needed}.so\"")));
        }
    }
    let int = |name: &str, default: i64| setup.int(name).unwrap_or(default);
    let has_url = setup.text("db_url").is_some_and(|url| !url.is_empty());
    let is_written = has_url && int("subs_db_mode", 2) != 0;
    let database = if is_written { Some(source::database(setup)?) } else { None };
    let made = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let size = u32::try_from(int("subs_htable_size", 9)).unwrap_or(9);
    let shared = setup.before::<Presence>().map_or_else(
        || {
            Arc::new(Shared {
                table: Table::new(size),
                publications: AtomicU64::new(0),
                made: made(),
                is_kept: AtomicBool::new(false),
            })
        },
        |before| Arc::clone(&before.shared),
    );
    let presence = Presence {
        database,
        tables: Tables {
            presentity: source::name(setup, "presentity_table", "presentity"),
            active: source::name(setup, "active_watchers_table", "active_watchers"),
            watchers: source::name(setup, "watchers_table", "watchers"),
        },
        max_expires: int("max_expires", 3600),
        min_expires: int("min_expires", 0),
        expires_offset: int("expires_offset", 0),
        server_address: setup.text("server_address").filter(|text| !text.is_empty()).map(Str::copy),
        forgets_silent: int("timeout_rm_subs", 1) != 0,
        clean_period: u64::try_from(int("clean_period", 100)).unwrap_or(100).max(1),
        shared,
    };
    setup.hooks().begun.push(keeper::begun);
    Ok(Arc::new(presence))
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It lacks what it must have.
    BadRequest,
    /// Its event package is not served.
    BadEvent,
    /// Its body is no document.
    BadBody,
    /// There is no such subscription.
    NoSubscription,
    /// It asks for less than `min_expires`.
    TooBrief,
    /// An unknown entity tag, or an old CSeq, as Kamailio answers them.
    Failed,
}

impl Refusal {
    fn words(self) -> (u16, &'static [u8]) {
        match self {
            Self::BadRequest => (400, b"Invalid request"),
            Self::BadEvent => (489, b"Bad Event"),
            Self::BadBody => (415, b"Unsupported media type"),
            Self::NoSubscription => (481, b"Subscription does not exist"),
            Self::TooBrief => (423, b"Interval Too Brief"),
            Self::Failed => (500, b"Server Internal Error"),
        }
    }
}

/// Answers with a refusal.
fn refuse(cx: &mut Cx<'_>, refusal: Refusal) -> Flow {
    let (code, reason) = refusal.words();
    let lines = subscription::refusal_lines(refusal, cx.state::<Presence>().min_expires);
    answer(cx, code, reason, &lines);
    Flow::FALSE
}

/// Answers with header lines.
fn answer(cx: &mut Cx<'_>, code: u16, reason: &[u8], lines: &[u8]) -> bool {
    cx.context.reply.headers.extend_from_slice(lines);
    modules::sl::answer(cx, code, reason)
}

/// A header's value.
fn header<'a>(message: &'a Message, name: &'a [u8]) -> Option<&'a [u8]> {
    message.header_named(name).next().map(|field| message.bytes(field.value))
}

fn has_subscribers(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(uri), Some((package, _))) = (subscription::plain(args.text(0)), Package::of(args.text(1)))
    else {
        return Flow::FALSE;
    };
    let table = &cx.state::<Presence>().shared.table;
    table.with(&uri, |known| !known.watchers(package).is_empty()).into()
}

fn cleanup(call: &RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError> {
    call.wait(keeper::round(call.server));
    Ok(Vec::new())
}
