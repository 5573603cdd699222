//! Message flags, and flags of AVPs.

use std::collections::HashMap;

use engine::variables::AvpName;
use engine::{Args, Cx, Flow};

/// Flags that were set on AVPs, by name.
#[derive(Default)]
struct AvpFlags(HashMap<Vec<u8>, u32>);

/// The bit of a flag's number; none for a number that no flag has.
fn bit(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).and_then(|number| 1_u32.checked_shl(number))
}

pub(super) fn set_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let bit = bit(args.int(0));
    cx.context.flags.message |= bit.unwrap_or(0);
    bit.is_some().into()
}

pub(super) fn reset_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let bit = bit(args.int(0));
    cx.context.flags.message &= !bit.unwrap_or(0);
    bit.is_some().into()
}

pub(super) fn is_flag_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    (cx.context.flags.message & bit(args.int(0)).unwrap_or(0) != 0).into()
}

pub(super) fn set_avp_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    on_avp(cx, args, |flags, bit| *flags |= bit)
}

pub(super) fn reset_avp_flag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    on_avp(cx, args, |flags, bit| *flags &= !bit)
}

pub(super) fn is_avp_flag_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let bit = bit(args.int(1)).unwrap_or(0);
    let set = cx.data::<AvpFlags>().0.get(args.text(0)).is_some_and(|flags| flags & bit != 0);
    set.into()
}

/// Changes an AVP's flags, if there is such an AVP.
fn on_avp(cx: &mut Cx<'_>, args: &Args<'_>, change: impl FnOnce(&mut u32, u32)) -> Flow {
    let (Some(bit), Ok(name)) = (bit(args.int(1)), AvpName::parse(args.text(0))) else { return Flow::FALSE };
    if cx.context.variables.avps.all(&name).next().is_none() {
        return Flow::FALSE;
    }
    change(cx.data::<AvpFlags>().0.entry(args.text(0).to_vec()).or_default(), bit);
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_two_flags() {
        assert_eq!(bit(Some(0)), Some(1));
        assert_eq!(bit(Some(31)), Some(1 << 31));
        assert_eq!(bit(Some(32)), None);
        assert_eq!(bit(Some(-1)), None);
        assert_eq!(bit(None), None);
    }
}
