//! Totals that were counted before, each with the position of the company's log at which it held: while the company is
//! at that position nothing has changed, whichever process would have changed it, so that the next page of a list need
//! not count again.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kith_domain::filter::Search;
use kith_domain::scope::Scope;

/// Most totals that are remembered; the oldest is forgotten first.
const REMEMBERED: usize = 1_024;

/// What a total is of: scope and question, hashed with two secret keys, so that nobody can make two meet.
type Key = [u64; 2];

/// The position of the company's log, and the version of its columns.
pub(super) type Position = (i64, i64);

/// The totals that this process has counted.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    keys: [RandomState; 2],
    known: Mutex<VecDeque<(Key, Position, Known)>>,
}

/// What is known of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) total: u64,
    /// Which of its rules leads.
    pub(super) leader: Option<usize>,
}

impl Totals {
    /// The question of a search, without its order and its page, as one with this scope asks it.
    pub(super) fn key(&self, scope: &Scope, search: &Search) -> Key {
        let question = format!(
            "{scope:?} {:?} {:?} {:?}",
            search.entity, search.filter, search.term
        );
        self.keys.each_ref().map(|key| key.hash_one(&question))
    }

    /// What was found last, if that was at this position.
    pub(super) fn get(&self, key: Key, position: Position) -> Option<Known> {
        let known = self.lock();
        let mut known = known.iter().filter(|(question, ..)| *question == key);
        let (_, at, found) = known.next()?;
        (*at == position).then_some(*found)
    }

    /// Remembers what was found after the position was read.
    pub(super) fn put(&self, key: Key, position: Position, found: Known) {
        let mut known = self.lock();
        known.retain(|(question, ..)| *question != key);
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back((key, position, found));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Key, Position, Known)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
