//! Old events and deliveries are removed, where the operator wishes it: a batch at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kith_domain::ports::Clock;
use kith_domain::ports::upkeep::Upkeep as Storage;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::error::Error;

/// Most events or deliveries that one step removes: a few milliseconds of the database.
const BATCH: usize = 200;

/// Companies that are asked for at once.
const COMPANIES: usize = 1_000;

/// How long things are kept; for ever where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Events, from their writing on.
    pub events: Option<Duration>,
    /// Deliveries, from their making on; those that are not finished stay in any case.
    pub deliveries: Option<Duration>,
}

impl Retention {
    /// Whether nothing is ever removed.
    pub fn is_forever(&self) -> bool {
        *self == Retention::default()
    }
}

/// The removal of what is old.
pub struct Upkeep {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    retention: Retention,
}

/// How far a round through all companies is.
#[derive(Debug, Default)]
pub struct Round {
    waiting: VecDeque<Uuid>,
    last_company: Uuid,
    /// The deliveries of the first company that waits were looked at up to here; its events are done.
    last_delivery: Option<Uuid>,
}

impl Upkeep {
    /// The removal over a storage.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, retention: Retention) -> Self {
        Upkeep {
            storage,
            clock,
            retention,
        }
    }

    /// One step of a round: at most one batch. `false` when the round is complete.
    ///
    /// # Errors
    /// A failure of the storage; the step can be repeated.
    pub async fn step(&self, round: &mut Round) -> Result<bool, Error> {
        let Some(company) = round.waiting.front().copied() else {
            let found = self.storage.companies(round.last_company, COMPANIES);
            round.waiting = found.await?.into();
            let Some(last) = round.waiting.back() else {
                return Ok(false);
            };
            round.last_company = *last;
            return Ok(true);
        };
        let after = match round.last_delivery {
            Some(after) => after,
            None => {
                if self.forget_events(company).await? == BATCH {
                    return Ok(true);
                }
                Uuid::nil()
            }
        };
        round.last_delivery = self.forget_deliveries(company, after).await?;
        if round.last_delivery.is_none() {
            round.waiting.pop_front();
        }
        Ok(true)
    }

    async fn forget_events(&self, company: Uuid) -> Result<usize, Error> {
        let Some(before) = self.before(self.retention.events) else {
            return Ok(0);
        };
        Ok(self.storage.forget_events(company, before, BATCH).await?)
    }

    async fn forget_deliveries(&self, company: Uuid, after: Uuid) -> Result<Option<Uuid>, Error> {
        let Some(before) = self.before(self.retention.deliveries) else {
            return Ok(None);
        };
        let storage = &self.storage;
        let looked = storage.forget_deliveries(company, before, after, BATCH);
        Ok(looked.await?)
    }

    /// What is older than this is removed.
    fn before(&self, kept: Option<Duration>) -> Option<Timestamp> {
        let kept = i64::try_from(kept?.as_millis()).ok()?;
        Some(Timestamp(self.clock.now().0.saturating_sub(kept)))
    }
}
