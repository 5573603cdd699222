//! Selects, the older way to read a message: `@ruri.user`, `@from.tag`, `@via[1].host`, `@cfg_get.pstn.gw_ip`.

use std::net::SocketAddr;

use cfg_syntax::ast::ParamValue;
use cfg_vm::{Str, Value};
use sip_message::{HeaderId, NameAddr, Uri, Via};

use crate::context::Context;
use crate::cx::Cx;
use crate::listener::ip_text;

/// A select's value, by its path without the `@`; undefined where there is no such select or nothing to select.
pub(crate) fn select(cx: &Cx<'_>, path: &str) -> Value {
    let mut parts = Parts(path.trim_start_matches('@'));
    let context = &*cx.context;
    let received = &context.received;
    let (class, index) = parts.next();
    match class {
        "method" => text(context, context.message.method_text()),
        "ruri" if context.message.is_request() => uri(context, &context.request_uri(), parts),
        "from" => header(context, HeaderId::From, index, parts),
        "to" => header(context, HeaderId::To, index, parts),
        "contact" | "m" => header(context, HeaderId::Contact, index, parts),
        "refer_to" => header(context, HeaderId::ReferTo, index, parts),
        "rpid" => header(context, HeaderId::RemotePartyId, index, parts),
        "rr" | "record_route" => header(context, HeaderId::RecordRoute, index, parts),
        "route" => header(context, HeaderId::Route, index, parts),
        "via" => via(context, index, parts),
        "cseq" => cseq(context, parts),
        "call_id" => text(context, context.message.value(HeaderId::CallId).unwrap_or_default()),
        "msg" => message(context, parts),
        "src" => socket(received.source, parts),
        "dst" => socket(received.destination, parts),
        "cfg_get" => configured(cx, parts),
        "sys" => system(cx, parts),
        _ => Value::Null,
    }
}

/// What is left of a path, taken part by part.
#[derive(Clone, Copy)]
struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    /// The next part and the number in its brackets; empty at the end.
    fn next(&mut self) -> (&'a str, Option<i64>) {
        let (part, rest) = self.0.split_once('.').unwrap_or((self.0, ""));
        self.0 = rest;
        let Some((name, index)) = part.strip_suffix(']').and_then(|part| part.split_once('[')) else {
            return (part, None);
        };
        (name, index.parse().ok())
    }

    /// A name in brackets or after the next dot: `params.transport`, `params["transport"]`.
    fn named(&self) -> &'a str {
        self.0.trim_start_matches(['.', '[', '"']).trim_end_matches([']', '"'])
    }
}

fn text(context: &Context, bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { Value::Str(context.keep(bytes)) }
}

fn uri(context: &Context, raw: &[u8], mut parts: Parts<'_>) -> Value {
    let (name, _) = parts.next();
    if name.is_empty() {
        return text(context, raw);
    }
    let Ok(uri) = Uri::parse(raw) else { return Value::Null };
    match name {
        "type" => text(context, uri.scheme_text),
        "user" if !uri.is_sip() => Value::Str(without_separators(uri.user.unwrap_or_default())),
        "user" => text(context, uri.user.unwrap_or_default()),
        "rn_user" => text(context, uri.user.unwrap_or_default()),
        "pwd" => text(context, uri.password.unwrap_or_default()),
        "host" => text(context, uri.host),
        "port" => text(context, uri.port_text.unwrap_or_default()),
        "hostport" => Value::Str(host_port(uri.host, uri.port_or_default())),
        "params" if parts.0.is_empty() => text(context, uri.params_text),
        "params" => text(context, uri.param(parts.named().as_bytes()).unwrap_or_default()),
        "transport" => text(context, uri.transport().unwrap_or_default()),
        _ => Value::Null,
    }
}

/// A number without `-`, `.`, `(`, `)` and spaces (RFC 3966 §5.1.1).
fn without_separators(number: &[u8]) -> Str {
    number
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')' | b' '))
        .collect::<Vec<_>>()
        .into()
}

fn host_port(host: &[u8], port: u16) -> Str {
    [host, b":", Str::decimal(port.into()).as_bytes()].concat().into()
}

fn header(context: &Context, id: HeaderId, index: Option<i64>, mut parts: Parts<'_>) -> Value {
    let message = &context.message;
    let (name, _) = parts.next();
    if name.is_empty() {
        return text(context, message.value(id).unwrap_or_default());
    }
    // Kamailio lists the contacts of one header backwards.
    let first = message
        .index()
        .first(id)
        .map(|field| message.values(id).filter(|value| message.headers()[value.header].whole == field.whole));
    let value = match (id, first) {
        (HeaderId::Contact, Some(values)) if index.is_none_or(|index| index < 2) => values.last(),
        _ => message.values(id).nth(index.map_or(0, |index| index.saturating_sub(1).max(0) as usize)),
    };
    let Some(addr) = value.and_then(|value| message.name_addr(value).ok()) else { return Value::Null };
    of_address(context, &addr, name, parts)
}

fn of_address(context: &Context, addr: &NameAddr<'_>, name: &str, parts: Parts<'_>) -> Value {
    match name {
        "uri" => uri(context, addr.uri_text, parts),
        "name" => text(context, addr.display),
        "tag" => text(context, addr.tag().unwrap_or_default()),
        "params" => text(context, addr.params().value(parts.named().as_bytes()).unwrap_or_default()),
        "q" | "expires" | "methods" | "received" | "instance" => {
            text(context, addr.params().value(name.as_bytes()).unwrap_or_default())
        }
        _ => Value::Null,
    }
}

fn via(context: &Context, index: Option<i64>, mut parts: Parts<'_>) -> Value {
    let message = &context.message;
    let mut values = message.via_values().filter_map(|value| message.via(value).ok());
    let found = match index {
        None | Some(0 | 1) => values.next(),
        Some(number) if number > 1 => values.nth(number as usize - 1),
        Some(_) => values.last(),
    };
    let Some(via) = found else { return Value::Null };
    match parts.next().0 {
        "" if index.is_none() => text(context, message.value(HeaderId::Via).unwrap_or_default()),
        "name" => text(context, via.protocol),
        "version" => text(context, via.version),
        "transport" => text(context, via.transport),
        "host" => text(context, via.host),
        "port" => via_port(context, &via),
        name @ ("branch" | "received" | "rport" | "ttl" | "maddr" | "i" | "alias") => {
            text(context, via.params().value(name.as_bytes()).unwrap_or_default())
        }
        "params" => text(context, via.params().value(parts.named().as_bytes()).unwrap_or_default()),
        _ => Value::Null,
    }
}

fn via_port(context: &Context, via: &Via<'_>) -> Value {
    let written = &via.raw[..via.sent_by_end.min(via.raw.len())];
    let digits = written.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    via.port.map_or(Value::Null, |_| text(context, &written[written.len() - digits..]))
}

fn cseq(context: &Context, mut parts: Parts<'_>) -> Value {
    let part = parts.next().0;
    if part.is_empty() {
        return text(context, context.message.value(HeaderId::CSeq).unwrap_or_default());
    }
    match (part, context.message.cseq()) {
        ("num", Ok(cseq)) => text(context, cseq.number_text),
        ("method", Ok(cseq)) => text(context, cseq.method_text),
        _ => Value::Null,
    }
}

fn message(context: &Context, mut parts: Parts<'_>) -> Value {
    let message = &context.message;
    match parts.next().0 {
        "len" => Value::Int(message.buffer().len() as i64),
        "id" => Value::Int(context.number as i64),
        "type" => Value::Int(if message.is_request() { 1 } else { 2 }),
        "flags" => Value::Int(context.flags.message.into()),
        "body" => text(context, message.body()),
        "header" => {
            let name = parts.named().replace('_', "-");
            let field = message.header_named(name.as_bytes()).next();
            field.map_or(Value::Null, |field| Value::Str(context.slice(field.value)))
        }
        _ => Value::Null,
    }
}

fn socket(address: SocketAddr, mut parts: Parts<'_>) -> Value {
    match parts.next().0 {
        "ip" => Value::Str(ip_text(address.ip())),
        "port" => Value::Int(address.port().into()),
        "ip_port" => Value::Str(address.to_string().into()),
        _ => Value::Null,
    }
}

/// `@cfg_get.group.name`: a custom variable of the configuration, of the instance that `cfg_select` chose if it
/// has one; else a core parameter.
fn configured(cx: &Cx<'_>, mut parts: Parts<'_>) -> Value {
    let ((group, _), (name, _)) = (parts.next(), parts.next());
    let settings = &cx.running.settings;
    let chosen =
        cx.context.variables.instances.iter().find(|(known, _)| known.as_bytes() == group.as_bytes());
    let of_instance = |wanted: Option<i64>| {
        let mut all = settings.custom.iter().rev();
        all.find(|var| {
            var.group.node == group && var.name.node == name && var.index.as_ref().map(|i| i.node) == wanted
        })
    };
    // `cfg_select` chooses an instance; only the variables of none are changed while the server runs.
    if chosen.is_none()
        && let Some(value) = cx.running.tuned.get(group, name)
    {
        return value;
    }
    let custom = chosen.and_then(|(_, id)| of_instance(Some(*id))).or_else(|| of_instance(None));
    let core = || settings.core.find(name).filter(|_| group == "core").map(|param| &param.value);
    match custom.map(|var| &var.value).or_else(core) {
        Some(ParamValue::Int(number)) => Value::Int(number.node),
        Some(ParamValue::Str(text) | ParamValue::Word(text)) => Value::Str(Str::copy(&text.node)),
        None => Value::Null,
    }
}

fn system(cx: &Cx<'_>, mut parts: Parts<'_>) -> Value {
    match parts.next().0 {
        "pid" => Value::Int(std::process::id().into()),
        "server_id" => Value::Int(cx.running.settings.core.int("server_id")),
        "now" => Value::Int(cx.shard.unix_time()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_part_by_part() {
        let mut parts = Parts("via[2].params.branch");
        assert_eq!(parts.next(), ("via", Some(2)));
        assert_eq!(parts.next(), ("params", None));
        assert_eq!(parts.named(), "branch");
        assert_eq!(Parts("").next(), ("", None));
    }

    #[test]
    fn a_number_loses_its_separators() {
        assert_eq!(without_separators(b"+49-30.(12) 3").as_bytes(), b"+4930123");
    }
}
