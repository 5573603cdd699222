//! Flags that all messages share.

use std::sync::atomic::{AtomicU32, Ordering};

use engine::module::Flow;
use engine::{Args, Cx};

use super::CfgUtils;

/// Thirty-two flags of the whole server.
pub(super) struct GlobalFlags(AtomicU32);

impl GlobalFlags {
    pub(super) fn new(initial: u32) -> Self {
        Self(AtomicU32::new(initial))
    }

    pub(super) fn set(&self, mask: u32) {
        self.0.fetch_or(mask, Ordering::Relaxed);
    }

    pub(super) fn reset(&self, mask: u32) {
        self.0.fetch_and(!mask, Ordering::Relaxed);
    }

    pub(super) fn mask(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A constant flag, which was checked at load, as its bit.
fn bit(args: &Args<'_>) -> u32 {
    args.parsed::<i64>(0).map_or(0, |number| 1 << (number & 31))
}

pub(super) fn set_gflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.state::<CfgUtils>().flags.set(bit(args));
    Flow::TRUE
}

pub(super) fn reset_gflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.state::<CfgUtils>().flags.reset(bit(args));
    Flow::TRUE
}

pub(super) fn is_gflag(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    (cx.state::<CfgUtils>().flags.mask() & bit(args) != 0).into()
}
