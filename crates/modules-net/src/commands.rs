//! The modules' commands as `control` asks for them.

use std::sync::Arc;

use control::{Answer, Handler, Refusal, Value};
use engine::Server;
use engine::rpc::{RpcCall, RpcValue};

/// Carries out the commands of a server's modules.
pub fn handler(server: &Arc<Server>) -> Handler {
    // A socket that outlives the server must not keep it.
    let server = Arc::downgrade(server);
    Arc::new(move |name, arguments| match server.upgrade() {
        Some(server) => run(&server, name, arguments),
        None => Err(Refusal::failed(500, "the server has ended")),
    })
}

/// Carries out one command; on a thread that may block.
///
/// # Errors
/// There is no such command in the modules that are loaded, or it failed.
pub fn run(server: &Arc<Server>, name: &str, arguments: Vec<Value>) -> Answer {
    let rpc = server.command(name).ok_or(Refusal::Unknown)?;
    let arguments: Vec<_> = arguments.into_iter().map(from_wire).collect();
    match (rpc.run)(&RpcCall { server, arguments: &arguments }) {
        Ok(values) => Ok(values.into_iter().map(to_wire).collect()),
        Err(error) => Err(Refusal::failed(error.code.into(), error.reason)),
    }
}

fn from_wire(value: Value) -> RpcValue {
    let members = |members: Vec<(String, Value)>| {
        members.into_iter().map(|(name, value)| (name, from_wire(value))).collect()
    };
    match value {
        Value::Null => RpcValue::Null,
        Value::Int(number) => RpcValue::Int(number),
        Value::Double(number) => RpcValue::Double(number),
        Value::Str(text) => RpcValue::Str(text),
        Value::List(values) => RpcValue::List(values.into_iter().map(from_wire).collect()),
        Value::Struct(fields) => RpcValue::Struct(members(fields)),
        Value::Named(fields) => RpcValue::Named(members(fields)),
    }
}

fn to_wire(value: RpcValue) -> Value {
    let members = |members: Vec<(String, RpcValue)>| {
        members.into_iter().map(|(name, value)| (name, to_wire(value))).collect()
    };
    match value {
        RpcValue::Null => Value::Null,
        RpcValue::Int(number) => Value::Int(number),
        RpcValue::Double(number) => Value::Double(number),
        RpcValue::Str(text) => Value::Str(text),
        RpcValue::List(values) => Value::List(values.into_iter().map(to_wire).collect()),
        RpcValue::Struct(fields) => Value::Struct(members(fields)),
        RpcValue::Named(fields) => Value::Named(members(fields)),
    }
}
