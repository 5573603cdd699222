//! JSON-RPC 2.0 as Kamailio's module `jsonrpcs` speaks it: its layout, its order of members, its errors.

mod read;
mod write;

pub use read::{NotJson, parse};
pub use write::{Layout, write};

use crate::{Answer, Refusal, Value};

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The command.
    pub method: String,
    /// Its arguments: of an array in order, of an object its members' values in order.
    pub params: Vec<Value>,
    /// What the answer repeats; none in a notification.
    pub id: Option<Value>,
    /// `reply_name`: the fifo that takes the answer of a request that came through a fifo.
    pub reply_name: Option<String>,
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum BadRequest {
    /// It is no JSON.
    NotJson(NotJson),
    /// It is no request of this protocol; its identifier, if it has one.
    NoRequest(Option<Value>),
}

impl BadRequest {
    /// The protocol's answer (JSON-RPC 2.0 §5.1).
    pub fn answer(&self, layout: Layout) -> String {
        match self {
            Self::NotJson(_) => failure(-32700, "Parse error", Some(&Value::Null), layout),
            Self::NoRequest(id) => {
                failure(-32600, "Invalid Request", Some(id.as_ref().unwrap_or(&Value::Null)), layout)
            }
        }
    }
}

/// Reads a request.
///
/// # Errors
/// The bytes are none.
pub fn request(text: &[u8]) -> Result<Request, BadRequest> {
    let value = parse(text).map_err(BadRequest::NotJson)?;
    let Value::Struct(members) = value else { return Err(BadRequest::NoRequest(None)) };
    let (mut method, mut params, mut id, mut version, mut reply_name) = (None, None, None, false, None);
    for (name, value) in members {
        match (name.as_str(), value) {
            ("method", Value::Str(text)) => method = Some(text),
            ("jsonrpc", Value::Str(text)) => version = text == "2.0",
            ("reply_name", Value::Str(text)) => reply_name = Some(text),
            ("params", value) => params = Some(value),
            ("id", value) => id = Some(value),
            _ => {}
        }
    }
    let params = match params {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(values)) => values,
        Some(Value::Struct(members)) => members.into_iter().map(|(_, value)| value).collect(),
        Some(_) => return Err(BadRequest::NoRequest(id)),
    };
    match method.filter(|_| version) {
        Some(method) => Ok(Request { method, params, id, reply_name }),
        None => Err(BadRequest::NoRequest(id)),
    }
}

/// What is answered to a request.
pub fn response(answer: &Answer, id: Option<&Value>, layout: Layout) -> String {
    match answer {
        Err(refusal) => {
            let (code, reason) = fault(refusal);
            failure(code, reason, id, layout)
        }
        Ok(results) => {
            let many;
            let result = match results.as_slice() {
                [] => &Value::Struct(Vec::new()),
                [one] => one,
                several => {
                    many = Value::List(several.to_vec());
                    &many
                }
            };
            finish("result", result.clone(), id, layout)
        }
    }
}

/// The code and the words for a refusal.
pub fn fault(refusal: &Refusal) -> (i64, &str) {
    match refusal {
        Refusal::Unknown => (500, "Method Not Found"),
        Refusal::Failed { code, reason } => (*code, reason),
    }
}

fn failure(code: i64, message: &str, id: Option<&Value>, layout: Layout) -> String {
    let error = vec![("code".to_owned(), Value::Int(code)), ("message".to_owned(), message.into())];
    finish("error", Value::Struct(error), id, layout)
}

fn finish(name: &str, value: Value, id: Option<&Value>, layout: Layout) -> String {
    let mut members = vec![("jsonrpc".to_owned(), "2.0".into()), (name.to_owned(), value)];
    if let Some(id) = id {
        members.push(("id".to_owned(), id.clone()));
    }
    write(&Value::Struct(members), layout)
}

#[cfg(test)]
mod tests;
