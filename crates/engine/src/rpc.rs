//! RPC commands as modules declare them; the formats on the wire are `control`'s.

use std::sync::Arc;

use crate::module::Rpc;
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
    /// Several values in order. A command that answers any number of values answers one list of them: binrpc has them in
    /// a row, JSON an array even where it is one or none.
    List(Vec<Self>),
    /// Named values in order; names may repeat, as in Kamailio's structures.
    Struct(Vec<(String, Self)>),
    /// Values in order, each with a name: a structure in binrpc, an array of one-membered objects in JSON.
    Named(Vec<(String, Self)>),
}

impl RpcValue {
    /// A structure.
    pub fn structure<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Struct(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// A count; one beyond every number is the greatest.
    pub fn count(count: impl TryInto<i64>) -> Self {
        Self::Int(count.try_into().unwrap_or(i64::MAX))
    }
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

/// Answers a command: several results are several values, as in Kamailio. It runs on a thread of its own that may block;
/// [`RpcCall::wait`] waits there for what is asynchronous.
pub type RpcFn = fn(&RpcCall<'_>) -> Result<Vec<RpcValue>, RpcError>;

impl RpcCall<'_> {
    /// A text argument, or the error that Kamailio gives when it is missing. A number is taken for its digits, as with
    /// module `ctl`'s `autoconversion`.
    ///
    /// # Errors
    /// It is missing or a structure.
    pub fn text(&self, at: usize) -> Result<String, RpcError> {
        match self.arguments.get(at) {
            Some(RpcValue::Str(text)) => Ok(text.clone()),
            Some(RpcValue::Int(number)) => Ok(number.to_string()),
            other => Err(unfit(at, "string", other)),
        }
    }

    /// A number argument; text that is a number counts.
    ///
    /// # Errors
    /// It is missing or no number.
    pub fn int(&self, at: usize) -> Result<i64, RpcError> {
        match self.arguments.get(at) {
            Some(RpcValue::Int(number)) => Ok(*number),
            Some(text @ RpcValue::Str(digits)) => {
                digits.trim().parse().map_err(|_| unfit(at, "integer", Some(text)))
            }
            other => Err(unfit(at, "integer", other)),
        }
    }

    /// Waits for something asynchronous, such as a database.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.server.runtime.block_on(future)
    }
}

/// Kamailio's words for an argument that is not what it must be.
fn unfit(at: usize, wanted: &str, found: Option<&RpcValue>) -> RpcError {
    let why = if found.is_none() { "end of packet encountered" } else { "record doesn't match type" };
    RpcError::new(400, format!("error at parameter {at}: expected {wanted} type but {why}"))
}

/// What only the program around the server can do.
pub trait Keeper: Send + Sync {
    /// Puts the configuration's file as it is now in force.
    ///
    /// # Errors
    /// The old one goes on; each line says why.
    fn reload(&self, server: &Arc<Server>) -> Result<String, Vec<String>>;

    /// Ends the program as that signal does.
    ///
    /// # Errors
    /// There is no such signal.
    fn signal(&self, number: i32) -> Result<(), String>;
}

impl Server {
    /// The commands of the modules that are loaded, the core's first.
    pub fn commands(&self) -> Vec<&'static Rpc> {
        let running = self.running();
        let loaded = self.registry.modules.iter().filter(|module| running.is_loaded(module.name));
        loaded.flat_map(|module| module.rpc).collect()
    }

    /// A command by name, if its module is loaded.
    pub fn command(&self, name: &str) -> Option<&'static Rpc> {
        self.commands().into_iter().find(|rpc| rpc.name == name)
    }
}
