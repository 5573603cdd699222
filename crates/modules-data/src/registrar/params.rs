//! The module's parameters.

use cfg_vm::bound::BoundPv;
use cfg_vm::{Str, Value};
use engine::context::Context;
use engine::variables::{Case, XavpValue};
use engine::{Param, Setup, SetupError};

use super::aor::Rule;

/// The parameters' declarations.
pub(super) const PARAMS: &[Param] = &[
    Param::int("default_expires", "3600", "Seconds that a contact is good for that does not say."),
    Param::int_in(
        "default_expires_range",
        0,
        100,
        "0",
        "Percent that are taken off `default_expires` at random, at most.",
    ),
    Param::int_in(
        "expires_range",
        0,
        100,
        "0",
        "Percent that are taken off what phones ask for at random, at most.",
    ),
    Param::int("default_q", "-1", "q in thousandths of contacts that do not say; -1 for none."),
    Param::int_in("append_branches", 0, 1, "1", "Whether `lookup` takes all contacts, or the first alone."),
    Param::int_in(
        "case_sensitive",
        0,
        1,
        "0",
        "Whether users that differ in the case of letters are different.",
    ),
    Param::text("realm_prefix", "", "What is taken off the front of domains."),
    Param::int("min_expires", "60", "Seconds that a contact is good for at least; 0 for any."),
    Param::int_in(
        "min_expires_mode",
        0,
        1,
        "0",
        "Whether less than `min_expires` is refused with 423, rather than raised.",
    ),
    Param::int("max_expires", "0", "Seconds that a contact is good for at most; 0 for any."),
    Param::text(
        "received_param",
        "received",
        "The parameter that tells a phone where its REGISTER came from; empty for none.",
    ),
    Param::text("received_avp", "", "Where the script keeps the URI that a REGISTER came from."),
    Param::int("max_contacts", "0", "Contacts of an address of record at most; 0 for any number."),
    Param::int("retry_after", "0", "Seconds in `Retry-After` of a 5xx; 0 leaves it out."),
    Param::int_in(
        "sock_mode",
        0,
        1,
        "0",
        "Whether the advertised socket is kept with a contact, rather than the bound one.",
    ),
    Param::int(
        "sock_flag",
        "-1",
        "With this message flag, the socket is taken from the header `sock_hdr_name`.",
    ),
    Param::text("sock_hdr_name", "", "The header that names the socket that a REGISTER came through."),
    Param::int_in(
        "method_filtering",
        0,
        1,
        "0",
        "Whether `lookup` leaves out contacts that do not take the method.",
    ),
    Param::int_in("use_path", 0, 1, "0", "Whether Path is looked at (RFC 3327)."),
    Param::int_in(
        "path_mode",
        0,
        2,
        "2",
        "0: Path is not told in the reply. 1: to who supports it. 2: who does not is refused.",
    ),
    Param::int_in(
        "path_use_received",
        0,
        1,
        "0",
        "Whether the `received` of the first Path is where the phone is.",
    ),
    Param::int_in(
        "path_check_local",
        0,
        1,
        "0",
        "Whether `lookup` leaves out a first hop that is this server.",
    ),
    Param::text("xavp_cfg", "", "The xavp by which a script sets values for one message."),
    Param::text("xavp_rcd", "", "The xavp that tells of the contacts that were found."),
    Param::int_in(
        "xavp_rcd_mask",
        0,
        31,
        "0",
        "What it leaves out: 1 ruid, 2 contact, 4 expires, 8 received, 16 path.",
    ),
    Param::int_in("gruu_enabled", 0, 1, "1", "Whether GRUUs are given (RFC 5627)."),
    Param::int_in("outbound_mode", 0, 2, "0", "Outbound (RFC 5626): 0 not offered, 1 offered, 2 required."),
    Param::int_in("regid_mode", 0, 1, "0", "Whether `reg-id` counts without outbound."),
    Param::int("flow_timer", "0", "Seconds in `Flow-Timer`; 0 leaves it out."),
    Param::int("contact_max_size", "512", "Bytes of a contact at most."),
    Param::text("event_callback", "", "Function of an embedded script instead of the event route.").ignored(),
    Param::int_in(
        "lookup_filter_mode",
        0,
        1,
        "0",
        "1: `lookup` leaves out contacts that share no branch flag with `rlf_bflags` of `xavp_cfg`.",
    ),
    Param::int_in("use_expired_contacts", 0, 1, "0", "Whether expired contacts that are still known count."),
];

/// `outbound_mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outbound {
    Off,
    Offered,
    Required,
}

/// `path_mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathMode {
    Silent,
    Lazy,
    Strict,
}

/// The parameters under one configuration.
pub(super) struct Params {
    pub(super) aor: Rule,
    pub(super) default_expires: i64,
    pub(super) default_expires_range: i64,
    pub(super) expires_range: i64,
    pub(super) default_q: i16,
    pub(super) appends_branches: bool,
    pub(super) min_expires: i64,
    pub(super) refuses_brief: bool,
    pub(super) max_expires: i64,
    pub(super) received_param: Vec<u8>,
    pub(super) received: Option<BoundPv>,
    pub(super) max_contacts: i64,
    pub(super) retry_after: i64,
    pub(super) keeps_advertised: bool,
    pub(super) socket_flag: u32,
    pub(super) socket_header: Vec<u8>,
    pub(super) filters_methods: bool,
    pub(super) uses_path: bool,
    pub(super) path_mode: PathMode,
    pub(super) path_received: bool,
    pub(super) skips_own_path: bool,
    pub(super) wishes: Option<Str>,
    pub(super) told: Option<Str>,
    pub(super) untold: i64,
    pub(super) gives_gruus: bool,
    pub(super) outbound: Outbound,
    pub(super) takes_any_reg_id: bool,
    pub(super) flow_timer: i64,
    pub(super) contact_max_size: usize,
    pub(super) filters_flags: bool,
    pub(super) uses_expired: bool,
}

impl Params {
    pub(super) fn of(setup: &Setup<'_>, use_domain: bool) -> Result<Self, SetupError> {
        let int = |name: &str, default: i64| setup.int(name).unwrap_or(default);
        let is_on = |name: &str| int(name, 0) != 0;
        let text = |name: &str| setup.text(name).unwrap_or_default().to_vec();
        let name = |name: &str| setup.text(name).filter(|text| !text.is_empty()).map(Str::copy);
        let received = match setup.values("received_avp").last() {
            Some(param) => {
                let pv = param.value.as_text().unwrap_or_default();
                Some(setup.bind_pv(pv).map_err(|why| SetupError::at(param, why))?)
            }
            None => None,
        };
        let flag = u32::try_from(int("sock_flag", -1)).ok().filter(|bit| *bit < 32);
        Ok(Self {
            aor: Rule {
                use_domain,
                is_case_sensitive: is_on("case_sensitive"),
                realm_prefix: text("realm_prefix").to_ascii_lowercase(),
            },
            default_expires: int("default_expires", 3600),
            default_expires_range: int("default_expires_range", 0),
            expires_range: int("expires_range", 0),
            // Bounded to what q can be.
            default_q: int("default_q", -1).clamp(-1, 1000) as i16,
            appends_branches: int("append_branches", 1) != 0,
            min_expires: int("min_expires", 60),
            refuses_brief: is_on("min_expires_mode"),
            max_expires: int("max_expires", 0),
            received_param: setup.text("received_param").unwrap_or(b"received").to_vec(),
            received,
            max_contacts: int("max_contacts", 0),
            retry_after: int("retry_after", 0),
            keeps_advertised: is_on("sock_mode"),
            socket_flag: flag.map_or(0, |bit| 1 << bit),
            socket_header: text("sock_hdr_name"),
            filters_methods: is_on("method_filtering"),
            uses_path: is_on("use_path"),
            path_mode: match int("path_mode", 2) {
                0 => PathMode::Silent,
                1 => PathMode::Lazy,
                _ => PathMode::Strict,
            },
            path_received: is_on("path_use_received"),
            skips_own_path: is_on("path_check_local"),
            wishes: name("xavp_cfg"),
            told: name("xavp_rcd"),
            untold: int("xavp_rcd_mask", 0),
            gives_gruus: int("gruu_enabled", 1) != 0,
            outbound: match int("outbound_mode", 0) {
                1 => Outbound::Offered,
                2 => Outbound::Required,
                _ => Outbound::Off,
            },
            takes_any_reg_id: is_on("regid_mode"),
            flow_timer: int("flow_timer", 0),
            contact_max_size: usize::try_from(int("contact_max_size", 512)).unwrap_or(512),
            filters_flags: int("lookup_filter_mode", 0) & 1 != 0,
            uses_expired: is_on("use_expired_contacts"),
        })
    }

    /// What the script set for this message in `xavp_cfg`.
    pub(super) fn wish(&self, context: &Context, field: &[u8]) -> Value {
        let Some(name) = &self.wishes else { return Value::Null };
        match context.variables.xavps.get(name, 0, Case::Exact) {
            Some(XavpValue::List(fields)) => {
                fields.get(field, 0, Case::Exact).map_or(Value::Null, XavpValue::read)
            }
            _ => Value::Null,
        }
    }
}
