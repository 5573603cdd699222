//! AVPs and extended AVPs: what a script keeps with a message.
//!
//! All of it is owned and can be cloned: a transaction keeps the variables of its request.

use cfg_vm::Str;

mod avp;
mod xavp;

pub use avp::{AvpName, Avps};
pub use xavp::{Case, Xavp, XavpList, XavpValue};

/// All of a message's variables.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// `$avp(name)`.
    pub avps: Avps,
    /// `$xavp(root=>field)`.
    pub xavps: XavpList,
    /// `$xavu(root=>field)`: each name has one value.
    pub xavus: XavpList,
    /// `$xavi(Root=>Field)`: names in any case.
    pub xavis: XavpList,
    /// Which instance of a configuration group `@cfg_get` reads, where `cfg_select` chose one.
    pub instances: Vec<(Str, i64)>,
}

impl Variables {
    /// Forgets them all, keeping room.
    pub fn clear(&mut self) {
        self.avps.clear();
        self.xavps.clear();
        self.xavus.clear();
        self.xavis.clear();
        self.instances.clear();
    }
}
