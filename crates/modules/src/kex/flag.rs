//! Script flags and branch flags.

use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};

/// Flags of a set.
const COUNT: i64 = 32;

/// A flag's bit; none for a number that is no flag's.
fn bit(args: &Args<'_>) -> Option<u32> {
    let number = args.int(0)?;
    if (0..COUNT).contains(&number) {
        return Some(1 << number);
    }
    tracing::error!(target: "kex", "{number} is no flag: these are 0 to 31");
    None
}

fn change(flags: &mut u32, args: &Args<'_>, change: impl FnOnce(&mut u32, u32)) -> Flow {
    match bit(args) {
        Some(bit) => {
            change(flags, bit);
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

pub(super) fn setsflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(&mut cx.context.flags.script, args, |flags, bit| *flags |= bit)
}

pub(super) fn resetsflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(&mut cx.context.flags.script, args, |flags, bit| *flags &= !bit)
}

pub(super) fn issflagset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    bit(args).is_some_and(|bit| cx.context.flags.script & bit != 0).into()
}

/// The flags of the branch that the second argument numbers; none if there is no such branch.
fn branch<'c>(context: &'c mut Context, args: &Args<'_>) -> Option<&'c mut u32> {
    match args.int(1).unwrap_or(0) {
        0 => Some(&mut context.flags.branch),
        number => {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            context.branches.get_mut(index).map(|branch| &mut branch.flags)
        }
    }
}

pub(super) fn setbflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    branch(cx.context, args).map_or(Flow::FALSE, |flags| change(flags, args, |flags, bit| *flags |= bit))
}

pub(super) fn resetbflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    branch(cx.context, args).map_or(Flow::FALSE, |flags| change(flags, args, |flags, bit| *flags &= !bit))
}

pub(super) fn isbflagset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let bit = bit(args);
    branch(cx.context, args).zip(bit).is_some_and(|(flags, bit)| *flags & bit != 0).into()
}
