//! The module's parameters.

use std::collections::HashSet;

use cfg_vm::Value;
use engine::{Param, Setup, SetupError};

use super::extra::{self, Field, Legs};
use super::moment::Form;

pub(super) const PARAMS: &[Param] = &[
    Param::int("early_media", "0", "Whether provisional replies with a body are accounted."),
    Param::int("failed_transaction_flag", "-1", "Message flag: failures (300 and above) are accounted too."),
    Param::text("failed_filter", "", "Codes of failures that are not accounted all the same, `404,407`."),
    Param::int("report_ack", "0", "Whether ACKs of 2xx are accounted that have a flag set."),
    Param::int("report_cancels", "0", "Whether CANCELs are accounted."),
    Param::text("multi_leg_info", "", "Fields with a value for each leg of the call, `name=$avp(x);…`."),
    Param::int(
        "detect_direction",
        "0",
        "Whether tags are exchanged in requests from the callee; needs `rr`.",
    ),
    Param::int(
        "acc_prepare_flag",
        "-1",
        "Message flag: flags that are set after the transaction is made count.",
    ),
    Param::int("acc_prepare_always", "0", "Whether they always count."),
    Param::int("reason_from_hf", "0", "Whether the reason is taken from the reply's Reason header."),
    Param::int(
        "acc_extra_nullable",
        "0",
        "Whether fields without value are null in the database, not empty.",
    ),
    Param::int("log_flag", "-1", "Message flag: the transaction is accounted in the log."),
    Param::int("log_missed_flag", "-1", "Message flag: the call is told in the log when it is missed."),
    Param::int("log_level", "1", "Level of the lines in the log."),
    Param::text("log_facility", "", "Syslog facility of the lines."),
    Param::text("log_extra", "", "Further fields of the lines, `name=$variable;…`."),
    Param::int("db_flag", "-1", "Message flag: the transaction is accounted in the database."),
    Param::int(
        "db_missed_flag",
        "-1",
        "Message flag: the call is written to the database when it is missed.",
    ),
    Param::text("db_extra", "", "Further columns, `column=$variable;…`."),
    Param::text("db_url", "", "The database."),
    Param::text("db_table_acc", "acc", "Table of what is accounted; variables are evaluated."),
    Param::text("db_table_missed_calls", "missed_calls", "Table of missed calls; variables are evaluated."),
    Param::int(
        "db_version_check",
        "1",
        "Whether the tables' versions are checked; they are met by their columns.",
    )
    .ignored(),
    Param::text("acc_method_column", "method", "Column of the method."),
    Param::text("acc_from_tag_column", "from_tag", "Column of the From tag."),
    Param::text("acc_to_tag_column", "to_tag", "Column of the To tag."),
    Param::text("acc_callid_column", "callid", "Column of the Call-ID."),
    Param::text("acc_sip_code_column", "sip_code", "Column of the reply's code."),
    Param::text("acc_sip_reason_column", "sip_reason", "Column of the reply's reason."),
    Param::text("acc_time_column", "time", "Column of the time."),
    Param::int_in(
        "time_mode",
        0,
        4,
        "0",
        "A further form of the time: microseconds (1), with a fraction (2), as text here (3) or in UTC (4).",
    ),
    Param::text("time_attr", "time_attr", "What that is called; with mode 1 a column of the seconds."),
    Param::text("time_exten", "time_exten", "What the microseconds are called."),
    Param::text("time_format", "%Y-%m-%d %H:%M:%S", "How the text of a time looks, as for `strftime`."),
    Param::int("db_insert_mode", "0", "How rows are written; here always in the background, in order.")
        .ignored(),
    Param::int("clone_msg", "1", "Whether the message is copied for callbacks.").ignored(),
    Param::int("acc_extra_size", "64", "Most further fields; here there is no limit.").ignored(),
];

/// A set of message flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(u32);

impl Mask {
    fn of(setup: &Setup<'_>, name: &str) -> Result<Self, SetupError> {
        let Some(given) = setup.values(name).last() else { return Ok(Self::default()) };
        match given.value.as_int() {
            Some(-1) => Ok(Self::default()),
            Some(bit @ 0..=31) => Ok(Self(1 << bit)),
            _ => Err(SetupError::at(given, format!("{name}: flags have the numbers 0 to 31; -1 is none"))),
        }
    }

    /// Whether one of them is set.
    pub(super) fn is_in(self, flags: u32) -> bool {
        flags & self.0 != 0
    }

    pub(super) fn clear_in(self, flags: &mut u32) {
        *flags &= !self.0;
    }
}

/// Which flags ask for what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) log: Mask,
    pub(super) log_missed: Mask,
    pub(super) db: Mask,
    pub(super) db_missed: Mask,
    pub(super) failed: Mask,
    pub(super) prepare: Mask,
}

/// The parameters but those of the database.
pub(super) struct Params {
    pub(super) asked: Asked,
    pub(super) early_media: bool,
    pub(super) failed_filter: HashSet<u16>,
    pub(super) report_ack: bool,
    pub(super) report_cancels: bool,
    pub(super) detect_direction: bool,
    pub(super) prepare_always: bool,
    pub(super) reason_from_hf: bool,
    pub(super) nullable: bool,
    pub(super) level: i64,
    pub(super) facility: Option<String>,
    pub(super) log_extra: Vec<Field>,
    pub(super) db_extra: Vec<Field>,
    pub(super) legs: Legs,
    pub(super) form: Form,
}

impl Params {
    pub(super) fn of(setup: &Setup<'_>) -> Result<Self, SetupError> {
        let is_on = |name: &str| setup.int(name).unwrap_or(0) != 0;
        if is_on("detect_direction") && !setup.is_loaded("rr") {
            let given = setup.values("detect_direction").last();
            let why = "detect_direction needs module rr: load it, or leave the parameter out";
            return Err(given.map_or_else(|| SetupError::new(why), |given| SetupError::at(given, why)));
        }
        Ok(Self {
            asked: Asked {
                log: Mask::of(setup, "log_flag")?,
                log_missed: Mask::of(setup, "log_missed_flag")?,
                db: Mask::of(setup, "db_flag")?,
                db_missed: Mask::of(setup, "db_missed_flag")?,
                failed: Mask::of(setup, "failed_transaction_flag")?,
                prepare: Mask::of(setup, "acc_prepare_flag")?,
            },
            early_media: is_on("early_media"),
            failed_filter: failed_filter(setup)?,
            report_ack: is_on("report_ack"),
            report_cancels: is_on("report_cancels"),
            detect_direction: is_on("detect_direction"),
            prepare_always: is_on("acc_prepare_always"),
            reason_from_hf: is_on("reason_from_hf"),
            nullable: is_on("acc_extra_nullable"),
            level: setup.int("log_level").unwrap_or(1),
            facility: setup
                .text("log_facility")
                .filter(|text| !text.is_empty())
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            log_extra: extra::fields(setup, "log_extra")?,
            db_extra: extra::fields(setup, "db_extra")?,
            legs: Legs::of(setup)?,
            form: Form::of(setup)?,
        })
    }
}

fn failed_filter(setup: &Setup<'_>) -> Result<HashSet<u16>, SetupError> {
    let Some(given) = setup.values("failed_filter").last() else { return Ok(HashSet::new()) };
    let Value::Str(text) = &given.value else { return Ok(HashSet::new()) };
    text.to_lossy()
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(|code| match code.parse() {
            Ok(code @ 300..=999) => Ok(code),
            _ => Err(SetupError::at(given, format!("failed_filter: \"{code}\" is no code from 300 to 999"))),
        })
        .collect()
}
