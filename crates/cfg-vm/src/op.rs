//! Operations of the bytecode.
//!
//! Values live on one stack. A statement begins with an empty part of it (above its frame's base) and leaves
//! it empty, so that a failed expression can be given up by cutting the stack there. Conditions jump instead
//! of pushing truth values. Targets are indexes into the code.

use cfg_syntax::ast::Keyword;

use crate::program::{PvRef, RouteId};

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// A statement begins: counted, told to the host, traced under a name.
    Statement(u32),
    /// Where to go on when an expression fails (division by zero, an expression that does not compile).
    Guard(u32),

    /// Pushes a constant.
    Const(u32),
    /// Pushes a number.
    Int(i32),
    /// Pushes a pseudo-variable's value.
    Read(PvRef),
    /// Pops a value into a pseudo-variable.
    Write(PvRef),
    /// Pushes a keyword's value.
    Keyword(Keyword),
    /// Pushes a select's value.
    Select(u32),
    /// Pushes whether a keyword is one of our addresses.
    Myself(Keyword),
    /// Pushes whether an address keyword matches a pattern.
    Address(u32),
    /// Pushes the last call's code.
    PushCode,
    /// Pushes whether the last call's code is above 0.
    PushTruth,
    /// Pushes what the last assignment was worth: 1, or -1 if it failed.
    PushLast,

    /// Makes the top a number; text that is none counts as 0.
    ToInt,
    /// Makes the top text.
    ToStr,
    /// `!`
    Not,
    /// `-`
    Negate,
    /// `~`
    BitNot,
    /// Whether the top is defined.
    Defined,
    /// `strlen`
    StrLen,
    /// `strempty`
    StrEmpty,

    /// `+`, typed by the left value.
    Add,
    /// Text and text.
    Concat,
    /// An operator on two numbers.
    Arith(Arith),
    /// `==`, typed by the left value; with `true`, `!=`.
    Equal(bool),
    /// The same with a constant on the right.
    EqualConst(bool, u32),
    /// The top equals a constant text but for case, as keywords compare; with `true`, differs.
    EqualFold(bool, u32),
    /// The same, both on the stack.
    EqualFoldPair(bool),
    /// `=~` with an expression compiled at load.
    Match(u32),
    /// `=~` with an expression made at run time.
    MatchMade,

    /// Goes on elsewhere.
    Jump(u32),
    /// Pops a number; jumps unless it is above 0.
    JumpUnlessPositive(u32),
    /// Pops a number; jumps if it is 0.
    JumpIfZero(u32),
    /// Pops a number; jumps unless it is 0.
    JumpIfNotZero(u32),
    /// Jumps unless the last call's code is above 0.
    JumpUnlessTrue(u32),
    /// Jumps if the last call's code is above 0.
    JumpIfTrue(u32),
    /// Jumps if the top is a number; it stays.
    JumpIfInt(u32),
    /// Pops a value and goes where its case stands.
    Switch(u32),

    /// Enters a `while`.
    LoopEnter,
    /// One more turn; leaves for the target if there were too many.
    LoopTurn(u32),
    /// Leaves a `while`.
    LoopLeave,
    /// The code that this route ends with if nothing follows.
    Last(i32),
    /// Takes the last call's code for it.
    LastFromCode,

    /// Calls a function.
    Call(u32),
    /// Runs a route.
    Enter(RouteId),
    /// Pops a name and runs that route.
    EnterNamed,
    /// Ends the route with the code that `Last` set.
    Leave,
    /// Pops a number and ends the route with it; 0 ends the script.
    Return,
    /// The same with -5, where the number could not be evaluated.
    ReturnFailed,
    /// Ends the route with 0, and only the route: `break` outside of loops.
    Break,
    /// Pops a number and ends the script with it.
    Exit,
    /// The same, marked as dropped.
    Drop,
}

/// Operators on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitOr,
    BitAnd,
    BitXor,
    ShiftLeft,
    ShiftRight,
    Lt,
    Gt,
    Le,
    Ge,
    Eq,
    Ne,
}

impl Arith {
    /// The result; none when dividing by zero.
    pub(crate) fn apply(self, left: i64, right: i64) -> Option<i64> {
        Some(match self {
            Self::Add => left.wrapping_add(right),
            Self::Sub => left.wrapping_sub(right),
            Self::Mul => left.wrapping_mul(right),
            Self::Div if right == 0 => return None,
            Self::Div => left.wrapping_div(right),
            Self::Mod if right == 0 => return None,
            Self::Mod => left.wrapping_rem(right),
            Self::BitOr => left | right,
            Self::BitAnd => left & right,
            Self::BitXor => left ^ right,
            Self::ShiftLeft => left.wrapping_shl(right as u32),
            Self::ShiftRight => left.wrapping_shr(right as u32),
            Self::Lt => i64::from(left < right),
            Self::Gt => i64::from(left > right),
            Self::Le => i64::from(left <= right),
            Self::Ge => i64::from(left >= right),
            Self::Eq => i64::from(left == right),
            Self::Ne => i64::from(left != right),
        })
    }
}

impl Op {
    /// Gives a jump its target.
    pub(crate) fn set_target(&mut self, to: u32) {
        match self {
            Self::Guard(target)
            | Self::Jump(target)
            | Self::JumpUnlessPositive(target)
            | Self::JumpIfZero(target)
            | Self::JumpIfNotZero(target)
            | Self::JumpUnlessTrue(target)
            | Self::JumpIfTrue(target)
            | Self::JumpIfInt(target)
            | Self::LoopTurn(target) => *target = to,
            _ => {}
        }
    }
}
