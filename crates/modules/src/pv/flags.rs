//! `$mf`, `$sf`, `$bf`: flags as numbers, as hexadecimal digits, and one by one.

use cfg_vm::Value;
use cfg_vm::host::WriteError;
use engine::context::Flags;
use engine::{Cx, PvArgs};

/// Which flags.
type Word = fn(&mut Flags) -> &mut u32;

const MESSAGE: Word = |flags| &mut flags.message;
const SCRIPT: Word = |flags| &mut flags.script;
const BRANCH: Word = |flags| &mut flags.branch;

fn decimal(cx: &mut Cx<'_>, word: Word) -> Value {
    Value::Int((*word(&mut cx.context.flags)).into())
}

fn hexadecimal(cx: &mut Cx<'_>, word: Word) -> Value {
    Value::Str(format!("{:08x}", word(&mut cx.context.flags)).into())
}

fn set(cx: &mut Cx<'_>, word: Word, value: Value) -> Result<(), WriteError> {
    *word(&mut cx.context.flags) = match value {
        Value::Null => 0,
        // As in C: the low 32 bits.
        Value::Int(number) => number as u32,
        Value::Str(_) => return Err(WriteError::Unfit("flags are set to a number".to_owned())),
    };
    Ok(())
}

fn one(cx: &mut Cx<'_>, word: Word, args: &PvArgs<'_>) -> Value {
    let Some(bit) = args.parsed::<u32>() else { return Value::Null };
    Value::Int(i64::from(*word(&mut cx.context.flags) >> bit & 1))
}

fn set_one(cx: &mut Cx<'_>, word: Word, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(bit) = args.parsed::<u32>() else { return Err(WriteError::NotHere) };
    let on = match value {
        Value::Null => false,
        Value::Int(number) => number != 0,
        Value::Str(_) => return Err(WriteError::Unfit("a flag is set to a number".to_owned())),
    };
    let word = word(&mut cx.context.flags);
    *word = if on { *word | 1 << bit } else { *word & !(1 << bit) };
    Ok(())
}

macro_rules! flags {
    ($word:ident: $read:ident $write:ident $hex:ident $one:ident $set_one:ident) => {
        pub(super) fn $read(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
            decimal(cx, $word)
        }

        pub(super) fn $write(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
            set(cx, $word, value)
        }

        pub(super) fn $hex(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
            hexadecimal(cx, $word)
        }

        pub(super) fn $one(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
            one(cx, $word, args)
        }

        pub(super) fn $set_one(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
            set_one(cx, $word, args, value)
        }
    };
}

flags!(MESSAGE: message set_message message_hex message_flag set_message_flag);
flags!(SCRIPT: script set_script script_hex script_flag set_script_flag);
flags!(BRANCH: branch set_branch branch_hex branch_flag set_branch_flag);
