//! The module's parameters.

use cfg_vm::Str;
use cfg_vm::bound::{BoundPv, BoundTemplate};
use engine::{Param, Setup, SetupError};

use super::dialogs::Limits;

/// The module's parameters, for its table.
pub(super) const PARAMS: &[Param] = &[
    Param::int_in("enable_stats", 0, 1, "1", "Whether dialogs are counted; here they always are.").ignored(),
    Param::int_in("hash_size", 1, 1 << 20, "4096", "Entries of the table, rounded up to a power of two."),
    Param::text("rr_param", "did", "Name of the parameter in Record-Route that names the dialog."),
    Param::text(
        "timeout_avp",
        "",
        "Variable whose number is the lifetime of a dialog that begins, in seconds.",
    ),
    Param::int_in(
        "default_timeout",
        1,
        2_000_000_000,
        "43200",
        "Lifetime of a dialog in seconds, from its answer.",
    ),
    Param::text("dlg_extra_hdrs", "", "Header lines, each with its line end, in BYEs that are made here."),
    Param::int_in(
        "dlg_match_mode",
        0,
        2,
        "0",
        "How requests find their dialog: by Record-Route's parameter (0), by that or else by Call-ID and tags (1), by \
         Call-ID and tags (2).",
    ),
    Param::int_in(
        "detect_spirals",
        0,
        1,
        "1",
        "Whether an INVITE that comes by again belongs to the dialog it began.",
    ),
    Param::text("profiles_with_value", "", "Names of profiles whose members have a value, separated by `;`."),
    Param::text("profiles_no_value", "", "Names of profiles whose members have none, separated by `;`."),
    Param::int_in("send_bye", 0, 1, "0", "Sends BYE to both parties of every dialog whose time is over."),
    Param::int_in(
        "early_timeout",
        1,
        2_000_000_000,
        "300",
        "Seconds after which an unanswered dialog is given up.",
    ),
    Param::int_in(
        "noack_timeout",
        1,
        2_000_000_000,
        "60",
        "Seconds that the ACK of an answer is waited for.",
    ),
    Param::int_in("end_timeout", 0, 2_000_000_000, "300", "Seconds that a dialog is kept after its end."),
    Param::int_in("timeout_noreset", 0, 1, "0", "Whether requests within a dialog leave its time as it is."),
    Param::int_in(
        "ka_timer",
        0,
        86_400,
        "0",
        "Whether parties are asked if they are still there; seconds between looks.",
    ),
    Param::int_in("ka_interval", 0, 86_400, "0", "Seconds between two such questions to a party."),
    Param::int_in(
        "ka_failed_limit",
        1,
        1000,
        "1",
        "Questions without an answer after which the dialog is ended.",
    ),
    Param::int_in("h_id_start", 0, i32::MAX as i64, "0", "First number of dialogs; 0 for a random one."),
    Param::int_in("h_id_step", 1, i32::MAX as i64, "1", "Distance of one dialog's number to the next."),
    Param::int_in(
        "keep_proxy_rr",
        0,
        3,
        "0",
        "Keeps our own Record-Route in the way to the callee (1), to the caller (2) or both (3).",
    ),
    Param::int("timer_procs", "0", "Processes for the timers; here the shards do it.").ignored(),
    Param::int("initial_cbs_inscript", "1", "When other modules hear of a new dialog.").ignored(),
    Param::int("wait_ack", "1", "Whether transactions are kept until the ACK.").ignored(),
    Param::text("db_url", "", "The database that dialogs are kept in, with `db_mode`."),
    Param::int_in(
        "db_mode",
        0,
        3,
        "0",
        "When dialogs are written: never (0), at once (1), at intervals (2), at the end (3).",
    ),
    Param::int_in(
        "db_update_period",
        1,
        86_400,
        "60",
        "Seconds between two times of writing, with `db_mode` 2.",
    ),
    Param::int("db_fetch_rows", "200", "Rows fetched at once.").ignored(),
    Param::int_in("db_skip_load", 0, 1, "0", "Whether dialogs from before a restart are left alone."),
    Param::text("table_name", "dialog", "The dialogs' table."),
    Param::text("vars_table_name", "dialog_vars", "The variables' table."),
    Param::text("vars_h_entry_column", "hash_entry", "Its column of the dialogs' entries."),
    Param::text("vars_h_id_column", "hash_id", "Its column of the dialogs' ids."),
    Param::text("vars_key_column", "dialog_key", "Its column of the names."),
    Param::text("vars_value_column", "dialog_value", "Its column of the values."),
    Param::text("h_entry_column", "hash_entry", "Column of the entries."),
    Param::text("h_id_column", "hash_id", "Column of the ids."),
    Param::text("call_id_column", "callid", "Column of the Call-IDs."),
    Param::text("from_uri_column", "from_uri", "Column of the callers' URIs."),
    Param::text("from_tag_column", "from_tag", "Column of the callers' tags."),
    Param::text("to_uri_column", "to_uri", "Column of the callees' URIs."),
    Param::text("to_tag_column", "to_tag", "Column of the callees' tags."),
    Param::text("from_cseq_column", "caller_cseq", "Column of the callers' CSeq numbers."),
    Param::text("to_cseq_column", "callee_cseq", "Column of the callees' CSeq numbers."),
    Param::text("from_route_column", "caller_route_set", "Column of the ways to the callers."),
    Param::text("to_route_column", "callee_route_set", "Column of the ways to the callees."),
    Param::text("from_contact_column", "caller_contact", "Column of the callers' Contacts."),
    Param::text("to_contact_column", "callee_contact", "Column of the callees' Contacts."),
    Param::text("from_sock_column", "caller_sock", "Column of the sockets to the callers."),
    Param::text("to_sock_column", "callee_sock", "Column of the sockets to the callees."),
    Param::text("state_column", "state", "Column of the states."),
    Param::text("start_time_column", "start_time", "Column of the times of answers."),
    Param::text("timeout_column", "timeout", "Column of the times when they are over."),
    Param::text("sflags_column", "sflags", "Column of the flags."),
    Param::text("toroute_name_column", "toroute_name", "Column of the routes for what takes too long."),
];

/// How requests find their dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// By Record-Route's parameter.
    Ident,
    /// By that, or else by Call-ID and tags.
    IdentThenTags,
    /// By Call-ID and tags.
    Tags,
}

/// What profiles there are.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    with_value: Vec<Str>,
    without: Vec<Str>,
}

impl Profiles {
    /// Whether a profile's members have values; none where there is no such profile.
    pub(super) fn has_values(&self, name: &[u8]) -> Option<bool> {
        let is_in = |names: &[Str]| names.iter().any(|known| **known == *name);
        if is_in(&self.with_value) {
            return Some(true);
        }
        is_in(&self.without).then_some(false)
    }
}

/// The parameters as read.
pub(super) struct Params {
    pub(super) rr_param: Str,
    pub(super) timeout: Option<BoundPv>,
    pub(super) default_timeout: i64,
    pub(super) extra_headers: Option<BoundTemplate>,
    pub(super) matching: Match,
    pub(super) detects_spirals: bool,
    pub(super) profiles: Profiles,
    pub(super) sends_bye: bool,
    pub(super) limits: Limits,
    pub(super) resets_timer: bool,
    /// Seconds between two questions to a party; 0 for none.
    pub(super) ask_interval: i64,
    pub(super) ask_limit: u32,
    pub(super) keeps_own_routes: [bool; 2],
}

impl Params {
    pub(super) fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let int = |name, default| setup.int(name).unwrap_or(default);
        let (timer, interval) = (int("ka_timer", 0), int("ka_interval", 0));
        let kept = int("keep_proxy_rr", 0);
        Ok(Self {
            rr_param: Str::copy(setup.text("rr_param").unwrap_or(b"did")),
            timeout: bound_pv(setup)?,
            default_timeout: int("default_timeout", 43_200),
            extra_headers: extra_headers(setup)?,
            matching: match int("dlg_match_mode", 0) {
                1 => Match::IdentThenTags,
                2 => Match::Tags,
                _ => Match::Ident,
            },
            detects_spirals: int("detect_spirals", 1) != 0,
            profiles: Profiles {
                with_value: names(setup, "profiles_with_value"),
                without: names(setup, "profiles_no_value"),
            },
            sends_bye: int("send_bye", 0) != 0,
            limits: Limits {
                early: int("early_timeout", 300),
                unacknowledged: int("noack_timeout", 60),
                ended: int("end_timeout", 300),
            },
            resets_timer: int("timeout_noreset", 0) == 0,
            ask_interval: if timer > 0 { interval.max(timer) } else { 0 },
            ask_limit: u32::try_from(int("ka_failed_limit", 1)).unwrap_or(1),
            keeps_own_routes: [kept & 2 != 0, kept & 1 != 0],
        })
    }
}

fn names(setup: &Setup<'_>, param: &str) -> Vec<Str> {
    let text = setup.text(param).unwrap_or_default();
    text.split(|byte| *byte == b';')
        .map(|name| Str::copy(name.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii()))
        .filter(|name| !name.is_empty())
        .collect()
}

fn bound_pv(setup: &Setup<'_>) -> Result<Option<BoundPv>, SetupError> {
    let Some(param) = setup.values("timeout_avp").last() else { return Ok(None) };
    match param.value.as_text() {
        Some(text) if !text.is_empty() => {
            setup.bind_pv(text).map(Some).map_err(|why| SetupError::at(param, why))
        }
        _ => Ok(None),
    }
}

fn extra_headers(setup: &Setup<'_>) -> Result<Option<BoundTemplate>, SetupError> {
    let Some(param) = setup.values("dlg_extra_hdrs").last() else { return Ok(None) };
    let text = param.value.to_str();
    if text.is_empty() {
        return Ok(None);
    }
    setup.bind_template(&text).map(Some).map_err(|why| SetupError::at(param, why))
}
