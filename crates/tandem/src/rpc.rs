//! The commands of a running server: those of its modules' tables, and the server's own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use control::{Answer, Failure, Handler};
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::server::TraceSources;
use engine::{Server, identity};
use serde_json::{Map, Number, Value, json};

use crate::run;
use crate::source::Source;

/// Answers what comes over the control socket.
pub(crate) fn handler(server: &Arc<Server>, source: &Source) -> Handler {
    let (server, source) = (Arc::clone(server), source.clone());
    Arc::new(move |method, parameters| {
        if let Some((_, _, run)) = OWN.iter().find(|(name, _, _)| *name == method) {
            return run(&Own { server: &server, source: &source, parameters });
        }
        module_command(&server, method, parameters)
    })
}

/// What the server's own commands get.
struct Own<'a> {
    server: &'a Arc<Server>,
    source: &'a Source,
    parameters: &'a [Value],
}

type OwnFn = fn(&Own<'_>) -> Answer;

/// The server's own commands: name, help, code.
const OWN: &[(&str, &str, OwnFn)] = &[
    ("app.reload", "Reads the configuration again and puts its routes in force.", reload),
    ("app.trace", "Traces messages of the given addresses; `all` or `off`.", trace),
    ("core.echo", "Answers its arguments.", |own| Ok(Value::Array(own.parameters.to_vec()))),
    ("core.shards", "What each shard has done.", shards),
    ("core.sockets_list", "The sockets that are listened on.", sockets),
    ("core.uptime", "Since when the server runs.", uptime),
    ("core.version", "The version that the server answers as.", |_| {
        Ok(Value::from(format!(
            "kamailio {} (x86_64/linux) tandem {}",
            identity::VERSION,
            env!("CARGO_PKG_VERSION")
        )))
    }),
    ("stats.get_statistics", "Counters: `all`, a group with its colon, or names.", statistics),
    ("system.listMethods", "All commands.", list),
    ("system.methodHelp", "What a command does.", help),
];

fn reload(own: &Own<'_>) -> Answer {
    run::reload(own.server, own.source)
        .map(|()| json!(format!("reloaded {}", own.source.path.display())))
        .map_err(|lines| Failure { code: 500, message: lines.join("\n") })
}

fn trace(own: &Own<'_>) -> Answer {
    let words: Vec<_> = own.parameters.iter().filter_map(Value::as_str).collect();
    let sources = match words[..] {
        [] | ["off"] => TraceSources::None,
        ["all"] => TraceSources::All,
        _ => TraceSources::Addresses(
            words.iter().map(|word| word.parse::<IpAddr>()).collect::<Result<_, _>>().map_err(|_| {
                Failure { code: 400, message: "give IP addresses, `all` or `off`".to_owned() }
            })?,
        ),
    };
    own.server.trace.set(sources);
    Ok(Value::from("done"))
}

fn shards(own: &Own<'_>) -> Answer {
    let counts = &own.server.counts;
    let columns = [
        ("handled", counts.handled.per_shard()),
        ("handed_over", counts.handed_over.per_shard()),
        ("dropped", counts.dropped.per_shard()),
        ("sent", counts.sent.per_shard()),
        ("unsent", counts.unsent.per_shard()),
        ("panics", counts.panics.per_shard()),
        ("cut", counts.cut.per_shard()),
        ("overload", counts.overload.per_shard()),
        ("queued", counts.queued.per_shard()),
        ("absorbed", counts.absorbed.per_shard()),
    ];
    let row = |shard: usize| {
        let mut row = Map::new();
        row.insert("shard".to_owned(), Value::from(shard));
        for (name, values) in &columns {
            row.insert((*name).to_owned(), Value::from(values[shard]));
        }
        Value::Object(row)
    };
    Ok((0..own.server.shards()).map(row).collect())
}

fn sockets(own: &Own<'_>) -> Answer {
    let row = |listener: &engine::Listener| {
        json!({
            "proto": listener.proto.to_string(),
            "address": listener.host.to_lossy(),
            "port": listener.address.port(),
            "advertise": listener.advertised_host.as_ref().map(|host| host.to_lossy().into_owned()),
            "name": listener.name.as_ref().map(|name| name.to_lossy().into_owned()),
        })
    };
    Ok(own.server.listeners.all().iter().map(row).collect())
}

fn uptime(own: &Own<'_>) -> Answer {
    let now = SystemTime::now();
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let up = now.duration_since(own.server.started).unwrap_or_default().as_secs();
    Ok(json!({"now": since(now), "up_since": since(own.server.started), "uptime": up}))
}

fn statistics(own: &Own<'_>) -> Answer {
    let wanted: Vec<_> = own.parameters.iter().filter_map(Value::as_str).collect();
    let fits = |group: &str, name: &str| {
        wanted.is_empty()
            || wanted
                .iter()
                .any(|word| *word == "all" || *word == name || word.strip_suffix(':') == Some(group))
    };
    let all = own.server.statistics.all();
    let lines = all.iter().filter(|(group, name, _)| fits(group, name));
    Ok(lines.map(|(group, name, value)| Value::from(format!("{group}:{name} = {value}"))).collect())
}

fn list(own: &Own<'_>) -> Answer {
    let modules = own.server.registry.modules.iter().flat_map(|module| module.rpc.iter().map(|rpc| rpc.name));
    let mut names: Vec<_> = OWN.iter().map(|(name, _, _)| *name).chain(modules).collect();
    names.sort_unstable();
    Ok(names.into_iter().collect())
}

fn help(own: &Own<'_>) -> Answer {
    let name = own.parameters.first().and_then(Value::as_str).unwrap_or_default();
    let own_doc = OWN.iter().find(|(known, _, _)| *known == name).map(|(_, doc, _)| *doc);
    let rpc = own.server.registry.modules.iter().flat_map(|module| module.rpc).find(|rpc| rpc.name == name);
    own_doc.or_else(|| rpc.map(|rpc| rpc.doc)).map(Value::from).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure { code: 404, message: format!("no command `{name}`; `system.listMethods` lists them") }
}

fn module_command(server: &Arc<Server>, method: &str, parameters: &[Value]) -> Answer {
    let running = server.running();
    let module =
        server.registry.modules.iter().find(|module| module.rpc.iter().any(|rpc| rpc.name == method));
    let Some(rpc) = module.and_then(|module| module.rpc.iter().find(|rpc| rpc.name == method)) else {
        return Err(unknown(method));
    };
    if !module.is_some_and(|module| running.is_loaded(module.name)) {
        return Err(Failure { code: 404, message: format!("the module of `{method}` is not loaded") });
    }
    let arguments: Vec<_> = parameters.iter().map(from_json).collect();
    let result = (rpc.run)(&RpcCall { server, arguments: &arguments });
    match result {
        Ok(mut values) if values.len() == 1 => Ok(values.pop().map_or(Value::Null, to_json)),
        Ok(values) => Ok(values.into_iter().map(to_json).collect()),
        Err(RpcError { code, reason }) => Err(Failure { code: code.into(), message: reason }),
    }
}

fn from_json(value: &Value) -> RpcValue {
    match value {
        Value::Null => RpcValue::Null,
        Value::Bool(truth) => RpcValue::Int(i64::from(*truth)),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| RpcValue::Double(number.as_f64().unwrap_or_default()), RpcValue::Int),
        Value::String(text) => RpcValue::Str(text.clone()),
        Value::Array(values) => RpcValue::List(values.iter().map(from_json).collect()),
        Value::Object(fields) => {
            RpcValue::Struct(fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
    }
}

fn to_json(value: RpcValue) -> Value {
    match value {
        RpcValue::Null => Value::Null,
        RpcValue::Int(number) => Value::from(number),
        RpcValue::Double(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        RpcValue::Str(text) => Value::from(text),
        RpcValue::List(values) => values.into_iter().map(to_json).collect(),
        RpcValue::Struct(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, to_json(value))).collect())
        }
    }
}
