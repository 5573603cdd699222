//! RPC commands as modules declare them; the formats on the wire are `control`'s.

use std::sync::Arc;

use crate::server::Server;

/// An argument or a result.
#[derive(Clone, Debug, PartialEq)]
pub enum RpcValue {
    /// Nothing.
    Null,
    /// Number.
    Int(i64),
    /// Fraction.
    Double(f64),
    /// Text.
    Str(String),
    /// Several values in order.
    List(Vec<Self>),
    /// Named values in order; names may repeat, as in Kamailio's structures.
    Struct(Vec<(String, Self)>),
}

impl From<i64> for RpcValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for RpcValue {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for RpcValue {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// Code as Kamailio gives it (400, 404, 500).
    pub code: u16,
    /// What to do about it.
    pub reason: String,
}

impl RpcError {
    /// A failure with a code.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// What a command gets.
pub struct RpcCall<'a> {
    /// The server.
    pub server: &'a Arc<Server>,
    /// Its arguments.
    pub arguments: &'a [RpcValue],
}

/// Answers a command: several results are several values, as in Kamailio.
pub type RpcFn = fn(&RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError>;

impl RpcCall<'_> {
    /// A text argument, or the error that Kamailio gives when it is missing.
    pub fn text(&self, at: usize) -> Result<String, RpcError> {
        match self.arguments.get(at) {
            Some(RpcValue::Str(text)) => Ok(text.clone()),
            Some(RpcValue::Int(number)) => Ok(number.to_string()),
            _ => Err(RpcError::new(400, format!("argument {} is missing", at + 1))),
        }
    }

    /// A number argument; text that is a number counts.
    pub fn int(&self, at: usize) -> Result<i64, RpcError> {
        match self.arguments.get(at) {
            Some(RpcValue::Int(number)) => Ok(*number),
            Some(RpcValue::Str(text)) => {
                text.parse().map_err(|_| RpcError::new(400, format!("argument {} is not a number", at + 1)))
            }
            _ => Err(RpcError::new(400, format!("argument {} is missing", at + 1))),
        }
    }
}
