//! Which variables there are, what they hold, and which can be changed.

use cfg_syntax::ast::ParamValue;
use cfg_vm::Value;
use cfg_vm::catalogue::ParamKind;
use engine::{Module, Running};

/// The core's parameters that Kamailio 5.6.3 lists, in its order.
const CORE: &[&str] = &[
    "debug",
    "log_facility",
    "memdbg",
    "use_dst_blocklist",
    "dst_blocklist_expire",
    "dst_blocklist_mem",
    "dst_blocklist_udp_imask",
    "dst_blocklist_tcp_imask",
    "dst_blocklist_tls_imask",
    "dst_blocklist_sctp_imask",
    "dns_try_ipv6",
    "dns_try_naptr",
    "dns_udp_pref",
    "dns_tcp_pref",
    "dns_tls_pref",
    "dns_sctp_pref",
    "dns_retr_time",
    "dns_slow_query_ms",
    "dns_retr_no",
    "dns_servers_no",
    "dns_use_search_list",
    "dns_search_full_match",
    "dns_reinit",
    "dns_naptr_ignore_rfc",
    "use_dns_cache",
    "dns_cache_flags",
    "use_dns_failover",
    "dns_srv_lb",
    "dns_cache_negative_ttl",
    "dns_cache_min_ttl",
    "dns_cache_max_ttl",
    "dns_cache_mem",
    "dns_cache_del_nonexp",
    "dns_cache_rec_pref",
    "mem_dump_pkg",
    "mem_dump_shm",
    "max_while_loops",
    "udp_mtu",
    "udp_mtu_try_proto",
    "udp4_raw",
    "udp4_raw_mtu",
    "udp4_raw_ttl",
    "force_rport",
    "memlog",
    "mem_summary",
    "mem_safety",
    "mem_join",
    "mem_status_mode",
    "sip_parser_log_oneline",
    "sip_parser_log",
    "corelog",
    "latency_cfg_log",
    "latency_log",
    "latency_limit_db",
    "latency_limit_action",
    "latency_limit_cfg",
    "pv_cache_limit",
    "pv_cache_action",
];

/// Modules whose parameters Kamailio lists.
const MODULES: &[&str] = &["tm", "registrar", "maxfwd", "siputils", "xlog", "dispatcher", "rtpengine"];

/// A variable.
pub(super) struct Variable {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) value: Value,
    /// For `cfg.help`.
    pub(super) doc: String,
    pub(super) changes: Changes,
}

/// How a variable is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// It is not.
    Never,
    /// The log level.
    LogLevel,
    /// In the configuration in force.
    Tuned,
}

impl Variable {
    pub(super) fn is_number(&self) -> bool {
        matches!(self.value, Value::Int(_))
    }
}

/// All variables of a configuration: the core's, the modules', the script's own.
pub(super) fn all(running: &Running) -> Vec<Variable> {
    let core = CORE.iter().map(|name| of_core(running, name));
    let loaded = |module: &&&'static Module| MODULES.contains(&module.name) && running.is_loaded(module.name);
    let modules =
        running.registry.modules.iter().filter(loaded).flat_map(|module| of_module(running, module));
    core.chain(modules).chain(of_script(running)).collect()
}

fn of_core(running: &Running, name: &str) -> Variable {
    let core = &running.settings.core;
    let (value, changes) = match core.text(name) {
        _ if name == "debug" => (Value::Int(engine::log::threshold()), Changes::LogLevel),
        Some(text) => (text.to_vec().into(), Changes::Never),
        None => (Value::Int(core.int(name)), Changes::Never),
    };
    let doc = match changes {
        Changes::Never => format!("core parameter {name}, read when the server starts"),
        _ => "level of the log".to_owned(),
    };
    Variable { group: "core".to_owned(), name: name.to_owned(), value, doc, changes }
}

/// A module's parameters: as given, or by default.
fn of_module<'r>(running: &'r Running, module: &'static Module) -> impl Iterator<Item = Variable> + 'r {
    let params = module.params.iter().filter(|param| !param.decl.repeatable && !param.ignored);
    params.map(move |param| {
        let given = running.settings.params.iter().rev();
        let mut given = given.filter(|given| given.module == module.name && given.name == param.decl.name);
        let default = || match param.decl.kind {
            ParamKind::Int | ParamKind::IntIn(..) => Value::Int(number(param.decl.default)),
            ParamKind::Str | ParamKind::Any => param.decl.default.as_bytes().to_vec().into(),
        };
        Variable {
            group: module.name.to_owned(),
            name: param.decl.name.to_owned(),
            value: given.next().map_or_else(default, |given| given.value.clone()),
            doc: param.doc.to_owned(),
            changes: Changes::Never,
        }
    })
}

/// A default as tables write it: decimal, or octal with a leading 0.
fn number(text: &str) -> i64 {
    match text.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        Some(digits) => i64::from_str_radix(digits, 8).unwrap_or(0),
        None => text.parse().unwrap_or(0),
    }
}

/// The variables that the configuration declares itself; of one given twice the last.
fn of_script(running: &Running) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for custom in running.settings.custom.iter().filter(|custom| custom.index.is_none()) {
        let (group, name) = (custom.group.node.to_string(), custom.name.node.to_string());
        let written = match &custom.value {
            ParamValue::Int(number) => Value::Int(number.node),
            ParamValue::Str(text) | ParamValue::Word(text) => text.node.to_vec().into(),
        };
        let value = running.tuned.get(&group, &name).unwrap_or(written);
        variables.retain(|known| known.group != group || known.name != name);
        let doc = format!("variable {group}.{name} of the configuration");
        variables.push(Variable { group, name, value, doc, changes: Changes::Tuned });
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read_as_tables_write_them() {
        assert_eq!(number("0600"), 0o600);
        assert_eq!(number("30000"), 30_000);
        assert_eq!(number("0"), 0);
        assert_eq!(number("-1"), -1);
    }
}
