//! The removal of old events and deliveries: found by reads, removed by the writer a batch at a time.

use async_trait::async_trait;
use kith_domain::ports::RepositoryError;
use kith_domain::ports::upkeep::Upkeep;
use kith_domain::time::Timestamp;
use uuid::Uuid;

use crate::store::{Store, get};
use crate::writer::deliveries::Task;
use crate::writer::forget::OldEvents;

const COMPANIES: &str = "SELECT id FROM company WHERE id > $1 ORDER BY id LIMIT $2";

const OLDEST_EVENTS: &str =
    "SELECT seq, id, created_at FROM event WHERE company_id = $1 ORDER BY seq LIMIT $2";

const DELIVERIES: &str = "SELECT id, created_at, due_at FROM delivery \
    WHERE company_id = $1 AND id > $2 ORDER BY id LIMIT $3";

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl Upkeep for Store {
    async fn companies(&self, after: Uuid, limit: usize) -> Result<Vec<Uuid>, RepositoryError> {
        let values = vec![after.into(), count(limit).into()];
        let rows = self.rows(COMPANIES, values).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    async fn forget_events(
        &self,
        company: Uuid,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, RepositoryError> {
        let values = vec![company.into(), count(limit).into()];
        let mut old = OldEvents::of(company);
        for row in self.rows(OLDEST_EVENTS, values).await? {
            if get::<i64>(&row, 2)? >= before.0 {
                break;
            }
            old.add(get(&row, 0)?, get(&row, 1)?);
        }
        let count = old.count();
        if count > 0 {
            let writer = self.delivery_writer().await?;
            writer.perform(Task::ForgetEvents(old)).await?;
        }
        Ok(count)
    }

    async fn forget_deliveries(
        &self,
        company: Uuid,
        before: Timestamp,
        after: Uuid,
        limit: usize,
    ) -> Result<Option<Uuid>, RepositoryError> {
        let values = vec![company.into(), after.into(), count(limit).into()];
        let (mut old, mut last) = (Vec::new(), None);
        for row in self.rows(DELIVERIES, values).await? {
            if get::<i64>(&row, 1)? >= before.0 {
                continue;
            }
            let id = get(&row, 0)?;
            last = Some(id);
            if get::<Option<i64>>(&row, 2)?.is_none() {
                old.push((company, id));
            }
        }
        if !old.is_empty() {
            let writer = self.delivery_writer().await?;
            writer.perform(Task::ForgetDeliveries(old)).await?;
        }
        Ok(last)
    }
}
