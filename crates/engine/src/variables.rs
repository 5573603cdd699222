//! AVPs and extended AVPs: what a script keeps with a message.

/// All of a message's variables.
#[derive(Default)]
pub struct Variables {}

impl Variables {
    /// Forgets them all, keeping room.
    pub fn clear(&mut self) {}
}
