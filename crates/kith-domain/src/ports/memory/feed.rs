//! The event log of the repository in memory, for live readers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryRepository;
use crate::event::CommittedEvent;
use crate::ports::{EventFeed, EventWaiter, RepositoryError};
use crate::record::RecordKey;

/// Counts commits, and wakes who waits for the next.
#[derive(Clone, Default)]
pub(super) struct News(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    commits: u64,
    /// One for each waiter that waits, by its number.
    wakers: HashMap<u64, Waker>,
    waiters: u64,
}

impl News {
    /// Something was committed.
    pub(super) fn ring(&self) {
        let mut state = self.lock();
        state.commits += 1;
        state.wakers.drain().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Waiter {
    news: News,
    number: u64,
    seen: u64,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.news.lock().wakers.remove(&self.number);
    }
}

#[async_trait]
impl EventWaiter for Waiter {
    async fn changed(&mut self) {
        poll_fn(|context| {
            let mut state = self.news.lock();
            if state.commits > self.seen {
                self.seen = state.commits;
                return Poll::Ready(());
            }
            state.wakers.insert(self.number, context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[async_trait]
impl EventFeed for MemoryRepository {
    fn subscribe(&self) -> Box<dyn EventWaiter> {
        let mut state = self.news.lock();
        state.waiters += 1;
        let (number, seen) = (state.waiters, state.commits);
        let news = self.news.clone();
        Box::new(Waiter { news, number, seen })
    }

    async fn last_position(&self, company: Uuid) -> Result<i64, RepositoryError> {
        let companies = self.lock();
        let last = companies.get(&company).and_then(|own| own.events.last());
        Ok(last.map_or(0, |event| event.position))
    }

    /// Nothing is ever removed.
    async fn first_position(&self, _: Uuid) -> Result<i64, RepositoryError> {
        Ok(1)
    }

    async fn history(
        &self,
        company: Uuid,
        key: RecordKey,
        before: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        let companies = self.lock();
        let events = companies.get(&company).map(|own| own.events.iter().rev());
        let own = events
            .into_iter()
            .flatten()
            .filter(|event| event.event.subject.record() == Some(key) && event.position < before);
        Ok(own.take(limit).cloned().collect())
    }
}
