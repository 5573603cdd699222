//! What the program is, and since when it runs.

use std::time::SystemTime;

use chrono::{DateTime, Local};
use engine::identity;
use engine::rpc::{RpcCall, RpcValue};

use super::{Answer, many, one};

/// What of Kamailio's build flags holds here.
const FLAGS: &str = "USE_TCP, USE_TLS, USE_DNS_CACHE, USE_DNS_FAILOVER, USE_NAPTR";

/// The package's own version, behind Kamailio's.
fn tandem() -> String {
    format!("tandem {}", env!("CARGO_PKG_VERSION"))
}

/// As C's `ctime` writes it.
fn ctime(time: SystemTime) -> String {
    DateTime::<Local>::from(time).format("%a %b %e %H:%M:%S %Y").to_string()
}

fn seconds_up(call: &RpcCall<'_>) -> u64 {
    call.server.started.elapsed().unwrap_or_default().as_secs()
}

pub(super) fn version(_: &RpcCall<'_>) -> Answer {
    one(format!("kamailio {} (x86_64/linux) {}", identity::VERSION, tandem()))
}

pub(super) fn info(_: &RpcCall<'_>) -> Answer {
    one(RpcValue::structure([
        ("version", format!("kamailio {}", identity::VERSION).into()),
        ("id", tandem().into()),
        ("compiler", "rustc".into()),
        ("compiled", "".into()),
        ("flags", FLAGS.into()),
    ]))
}

pub(super) fn flags(_: &RpcCall<'_>) -> Answer {
    one(FLAGS)
}

pub(super) fn run_info(call: &RpcCall<'_>) -> Answer {
    let up = seconds_up(call);
    let (days, hours, minutes) = (up / 86_400, up / 3_600 % 24, up / 60 % 60);
    one(RpcValue::structure([
        ("name", "kamailio".into()),
        ("version", identity::VERSION.into()),
        ("sourceid", tandem().into()),
        ("compiler", "rustc".into()),
        ("compiled", "".into()),
        ("time_now", ctime(SystemTime::now()).into()),
        ("time_started", ctime(call.server.started).into()),
        ("uptime_secs", RpcValue::count(up)),
        ("utime_days", format!("{days}d {hours}h {minutes}m {}s", up % 60).into()),
    ]))
}

pub(super) fn uptime(call: &RpcCall<'_>) -> Answer {
    one(RpcValue::structure([
        ("now", ctime(SystemTime::now()).into()),
        ("up_since", ctime(call.server.started).into()),
        ("uptime", RpcValue::count(seconds_up(call))),
    ]))
}

pub(super) fn directory(_: &RpcCall<'_>) -> Answer {
    let directory = std::env::current_dir().map(|path| path.display().to_string());
    many([directory.unwrap_or_default().into()])
}

pub(super) fn arguments(_: &RpcCall<'_>) -> Answer {
    many(std::env::args_os().map(|word| word.to_string_lossy().into_owned().into()))
}

pub(super) fn modules(call: &RpcCall<'_>) -> Answer {
    let running = call.server.running();
    many(running.settings.modules.iter().rev().map(|name| name.as_str().into()))
}

/// The preprocessor's names with what they stand for; a module's own name is one.
fn names(call: &RpcCall<'_>) -> Vec<(String, Vec<u8>)> {
    let running = call.server.running();
    let mut names = running.settings.defines.clone();
    for module in &running.settings.modules {
        let name = format!("MOD_{module}");
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, Vec::new()));
        }
    }
    names
}

pub(super) fn defines(call: &RpcCall<'_>) -> Answer {
    many(names(call).into_iter().map(|(name, _)| name.into()))
}

pub(super) fn defines_full(call: &RpcCall<'_>) -> Answer {
    many(names(call).into_iter().map(|(name, value)| {
        let value = if value.is_empty() { "none".to_owned() } else { text(&value) };
        RpcValue::structure([("name", name.into()), ("type", 0.into()), ("value", value.into())])
    }))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn echo(call: &RpcCall<'_>) -> Answer {
    let shown = call.arguments.iter().map(|argument| match argument {
        RpcValue::Int(number) => number.to_string().into(),
        RpcValue::Double(number) => number.to_string().into(),
        other => other.clone(),
    });
    many(shown)
}

pub(super) fn print_number(call: &RpcCall<'_>) -> Answer {
    let number = call.arguments.first().map(|_| call.int(0)).transpose()?;
    many(number.map(RpcValue::Int))
}

pub(super) fn print_text(call: &RpcCall<'_>) -> Answer {
    let text = call.arguments.first().map(|_| call.text(0)).transpose()?;
    many(text.map(RpcValue::Str))
}
