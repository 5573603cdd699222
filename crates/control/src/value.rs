//! Commands, their arguments and their answers, whatever the format on the wire.

use std::fmt;
use std::sync::Arc;

/// An argument or a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Number.
    Int(i64),
    /// Fraction.
    Double(f64),
    /// Text.
    Str(String),
    /// Values in order. Alone in an answer it is any number of values: binrpc has them in a row, JSON an array.
    List(Vec<Self>),
    /// Named values in order; names may repeat.
    Struct(Vec<(String, Self)>),
    /// Values in order, each with a name: a structure in binrpc, an array of one-membered objects in JSON.
    Named(Vec<(String, Self)>),
}

impl Value {
    /// Takes a member out of a structure.
    pub fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Struct(members) = self else { return None };
        members.iter().position(|(known, _)| known == name).map(|at| members.remove(at).1)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

/// Why a command gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such command; each format has its own words for it.
    Unknown,
    /// The command failed.
    Failed {
        /// Kamailio's code (400, 404, 500).
        code: i64,
        /// What is wrong.
        reason: String,
    },
}

impl Refusal {
    /// A failure with a code.
    pub fn failed(code: i64, reason: impl Into<String>) -> Self {
        Self::Failed { code, reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such command"),
            Self::Failed { code, reason } => write!(f, "{code} {reason}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a command answers: its results in order.
pub type Answer = Result<Vec<Value>, Refusal>;

/// Answers commands: name and arguments. Called on a thread that may block.
pub type Handler = Arc<dyn Fn(&str, Vec<Value>) -> Answer + Send + Sync>;
