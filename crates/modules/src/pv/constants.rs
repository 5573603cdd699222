//! What does not change from message to message: characters, numbers of protocols, version, process, statistics.

use cfg_syntax::ast::ParamValue;
use cfg_vm::host::{Host, WriteError};
use cfg_vm::{Str, Value};
use engine::{Cx, PvArgs, identity};

macro_rules! characters {
    ($($name:ident $text:literal,)*) => {
        $(pub(super) fn $name(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
            Value::text($text)
        })*
    };
}

characters! {
    line_feed "\n",
    carriage_return "\r",
    space " ",
    tab "\t",
    comma ",",
    double_quote "\"",
    quote "'",
    colon ":",
    semicolon ";",
    backslash "\\",
    backtick "`",
}

/// `$true`
pub(super) fn one(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(1)
}

/// Names in `$K(…)` and their numbers.
pub(super) const NUMBERS: &[(&str, i64)] = &[
    ("INET", 2),
    ("INET6", 10),
    ("IPv4", 2),
    ("IPv6", 10),
    ("UDP", 1),
    ("TCP", 2),
    ("TLS", 3),
    ("SCTP", 4),
    ("WS", 5),
    ("WSS", 6),
];

/// `$K(name)`
pub(super) fn number(_: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    args.parsed::<i64>().copied().into()
}

/// What `$version(…)` and `$ksr(…)` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionPart {
    Text,
    Number,
    Full,
    Hash,
}

/// Names in `$version(…)`.
pub(super) const VERSION_PARTS: &[(&str, VersionPart)] =
    &[("num", VersionPart::Text), ("full", VersionPart::Full), ("hash", VersionPart::Hash)];

/// Names in `$ksr(…)`.
pub(super) const KSR_PARTS: &[(&str, VersionPart)] =
    &[("ver", VersionPart::Text), ("verval", VersionPart::Number)];

/// `$version(part)`, `$ksr(part)`
pub(super) fn version(_: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match args.parsed::<VersionPart>() {
        None | Some(VersionPart::Text) => Value::text(identity::VERSION),
        Some(VersionPart::Number) => Value::Int(identity::VERSION_NUMBER),
        Some(VersionPart::Full) => Value::text(identity::VERSION_FULL),
        Some(VersionPart::Hash) => Value::text("unknown "),
    }
}

/// `$pp`
pub(super) fn process(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(std::process::id().into())
}

/// `$sid`
pub(super) fn server_id(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Int(cx.running.settings.core.int("server_id"))
}

/// `$stat(name)`
pub(super) fn statistic(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let name = String::from_utf8_lossy(args.name());
    match cx.server().statistics.named(&name) {
        Some(counter) => Value::Int(counter.total() as i64),
        None => {
            tracing::warn!(target: "pv", "No stat variable ``{name}''");
            Value::Null
        }
    }
}

/// `$_s(text)`: the text, whose variables are evaluated before it comes here.
pub(super) fn text(_: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    Value::Str(Str::copy(args.name()))
}

/// `$sel(path)`
pub(super) fn select(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match std::str::from_utf8(args.name()) {
        Ok(path) => cx.select(path),
        Err(_) => Value::Null,
    }
}

/// `$err.…`: what the script's error route would see; there is none, so there is nothing.
pub(super) fn error(_: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    Value::Null
}

/// Reads `$ccp(group.name)`'s name at load.
pub(super) fn parse_core_parameter(text: &[u8]) -> Result<cfg_vm::catalogue::Parsed, String> {
    let text = String::from_utf8_lossy(text.trim_ascii()).into_owned();
    let (group, name) = text.split_once('.').ok_or("it is written group.name, such as core.debug")?;
    Ok(std::sync::Arc::new((group.to_owned(), name.to_owned())))
}

/// `$ccp(group.name)`: a parameter of the core, or a custom variable.
pub(super) fn core_parameter(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some((group, name)) = args.parsed::<(String, String)>() else { return Value::Null };
    if group == "core" && name == "debug" {
        return Value::Int(engine::log::threshold());
    }
    if let Some(value) = cx.running.tuned.get(group, name) {
        return value;
    }
    let settings = &cx.running.settings;
    let custom = settings.custom.iter().rev().find(|var| var.group.node == *group && var.name.node == *name);
    match custom
        .map(|var| &var.value)
        .or_else(|| settings.core.find(name).filter(|_| group == "core").map(|p| &p.value))
    {
        Some(ParamValue::Int(number)) => Value::Int(number.node),
        Some(ParamValue::Str(text) | ParamValue::Word(text)) => Value::Str(Str::copy(&text.node)),
        None if group == "core" => Value::Int(settings.core.int(name)),
        None => Value::Null,
    }
}

/// `$ccp(core.debug) = …`: the level of the log, the one parameter that can change while routes run.
pub(super) fn set_core_parameter(_: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    match (args.parsed::<(String, String)>(), value) {
        (Some((group, name)), Value::Int(level)) if group == "core" && name == "debug" => {
            engine::log::set_threshold(level);
            Ok(())
        }
        _ => Err(WriteError::Unfit("only core.debug can be set, to a number".to_owned())),
    }
}
