//! Routes that wait, with their messages.

use std::collections::HashMap;

use super::work::Work;

/// Parked routes by ticket; capped in number and bytes by the caller.
#[derive(Default)]
pub(crate) struct ParkedRoutes {
    routes: HashMap<u64, Box<Work>>,
    bytes: usize,
    last: u64,
}

impl ParkedRoutes {
    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Bytes of all parked messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a route; the ticket brings it back.
    pub(crate) fn keep(&mut self, work: Box<Work>) -> u64 {
        self.last += 1;
        self.bytes += work.context.message.as_bytes().len();
        self.routes.insert(self.last, work);
        self.last
    }

    /// Gives a route back.
    pub(crate) fn take(&mut self, ticket: u64) -> Option<Box<Work>> {
        let work = self.routes.remove(&ticket)?;
        self.bytes -= work.context.message.as_bytes().len();
        Some(work)
    }
}
