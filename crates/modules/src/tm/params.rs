//! The module's parameters, read once.

use cfg_syntax::ast::RouteKind;
use cfg_vm::Str;
use cfg_vm::program::RouteId;
use engine::{Param, Running, Setup};
use sip_transaction::Timing;
use sip_transaction::hop::Copied;

use super::Tm;
use super::transaction::Wishes;

/// The parameters' table.
pub(super) const PARAMS: &[Param] = &[
    milliseconds("fr_timer", "30000", "How long a branch waits for any reply, and a failure for its ACK."),
    milliseconds(
        "fr_inv_timer",
        "120000",
        "How long a branch waits for the final reply after a provisional one.",
    ),
    milliseconds("wt_timer", "5000", "How long an ended transaction absorbs what comes late."),
    milliseconds("delete_timer", "200", "How long its memory stays after that; here it goes at once.")
        .ignored(),
    milliseconds("retr_timer1", "500", "The first retransmission interval."),
    milliseconds("retr_timer2", "4000", "The longest retransmission interval."),
    milliseconds(
        "max_inv_lifetime",
        "180000",
        "How long an INVITE transaction may wait in all; 0 for no limit.",
    ),
    milliseconds(
        "max_noninv_lifetime",
        "32000",
        "How long any other transaction may wait in all; 0 for no limit.",
    ),
    Param::int_in("auto_inv_100", 0, 1, "1", "Whether an INVITE is answered with 100 when it is relayed."),
    Param::text("auto_inv_100_reason", AUTO_100, "The reason of that 100."),
    Param::int_in("relay_100", 0, 1, "0", "Whether a 100 from a branch is passed on."),
    Param::int_in("disable_6xx_block", 0, 1, "0", "Whether a 6xx leaves the other branches going on."),
    Param::int_in("remap_503_500", 0, 1, "1", "Whether a 503 that is the best reply is passed on as 500."),
    Param::int_in(
        "aggregate_challenges",
        0,
        1,
        "1",
        "Whether a 401 or 407 carries the challenges of all branches.",
    ),
    Param::int_in(
        "faked_reply_prio",
        0,
        10_000,
        "0",
        "Added to the rank of replies that are made here: they lose.",
    ),
    Param::int_in(
        "failure_reply_mode",
        0,
        3,
        "3",
        "3: replies from before a failure route's new branches are dropped; 0: they stay.",
    ),
    Param::int_in("default_code", 400, 699, "500", "Code of `t_reply_error` where nothing else is known."),
    Param::text("default_reason", "Server Internal Error", "Its reason."),
    Param::int_in("e2e_cancel_reason", 0, 1, "1", "Whether the Reason headers of a CANCEL are handed on."),
    Param::text(
        "contact_flows_avp",
        "",
        "Where `t_load_contacts` keeps further flows of an instance; any value has them kept for `t_next_contact_flow`.",
    ),
    Param::int_in(
        "rich_redirect",
        0,
        3,
        "0",
        "What a Contact of a 3xx made here says: 1 branch flags, 2 the path as a Route.",
    ),
    Param::text(
        "contacts_avp",
        "",
        "Where `t_load_contacts` keeps the branches; any value turns serial forking on.",
    ),
    Param::int_in(
        "local_cancel_reason",
        0,
        1,
        "1",
        "Whether a CANCEL that follows from another branch's reply says so.",
    ),
    Param::int_in(
        "unresolved_as_failure",
        0,
        1,
        "0",
        "Tandem's own: a destination that cannot be resolved runs the failure route.",
    ),
    Param::int_in(
        "auto_next_contacts",
        0,
        1,
        "0",
        "Tandem's own: `t_relay` in a failure route takes the next contacts by itself.",
    ),
    Param::int_in(
        "refuse_merged",
        0,
        1,
        "0",
        "Tandem's own: a request outside a dialog that comes a second time by another way is answered with 482.",
    ),
    Param::int_in(
        "local_ack_mode",
        0,
        2,
        "0",
        "Where the ACK of a 2xx to an INVITE of our own goes: 0 by its route set, 1 where the INVITE went, 2 to the sender.",
    ),
    Param::text(
        "ac_extra_hdrs",
        "",
        "CANCEL and the ACK of a failure repeat the INVITE's headers whose names begin with this, too.",
    ),
    Param::int(
        "reparse_invite",
        "1",
        "CANCEL and ACK repeat the INVITE's headers as sent; the only way here.",
    )
    .ignored(),
    Param::int("ruri_matching", "1", "How requests of RFC 2543 are matched; the Request-URI always counts.")
        .ignored(),
    Param::int("via1_matching", "1", "The same for the topmost Via.").ignored(),
    Param::int("reply_matching", "1", "Accepted: a reply is known by its branch, which nobody can make.")
        .ignored(),
    Param::int("callid_matching", "1", "Accepted.").ignored(),
    Param::int("callid_cseq_matching", "0", "Accepted.").ignored(),
    Param::int("noisy_ctimer", "1", "Accepted.").ignored(),
    Param::int("unix_tx_timeout", "500", "Accepted.").ignored(),
    Param::int("exec_time_check", "5000", "Accepted.").ignored(),
];

const AUTO_100: &str = "trying -- your call is important to us";

const fn milliseconds(name: &'static str, default: &'static str, doc: &'static str) -> Param {
    Param::int_in(name, 0, i32::MAX as i64, default, doc)
}

/// What the functions ask for.
#[derive(Debug)]
pub(crate) struct Params {
    /// What a transaction begins with.
    pub(crate) wishes: Wishes,
    pub(crate) auto_100_reason: Str,
    pub(crate) relay_100: bool,
    pub(crate) remap_503_500: bool,
    pub(crate) aggregate_challenges: bool,
    pub(crate) faked_reply_prio: u32,
    pub(crate) failure_reply_mode: i64,
    pub(crate) default_code: u16,
    pub(crate) default_reason: Str,
    pub(crate) rich_redirect: i64,
    /// How many branches a transaction may have: the core's `max_branches`.
    pub(crate) most_branches: usize,
    pub(crate) has_contacts: bool,
    pub(crate) has_contact_flows: bool,
    pub(crate) local_cancel_reason: bool,
    pub(crate) unresolved_as_failure: bool,
    pub(crate) auto_next_contacts: bool,
    /// Where the ACK of a 2xx to an INVITE of our own goes.
    pub(crate) local_ack_mode: i64,
    /// The User-Agent line of requests of our own; empty for none.
    pub(crate) user_agent: Str,
    /// `event_route[tm:local-response]`.
    pub(crate) on_local_response: Option<RouteId>,
    pub(crate) refuse_merged: bool,
    /// What the names of headers begin with that CANCEL and ACK repeat beside the usual ones.
    extra_headers: Str,
}

impl Params {
    pub(super) fn of(setup: &Setup<'_>) -> Self {
        let number = |name: &str, default: u32| setup.int(name).map_or(default, |value| value.max(0) as u32);
        let is_on = |name: &str, default: bool| setup.int(name).map_or(default, |value| value != 0);
        let text = |name: &str, default: &str| Str::copy(setup.text(name).unwrap_or(default.as_bytes()));
        let defaults = Timing::DEFAULT;
        let timing = Timing {
            fr: number("fr_timer", defaults.fr),
            fr_inv: number("fr_inv_timer", defaults.fr_inv),
            retr_t1: number("retr_timer1", defaults.retr_t1),
            retr_t2: number("retr_timer2", defaults.retr_t2),
            wait: number("wt_timer", defaults.wait),
            delete: defaults.delete,
            max_inv_lifetime: number("max_inv_lifetime", defaults.max_inv_lifetime),
            max_noninv_lifetime: number("max_noninv_lifetime", defaults.max_noninv_lifetime),
        };
        Self {
            wishes: Wishes {
                on_reply: None,
                on_failure: None,
                on_branch: None,
                on_branch_failure: None,
                timing,
                auto_100: is_on("auto_inv_100", true),
                disable_6xx: is_on("disable_6xx_block", false),
                disable_failover: false,
                no_cancel_reason: !is_on("e2e_cancel_reason", true),
                no_internal_reply: false,
                keeps_request: ["T_inv", "T_req"].into_iter().any(|name| setup.uses_pv(name)),
            },
            auto_100_reason: text("auto_inv_100_reason", AUTO_100),
            relay_100: is_on("relay_100", false),
            remap_503_500: is_on("remap_503_500", true),
            aggregate_challenges: is_on("aggregate_challenges", true),
            faked_reply_prio: number("faked_reply_prio", 0),
            failure_reply_mode: setup.int("failure_reply_mode").unwrap_or(3),
            default_code: number("default_code", 500) as u16,
            default_reason: text("default_reason", "Server Internal Error"),
            most_branches: setup.settings().core.int("max_branches").clamp(1, 31) as usize,
            rich_redirect: setup.int("rich_redirect").unwrap_or_default(),
            has_contact_flows: setup.text("contact_flows_avp").is_some_and(|name| !name.is_empty()),
            has_contacts: setup.text("contacts_avp").is_some_and(|name| !name.is_empty()),
            local_cancel_reason: is_on("local_cancel_reason", true),
            unresolved_as_failure: is_on("unresolved_as_failure", false),
            auto_next_contacts: is_on("auto_next_contacts", false),
            local_ack_mode: setup.int("local_ack_mode").unwrap_or_default(),
            user_agent: user_agent(setup),
            on_local_response: setup.route(RouteKind::Event, "tm:local-response"),
            refuse_merged: is_on("refuse_merged", false),
            extra_headers: text("ac_extra_hdrs", ""),
        }
    }
}

/// Which of an INVITE's headers its CANCEL and ACK repeat.
pub(super) fn copied(running: &Running) -> Copied<'_> {
    match running.state::<Tm>() {
        Some(tm) => Copied { prefix: &tm.params.extra_headers },
        None => Copied::NEEDED,
    }
}

fn user_agent(setup: &Setup<'_>) -> Str {
    let core = &setup.settings().core;
    if core.int("server_signature") == 0 {
        return Str::EMPTY;
    }
    Str::copy(core.text("user_agent_header").unwrap_or(engine::identity::USER_AGENT_HEADER))
}
