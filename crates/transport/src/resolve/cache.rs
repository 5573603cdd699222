//! Answers kept for as long as they hold.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use super::record::{Answer, Question, RecordKind, RecordSet};

/// Answers by question, bounded in bytes.
#[derive(Debug, Default)]
pub(super) struct Cache {
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    entries: HashMap<Box<str>, [Option<Entry>; RecordKind::COUNT]>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    answer: Answer,
    expires: Instant,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, question: &Question, now: Instant) -> Option<Answer> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let entry = names.entries.get(question.name.as_str())?[question.kind as usize].as_ref()?;
        (entry.expires > now).then(|| entry.answer.clone())
    }

    /// Keeps an answer until `expires`, and makes room for it within `limit` bytes in all.
    pub(super) fn put(
        &self,
        question: &Question,
        answer: Answer,
        expires: Instant,
        now: Instant,
        limit: usize,
    ) {
        let bytes = size_of::<Entry>() * RecordKind::COUNT + question.name.len() + weight(&answer);
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if bytes > limit {
            return;
        }
        if names.bytes + bytes > limit {
            names.retain(|entry| entry.expires > now);
        }
        while names.bytes + bytes > limit {
            names.drop_soonest();
        }
        let slot =
            &mut names.entries.entry(question.name.as_str().into()).or_default()[question.kind as usize];
        let replaced = slot.replace(Entry { answer, expires, bytes }).map_or(0, |old| old.bytes);
        names.bytes = names.bytes + bytes - replaced;
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = Names::default();
    }

    /// How many answers are kept, and the bytes they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        (names.entries.values().flatten().flatten().count(), names.bytes)
    }
}

impl Names {
    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let mut freed = 0;
        self.entries.retain(|_, entries| {
            for slot in entries.iter_mut() {
                freed += slot.take_if(|entry| !keep(entry)).map_or(0, |entry| entry.bytes);
            }
            entries.iter().any(Option::is_some)
        });
        self.bytes -= freed;
    }

    /// Drops the eighth of the answers that would expire soonest, at least one.
    fn drop_soonest(&mut self) {
        let mut times: Vec<_> =
            self.entries.values().flatten().flatten().map(|entry| entry.expires).collect();
        times.sort_unstable();
        if let Some(&limit) = times.get(times.len() / 8) {
            self.retain(|entry| entry.expires > limit);
        }
    }
}

/// The bytes of an answer's records, roughly.
fn weight(answer: &Answer) -> usize {
    match answer.as_deref() {
        Ok(RecordSet::Naptr(records)) => records.len() * 400,
        Ok(RecordSet::Srv(records)) => records.len() * 272,
        Ok(RecordSet::Address(addresses)) => addresses.len() * 17,
        Ok(RecordSet::Ptr(names)) => names.len() * 264,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::record::{Absence, name};
    use super::*;

    fn question(host: &str) -> Question {
        Question { name: name(host).unwrap(), kind: RecordKind::A }
    }

    #[test]
    fn an_answer_holds_until_it_expires() {
        let (cache, now) = (Cache::default(), Instant::now());
        let answer: Answer = Ok(Arc::new(RecordSet::Address(vec!["192.0.2.1".parse().unwrap()])));
        cache.put(&question("a.example"), answer.clone(), now + Duration::from_secs(5), now, 10_000);
        assert_eq!(cache.get(&question("a.example"), now + Duration::from_secs(4)), Some(answer));
        assert_eq!(cache.get(&question("a.example"), now + Duration::from_secs(5)), None);
        assert_eq!(cache.get(&question("b.example"), now), None);
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let (cache, now) = (Cache::default(), Instant::now());
        for number in 0..1000u64 {
            let expires = now + Duration::from_secs(10 + number);
            cache.put(&question(&format!("h{number}.example")), Err(Absence::NotThere), expires, now, 20_000);
            assert!(cache.size().1 <= 20_000);
        }
        assert!(cache.get(&question("h999.example"), now).is_some(), "the newest answer is kept");
        assert!(cache.get(&question("h0.example"), now).is_none());
    }

    #[test]
    fn replacing_an_answer_does_not_count_it_twice() {
        let (cache, now) = (Cache::default(), Instant::now());
        for _ in 0..10 {
            cache.put(
                &question("a.example"),
                Err(Absence::NotThere),
                now + Duration::from_secs(5),
                now,
                100_000,
            );
        }
        assert_eq!(cache.size().0, 1);
        let one = cache.size().1;
        cache.put(&question("b.example"), Err(Absence::NotThere), now + Duration::from_secs(5), now, 100_000);
        assert_eq!(cache.size().1, 2 * one);
    }
}
