//! The event log as it is read and followed, by every surface and by services that embed Kith.

use std::sync::Arc;

use kith_domain::event::CommittedEvent;
use kith_domain::ports::{EventFeed, EventWaiter, Repository};
use uuid::Uuid;

use crate::error::Error;

/// Events that a follower reads at once.
const BATCH: usize = 100;

/// The event logs of all companies. It asks nobody for rights: what calls it does.
#[derive(Clone)]
pub struct EventLog {
    repository: Arc<dyn Repository>,
    feed: Arc<dyn EventFeed>,
}

impl EventLog {
    /// The logs in a storage.
    pub fn new(repository: Arc<dyn Repository>, feed: Arc<dyn EventFeed>) -> Self {
        EventLog { repository, feed }
    }

    /// Events of a company after a position, in commit order, none left out.
    ///
    /// # Errors
    /// That events after the position are not kept any more, or a failure of the storage.
    pub async fn after(
        &self,
        company: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<CommittedEvent>, Error> {
        let found = self.repository.events(company, after, limit).await?;
        let first = found.first().map(|event| event.position);
        if first == Some(after + 1) {
            return Ok(found);
        }
        // Positions have no gaps: the next one is not there yet, or it is gone.
        let oldest = match first {
            Some(first) => first,
            None => self.feed.first_position(company).await?,
        };
        if oldest > after + 1 {
            return Err(Error::Expired { after, oldest });
        }
        Ok(found)
    }

    /// The position after which the log is complete: that before its oldest event.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn beginning(&self, company: Uuid) -> Result<i64, Error> {
        Ok(self.feed.first_position(company).await? - 1)
    }

    /// The position of the last event; 0 if there is none.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn end(&self, company: Uuid) -> Result<i64, Error> {
        Ok(self.feed.last_position(company).await?)
    }

    /// Hears of events that are committed from now on, by any process.
    pub fn news(&self) -> Box<dyn EventWaiter> {
        self.feed.subscribe()
    }

    /// Follows the log of a company from a position on.
    pub fn follow(&self, company: Uuid, after: i64) -> Follower {
        Follower {
            // Heard before the log is read, so that nothing falls between.
            news: self.news(),
            log: self.clone(),
            company,
            position: after,
        }
    }
}

/// Hands over the events of a company for as long as there are any: in commit order, none skipped, whichever process
/// committed them.
///
/// Each event is handed over at least once to whoever stores the position of the last one that they are done with, and
/// begins there after a restart. (A [`Notifier`](kith_domain::ports::Notifier) hears of the commits of its own process
/// only, as they happen, and of each once at most: for counters and caches, not for what must not be lost.)
pub struct Follower {
    log: EventLog,
    news: Box<dyn EventWaiter>,
    company: Uuid,
    position: i64,
}

impl Follower {
    /// The next events, as soon as there are some. Whoever stops to wait misses nothing.
    ///
    /// # Errors
    /// That the next events are not kept any more, or a failure of the storage; both leave the follower where it is.
    pub async fn next(&mut self) -> Result<Vec<CommittedEvent>, Error> {
        loop {
            let found = self.log.after(self.company, self.position, BATCH).await?;
            if let Some(last) = found.last() {
                self.position = last.position;
                return Ok(found);
            }
            self.news.changed().await;
        }
    }
}
