//! Branches that went over streams: one whose connection is lost with the request has failed (RFC 3261 §16.9, §17.1.4).

use std::collections::{HashMap, HashSet};

use engine::services::Services;
use sip_transaction::client;
use transport::ConnId;

use super::table::Table;
use super::transaction::{Id, Outcome};
use super::{choice, machine};

/// The code of a branch whose request could not be sent.
const NOT_SENT: u16 = 477;

/// Which branches went over which connection.
#[derive(Default)]
pub(super) struct Streams(HashMap<ConnId, HashSet<(Id, usize)>>);

impl Streams {
    /// A branch's request has been given to a connection.
    pub(super) fn note(&mut self, connection: ConnId, id: Id, number: usize) {
        self.0.entry(connection).or_default().insert((id, number));
    }

    /// A branch's transaction goes.
    pub(super) fn forget(&mut self, connection: ConnId, id: Id, number: usize) {
        if let Some(branches) = self.0.get_mut(&connection) {
            branches.remove(&(id, number));
            if branches.is_empty() {
                self.0.remove(&connection);
            }
        }
    }

    /// All branches that went over a connection which is no more, in the order of their transactions.
    fn take(&mut self, connection: ConnId) -> Vec<(Id, usize)> {
        let mut branches: Vec<_> = self.0.remove(&connection).unwrap_or_default().into_iter().collect();
        branches.sort_unstable_by_key(|(id, number)| (id.slot, *number));
        branches
    }
}

/// A connection was lost with what waited in it. Which of its requests had left is not known: all that have had no reply at
/// all count as lost.
pub(super) fn lost(services: &mut Services, connection: ConnId) {
    for (id, number) in services.kept::<Table>().streams.take(connection) {
        fail(services, id, number);
    }
}

fn fail(services: &mut Services, id: Id, number: usize) {
    let table: &mut Table = services.kept();
    let Some(transaction) = table.get(id) else { return };
    let canceled = transaction.canceled;
    let Some(branch) = transaction.branches.get(number) else { return };
    if branch.state != client::State::Calling || !branch.is_pending() {
        return;
    }
    let is_replica = branch.is_replica;
    machine::branch_event(services, id, number, client::Event::TransportError);
    if is_replica {
        choice::replica_ended(services, id, number, NOT_SENT);
    } else if let Some(branch) =
        services.kept::<Table>().get_mut(id).and_then(|transaction| transaction.branches.get_mut(number))
    {
        branch.outcome = Outcome::Local(if canceled { 487 } else { NOT_SENT });
        choice::concluded(services, id, number);
    }
    machine::remove_if_over(services, id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_names_the_branches_that_went_over_it_and_are_still_there() {
        let id = |slot| Id { slot, generation: 0 };
        let mut streams = Streams::default();
        streams.note(ConnId(1), id(2), 0);
        streams.note(ConnId(1), id(1), 1);
        streams.note(ConnId(2), id(3), 0);
        streams.note(ConnId(1), id(4), 0);
        streams.forget(ConnId(1), id(4), 0);
        assert_eq!(streams.take(ConnId(1)), [(id(1), 1), (id(2), 0)]);
        assert!(streams.take(ConnId(1)).is_empty());
        streams.forget(ConnId(2), id(3), 0);
        assert!(streams.0.is_empty());
    }
}
