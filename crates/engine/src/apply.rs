//! `msg_apply_changes()`: what was only to be seen on the wire becomes the message.

use std::sync::Arc;

use sip_message::{Limits, ScanError};

use crate::cx::Cx;

impl Cx<'_> {
    /// Writes the message with all edits into a new buffer and reads that.
    ///
    /// # Errors
    /// What came out is no message; nothing has changed then.
    pub fn apply_changes(&mut self) -> Result<(), ScanError> {
        let context = &mut *self.context;
        if let Some(uri) = context.destination.uri.clone() {
            context.edits.set_uri(&context.message, &uri);
        }
        context.edits.apply(&mut context.message, &Limits::DEFAULT)?;
        context.destination.uri = None;
        Ok(())
    }

    /// Replaces the message by other bytes (`msg_set_buffer`, `$msgbuf`).
    ///
    /// # Errors
    /// They are no message; nothing has changed then.
    pub fn replace_message(&mut self, bytes: Vec<u8>) -> Result<(), ScanError> {
        self.context.message.reparse_limited(Arc::new(bytes), &Limits::DEFAULT)?;
        self.context.edits.clear();
        Ok(())
    }
}
