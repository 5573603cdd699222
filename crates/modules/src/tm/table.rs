//! A shard's transactions: where they are kept, how they are found, and their timers.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use engine::Context;
use engine::branch::{COOKIE, hex_digits};
use sip_message::{Message, Method};
use sip_transaction::{Kind, ServerKey, TimerWheel, server};

use super::counts::Counts;
use super::merged::Originals;
use super::params;
use super::streams::Streams;
use super::transaction::{Id, Transaction};

/// Length of a tick of the timers in milliseconds: what a retransmission may come late.
const TICK: u32 = 16;
/// Contexts kept for reuse.
const SPARE: usize = 256;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) id: Id,
    pub(crate) of: Of,
    pub(crate) timer: Timer,
}

/// Whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The server's side.
    Server,
    /// A branch's request.
    Branch(u16),
    /// A branch's CANCEL.
    Cancel(u16),
}

/// Which of a machine's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Retransmit,
    Timeout,
    Wait,
}

/// A hash that has been made with a key already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

struct Slot {
    generation: u32,
    /// A keyed hash of the Call-ID and CSeq, by which those who name a call find it; 0 for none.
    call: u64,
    transaction: Option<Box<Transaction>>,
}

/// All transactions of a shard.
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: HashMap<ServerKey, Id, BuildHasherDefault<Hashed>>,
    pub(crate) wheel: TimerWheel<Alarm>,
    pub(super) streams: Streams,
    pub(super) originals: Originals,
    epoch: Instant,
    /// Peers choose what is hashed, and must not be able to make a branch of ours.
    pub(crate) key: RandomState,
    #[allow(clippy::vec_box, reason = "contexts move between transactions and routes: a pointer is cheaper")]
    spare: Vec<Box<Context>>,
    /// Where messages are written before they are kept at their length.
    pub(crate) buffer: Vec<u8>,
    /// Known from the first transaction on.
    pub(super) counts: Option<Arc<Counts>>,
    /// Of slots that are made from now on: above all that there have been, so that no name comes twice.
    generation: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::default(),
            wheel: TimerWheel::new(TICK, 0),
            streams: Streams::default(),
            originals: Originals::default(),
            epoch: Instant::now(),
            key: RandomState::new(),
            spare: Vec::new(),
            buffer: Vec::new(),
            counts: None,
            generation: 0,
        }
    }
}

impl Table {
    /// The shard's clock, in milliseconds.
    pub(crate) fn milliseconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_millis() as u64
    }

    /// When milliseconds of the shard's clock are reached.
    pub(crate) fn instant(&self, milliseconds: u64) -> Instant {
        self.epoch + std::time::Duration::from_millis(milliseconds)
    }

    /// Keeps a transaction, under its name and its key.
    pub(crate) fn insert(&mut self, transaction: Box<Transaction>, call: u64) -> Id {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: self.generation, call, transaction: None });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        let id = Id { slot, generation: entry.generation };
        if let Some(key) = transaction.key {
            self.by_key.insert(key, id);
        }
        entry.transaction = Some(transaction);
        entry.call = call;
        id
    }

    /// What a request is found by for those who name its call; nothing for a CANCEL, which has its INVITE's.
    pub(crate) fn call_of(&self, message: &Message) -> u64 {
        match (message.call_id(), message.cseq()) {
            (Ok(call_id), Ok(cseq)) if cseq.method != Method::Cancel => self.call(call_id, cseq.number),
            _ => 0,
        }
    }

    fn call(&self, call_id: &[u8], cseq: u32) -> u64 {
        self.key.hash_one((call_id, cseq))
    }

    /// Notes what a transaction is found by whose message is written after it was made.
    pub(crate) fn name_call(&mut self, id: Id, call: u64) {
        if let Some(slot) =
            self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
        {
            slot.call = call;
        }
    }

    /// The transaction with a Call-ID and CSeq. It looks at all of them, as this is asked by hand only.
    pub(crate) fn find_call(&self, call_id: &[u8], cseq: u32) -> Option<Id> {
        let call = self.call(call_id, cseq);
        let is_it = |slot: &(usize, &Slot)| slot.1.call == call && slot.1.transaction.is_some();
        let found = self.slots.iter().enumerate().find(is_it);
        found.map(|(at, slot)| Id { slot: at as u32, generation: slot.generation })
    }

    /// All transactions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Transaction)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| {
            let id = Id { slot: at as u32, generation: slot.generation };
            Some((id, slot.transaction.as_deref()?))
        })
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Transaction> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.transaction.as_deref().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Transaction> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.transaction.as_deref_mut().filter(|_| slot.generation == id.generation)
    }

    /// Only what CANCEL and ACK are made of stays of a branch's INVITE.
    pub(crate) fn forget_sent(&mut self, id: Id, number: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(Transaction { running, branches, .. }) = self.get_mut(id)
            && let Some(branch) = branches.get_mut(number)
        {
            branch.heard(params::copied(running), &mut buffer);
        }
        self.buffer = buffer;
    }

    /// The transaction and the timers, both at once.
    pub(crate) fn with_wheel(&mut self, id: Id) -> Option<(&mut Transaction, &mut TimerWheel<Alarm>)> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let transaction = slot.transaction.as_deref_mut().filter(|_| slot.generation == id.generation)?;
        Some((transaction, &mut self.wheel))
    }

    /// The server transaction of a request's key.
    pub(crate) fn find(&self, key: ServerKey) -> Option<Id> {
        self.by_key.get(&key).copied()
    }

    /// Forgets a transaction; its timers must have been stopped.
    pub(crate) fn remove(&mut self, id: Id) -> Option<Box<Transaction>> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        let transaction = slot.transaction.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        if let Some(key) = transaction.merge_key {
            self.originals.forget(key, id);
        }
        for (number, branch) in transaction.branches.iter().enumerate() {
            if let Some(connection) = branch.connection {
                self.streams.forget(connection, id, number);
            }
        }
        if let Some(key) = transaction.key
            && self.by_key.get(&key) == Some(&id)
        {
            self.by_key.remove(&key);
        }
        self.shrink();
        Some(transaction)
    }

    /// Gives memory back after a burst.
    fn shrink(&mut self) {
        let live = self.slots.len() - self.free.len();
        if live == 0 && self.slots.len() > 4096 {
            let last = self.slots.iter().map(|slot| slot.generation).max().unwrap_or(0);
            self.generation = last.wrapping_add(1);
            self.slots = Vec::new();
            self.free = Vec::new();
            self.by_key.shrink_to_fit();
        }
    }

    /// Whether any transaction has not had its final reply, or waits for an ACK.
    pub(crate) fn has_unanswered(&self) -> bool {
        let is_open = |transaction: &Transaction| {
            let waits_for_ack =
                transaction.kind == Kind::Invite && transaction.state == server::State::Completed;
            !transaction.is_answered() || waits_for_ack
        };
        self.slots.iter().filter_map(|slot| slot.transaction.as_deref()).any(is_open)
    }

    /// A context to be filled.
    pub(crate) fn spare(&mut self) -> Box<Context> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a context back that nobody needs any more.
    pub(crate) fn give_back(&mut self, context: Box<Context>) {
        if self.spare.len() < SPARE {
            self.spare.push(context);
        }
    }

    /// The branch parameter of a transaction's request: its name under a keyed hash, so that a stranger's guess is
    /// noticed.
    pub(crate) fn branch_name(&self, shard: usize, id: Id, branch: usize) -> BranchName {
        let seal = self.seal(shard, id);
        let mut name = BranchName { text: [0; BRANCH_NAME], length: 0 };
        name.push(COOKIE);
        name.push(&hex_digits::<2>(shard as u64));
        name.push(&hex_digits::<2>(seal));
        name.push(b".");
        name.push(&hex_digits::<8>(u64::from(id.slot)));
        name.push(&hex_digits::<8>(u64::from(id.generation)));
        name.push(&hex_digits::<16>(seal));
        name.push(b".");
        let digits = hex_digits::<8>(branch as u64);
        let zeros = digits[..7].iter().take_while(|digit| **digit == b'0').count();
        name.push(&digits[zeros..]);
        name
    }

    /// What a branch parameter names, if it is one of ours.
    pub(crate) fn read_branch(&self, shard: usize, text: &[u8]) -> Option<(Id, usize)> {
        let text = text.strip_prefix(COOKIE)?;
        let mut parts = text.split(|byte| *byte == b'.');
        let (head, name, branch) = (parts.next()?, parts.next()?, parts.next()?);
        if head.len() != 4 || name.len() != 32 || parts.next().is_some() {
            return None;
        }
        let id = Id { slot: hex(&name[..8])? as u32, generation: hex(&name[8..16])? as u32 };
        let seal = hex(&name[16..])?;
        (seal == self.seal(shard, id)).then_some((id, hex(branch)? as usize))
    }

    /// The To tag of replies that are made here for a transaction.
    pub(crate) fn tag(&self, shard: usize, id: Id) -> [u8; 16] {
        hex_digits(self.key.hash_one(("To tag", shard, id.slot, id.generation)))
    }

    fn seal(&self, shard: usize, id: Id) -> u64 {
        self.key.hash_one((shard, id.slot, id.generation))
    }
}

/// The longest branch parameter: the cookie, 4 + 32 + 8 digits, two dots.
const BRANCH_NAME: usize = 53;

/// A branch parameter of ours.
pub(crate) struct BranchName {
    text: [u8; BRANCH_NAME],
    length: usize,
}

impl BranchName {
    fn push(&mut self, part: &[u8]) {
        self.text[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
    }
}

impl std::ops::Deref for BranchName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// The number that 1 to 16 hexadecimal digits make.
fn hex(text: &[u8]) -> Option<u64> {
    let digit = |number: u64, byte: &u8| Some(number << 4 | u64::from(char::from(*byte).to_digit(16)?));
    matches!(text.len(), 1..=16).then(|| text.iter().try_fold(0, digit))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_names_its_transaction_and_a_stranger_cannot_make_one() {
        let table = Table::default();
        let id = Id { slot: 7, generation: 3 };
        let text = table.branch_name(1, id, 12);
        assert_eq!(table.read_branch(1, &text), Some((id, 12)));
        assert_eq!(table.read_branch(0, &text), None);
        assert_eq!(Table::default().read_branch(1, &text), None);
        let forged = String::from_utf8(text.to_vec()).unwrap().replace("00000007", "00000008");
        assert_eq!(table.read_branch(1, forged.as_bytes()), None);
        for rubbish in [&b""[..], b"z9hG4bK", b"z9hG4bK0101.x.0", b"z9hG4bK+101.+0000007.0"] {
            assert_eq!(table.read_branch(1, rubbish), None);
        }
    }
}
